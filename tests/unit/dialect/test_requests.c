/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of recorded traffic and of real clients ($WEIR_SHARED, or beside the tree; skipped
 * without them): each decodes, is translated to the other dialect and back, and still says the
 * same. Where it does not, the loss must have been declared: every kind of difference is allowed by
 * certain names in the lossy set, and by nothing else.
 */
#include <glob.h>
#include <stdio.h>

#include "drive.h"

/* ---- what a request says, as lines that survive rearrangement -----------------------------------
 */

static void squashed(struct buf *b, jtext t)
{
    for (size_t i = 0; i < t.n; i++) {
        if (t.p[i] == '\\' && i + 1 < t.n && strchr("nrt", t.p[i + 1]))
            i++;
        else if (t.p[i] == '\\' && i + 1 < t.n) {
            buf_add(b, str_of(t.p + i, 2)); /* both, or "\\n" would be taken for a line end */
            i++;
        } else if (t.p[i] != ' ')
            buf_add_char(b, t.p[i]);
    }
}

/* Ids only tie a result to its call: they may be respelt, both alike. */
static void tell_id(struct buf *b, jtext id)
{
    for (size_t i = 0; i < id.n; i++)
        buf_add_char(b, strchr(".:/ ", id.p[i]) ? '_' : id.p[i]);
}

static const char *role_of(enum ir_role r)
{
    return r == IR_ASSISTANT                     ? "assistant"
           : r == IR_SYSTEM || r == IR_DEVELOPER ? "system"
                                                 : "user";
}

struct telling {
    struct buf b;
    const char *role; /* of the text line that is open */
};

static void line(struct telling *t)
{
    if (t->role)
        buf_add_char(&t->b, '\n');
    t->role = NULL;
}

static void tell_blocks(struct telling *t, const char *role, const struct ir_block *k);

/* Documents that are text may become just that: title, context, words. */
static void tell_media(struct telling *t, const char *role, const struct ir_block *k)
{
    struct ir_block text = {.kind = IR_TEXT, .text.text = k->media.data};
    struct ir_block context = {.kind = IR_TEXT, .text.text = k->media.context, .next = &text};
    struct ir_block title = {.kind = IR_TEXT, .text.text = k->media.title, .next = &context};
    if (k->media.src == IR_MEDIA_BLOCKS || k->media.src == IR_MEDIA_TEXT) {
        tell_blocks(t, role, k->media.src == IR_MEDIA_TEXT ? &title : k->media.blocks);
        return;
    }
    line(t);
    buf_addf(&t->b, "media %d %lu\n", (int)k->media.src, (unsigned long)k->media.data.n);
}

static void tell_blocks(struct telling *t, const char *role, const struct ir_block *k)
{
    for (; k; k = k->next) {
        switch (k->kind) {
        case IR_TEXT:
        case IR_REFUSAL:
            if (!k->text.text.n)
                break;
            if (!t->role || strcmp(t->role, role) != 0) {
                line(t);
                buf_addf(&t->b, "%s ", role);
                t->role = role;
            }
            squashed(&t->b, k->text.text);
            break;
        case IR_TOOL_USE:
            line(t);
            buf_lit(&t->b, "call ");
            tell_id(&t->b, k->use.id);
            buf_addf(&t->b, " " STR_FMT " ", STR_ARG(k->use.name));
            squashed(&t->b, k->use.args);
            buf_add_char(&t->b, '\n');
            break;
        case IR_TOOL_RESULT:
            line(t);
            buf_lit(&t->b, "result ");
            tell_id(&t->b, k->result.id);
            buf_add_char(&t->b, '\n');
            tell_blocks(t, "of-tool", k->result.content);
            line(t);
            if (k->is_error)
                buf_lit(&t->b, "tool_result.is_error\n");
            break;
        case IR_THINKING:
        case IR_REDACTED:
            line(t);
            buf_addf(&t->b, "thought %lu\n", (unsigned long)k->thinking.signature.n);
            break;
        case IR_IMAGE:
        case IR_DOCUMENT:
        case IR_AUDIO:
            tell_media(t, role, k);
            break;
        case IR_OPAQUE:
            line(t);
            buf_addf(&t->b, "opaque " STR_FMT "\n", STR_ARG(k->opaque.type));
            break;
        }
    }
}

