/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tokens - what this worker knows of tokens: the encodings, what it has counted, what it has
 * learned.
 *
 * The encodings' ranks take five megabytes and some thirty milliseconds to read, and most calls
 * never need them: providers report. So they are asked for when something must be counted the first
 * time; the main thread reads them (app/ranks.h) and each worker gets them by mail, immutable.
 * Until then, and where they are not installed, prompts are estimated.
 *
 * What is learned (token/learn.h): at the end of every call whose usage was reported, what its
 * bytes said; of one in LEARN_EVERY small ones also what a full count says, for that costs some
 * hundred microseconds. Nothing here is on a stream event's way but two additions.
 */
#include "gate/gate_int.h"

#include "base/mem.h"

#define TEXT_MAX        (8u << 20)   /* of one text that is unescaped to be counted */
#define COUNT_EXACT_MAX (4u << 20)   /* bytes encoded for a count_tokens answer: 50 ms at most */
#define SETTLE_MAX      (256u << 10) /* … for a provider that reports nothing: 3 ms */
#define LEARN_EVERY     32
#define LEARN_BYTES     (32u << 10)
#define ANSWER_LEAST    200 /* bytes: a shorter answer says little about its model */
#define BYTES_PER_TOKEN 4

void tokens_init(struct gate *g)
{
    struct gate_tokens *t = &g->tokens;
    struct hash_key key = {rand_u64(&g->rand), rand_u64(&g->rand)};
    t->text = BUF_INIT(TEXT_MAX);
    t->counter.text = &t->text;
    lessons_init(&t->lessons, key);
}

void tokens_fini(struct gate *g)
{
    struct gate_tokens *t = &g->tokens;
    buf_fini(&t->text);
    mem_free(t->counter.work);
    mem_free(t->counter.memo);
}

bool tokens_want_ranks(struct gate *g)
{
    struct gate_tokens *t = &g->tokens;
    if (t->ranks == RANKS_UNASKED && g->set.want_ranks) {
        t->ranks = RANKS_ASKED;
        g->set.want_ranks(g->set.want_arg);
    }
    return t->ranks == RANKS_ASKED;
}

void gate_ranks(struct gate *g, const struct gate_ranks *r)
{
    struct gate_tokens *t = &g->tokens;
    struct hash_key key = {rand_u64(&g->rand), rand_u64(&g->rand)};
    t->ranks = RANKS_ABSENT;
    if (r && !t->counter.work) {
        t->counter.work = mem_zalloc(sizeof(*t->counter.work));
        t->counter.memo = mem_zalloc(sizeof(*t->counter.memo));
    }
    if (r && t->counter.work && t->counter.memo) {
        memo_init(t->counter.memo, key);
        t->counter.o200k = r->o200k;
        t->counter.cl100k = r->cl100k;
        t->ranks = RANKS_HERE;
    }
    count_go_on(g);
}

/* ---- prompts */

static enum token_way way_of(const struct conf_provider *p)
{
    if (!p)
        return TOKEN_NATIVE;
    if (str_has_suffix(p->dialect, STR("responses")))
        return TOKEN_RESPONSES;
    return str_eq(p->dialect, STR("openai"))   ? TOKEN_CHAT
           : str_eq(p->dialect, STR("vertex")) ? TOKEN_VERTEX
                                               : TOKEN_NATIVE;
}

static struct token_count measure(struct call *c, const struct conf_provider *p, str model,
                                  size_t exact_max)
{
    struct token_counter *counter = &c->gate->tokens.counter;
    struct token_target target = {model, way_of(p)};
    counter->exact_max = exact_max;
    return token_prompt(counter, c->ir, &target);
}

static struct lesson *lesson_for(struct call *c, const struct conf_provider *p, str model)
{
    return lesson_of(&c->gate->tokens.lessons, p ? p->name : STR_NONE, model);
}

/* Of the last attempt's model; its name among the lessons is made once. */
static struct lesson *lesson_of_attempt(struct call *c)
{
    const struct attempt_record *t = attempt_record_of(c);
    struct lessons *l = &c->gate->tokens.lessons;
    struct known *k = known_of_attempt(c);
    if (!k)
        return lesson_of(l, t->provider->name, t->model);
    if (!k->lesson)
        k->lesson = lesson_name(l, t->provider->name, t->model);
    return lesson_named(l, k->lesson);
}

