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

#include "dialect/openapi.h"

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

/* Documents that are text may become just that, also from base64: title, context, words. */
static void tell_media(struct telling *t, const char *role, const struct ir_block *k)
{
    struct ir_block text = {.kind = IR_TEXT, .text.text = k->media.data};
    struct ir_block context = {.kind = IR_TEXT, .text.text = k->media.context, .next = &text};
    struct ir_block title = {.kind = IR_TEXT, .text.text = k->media.title, .next = &context};
    if (k->media.src == IR_MEDIA_BLOCKS || k->media.src == IR_MEDIA_TEXT) {
        tell_blocks(t, role, k->media.src == IR_MEDIA_TEXT ? &title : k->media.blocks);
        return;
    }
    if (str_has_prefix(k->media.media_type, STR("text")))
        return;
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

/* Google's form of a schema in a Chat request, as clients write it for Gemini, is not kept. */
static void tell_tools(struct drive *d, struct telling *t, const struct ir_request *r)
{
    for (const struct ir_tool *k = r->tools; k; k = k->next) {
        if (k->kind == IR_TOOL_FUNCTION)
            buf_addf(&t->b, "tool " STR_FMT " " STR_FMT " " STR_FMT "\n", STR_ARG(k->name),
                     STR_ARG(k->description),
                     STR_ARG(json_text(openapi_to_json_schema(&d->arena, k->schema))));
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
    tell_tools(d, &t, r);
    if (r->max_tokens)
        buf_addf(&t.b, "max_tokens %lu\n", (unsigned long)r->max_tokens);
    tell_text(&t, "temperature", is_one(r->temperature) ? STR_NONE : r->temperature);
    tell_text(&t, "top_p", is_one(r->top_p) ? STR_NONE : r->top_p);
    tell_text(&t, "top_k", r->top_k);
    tell_text(&t, "user", r->user);
    for (size_t i = 0; i < r->stop.n; i++)
        tell_text(&t, "stop", r->stop.v[i]);
    if (r->format.kind >= IR_FORMAT_JSON) { /* in one line */
        buf_lit(&t.b, "format ");
        dialect_add_line(&t.b,
                         json_has(r->format.schema) ? json_text(r->format.schema) : STR("json"));
        buf_add_char(&t.b, '\n');
    }
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
    {"stop ", "stop"},
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

/* Languages that requests cross between, and models at which little is lost. */
static const struct home {
    const struct dialect *dialect;
    const char *model, *own; /* on the way, and on the way back */
} homes[] = {
    {&dialect_openai_chat, "qwen3", "gpt-5"},
    {&dialect_anthropic, "claude-opus-4-8", "claude-opus-4-8"},
    {&dialect_responses, "gpt-4o", "gpt-4o"},
    {&dialect_gemini, "gemini-3-flash", "gemini-3-flash"},
    {&dialect_bedrock, "us.anthropic.claude-opus-4-8", "us.anthropic.claude-opus-4-8"},
};

static void there_and_back(struct drive *d, const char *path, const struct home *from, str body,
                           const struct home *to)
{
    const struct dialect *home = from->dialect;
    struct ir_request before, after;
    str losses, there, back;
    if (drive_decode(d, home, body, &before) != RC_OK)
        fail_msg("%s: refused: " STR_FMT, path, STR_ARG(fail_message(&d->fail)));
    there = drive_request(d, home, body, to->dialect, to->model);
    losses = drive_losses(d);
    assert_non_null(there.p);
    back = drive_request(d, to->dialect, there, home, from == to ? from->model : from->own);
    if (!back.p)
        fail_msg("%s: the translation is refused: " STR_FMT, path, STR_ARG(fail_message(&d->fail)));
    losses = arena_strf(&d->arena, STR_FMT ", " STR_FMT, STR_ARG(losses), STR_ARG(drive_losses(d)));
    if (drive_decode(d, home, back, &after) != RC_OK)
        fail_msg("%s: what comes back is refused: " STR_FMT, path, STR_ARG(fail_message(&d->fail)));
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

/* To each language and back, its own by way of the canonical form among them. */
static void check(struct drive *d, const char *path, const struct dialect *dialect, str body)
{
    const struct home *from = homes;
    if (dialect == &dialect_responses && is_refused(d, body))
        return;
    while (from->dialect != dialect)
        from++;
    for (size_t i = 0; i < ARRAY_LEN(homes); i++)
        there_and_back(d, path, from, body, &homes[i]);
}

/* The language of a captured request's path; NULL: another. */
static const struct dialect *dialect_of(str path)
{
    if (str_find(path, STR("ount_tokens")) != SIZE_MAX ||
        str_find(path, STR(":countTokens")) != SIZE_MAX)
        return NULL;
    if (str_has_prefix(path, STR("/v1/messages")))
        return &dialect_anthropic;
    if (str_find(path, STR("enerateContent")) != SIZE_MAX)
        return &dialect_gemini;
    if (str_eq(path, STR("/v1/responses")))
        return &dialect_responses;
    if (str_find(path, STR("/converse")) != SIZE_MAX)
        return &dialect_bedrock;
    return str_find(path, STR("/chat/completions")) != SIZE_MAX ? &dialect_openai_chat : NULL;
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
        str body = STR_NONE;
        if (member) {
            jval root = drive_json(&d, drive_file(&d, g.gl_pathv[i]));
            body = json_text(json_get(root, str_c(member)));
            dialect = dialect_of(json_raw(json_get_lit(root, "path")));
        } else {
            body = drive_recorded_request(&d, g.gl_pathv[i], dialect);
        }
        const char *turns = dialect == &dialect_responses ? "\"input\""
                            : dialect == &dialect_gemini  ? "\"contents\""
                                                          : "\"messages\"";
        if (dialect && body.p && str_find(body, str_c(turns)) != SIZE_MAX &&
            str_find(body, STR("\"requests\"")) == SIZE_MAX &&      /* a batch, a count of tokens */
            str_find(body, STR("\"cachedContent\"")) == SIZE_MAX && /* refused, rightly */
            (dialect != &dialect_anthropic || str_find(body, STR("\"max_tokens\"")) != SIZE_MAX)) {
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
    static const char *const folders[] = {"openai-chat", "openai-compat", "deepseek",
                                          "groq",        "openrouter",    "xai",
                                          "perplexity",  "azure-openai",  "mistral"};
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
    static const char *const hosts[] = {"anthropic/*", "bedrock-invoke/*claude-*sonnet*",
                                        "vertex/*claude*"}; /* all in Anthropic's language */
    unsigned n = 0;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        char pattern[256];
        snprintf(pattern, sizeof pattern, "fixtures/wire/%s/request.json", hosts[i]);
        n += each(pattern, &dialect_anthropic, NULL);
    }
    if (n == 0)
        skip();
}

static void test_j11_recorded_responses_requests(void **state)
{
    (void)state;
    if (each("fixtures/wire/openai-responses/*/request.json", &dialect_responses, NULL) +
            each("fixtures/wire/azure-openai/*/request.json", &dialect_responses, NULL) ==
        0)
        skip();
}

static void test_j11_recorded_gemini_requests(void **state)
{
    (void)state;
    if (each("fixtures/wire/gemini/*/request.json", &dialect_gemini, NULL) +
            each("fixtures/wire/vertex/*gemini*/request.json", &dialect_gemini, NULL) ==
        0)
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
        cmocka_unit_test(test_j11_recorded_gemini_requests),
        cmocka_unit_test(test_j11_recorded_converse_requests),
        cmocka_unit_test(test_requests_of_real_clients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