static void tell_text(struct telling *t, const char *name, str v)
{
    if (v.n)
        buf_addf(&t->b, "%s " STR_FMT "\n", name, STR_ARG(v));
}

static void tell_tools(struct telling *t, const struct ir_request *r)
{
    for (const struct ir_tool *k = r->tools; k; k = k->next) {
        if (k->kind == IR_TOOL_FUNCTION)
            buf_addf(&t->b, "tool " STR_FMT " " STR_FMT " " STR_FMT "\n", STR_ARG(k->name),
                     STR_ARG(k->description), STR_ARG(json_text(k->schema)));
        else
            buf_addf(&t->b, "special-tool " STR_FMT "\n", STR_ARG(k->type));
    }
    if (r->tools && r->choice.kind > IR_CHOICE_AUTO)
        buf_addf(&t->b, "choice %d " STR_FMT "\n", (int)r->choice.kind, STR_ARG(r->choice.name));
    if (r->tools && r->choice.parallel == IR_NO)
        buf_lit(&t->b, "serial\n");
}

/* The default, which may be left out. */
static bool is_one(str number)
{
    return str_eq(number, STR("1")) || str_eq(number, STR("1.0"));
}

static str tell(struct drive *d, const struct ir_request *r)
{
    struct telling t = {.b = BUF_INIT(256u << 20)};
    for (const struct ir_message *m = r->messages; m; m = m->next)
        tell_blocks(&t, role_of(m->role), m->blocks);
    line(&t);
    tell_tools(&t, r);
    if (r->max_tokens)
        buf_addf(&t.b, "max_tokens %lu\n", (unsigned long)r->max_tokens);
    tell_text(&t, "temperature", is_one(r->temperature) ? STR_NONE : r->temperature);
    tell_text(&t, "top_p", is_one(r->top_p) ? STR_NONE : r->top_p);
    tell_text(&t, "top_k", r->top_k);
    tell_text(&t, "user", r->user);
    for (size_t i = 0; i < r->stop.n; i++)
        tell_text(&t, "stop", r->stop.v[i]);
    if (r->format.kind >= IR_FORMAT_JSON)
        tell_text(&t, "format",
                  json_has(r->format.schema) ? json_text(r->format.schema) : STR("json"));
    if (r->reasoning.mode > IR_THINK_OFF)
        buf_lit(&t.b, "thinks\n");
    assert_false(t.b.failed);
    str out = arena_dup(&d->arena, buf_str(&t.b));
    buf_fini(&t.b);
    return out;
}

/* ---- the comparison -----------------------------------------------------------------------------
 */

static const struct {
    const char *line;   /* how a line that is missing or changed begins */
    const char *losses; /* names of which one must have been declared, separated by blanks */
} allowed[] = {
    {"system ", "messages.role response_format"},
    {"user ", "messages.role document.title"},
    {"of-tool ", "document.title"},
    {"serial", "parallel_tool_calls"},
    {"thought", "thinking"},
    {"thinks", "thinking"},
    {"opaque ", "*"},
    {"special-tool ", "*"},
    {"media ",
     "document.url document.file_id image.url image.file_id input_audio tool_result.content"},
    {"tool_result.is_error", "tool_result.is_error"},
    {"call ", "tool_calls.custom tool_calls.arguments"},
    {"tool ", "tools.parameters tools.custom tools"},
    {"temperature ", "temperature"},
    {"top_p ", "top_p"},
    {"top_k ", "top_k"},
    {"user ", "user"},
    {"stop ", "stop stop_sequences"},
    {"format ", "response_format"},
    {"choice ", "tool_choice"},
    {"max_tokens ", "max_tokens"},
};

static bool has_any(str losses, const char *names)
{
    str rest = str_c(names);
    if (strcmp(names, "*") == 0)
        return losses.n > 0;
    while (rest.p) {
        str name = str_cut(&rest, ' '), list = losses;
        while (list.p)
            if (str_eq(str_trim(str_cut(&list, ',')), name))
                return true;
    }
    return false;
}

static bool is_allowed(str line, str losses)
{
    for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
        if (str_has_prefix(line, str_c(allowed[i].line)) && has_any(losses, allowed[i].losses))
            return true;
    return false;
}

