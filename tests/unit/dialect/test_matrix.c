/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every client's language to every provider's, as a table: how many requests arrive whole, with a
 * declared loss, or not (which must be none), over recorded traffic and captured clients
 * ($WEIR_SHARED, or beside the tree), else over the golden cases.
 *
 * A provider's language need not be a client's too, so nothing is read back here (test_requests.c
 * does where it can): what a request says is looked for in the bytes that go out, all escaping
 * taken off. Whatever is not there must be excused by a name in the lossy set, each kind of thing
 * by certain names only; and each name must stand in docs/dialects, or be one of the kinds that its
 * README describes.
 */
#include <glob.h>
#include <stdio.h>

#include "drive.h"

/* ---- the table's two sides ----------------------------------------------------------------------
 */

static const struct back {
    const struct dialect *dialect;
    const char *name, *model;
    bool thinks;
} backs[] = {
    {&dialect_openai_chat, "openai", "gpt-5", true},
    {&dialect_openai_chat, "compat", "qwen3"},
    {&dialect_azure, "azure", "gpt-4o"},
    {&dialect_responses, "respons", "gpt-5.1"},
    {&dialect_anthropic, "anthrop", "claude-opus-4-8"},
    {&dialect_vertex_anthropic, "vtx-ant", "claude-sonnet-4-5@20250929"},
    {&dialect_bedrock_invoke, "invoke", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"},
    {&dialect_bedrock, "bedrock", "us.anthropic.claude-opus-4-8"},
    {&dialect_bedrock, "nova", "us.amazon.nova-2-lite-v1:0"},
    {&dialect_gemini, "gemini25", "gemini-2.5-flash"},
    {&dialect_gemini, "gemini3", "gemini-3-flash"},
    {&dialect_vertex, "vertex", "gemini-2.5-pro"},
    {&dialect_mistral, "mistral", "mistral-small-latest"},
    {&dialect_cohere, "cohere", "command-a-03-2025"},
    {&dialect_ollama, "ollama", "qwen3:8b"},
};

static const struct front {
    const struct dialect *dialect;
    const char *golden, *turns; /* folder of golden cases; a member that every chat has */
    const char *recorded[10];   /* recordings in it: folders of cases, or some of a folder's */
} fronts[] = {
    {&dialect_openai_chat,
     "openai",
     "\"messages\"",
     {"openai-chat/*", "openai-compat/*", "deepseek/*", "groq/*", "openrouter/*", "xai/*",
      "perplexity/*", "azure-openai/*", "mistral/*"}},
    {&dialect_responses, "openai-responses", "\"input\"", {"openai-responses/*", "azure-openai/*"}},
    {&dialect_anthropic,
     "anthropic",
     "\"max_tokens\"",
     {"anthropic/*", "bedrock-invoke/*claude-*sonnet*", "vertex/*claude*"}},
    {&dialect_gemini, "gemini", "\"contents\"", {"gemini/*", "vertex/*"}},
    {&dialect_bedrock, "bedrock", "\"messages\"", {"bedrock-converse/*"}},
};

/* ---- what must be there -------------------------------------------------------------------------
 */

/* Without blanks, quotes and backslashes: so JSON text is the same within a string and outside. */
static str bare(struct drive *d, str s)
{
    char *to = arena_alloc(&d->arena, s.n + 1);
    size_t n = 0;
    assert_non_null(to);
    for (size_t i = 0; i < s.n; i++) {
        bool escaped = false;
        for (; i < s.n && s.p[i] == '\\'; i++)
            escaped = true;
        if (i < s.n && !(escaped && strchr("nrt", s.p[i])) && !strchr(" \n\r\t\"", s.p[i]))
            to[n++] = s.p[i];
    }
    return str_of(to, n);
}

struct search {
    struct drive *d;
    const char *path, *to;
    str out;    /* what goes out, bare */
    str losses; /* with ", " on either side */
    str missing;
    bool thinks; /* the target does so unless it is told not to */
    bool converse;
};

static bool declared(const struct search *s, const char *names)
{
    str rest = str_c(names);
    while (rest.n) {
        str name = str_cut(&rest, ' ');
        bool any = str_has_suffix(name, STR("*"));
        str want = any ? str_head(name, name.n - 1) : name;
        str mark = arena_strf(&s->d->arena, ", " STR_FMT "%s", STR_ARG(want), any ? "" : ",");
        if (str_find(s->losses, mark) != SIZE_MAX)
            return true;
    }
    return false;
}

/* `names`: losses that excuse its absence. */
static void must(struct search *s, str what, const char *names)
{
    if (what.n && !s->missing.p && str_find(s->out, bare(s->d, what)) == SIZE_MAX &&
        !declared(s, names))
        s->missing = what;
}

static void must_media(struct search *s, const struct ir_block *b, const char *names)
{
    const struct ir_media *m = &b->media;
    bool text = m->src == IR_MEDIA_TEXT ||
                (m->src == IR_MEDIA_BASE64 && str_has_prefix(m->media_type, STR("text")));
    if (!text) /* which may become just that */
        must(s, m->data, names);
    must(s, m->title, "document document.title document.content document.file_id document.url");
    must(s, m->context, "document document.content document.file_id document.url");
}

static void must_blocks(struct search *s, const struct ir_block *b, bool in_result)
{
    const char *media = "image document image.* document.* input_audio messages.image video "
                        "tool_result.content";
    for (; b; b = b->next) {
        switch (b->kind) {
        case IR_TEXT:
        case IR_REFUSAL: { /* which one may trim at its ends */
            str text = b->text.text;
            must(s, text, in_result ? "tool_result.content" : "messages.prefill");
            must(s, b->text.sealed, "thinking");
            break;
        }
        case IR_THINKING:
        case IR_REDACTED:
            if (b->kind == IR_REDACTED && s->converse)
                break; /* said in base64 once more */
            if (b->thinking.signature.n || b->kind == IR_REDACTED)
                must(s, b->kind == IR_REDACTED ? b->thinking.text : b->thinking.signature,
                     "thinking");
            break;
        case IR_IMAGE:
        case IR_DOCUMENT:
        case IR_AUDIO:
            must_media(s, b, media);
            break;
        case IR_TOOL_USE:
            must(s, b->use.name, "tools");
            must(s, b->use.sealed, "thinking");
            must(s, b->is_custom || b->use.args.n > 2 ? b->use.args : STR_NONE,
                 "tools tool_calls.arguments tool_calls.custom");
            break;
        case IR_TOOL_RESULT:
            must_blocks(s, b->result.content, true);
            break;
        case IR_OPAQUE:
            must(s, b->opaque.type, "*");
            break;
        }
    }
}

/* One of these words (separated by blanks). */
static void must_one(struct search *s, const char *words, const char *losses)
{
    str rest = str_c(words);
    bool found = s->missing.p;
    while (rest.n && !found)
        found = str_find(s->out, str_cut(&rest, ' ')) != SIZE_MAX;
    if (!found && !declared(s, losses))
        s->missing = str_c(words);
}

/* A member with this number, under any of the names (separated by blanks). */
static void must_number(struct search *s, const char *names, str number, const char *losses)
{
    str rest = str_c(names);
    bool found = !number.n || s->missing.p;
    while (rest.n && !found) {
        str member = str_cut(&rest, ' ');
        found = str_find(s->out, arena_strf(&s->d->arena, STR_FMT ":" STR_FMT, STR_ARG(member),
                                            STR_ARG(number))) != SIZE_MAX;
    }
    if (!found && !declared(s, losses))
        s->missing = arena_strf(&s->d->arena, "%s = " STR_FMT, names, STR_ARG(number));
}

static str as_text(struct drive *d, uint64_t n)
{
    return n ? arena_strf(&d->arena, "%lu", (unsigned long)n) : STR_NONE;
}

static bool is_default(str number)
{
    return str_eq(number, STR("1")) || str_eq(number, STR("1.0")) || str_eq(number, STR("0")) ||
           str_eq(number, STR("0.0"));
}

static void must_settings(struct search *s, const struct ir_request *r)
{
    str t = is_default(r->temperature) ? STR_NONE : r->temperature;
    str p = is_default(r->top_p) ? STR_NONE : r->top_p;
    must_number(s, "temperature", t, "temperature");
    must_number(s, "top_p topP p", p, "top_p");
    must_number(s, "top_k topK k", r->top_k, "top_k");
    must_number(s, "seed random_seed", r->seed, "seed");
    must_number(s,
                "max_tokens max_completion_tokens max_output_tokens maxTokens maxOutputTokens "
                "num_predict",
                as_text(s->d, r->max_tokens), "max_tokens thinking");
    must_number(s, "n candidateCount", r->n > 1 ? as_text(s->d, r->n) : STR_NONE, "n");
    for (size_t i = 0; i < r->stop.n; i++)
        must(s, r->stop.v[i], "stop");
    if (r->format.kind == IR_FORMAT_SCHEMA)
        must_one(s, "json format", "response_format");
    must(s, r->user, "user");
    if (r->reasoning.mode > IR_THINK_OFF && (r->reasoning.budget || !s->thinks))
        must_one(s, "think reasoning", "thinking effort");
}

static void must_tools(struct search *s, const struct ir_request *r)
{
    for (const struct ir_tool *t = r->tools; t; t = t->next) {
        if (t->kind == IR_TOOL_SERVER)
            continue; /* mapped by dialect/server_tool.h, which has tests of its own */
        if (r->choice.kind == IR_CHOICE_NONE ||
            (r->choice.kind == IR_CHOICE_NAMED && !str_eq(t->name, r->choice.name)))
            continue; /* what is not to be called need not be known */
        must(s, t->name, "tools tools.*");
        must(s, t->description, "tools tools.* tools.description");
        for (struct json_iter it = json_iter(json_get_lit(t->schema, "properties"));
             json_next(&it);)
            must(s, json_raw(it.key), "tools tools.*");
    }
    if (r->tools && r->choice.kind == IR_CHOICE_NAMED)
        must(s, r->choice.name, "tool_choice tool_choice.*");
    for (const struct ir_field *f = r->unknown; f; f = f->next)
        must(s, f->name, arena_strf(&s->d->arena, STR_FMT " other", STR_ARG(f->name)).p);
}

/* ---- the names of losses ------------------------------------------------------------------------
 */

/* All pages of docs/dialects, one behind the other. */
static str pages(struct drive *d)
{
    struct buf all = BUF_INIT(8u << 20);
    glob_t g;
    assert_int_equal(glob(SOURCE_ROOT "/docs/dialects/*.md", 0, NULL, &g), 0);
    for (size_t i = 0; i < g.gl_pathc; i++)
        buf_add(&all, drive_file(d, g.gl_pathv[i]));
    globfree(&g);
    str out = arena_dup(&d->arena, buf_str(&all));
    buf_fini(&all);
    return out;
}

/* A member of the request, or the type of one of its parts, stands in it under that name. */
static bool is_word_of(struct drive *d, str body, str name)
{
    str last =
        str_from(name, str_rfind_char(name, '.') == SIZE_MAX ? 0 : str_rfind_char(name, '.') + 1);
    return str_find(body, arena_strf(&d->arena, "\"" STR_FMT "\"", STR_ARG(last))) != SIZE_MAX;
}

/* "tools.TYPE" and "tools.TYPE.MEMBER": of a tool that the request declares. */
static bool is_tool_of(const struct ir_request *r, str name)
{
    for (const struct ir_tool *t = r->tools; t; t = t->next)
        if (t->type.n && str_has_prefix(name, STR("tools.")) &&
            str_has_prefix(str_from(name, 6), t->type))
            return true;
    return false;
}

static void must_be_documented(struct search *s, const struct ir_request *r, str body, str docs)
{
    for (unsigned i = 0; i < s->d->lossy.n; i++) {
        str name = s->d->lossy.names[i];
        str quoted = arena_strf(&s->d->arena, "`" STR_FMT "`", STR_ARG(name));
        if (str_find(docs, quoted) == SIZE_MAX && !is_word_of(s->d, body, name) &&
            !is_tool_of(r, name))
            fail_msg("%s: to %s the loss \"" STR_FMT "\" is named, and docs/dialects knows it not",
                     s->path, s->to, STR_ARG(name));
    }
}

/* ---- the crossing -------------------------------------------------------------------------------
 */

struct cell {
    unsigned whole, lossy, refused, failed;
};

static struct cell table[ARRAY_LEN(fronts)][ARRAY_LEN(backs)];

static void cross(struct drive *d, const char *path, const struct front *from, str body,
                  const struct back *to, struct cell *cell, str docs)
{
    struct ir_request r;
    struct search s = {.d = d,
                       .path = path,
                       .to = to->name,
                       .thinks = to->thinks,
                       .converse = to->dialect == &dialect_bedrock};
    str out = drive_request(d, from->dialect, body, to->dialect, to->model);
    if (!out.p) { /* only what would mean something else without it */
        if (d->fail.kind != ERR_UNSUPPORTED)
            fail_msg("%s: to %s: " STR_FMT, path, to->name, STR_ARG(fail_message(&d->fail)));
        cell->refused++;
        return;
    }
    s.out = bare(d, out);
    s.losses = arena_strf(&d->arena, ", " STR_FMT ",", STR_ARG(drive_losses(d)));
    struct ir_lossy lossy = d->lossy;
    assert_int_equal(drive_decode(d, from->dialect, body, &r), RC_OK);
    d->lossy = lossy;
    for (const struct ir_message *m = r.messages; m; m = m->next)
        must_blocks(&s, m->blocks, false);
    must_settings(&s, &r);
    must_tools(&s, &r);
    must_be_documented(&s, &r, body, docs);
    if (s.missing.p) {
        print_message("# %s: to %s: undeclared: " STR_FMT " (" STR_FMT ")\n", path, to->name,
                      STR_ARG(str_head(s.missing, 200)), STR_ARG(s.losses));
        cell->failed++;
    } else if (lossy.n) {
        cell->lossy++;
    } else {
        cell->whole++;
    }
}

static bool is_chat(const struct front *from, str body)
{
    return str_find(body, str_c(from->turns)) != SIZE_MAX &&
           str_find(body, STR("\"requests\"")) == SIZE_MAX &&
           str_find(body, STR("\"cachedContent\"")) == SIZE_MAX;
}

static void each_back(const char *path, size_t front, str body)
{
    for (size_t k = 0; k < ARRAY_LEN(backs); k++) {
        struct drive d;
        drive_init(&d);
        cross(&d, path, &fronts[front], body, &backs[k], &table[front][k], pages(&d));
        drive_fini(&d);
    }
}

static unsigned each_file(const char *pattern, size_t front, const char *member)
{
    unsigned n = 0;
    glob_t g;
    if (glob(pattern, 0, NULL, &g) != 0)
        return 0;
    for (size_t i = 0; i < g.gl_pathc; i++) {
        struct drive d;
        drive_init(&d);
        str body =
            member
                ? json_text(json_get(drive_json(&d, drive_file(&d, g.gl_pathv[i])), str_c(member)))
                : drive_recorded_request(&d, g.gl_pathv[i], fronts[front].dialect);
        if (body.p && is_chat(&fronts[front], body)) {
            each_back(g.gl_pathv[i], front, body);
            n++;
        }
        drive_fini(&d);
    }
    globfree(&g);
    return n;
}

/* Which front a captured request's path belongs to; ARRAY_LEN(fronts): none of them, or no chat. */
static size_t front_of(str path)
{
    struct front_route route;
    str query = path, plain = str_cut(&query, '?');
    size_t i = 0;
    while (i < ARRAY_LEN(fronts) &&
           !(fronts[i].dialect->front->route(plain, query, &route) && route.op == FRONT_CHAT))
        i++;
    return i;
}

static unsigned each_client(void)
{
    char pattern[4096];
    unsigned n = 0;
    glob_t g;
    snprintf(pattern, sizeof pattern, "%s/fixtures/clients/*/*.json", drive_shared_dir());
    if (glob(pattern, 0, NULL, &g) != 0)
        return 0;
    for (size_t i = 0; i < g.gl_pathc; i++) {
        struct drive d;
        drive_init(&d);
        jval root = drive_json(&d, drive_file(&d, g.gl_pathv[i]));
        size_t front = front_of(json_raw(json_get_lit(root, "path")));
        if (front < ARRAY_LEN(fronts))
            n += each_file(g.gl_pathv[i], front, "body");
        drive_fini(&d);
    }
    globfree(&g);
    return n;
}

static void print_table(const char *of)
{
    char line[512];
    int at = snprintf(line, sizeof line, "# requests (%s): whole/with a declared loss/refused", of);
    print_message("%s\n", line);
    at = snprintf(line, sizeof line, "# %-17s", "");
    for (size_t k = 0; k < ARRAY_LEN(backs); k++)
        at += snprintf(line + at, sizeof line - (size_t)at, " %10s", backs[k].name);
    print_message("%s\n", line);
    for (size_t i = 0; i < ARRAY_LEN(fronts); i++) {
        at = snprintf(line, sizeof line, "# %-17s", fronts[i].golden);
        for (size_t k = 0; k < ARRAY_LEN(backs); k++) {
            const struct cell *c = &table[i][k];
            char cell[40];
            snprintf(cell, sizeof cell, "%u/%u/%u", c->whole, c->lossy, c->refused);
            at += snprintf(line + at, sizeof line - (size_t)at, " %10s", cell);
        }
        print_message("%s\n", line);
    }
}

/* `refusals`: how many of a hundred may be refused on any one way, for whoever refuses all loses
 * nothing. */
static void judge(const char *of, unsigned refusals)
{
    unsigned failed = 0, refusing = 0;
    print_table(of);
    for (size_t i = 0; i < ARRAY_LEN(fronts); i++)
        for (size_t k = 0; k < ARRAY_LEN(backs); k++) {
            const struct cell *c = &table[i][k];
            failed += c->failed;
            refusing +=
                c->refused * 100 > (c->whole + c->lossy + c->refused + c->failed) * refusals;
        }
    memset(table, 0, sizeof table);
    assert_int_equal(failed, 0);
    assert_int_equal(refusing, 0);
}

static void test_golden_requests_to_every_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fronts); i++) {
        char pattern[4096];
        snprintf(pattern, sizeof pattern, SOURCE_ROOT "/tests/fixtures/dialect/%s/*/request.json",
                 fronts[i].golden);
        assert_true(each_file(pattern, i, NULL) > 0);
    }
    judge("golden cases", 0);
}

static void test_j11_recorded_requests_to_every_back(void **state)
{
    unsigned n = 0;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fronts); i++)
        for (const char *const *folder = fronts[i].recorded; *folder; folder++) {
            char pattern[4096];
            snprintf(pattern, sizeof pattern, "%s/fixtures/wire/%s/request.json",
                     drive_shared_dir(), *folder);
            n += each_file(pattern, i, NULL);
        }
    if (!n)
        skip();
    judge("recorded", 10); /* Responses that only OpenAI can go on with */
}

static void test_requests_of_real_clients_to_every_back(void **state)
{
    (void)state;
    if (!each_client())
        skip();
    judge("captured clients", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_requests_to_every_back),
        cmocka_unit_test(test_j11_recorded_requests_to_every_back),
        cmocka_unit_test(test_requests_of_real_clients_to_every_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
