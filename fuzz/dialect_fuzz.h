/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dialect_fuzz - what must hold of any dialect, whatever it is fed. The first byte says as what the
 * rest is read:
 *
 *   'q'  a client's request: what is accepted translates to every dialect as valid JSON, and
 * splices; of a dialect that is a back only it is a Chat client's, and goes to that dialect 'a',
 * 'g'  the same of a Messages and a Gemini client's 's'  a provider's stream: whole and cut in
 * pieces it gives the same events; the decoder keeps its promises (ir/event.h); what each front
 * writes of it is read back without an error 'b'  a provider's body: the same 'e'  a provider's
 * error answer: a fail whose text can be written
 */
#pragma once
#include "fuzz.h"

#include <stdlib.h>

#include "dialect/quirk.h"
#include "ir/traits.h"
#include "json/write.h"

#define FUZZ_ARENA (64u << 20)
#define FUZZ_TEXT  (64u << 20)

static inline uint64_t fuzz_mix(uint64_t h, const void *p, size_t n)
{
    const unsigned char *b = p;
    for (size_t i = 0; i < n; i++)
        h = (h ^ b[i]) * UINT64_C(0x100000001b3);
    return (h ^ n) * UINT64_C(0x100000001b3);
}

/* Watches the promises and digests the events. */
struct fuzz_watch {
    uint64_t digest;
    bool started, over, ended, failed;
    bool open[16], finished[16];
    uint32_t block[16];
};

static inline void fuzz_watch_block(struct fuzz_watch *w, const struct ir_event *ev)
{
    uint32_t c = ev->choice;
    CHECK(c < 16);
    if (ev->type == IR_EV_BLOCK_START) {
        CHECK(w->started && !w->open[c] && !w->finished[c] && ev->block == w->block[c]);
        w->open[c] = true;
        w->digest = fuzz_mix(w->digest, ev->open.name.p, ev->open.name.n);
    } else if (ev->type == IR_EV_BLOCK_STOP) {
        CHECK(w->open[c] && ev->block == w->block[c]);
        w->open[c] = false;
        w->block[c]++;
    } else {
        CHECK(ev->delta.what == IR_D_LOGPROBS || (w->open[c] && ev->block == w->block[c]));
        w->digest = fuzz_mix(w->digest, ev->delta.text.p, ev->delta.text.n);
    }
}

static inline void fuzz_watch_event(void *ctx, const struct ir_event *ev)
{
    struct fuzz_watch *w = ctx;
    CHECK(!w->over);
    w->digest = fuzz_mix(w->digest, &ev->type, sizeof ev->type);
    switch (ev->type) {
    case IR_EV_START:
        CHECK(!w->started);
        w->started = true;
        break;
    case IR_EV_BLOCK_START:
    case IR_EV_DELTA:
    case IR_EV_BLOCK_STOP:
        fuzz_watch_block(w, ev);
        break;
    case IR_EV_USAGE:
        CHECK(w->started && ev->usage->reasoning <= ev->usage->output);
        break;
    case IR_EV_FINISH:
        CHECK(ev->choice < 16 && w->started && !w->open[ev->choice] && !w->finished[ev->choice]);
        w->finished[ev->choice] = true;
        break;
    case IR_EV_PING:
        break;
    case IR_EV_ERROR:
        CHECK((unsigned)ev->fail->kind < ERR_COUNT);
        w->over = w->failed = true;
        break;
    case IR_EV_END:
        CHECK(w->started && w->finished[0]);
        w->over = w->ended = true;
        break;
    }
}

/* A watch, a collector and a writer behind one sink. */
struct fuzz_sinks {
    struct fuzz_watch watch;
    struct ir_collect *collect;
    const struct dialect_front *front;
    void *state;
    struct buf *out;
};

static inline void fuzz_sinks_event(void *ctx, const struct ir_event *ev)
{
    struct fuzz_sinks *s = ctx;
    fuzz_watch_event(&s->watch, ev);
    if (s->collect)
        ir_collect_event(s->collect, ev);
    if (s->front)
        s->front->encode_event(s->state, ev, s->out);
}