static bool is_text_line(str line)
{
    return str_has_prefix(line, STR("user ")) || str_has_prefix(line, STR("assistant ")) ||
           str_has_prefix(line, STR("system ")) || str_has_prefix(line, STR("of-tool "));
}

/* Every line of `want` is in `got`, in order, or its loss was declared. */
static void compare(const char *path, str got, str want, str losses)
{
    while (want.n) {
        str line = str_cut(&want, '\n'), rest = got;
        bool found = false;
        while (rest.n && !found)
            found = str_eq(str_cut(&rest, '\n'), line);
        if (!found && is_text_line(line)) /* more text may have joined it */
            for (rest = got; rest.n && !found;)
                found = str_find(str_cut(&rest, '\n'),
                                 str_from(line, str_find_char(line, ' ') + 1)) != SIZE_MAX;
        if (found)
            got = rest;
        else if (!is_allowed(line, losses))
            fail_msg("%s: undeclared loss (" STR_FMT ")\n    want " STR_FMT "\n    got  " STR_FMT,
                     path, STR_ARG(losses), STR_ARG(str_head(line, 300)),
                     STR_ARG(str_head(got, 300)));
    }
}

static void there_and_back(struct drive *d, const char *path, const struct dialect *from, str body,
                           const struct dialect *to, const char *model, const char *home)
{
    struct ir_request before, after;
    struct front_route route = {.op = FRONT_CHAT, .model = STR("m")};
    struct fail f;
    str losses, there, back;
    if (from->front->decode_request(drive_json(d, body), &route, &d->arena, &before, &f) != RC_OK)
        fail_msg("%s: refused: " STR_FMT, path, STR_ARG(fail_message(&f)));
    there = drive_request(d, from, body, to, model);
    losses = drive_losses(d);
    assert_non_null(there.p);
    back = drive_request(d, to, there, from, home);
    if (!back.p)
        fail_msg("%s: the translation is refused: " STR_FMT, path, STR_ARG(fail_message(&d->fail)));
    losses = arena_strf(&d->arena, STR_FMT ", " STR_FMT, STR_ARG(losses), STR_ARG(drive_losses(d)));
    assert_int_equal(
        from->front->decode_request(drive_json(d, back), &route, &d->arena, &after, &f), RC_OK);
    compare(path, tell(d, &after), tell(d, &before), losses);
}

/* What only OpenAI's service can do is refused in translation, and says which field it was. */
static bool is_refused(struct drive *d, str body)
{
    static const char *const fields[] = {"previous_response_id", "conversation", "prompt",
                                         "background"};
    jval root = drive_json(d, body);
    struct ir_request r;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        jval v = json_get(root, str_c(fields[i]));
        if (json_is_nothing(v) || json_is(v, JSON_FALSE))
            continue;
        assert_int_equal(drive_decode(d, &dialect_responses, body, &r), RC_SYNTAX);
        assert_int_equal(d->fail.kind, ERR_UNSUPPORTED);
        return true;
    }
    return false;
}

static void check_responses(struct drive *d, const char *path, str body)
{
    const struct dialect *from = &dialect_responses;
    if (is_refused(d, body))
        return;
    there_and_back(d, path, from, body, from, "gpt-4o", "gpt-4o");
    there_and_back(d, path, from, body, from, "gpt-5.1", "gpt-5.1");
    there_and_back(d, path, from, body, &dialect_openai_chat, "gpt-5.1", "gpt-4o");
    there_and_back(d, path, from, body, &dialect_openai_chat, "qwen3", "gpt-4o");
    there_and_back(d, path, from, body, &dialect_anthropic, "claude-opus-4-8", "gpt-4o");
}

/* The dialects that requests are carried between, and models of theirs. */
static const struct {
    const struct dialect *dialect;
    const char *strict, *model, *home; /* with every rule; abroad; at home again */
} lands[] = {
    {&dialect_openai_chat, "gpt-4o", "qwen3", "gpt-5"},
    {&dialect_anthropic, "claude-sonnet-4-5", "claude-opus-4-8", "claude-opus-4-8"},
    {&dialect_bedrock, "us.anthropic.claude-sonnet-4-5", "us.anthropic.claude-opus-4-8",
     "us.anthropic.claude-opus-4-8"},
};

