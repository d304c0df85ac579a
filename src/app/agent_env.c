/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_env - see the header.
 *
 * What each client reads is its own habit: OpenAI's SDKs want the base with /v1, Anthropic's
 * without. ANTHROPIC_AUTH_TOKEN is sent as a bearer, ANTHROPIC_API_KEY as x-api-key; Claude Code
 * asks its user about the latter, so the former is set. NO_PROXY, for a proxy of the company would
 * be asked for 127.0.0.1 and find nothing there.
 */
#include "app/agent_env.h"

#include <stdlib.h>

#include "app/config.h"

enum value { VALUE_BASE, VALUE_BASE_V1, VALUE_KEY, VALUE_TEXT, VALUE_UNSET };

struct variable {
    const char *name;
    unsigned kinds;
    enum value value;
    const char *text;
};

static const struct variable variables[] = {
    {"ANTHROPIC_BASE_URL", AGENT_CLAUDE | AGENT_ANY, VALUE_BASE, NULL},
    {"ANTHROPIC_AUTH_TOKEN", AGENT_CLAUDE | AGENT_ANY, VALUE_KEY, NULL},
    /* An own key or another cloud would make Claude Code pass the gateway by. */
    {"ANTHROPIC_API_KEY", AGENT_CLAUDE, VALUE_UNSET, NULL},
    {"CLAUDE_CODE_USE_BEDROCK", AGENT_CLAUDE, VALUE_UNSET, NULL},
    {"CLAUDE_CODE_USE_VERTEX", AGENT_CLAUDE, VALUE_UNSET, NULL},
    {"OPENAI_BASE_URL", AGENT_ANY, VALUE_BASE_V1, NULL},
    {"OPENAI_API_KEY", AGENT_ANY, VALUE_KEY, NULL},
    {"GOOGLE_GEMINI_BASE_URL", AGENT_ANY, VALUE_BASE, NULL},
    {"GEMINI_API_KEY", AGENT_ANY, VALUE_KEY, NULL},
    {"NO_PROXY", AGENT_CLAUDE | AGENT_ANY, VALUE_TEXT, "127.0.0.1,localhost"},
};

/* The key a client on this machine should show: $WEIR_API_KEY, else the first one of the
 * configuration, else anything (nobody asks). */
static str client_key(const struct snapshot *s)
{
    const char *env = getenv("WEIR_API_KEY");
    if (env && *env)
        return str_c(env);
    return s->nkeys && secret_is_set(&s->keys[0].plain) ? secret_reveal(&s->keys[0].plain)
                                                        : STR("weir");
}

void agent_env_each(const struct snapshot *s, unsigned kinds,
                    void (*fn)(void *ctx, const char *name, str value), void *ctx)
{
    struct buf base = BUF_INIT(512), v1 = BUF_INIT(512);
    config_base_url(s, &base);
    buf_add(&v1, buf_str(&base));
    buf_lit(&v1, "/v1");
    for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
        const struct variable *v = &variables[i];
        if (!(v->kinds & kinds))
            continue;
        str values[] = {buf_str(&base), buf_str(&v1), client_key(s), str_c(v->text), STR_NONE};
        CHECK(v->value < ARRAY_LEN(values));
        fn(ctx, v->name, values[v->value]);
    }
    buf_fini(&base);
    buf_fini(&v1);
}