static inline void fuzz_stream(const struct dialect_back *b, str in, size_t step,
                               struct dialect_scratch *scratch, struct fuzz_sinks *sinks)
{
    void *state = malloc(b->decoder_size);
    struct ir_sink sink = {fuzz_sinks_event, sinks};
    struct frame_parser p;
    struct sse_event e;
    enum sse_result r = SSE_MORE;
    bool ok = true;
    CHECK(state != NULL);
    b->decoder_init(state, true);
    frame_init(&p, b->framing, SSE_EVENT_MAX);
    while (ok && in.n && r != SSE_TOO_BIG) {
        str piece = str_head(in, step);
        in = str_from(in, piece.n);
        while (ok && (r = frame_next(&p, &piece, &e)) == SSE_EVENT) {
            bool over = sinks->watch.over;
            enum feed_result f = b->feed(state, scratch, &e, sink);
            CHECK(!over || f == FEED_DROP);
            ok = f != FEED_ERROR;
            CHECK(ok == !sinks->watch.failed);
        }
    }
    if (ok)
        CHECK(b->end(state, sink) == sinks->watch.ended);
    frame_fini(&p);
    free(state);
}

static const struct front_opts fuzz_opts = {
    .id = {"id", 2}, .model = {"m", 1}, .created = 1, .include_usage = true};

/* The same for the front that says its stream as one JSON array: a body of Gemini's reads so. */
static inline void fuzz_read_array(const struct fuzz_sinks *said, str stream,
                                   struct dialect_scratch *scratch)
{
    struct fuzz_sinks back = {0};
    struct arena a;
    struct json_doc doc;
    arena_init(&a, FUZZ_ARENA);
    enum rc rc = said->watch.over ? json_parse(&a, stream, &doc, NULL) : RC_NOMEM;
    CHECK(rc == RC_OK || rc == RC_DEPTH || rc == RC_NOMEM);
    if (rc == RC_OK) {
        dialect_gemini.back->decode_body(json_root(&doc), scratch,
                                         (struct ir_sink){fuzz_sinks_event, &back});
        CHECK(back.watch.ended == said->watch.ended && back.watch.failed == said->watch.failed);
    }
    arena_fini(&a);
}

/* What a front wrote is read back by its own dialect's back. */
static inline void fuzz_read_back(const struct dialect *d, const struct fuzz_sinks *said,
                                  str stream, struct dialect_scratch *scratch)
{
    struct fuzz_sinks back = {0};
    if (d == &dialect_gemini_array)
        fuzz_read_array(said, stream, scratch);
    if (!d->back || !said->watch.ended || (size_t)stream.n > SSE_EVENT_MAX / 2)
        return;
    fuzz_stream(d->back, stream, stream.n, scratch, &back);
    CHECK(back.watch.ended);
}

static inline void fuzz_body_back(const struct dialect *d, const struct ir_collect *c,
                                  struct dialect_scratch *scratch)
{
    struct rope r = ROPE_INIT(FUZZ_TEXT);
    struct buf flat = BUF_INIT(FUZZ_TEXT);
    struct arena a;
    struct json_doc doc;
    struct fuzz_sinks back = {0};
    struct front_opts o = fuzz_opts;
    o.arena = &a;
    arena_init(&a, FUZZ_ARENA);
    d->front->encode_body(&c->response, &o, &r);
    CHECK(!rope_failed(&r));
    rope_flatten(&r, &flat);
    enum rc rc = json_parse(&a, buf_str(&flat), &doc, NULL);
    CHECK(rc == RC_OK || rc == RC_DEPTH || rc == RC_NOMEM);
    if (rc == RC_OK && d->back) {
        d->back->decode_body(json_root(&doc), scratch, (struct ir_sink){fuzz_sinks_event, &back});
        CHECK(back.watch.ended);
    }
    arena_fini(&a);
    buf_fini(&flat);
    rope_fini(&r);
}