static void check(struct drive *d, const char *path, const struct dialect *from, str body)
{
    struct ir_request before;
    size_t own = 0;
    if (from == &dialect_responses) {
        check_responses(d, path, body);
        return;
    }
    if (drive_decode(d, from, body, &before) != RC_OK)
        fail_msg("%s: refused: " STR_FMT, path, STR_ARG(fail_message(&d->fail)));
    while (lands[own].dialect != from)
        own++;
    /* its own dialect, by way of the canonical form */
    assert_non_null(drive_request(d, from, body, from, lands[own].strict).p);
    for (size_t i = 0; i < ARRAY_LEN(lands); i++)
        there_and_back(d, path, from, body, lands[i].dialect, lands[i].model,
                       i == own ? lands[own].model : lands[own].home);
    there_and_back(d, path, from, body, &dialect_responses, "gpt-4o", lands[own].model);
}

static unsigned each(const char *pattern_of, const struct dialect *dialect, const char *member)
{
    char pattern[4096];
    unsigned n = 0;
    glob_t g;
    snprintf(pattern, sizeof pattern, "%s/%s", drive_shared_dir(), pattern_of);
    if (glob(pattern, 0, NULL, &g) != 0)
        return 0;
    for (size_t i = 0; i < g.gl_pathc; i++) {
        struct drive d;
        drive_init(&d);
        str body = drive_file(&d, g.gl_pathv[i]);
        if (member) {
            jval root = drive_json(&d, body);
            str path = json_raw(json_get_lit(root, "path"));
            bool anthropic = str_has_prefix(path, STR("/v1/messages"));
            bool responses = str_eq(path, STR("/v1/responses"));
            bool converse = str_find(path, STR("/converse")) != SIZE_MAX;
            bool chat = str_find(path, STR("/chat/completions")) != SIZE_MAX;
            body = json_text(json_get(root, str_c(member)));
            dialect = anthropic   ? &dialect_anthropic
                      : responses ? &dialect_responses
                      : converse  ? &dialect_bedrock
                                  : &dialect_openai_chat;
            if (!anthropic && !responses && !converse && !chat)
                body = STR_NONE;
            if (str_find(path, STR("count_tokens")) != SIZE_MAX)
                body = STR_NONE;
        }
        const char *turns = dialect == &dialect_responses ? "\"input\"" : "\"messages\"";
        if (str_find(body, str_c(turns)) != SIZE_MAX &&
            str_find(body, STR("\"requests\"")) == SIZE_MAX && /* a batch, a count of tokens */
            (dialect != &dialect_anthropic || str_find(body, STR("\"max_tokens\"")) != SIZE_MAX) &&
            !strstr(g.gl_pathv[i], "/error-")) {
            check(&d, g.gl_pathv[i], dialect, body);
            n++;
        }
        drive_fini(&d);
    }
    globfree(&g);
    return n;
}

static void test_j11_recorded_chat_requests(void **state)
{
    static const char *const folders[] = {"openai-chat", "openai-compat", "deepseek",  "groq",
                                          "openrouter",  "xai",           "perplexity"};
    unsigned n = 0;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        char pattern[256];
        snprintf(pattern, sizeof pattern, "fixtures/wire/%s/*/request.json", folders[i]);
        n += each(pattern, &dialect_openai_chat, NULL);
    }
    if (n == 0)
        skip();
}

static void test_j11_recorded_messages_requests(void **state)
{
    (void)state;
    if (each("fixtures/wire/anthropic/*/request.json", &dialect_anthropic, NULL) == 0)
        skip();
}

static void test_j11_recorded_responses_requests(void **state)
{
    (void)state;
    if (each("fixtures/wire/openai-responses/*/request.json", &dialect_responses, NULL) == 0)
        skip();
}

static void test_j11_recorded_converse_requests(void **state)
{
    (void)state;
    if (each("fixtures/wire/bedrock-converse/*/request.json", &dialect_bedrock, NULL) == 0)
        skip();
}

static void test_requests_of_real_clients(void **state)
{
    (void)state;
    if (each("fixtures/clients/*/*.json", NULL, "body") == 0)
        skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_j11_recorded_chat_requests),
        cmocka_unit_test(test_j11_recorded_messages_requests),
        cmocka_unit_test(test_j11_recorded_responses_requests),
        cmocka_unit_test(test_j11_recorded_converse_requests),
        cmocka_unit_test(test_requests_of_real_clients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
