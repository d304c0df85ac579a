/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Gemini dialect, front and back: see dialect_fuzz.h. Two letters of its own, for what no other
 * dialect has:
 *
 *   'p'  a path and its query: whichever front takes it says the model, and a glance at a request
 *        under that path is taken or refused, never more
 *   'r'  a Gemini provider's stream put into the JSON array of a client that asked for no events:
 *        whatever came, what arrives is one JSON array, and it says what the stream said
 */
#include "dialect_fuzz.h"

#include "base/utf8.h"

static void fuzz_path(str in)
{
    static const struct dialect *const fronts[] = {&dialect_gemini, &dialect_gemini_array};
    size_t at = str_find_char(in, '?');
    str path = str_head(in, at), query = at == SIZE_MAX ? STR_NONE : str_from(in, at + 1);
    struct front_route routes[2] = {0};
    bool taken = false;
    struct json_doc doc;
    struct ir_peek peek;
    struct arena a;
    struct fail f;

    arena_init(&a, FUZZ_ARENA);
    CHECK(json_parse(&a, STR("{\"contents\":[{\"parts\":[{\"text\":\"hi\"}]}]}"), &doc, NULL) ==
          RC_OK);
    for (size_t i = 0; i < ARRAY_LEN(fronts); i++) {
        if (!fronts[i]->front->route(path, query, &routes[i]))
            continue;
        CHECK(!taken); /* the two share no path */
        taken = true;
        if (routes[i].op == FRONT_ABSENT) {
            CHECK(routes[i].why.n);
            continue;
        }
        CHECK(routes[i].model.n && routes[i].stream_said);
        enum rc rc = fronts[i]->front->peek(json_root(&doc), &routes[i], &a, &peek, &f);
        CHECK(rc == RC_OK || rc == RC_SYNTAX || rc == RC_NOMEM);
        CHECK(rc != RC_OK || (peek.model.n && peek.stream == routes[i].stream));
    }
    arena_fini(&a);
}

/* The provider's decoder beside the array, as gate/ has them. */
struct relay {
    struct fuzz_sinks seen;
    void *state; /* of the array */
    struct buf out;
};

static void relay_event(void *ctx, const struct ir_event *ev)
{
    struct relay *r = ctx;

    fuzz_sinks_event(&r->seen, ev);
    if (ev->type == IR_EV_END || ev->type == IR_EV_ERROR)
        dialect_gemini_array.front->encode_event(r->state, ev, &r->out);
}

/* Feed the stream as it came; each event that goes on becomes an element. */
static void relay_stream(struct relay *r, str in, struct dialect_scratch *scratch)
{
    const struct dialect_back *b = dialect_gemini.back;
    struct ir_sink sink = {relay_event, r};
    struct frame_parser p;
    struct sse_event e;
    void *state = malloc(b->decoder_size);

    CHECK(state != NULL);
    b->decoder_init(state, true);
    frame_init(&p, b->framing, SSE_EVENT_MAX);
    while (!r->seen.watch.over && frame_next(&p, &in, &e) == SSE_EVENT)
        if (b->feed(state, scratch, &e, sink) == FEED_FORWARD)
            dialect_gemini_array.front->encode_raw(r->state, &e, &r->out);
    if (!r->seen.watch.over && !b->end(state, sink)) { /* cut off: gate/ ends it so */
        struct fail f = {.kind = ERR_UPSTREAM};
        struct ir_event ev = {.type = IR_EV_ERROR, .fail = &f};
        relay_event(r, &ev);
    }
    frame_fini(&p);
    free(state);
}

static void fuzz_relay(str in, struct dialect_scratch *scratch)
{
    struct relay r = {.out = BUF_INIT(FUZZ_TEXT)};
    struct front_opts o = fuzz_opts;
    struct arena a;
    struct json_doc doc;

    arena_init(&a, FUZZ_ARENA);
    o.arena = &a;
    r.state = malloc(dialect_gemini_array.front->stream_size);
    CHECK(r.state != NULL);
    dialect_gemini_array.front->stream_init(r.state, &o);
    relay_stream(&r, in, scratch);
    if (utf8_is_valid(in)) { /* what is none goes on as it came */
        enum rc rc = json_parse(&a, buf_str(&r.out), &doc, NULL);

        CHECK(rc == RC_OK || rc == RC_DEPTH || rc == RC_NOMEM);
        CHECK(rc != RC_OK || json_is(json_root(&doc), JSON_ARRAY));
    }
    free(r.state);
    buf_fini(&r.out);
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dialect_scratch scratch;
    str in = size ? str_of((const char *)data + 1, size - 1) : STR("");

    if (size && data[0] == 'p') {
        fuzz_path(in);
    } else if (size && data[0] == 'r') {
        scratch_init(&scratch);
        fuzz_relay(in, &scratch);
        scratch_fini(&scratch);
    } else {
        return fuzz_dialect(&dialect_gemini, data, size);
    }
    return 0;
}