static inline void fuzz_answer(const struct dialect *dialect, str in, bool stream,
                               struct dialect_scratch *scratch)
{
    struct arena a;
    struct json_doc doc;
    uint64_t digest = 0;
    bool judged = false;
    arena_init(&a, FUZZ_ARENA);
    if (!stream && json_parse(&a, in, &doc, NULL) != RC_OK) {
        arena_fini(&a);
        return;
    }
    const struct dialect *to;
    for (size_t i = 0; (to = dialect_at(i)) != NULL; i++) {
        if (!to->front)
            continue;
        struct buf out = BUF_INIT(FUZZ_TEXT);
        struct ir_collect c;
        struct fuzz_sinks s = {.collect = &c, .front = to->front, .out = &out};
        ir_collect_init(&c, &a, !stream);
        s.state = malloc(to->front->stream_size);
        CHECK(s.state != NULL);
        struct front_opts o = fuzz_opts;
        o.arena = &a;
        to->front->stream_init(s.state, &o);
        if (stream)
            fuzz_stream(dialect->back, in, in.n, scratch, &s);
        else
            dialect->back->decode_body(json_root(&doc), scratch,
                                       (struct ir_sink){fuzz_sinks_event, &s});
        CHECK(!out.failed && (!judged || digest == s.watch.digest));
        digest = s.watch.digest;
        judged = true;
        fuzz_read_back(to, &s, buf_str(&out), scratch);
        if (s.watch.ended && !c.failed)
            fuzz_body_back(to, &c, scratch);
        free(s.state);
        buf_fini(&out);
    }
    for (size_t step = 1; stream && step < 40; step += 13) {
        struct fuzz_sinks cut = {0};
        fuzz_stream(dialect->back, in, step, scratch, &cut);
        CHECK(cut.watch.digest == digest);
    }
    arena_fini(&a);
}

static inline void fuzz_translate(const struct ir_request *r, const struct dialect *to,
                                  const char *model)
{
    static const struct dialect_opts all[] = {
        {.auth = AUTH_DEFAULT},
        {.effort = EFFORT_OBJECT,
         .replay = REPLAY_DETAILS,
         .mid_system = MID_SYSTEM_KEEP,
         .cache_markers = true,
         .no_strict = true},
        {.effort = EFFORT_BOTH,
         .replay = REPLAY_PARTS,
         .text_only_parts = true,
         .temperature_max = 10,
         .stop_max = 1,
         .refused = ~UINT64_C(0)},
    };
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct back_call c = {.opts = &all[i], .model = str_c(model), .stream = r->stream};
        struct ir_request shaped;
        struct rope out = ROPE_INIT(FUZZ_TEXT);
        struct buf flat = BUF_INIT(FUZZ_TEXT), names = BUF_INIT(65536);
        struct ir_lossy lossy = {0};
        struct arena a, b;
        struct json_doc doc;
        struct fail f;
        arena_init(&a, FUZZ_ARENA);
        arena_init(&b, FUZZ_ARENA);
        request_shape(&shaped, r, c.opts, &lossy);
        if (to->back->encode_request(&shaped, &c, &a, &out, &lossy, &f) == RC_OK) {
            rope_flatten(&out, &flat);
            enum rc rc = json_parse(&b, buf_str(&flat), &doc, NULL);
            CHECK(rc == RC_OK || rc == RC_DEPTH);
        }
        ir_lossy_print(&lossy, &names);
        for (size_t k = 0; k < buf_size(&names); k++)
            CHECK(buf_str(&names).p[k] >= ' ' && buf_str(&names).p[k] < 0x7f);
        arena_fini(&b);
        arena_fini(&a);
        buf_fini(&names);
        buf_fini(&flat);
        rope_fini(&out);
    }
}

/* The client's own bytes, with everything that can be cut cut, and with nothing. */
static inline void fuzz_splice(const struct dialect *dialect, jval root)
{
    static const struct dialect_opts all[] = {
        {.auth = AUTH_DEFAULT},
        {.effort = EFFORT_BOTH, .temperature_max = 10, .refused = ~UINT64_C(0)},
    };
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct ir_lossy lossy = {0};
        struct back_call c = {
            .opts = &all[i], .model = STR("m\"\\"), .stream = true, .lossy = &lossy};
        struct rope out = ROPE_INIT(FUZZ_TEXT);
        struct buf flat = BUF_INIT(FUZZ_TEXT);
        struct arena a;
        struct json_doc doc;
        arena_init(&a, FUZZ_ARENA);
        CHECK(dialect->back->splice_request(root, &c, &a, &out) == RC_OK);
        rope_flatten(&out, &flat);
        enum rc rc = json_parse(&a, buf_str(&flat), &doc, NULL);
        CHECK(rc == RC_OK || rc == RC_NOMEM);
        buf_fini(&flat);
        rope_fini(&out);
        arena_fini(&a);
    }
}

