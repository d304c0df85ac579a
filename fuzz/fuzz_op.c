/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is no chat: rankings, images, sound, moderation, old completions. The first line is the
 * path, the second the content-type of a form (empty: the body is JSON), the rest the body; without
 * a path of ours the rest is a provider's answer, whole and as a stream.
 *
 * A request that is accepted names its model, and with another one put in its place it is accepted
 * again and names that one, whichever provider it goes to. An answer's counts are sane, and a
 * stream that is cut anywhere tells the same.
 */
#include "fuzz.h"

#include <stdlib.h>

#include "dialect/op.h"

#define ARENA_MAX (16u << 20)
#define TEXT_MAX  (16u << 20)
#define OTHER     STR("another-model")

static const char *const dialects[] = {"openai", "azure",  "mistral",   "cohere",
                                       "gemini", "ollama", "anthropic", "openai-responses"};

static void check_splice(const struct op *op, const struct op_way *way, jval root, bool stream)
{
    struct dialect_opts opts = {.auth = AUTH_DEFAULT};
    struct back_call c = {.opts = &opts, .model = OTHER, .stream = stream};
    struct rope out = ROPE_INIT(TEXT_MAX);
    struct buf flat = BUF_INIT(TEXT_MAX);
    struct json_doc doc;
    struct ir_peek again;
    struct arena a;
    struct fail f;
    arena_init(&a, ARENA_MAX);
    if (op_splice(op, way, root, &c, &a, &out) == RC_OK) {
        rope_flatten(&out, &flat);
        enum rc rc = json_parse(&a, buf_str(&flat), &doc, NULL);
        CHECK(rc == RC_OK || rc == RC_NOMEM);
        if (rc == RC_OK && !str_eq(way->words, STR("gemini"))) {
            CHECK(op_peek(op, json_root(&doc), STR_NONE, &a, &again, &f) == RC_OK);
            CHECK(str_eq(again.model, OTHER));
        }
    }
    buf_fini(&flat);
    rope_fini(&out);
    arena_fini(&a);
}

static void check_json(const struct op *op, str path_model, str body)
{
    struct json_doc doc;
    struct ir_peek p;
    struct arena a;
    struct fail f;
    arena_init(&a, ARENA_MAX);
    if (json_parse(&a, body, &doc, NULL) == RC_OK &&
        op_peek(op, json_root(&doc), path_model, &a, &p, &f) == RC_OK) {
        CHECK(p.model.n > 0 && p.characters <= body.n);
        for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
            const struct op_way *way = op_way_of(op, str_c(dialects[i]));
            if (way && op_is_same(op, way))
                check_splice(op, way, json_root(&doc), p.stream);
        }
    }
    arena_fini(&a);
}

static void check_form(const struct op *op, str path_model, str type, str body)
{
    struct rope out = ROPE_INIT(TEXT_MAX);
    struct buf flat = BUF_INIT(TEXT_MAX);
    struct op_form form, again;
    struct ir_peek p, q;
    struct fail f;
    if (op_peek_form(op, type, body, path_model, &form, &p, &f) == RC_OK) {
        CHECK(p.model.n > 0);
        enum rc rc = op_splice_form(&form, OTHER, &out);
        CHECK(rc == RC_OK || rc == RC_SYNTAX || rc == RC_LIMIT);
        rope_flatten(&out, &flat);
        if (rc == RC_OK &&
            op_peek_form(op, type, buf_str(&flat), STR_NONE, &again, &q, &f) == RC_OK)
            CHECK(str_eq(q.model, OTHER) && q.stream == p.stream);
        else
            CHECK(rc != RC_OK); /* what was accepted is accepted with another model */
    }
    buf_fini(&flat);
    rope_fini(&out);
}

/* ---- answers */

struct seen {
    uint64_t prompt, output, pictures;
    unsigned usages;
};

static void see(void *ctx, const struct ir_event *ev)
{
    struct seen *s = ctx;
    if (ev->type != IR_EV_USAGE)
        return;
    s->usages++;
    s->prompt = usage_prompt(ev->usage);
    s->output = ev->usage->output;
    s->pictures = ev->usage->pictures;
    CHECK(s->prompt <= USAGE_TOKENS_MAX && s->output <= USAGE_TOKENS_MAX);
    CHECK(ev->usage->audio_ms <= USAGE_TOKENS_MAX && ev->usage->units <= USAGE_TOKENS_MAX);
}

static struct seen stream(str in, size_t step)
{
    struct dialect_scratch scratch;
    struct frame_parser p;
    struct sse_event e;
    struct seen s = {0};
    struct ir_sink sink = {see, &s};
    enum sse_result r = SSE_MORE;
    void *state = malloc(op_reader.decoder_size);
    bool ok = true;
    CHECK(state != NULL);
    scratch_init(&scratch);
    op_reader.decoder_init(state, true);
    frame_init(&p, op_reader.framing, SSE_EVENT_MAX);
    while (ok && in.n && r != SSE_TOO_BIG) {
        str piece = str_head(in, step);
        in = str_from(in, piece.n);
        while (ok && (r = frame_next(&p, &piece, &e)) == SSE_EVENT)
            ok = op_reader.feed(state, &scratch, &e, sink) != FEED_ERROR;
    }
    ok = ok && op_reader.end(state, sink); /* whether it ended well says nothing here */
    frame_fini(&p);
    scratch_fini(&scratch);
    free(state);
    return s;
}

static void check_answer(str in)
{
    struct usage u = {0};
    struct json_doc doc;
    struct arena a;
    struct seen whole = stream(in, in.n ? in.n : 1);
    for (size_t step = 1; step < 40; step += 13) {
        struct seen cut = stream(in, step);
        CHECK(memcmp(&cut, &whole, sizeof(cut)) == 0);
    }
    arena_init(&a, ARENA_MAX);
    if (json_parse(&a, in, &doc, NULL) == RC_OK && op_read_usage(json_root(&doc), &u))
        CHECK(usage_prompt(&u) <= USAGE_TOKENS_MAX && u.reasoning <= u.output && u.cost >= 0);
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str in = str_of((const char *)data, size), model = STR_NONE;
    if (size > 1u << 16)
        return 0;
    str path = str_cut(&in, '\n'), type = str_cut(&in, '\n');
    const struct op *op = op_route(path, &model);
    str body = in.p ? in : STR("");
    if (!op)
        check_answer(body);
    else if (type.n)
        check_form(op, model, type, body);
    else
        check_json(op, model, body);
    return 0;
}