struct token_count tokens_of_prompt(struct call *c, const struct conf_provider *p, str model)
{
    struct token_count n = measure(c, p, model, COUNT_EXACT_MAX);
    if (n.source != USAGE_COUNTED)
        n.tokens = ratio_apply(&lesson_for(c, p, model)->prompt, n.tokens);
    return n;
}

static uint64_t by_bytes(const struct call *c)
{
    return c->req->body.n / BYTES_PER_TOKEN + 1;
}

/* Images are many bytes and few tokens: their requests are looked at, where they are decoded. */
uint64_t tokens_estimate(struct call *c)
{
    bool media = c->peek.has_images || c->peek.has_documents;
    if (!c->attempts)
        return by_bytes(c);
    const struct attempt_record *t = &c->tried[c->attempts - 1];
    struct lesson *l = lesson_of_attempt(c);
    if (media && c->ir)
        return ratio_apply(&l->prompt, measure(c, t->provider, t->model, 0).tokens);
    return ratio_apply(&l->bytes, by_bytes(c));
}

/* ---- U44: a provider that does not say */

static void fill_prompt(struct call *c, const struct attempt_record *t, struct usage *u)
{
    struct fail unused;
    u->source = USAGE_ESTIMATED;
    u->cache_read = u->cache_write_5m = u->cache_write_1h = 0;
    if (!decode_quietly(c, &unused)) {
        u->input_uncached = tokens_estimate(c);
        return;
    }
    tokens_want_ranks(c->gate); /* for the next one */
    struct token_count n = measure(c, t->provider, t->model, SETTLE_MAX);
    if (n.source != USAGE_COUNTED)
        n.tokens = ratio_apply(&lesson_of_attempt(c)->prompt, n.tokens);
    u->input_uncached = n.tokens;
    u->source = (uint8_t)n.source;
}

void tokens_fill_usage(struct call *c)
{
    struct usage *u = &c->usage;
    const struct attempt_record *t = &c->tried[c->attempts - 1];
    CHECK(c->attempts > 0);
    if (!(u->has & USAGE_HAS_INPUT))
        fill_prompt(c, t, u);
    if (!(u->has & USAGE_HAS_OUTPUT)) {
        uint64_t n = (c->said + c->thought + BYTES_PER_TOKEN - 1) / BYTES_PER_TOKEN;
        u->output = ratio_apply(&lesson_of_attempt(c)->answer, n);
        u->source = USAGE_ESTIMATED;
    }
}

/* ---- learning */

static bool is_sample(struct call *c, const struct lesson *l)
{
    struct gate_tokens *t = &c->gate->tokens;
    if (t->ranks != RANKS_HERE || !c->ir || c->req->body.n > LEARN_BYTES ||
        usage_prompt(&c->usage) < LEARN_SMALL)
        return false;
    return l->prompt.seen == LEARN_PRIOR.seen || ++t->since_sample % LEARN_EVERY == 0;
}

void tokens_learn(struct call *c)
{
    const struct usage *u = &c->usage;
    bool media = c->peek.has_images || c->peek.has_documents;
    uint32_t both = USAGE_HAS_INPUT | USAGE_HAS_OUTPUT;
    if (u->source != USAGE_REPORTED || (u->has & both) != both || u->suspect || c->failed)
        return;
    const struct attempt_record *t = &c->tried[c->attempts - 1];
    struct lesson *l = lesson_of_attempt(c);
    if (!media)
        ratio_learn(&l->bytes, by_bytes(c), usage_prompt(u));
    if (is_sample(c, l))
        ratio_learn(&l->prompt, measure(c, t->provider, t->model, LEARN_BYTES).tokens,
                    usage_prompt(u));
    uint64_t shown = u->reasoning ? c->said : c->said + c->thought;
    if (shown >= ANSWER_LEAST && u->output > u->reasoning)
        ratio_learn(&l->answer, shown / BYTES_PER_TOKEN, u->output - u->reasoning);
}