/* What routing reads of it; a tag, and the value within it. */
static inline void fuzz_traits(const struct ir_request *r)
{
    struct ir_traits t;
    ir_traits_read(r, &t);
    const struct ir_tag *tag = &t.subagent;
    CHECK(!t.images_now || t.images);
    if (tag->whole.p)
        CHECK(tag->value.p >= tag->whole.p &&
              tag->value.p + tag->value.n <= tag->whole.p + tag->whole.n);
}

/* `from`: whose client it is; its own, or any front's. */
static inline void fuzz_request(const struct dialect *dialect, const struct dialect *from, str in)
{
    struct front_route route = {.op = FRONT_CHAT, .model = STR("m"), .stream_said = true};
    struct ir_request r;
    struct arena a;
    struct json_doc doc;
    struct fail f;
    arena_init(&a, FUZZ_ARENA);
    if (json_parse(&a, in, &doc, NULL) == RC_OK) {
        enum rc rc = from->front->decode_request(json_root(&doc), &route, &a, &r, &f);
        CHECK(rc == RC_OK || rc == RC_SYNTAX || rc == RC_NOMEM);
        if (rc == RC_OK)
            fuzz_traits(&r);
        if (rc == RC_OK && from != dialect) {
            fuzz_translate(&r, dialect, "mistral-small-latest");
        } else if (rc == RC_OK) {
            fuzz_translate(&r, &dialect_openai_chat, "gpt-5");
            fuzz_translate(&r, &dialect_openai_chat, "qwen3");
            fuzz_translate(&r, &dialect_anthropic, "claude-sonnet-4-5");
            fuzz_translate(&r, &dialect_anthropic, "claude-opus-4-8");
            fuzz_translate(&r, &dialect_bedrock, "us.anthropic.claude-sonnet-4-5");
            fuzz_translate(&r, &dialect_bedrock, "amazon.nova-2-lite-v1:0");
            fuzz_translate(&r, &dialect_gemini, "gemini-2.5-flash");
            fuzz_translate(&r, &dialect_gemini, "gemini-3-pro");
            fuzz_translate(&r, &dialect_responses, "gpt-5.1");
            fuzz_splice(dialect, json_root(&doc));
        }
    }
    arena_fini(&a);
}

static inline void fuzz_error(const struct dialect *dialect, str in)
{
    struct reply_facts facts = {.status = in.n ? 200u + (unsigned char)in.p[0] * 2u : 400u,
                                .retry_after = str_head(in, 4)};
    struct arena a, b;
    struct fail f;
    arena_init(&a, FUZZ_ARENA);
    arena_init(&b, FUZZ_ARENA);
    dialect->back->decode_error(&facts, str_from(in, 1), &a, &f);
    for (size_t i = 0; dialect_at(i); i++) {
        if (!dialect_at(i)->front)
            continue;
        struct buf out = BUF_INIT(1u << 20);
        struct front_error head;
        struct json_doc doc;
        dialect_at(i)->front->encode_error(&f, STR("id"), &head, &out);
        CHECK(!out.failed && head.status >= 400 &&
              json_parse(&b, buf_str(&out), &doc, NULL) == RC_OK);
        buf_fini(&out);
    }
    arena_fini(&b);
    arena_fini(&a);
}

static inline int fuzz_dialect(const struct dialect *dialect, const uint8_t *data, size_t size)
{
    struct dialect_scratch scratch;
    str in = size ? str_of((const char *)data + 1, size - 1) : STR("");
    scratch_init(&scratch);
    switch (size ? data[0] : 0) {
    case 'q':
        fuzz_request(dialect, dialect->front ? dialect : &dialect_openai_chat, in);
        break;
    case 'a':
    case 'g':
        fuzz_request(dialect, data[0] == 'a' ? &dialect_anthropic : &dialect_gemini, in);
        break;
    case 's':
        fuzz_answer(dialect, in, true, &scratch);
        break;
    case 'b':
        fuzz_answer(dialect, in, false, &scratch);
        break;
    case 'e':
        fuzz_error(dialect, in);
        break;
    default:
        break;
    }
    scratch_fini(&scratch);
    return 0;
}
