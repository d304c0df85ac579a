/* SPDX-License-Identifier: Apache-2.0 */
/*
 * responses_echo.c - the response object, which repeats what it was asked.
 *
 * OpenAI answers with every parameter of the request, defaults filled in, in the first two events
 * and in the last one. What the client said is repeated as its own text; where it said nothing
 * stands null, or the default where the official clients want a value. Instructions and tools of a
 * coding agent are 40 KB and more, and the first events are held back until there is content: when
 * they are large, only the last event repeats them.
 */
#include "dialect/responses_int.h"

#define EARLY_MAX (48u << 10) /* twice this must fit what the gate holds back before content */

static const struct {
    str name;
    str unsaid;
    bool heavy;
} members[] = {
    {STR("instructions"), STR("null"), true},
    {STR("max_output_tokens"), STR("null"), false},
    {STR("max_tool_calls"), STR("null"), false},
    {STR("metadata"), STR("{}"), false},
    {STR("parallel_tool_calls"), STR("true"), false},
    {STR("prompt_cache_key"), STR("null"), false},
    {STR("reasoning"), STR("{\"effort\":null,\"summary\":null}"), false},
    {STR("safety_identifier"), STR("null"), false},
    {STR("service_tier"), STR("null"), false},
    {STR("temperature"), STR("null"), false},
    {STR("text"), STR("{\"format\":{\"type\":\"text\"}}"), true},
    {STR("tool_choice"), STR("\"auto\""), false},
    {STR("tools"), STR("[]"), true},
    {STR("top_logprobs"), STR("null"), false},
    {STR("top_p"), STR("null"), false},
    {STR("truncation"), STR("\"disabled\""), false},
    {STR("user"), STR("null"), false},
};

/* What never was and never will be here: nothing runs without its client. */
#define FIXED  STR(",\"background\":false,\"completed_at\":null,\"previous_response_id\":")
#define STORED STR(",\"store\":true")
#define UNSAID STR(",\"store\":false")

static str value_of(jval request, size_t i, bool light)
{
    jval v = light && members[i].heavy ? JVAL_NONE : json_get(request, members[i].name);

    return json_is_nothing(v) ? members[i].unsaid : json_text(v);
}

/* An event is one line: line ends of the client's JSON, which stand between tokens only, become
 * blanks. */
static char *put_line(char *to, str s)
{
    memcpy(to, s.p, s.n);
    for (size_t i = 0; i < s.n; i++)
        if (to[i] == '\n' || to[i] == '\r')
            to[i] = ' ';
    return to + s.n;
}

/* All members, each with a comma before it. Absent when the arena is full. */
static str make(const struct responses_stream *st, bool light)
{
    jval previous = json_get_lit(st->request, "previous_response_id");
    str before = json_is_nothing(previous) ? STR("null") : json_text(previous);
    str store = st->kept ? STORED : UNSAID;
    size_t size = FIXED.n + before.n + store.n;
    char *p, *start;

    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        size += members[i].name.n + value_of(st->request, i, light).n + 4;
    start = p = arena_alloc(st->arena, size);
    if (!p)
        return STR_NONE;
    p = put_line(put_line(put_line(p, FIXED), before), store);
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        p = put_line(p, STR(",\""));
        p = put_line(p, members[i].name);
        p = put_line(p, STR("\":"));
        p = put_line(p, value_of(st->request, i, light));
    }
    CHECK((size_t)(p - start) == size);
    return str_of(start, size);
}

void responses_make_echo(struct responses_stream *st)
{
    st->echo = make(st, false);
    st->early = st->echo.n > EARLY_MAX ? make(st, true) : st->echo;
    if (!st->echo.p || !st->early.p)
        st->failed = true;
}

/* ---- the object ---------------------------------------------------------------------------------
 */

static void put(struct responses_put p, str s)
{
    p.fn(p.to, s);
}

static void put_number(struct responses_put p, uint64_t v)
{
    char room[24];
    struct buf b = {.p = room, .cap = sizeof room, .max = sizeof room};

    buf_add_u64(&b, v);
    put(p, buf_str(&b));
}

static void put_error(struct responses_put p, const struct fail *f)
{
    struct buf b = BUF_INIT(64u << 10); /* a failure ends the stream: it may allocate */

    if (!f) {
        put(p, STR("null"));
        return;
    }
    buf_lit(&b, "{\"code\":\"");
    json_escape(&b, fail_code(f));
    buf_lit(&b, "\",\"message\":\"");
    json_escape(&b, fail_message(f));
    buf_lit(&b, "\"}");
    put(p, b.failed ? STR("{\"code\":\"server_error\",\"message\":\"\"}") : buf_str(&b));
    buf_fini(&b);
}

static str why_incomplete(enum ir_finish f)
{
    return f == IR_FIN_FILTER || f == IR_FIN_REFUSAL ? STR("{\"reason\":\"content_filter\"}")
                                                     : STR("{\"reason\":\"max_output_tokens\"}");
}

static void put_usage(struct responses_put p, const struct responses_stream *st)
{
    char room[RESPONSES_USAGE_MAX];
    struct buf b = {.p = room, .cap = sizeof room, .max = sizeof room};

    if (!st->usage.has) {
        put(p, STR("null"));
        return;
    }
    responses_write_usage(&st->usage, &b);
    put(p, buf_str(&b));
}

void responses_put_before(const struct responses_stream *st, struct responses_put p, str status,
                          const struct fail *fail)
{
    put(p, STR("{\"id\":\""));
    if (st->id_n) {
        put(p, str_of(st->id, st->id_n));
    } else {
        put(p, STR("resp_"));
        put(p, str_of(st->own_id, st->own_n));
    }
    put(p, STR("\",\"object\":\"response\",\"created_at\":"));
    put_number(p, st->created);
    put(p, STR(",\"status\":\""));
    put(p, status);
    put(p, STR("\",\"error\":"));
    put_error(p, fail);
    put(p, STR(",\"incomplete_details\":"));
    put(p, str_eq(status, STR("incomplete")) ? why_incomplete(st->finish) : STR("null"));
    put(p, STR(",\"model\":\""));
    put(p, str_of(st->model, st->model_n));
    put(p, STR("\",\"output\":["));
}

void responses_put_after(const struct responses_stream *st, struct responses_put p, str status,
                         str echo)
{
    bool early = str_eq(status, STR("in_progress"));

    put(p, STR("]"));
    put(p, echo);
    put(p, STR(",\"usage\":"));
    if (early)
        put(p, STR("null"));
    else
        put_usage(p, st);
    if (st->usage.searches && !early) {
        put(p, STR(",\"tool_usage\":{\"web_search\":{\"num_requests\":"));
        put_number(p, st->usage.searches);
        put(p, STR("}}"));
    }
    put(p, STR("}"));
}

void responses_put_object(const struct responses_stream *st, struct responses_put p, str status,
                          str echo, const struct fail *fail)
{
    responses_put_before(st, p, status, fail);
    put(p, str_of(st->json.p, st->json.n));
    responses_put_after(st, p, status, echo);
}
