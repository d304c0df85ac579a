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
 * hundred microseconds. Nothing here is on a stream event's way but two additions. And what was
 * reported of a conversation's last turn (token/anchor.h) is the beginning of what is told of its
 * next one.
 */
#include "gate/gate_int.h"

#include "base/mem.h"

#define TEXT_MAX        (8u << 20)   /* of one text that is unescaped to be counted */
#define COUNT_EXACT_MAX (4u << 20)   /* bytes encoded for a count_tokens answer: 50 ms at most */
#define SETTLE_MAX      (256u << 10) /* … for a provider that reports nothing: 3 ms */
#define NEAR_MAX        (1u << 20)   /* … for a threshold that is near: 12 ms */
#define LEARN_EVERY     32
#define LEARN_BYTES     (32u << 10)
#define ANSWER_LEAST    200 /* bytes: a shorter answer says little about its model */
#define BYTES_PER_TOKEN 4
#define ASKED_FOR_MS    (30 * 60 * 1000u) /* a client that counts does so again */

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
    mem_free(t->anchors);
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

static struct token_count measure_to(struct call *c, const struct conf_provider *p, str model,
                                     size_t exact_max, const struct ir_message *last)
{
    struct token_counter *counter = &c->gate->tokens.counter;
    struct token_target target = {model, way_of(p), last};
    counter->exact_max = exact_max;
    return token_prompt(counter, c->ir, &target);
}

static struct token_count measure(struct call *c, const struct conf_provider *p, str model,
                                  size_t exact_max)
{
    return measure_to(c, p, model, exact_max, NULL);
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

static bool anchor_of(struct call *c, const struct conf_provider *p, str model, struct anchor *ret)
{
    struct anchors *a = c->gate->tokens.anchors;
    return a && p && c->ir && anchors_find(a, p->name, model, c->ir, ret);
}

/* What `ours`, our count of a prompt, probably will be reported as: what was reported of the last
 * turn, and of our count what came since, at the rate of the model. */
static uint64_t corrected(struct call *c, const struct conf_provider *p, str model,
                          const struct learned_ratio *rate, uint64_t ours)
{
    size_t exact_max = c->gate->tokens.counter.exact_max; /* that it was counted with */
    struct anchor a;
    if (!anchor_of(c, p, model, &a))
        return ratio_apply(rate, ours);
    uint64_t before = measure_to(c, p, model, exact_max, a.last).tokens;
    if (ours >= before)
        return a.tokens + ratio_apply(rate, ours - before);
    /* The thoughts of a turn that is over now were dropped. */
    return a.tokens > before - ours ? a.tokens - (before - ours) : 1;
}

struct token_count tokens_of_prompt(struct call *c, const struct conf_provider *p, str model)
{
    c->gate->tokens.asked = loop_now(c->gate->loop);
    struct token_count n = measure(c, p, model, COUNT_EXACT_MAX);
    if (n.source != USAGE_COUNTED)
        n.tokens = corrected(c, p, model, &lesson_for(c, p, model)->prompt, n.tokens);
    return n;
}

/* An estimate is off by a tenth at the 95th percentile (docs/tokens.md). */
static bool is_near(uint64_t tokens, uint64_t mark)
{
    const uint64_t off = tokens > mark ? tokens - mark : mark - tokens;
    return off < mark / 8;
}

uint64_t tokens_near(struct call *c, const struct conf_provider *p, str model, uint64_t mark)
{
    CHECK(c->ir);
    const struct learned_ratio *rate = &lesson_for(c, p, model)->prompt;
    const uint64_t rough = corrected(c, p, model, rate, measure(c, p, model, 0).tokens);
    if (!is_near(rough, mark))
        return rough;
    c->gate->tokens.asked = loop_now(c->gate->loop);
    tokens_want_ranks(c->gate); /* this call goes by the estimate where they are not here */
    const struct token_count n = measure(c, p, model, NEAR_MAX);
    return n.source == USAGE_COUNTED ? n.tokens : corrected(c, p, model, rate, n.tokens);
}

static uint64_t bytes_of(const struct ir_block *b)
{
    uint64_t n = 0;
    for (; b; b = b->next) {
        if (b->kind == IR_TEXT || b->kind == IR_REFUSAL)
            n += b->text.text.n;
        else if (b->kind == IR_TOOL_USE)
            n += b->use.name.n + b->use.args.n;
        else if (b->kind == IR_TOOL_RESULT)
            n += bytes_of(b->result.content);
    }
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
    struct anchor a;
    if (media && c->ir)
        return corrected(c, t->provider, t->model, &l->prompt,
                         measure(c, t->provider, t->model, 0).tokens);
    if (!anchor_of(c, t->provider, t->model, &a))
        return ratio_apply(&l->bytes, by_bytes(c));
    uint64_t more = 0;
    for (const struct ir_message *m = a.last->next; m; m = m->next)
        more += bytes_of(m->blocks);
    return a.tokens + ratio_apply(&l->bytes, more / BYTES_PER_TOKEN);
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
        n.tokens = corrected(c, t->provider, t->model, &lesson_of_attempt(c)->prompt, n.tokens);
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

/* Is the request known? It is where it was translated. Where bytes passed, it is read only while
 * somebody asks how many tokens things are: others need no estimate, their provider reports. */
static bool is_known(struct call *c)
{
    const struct gate_tokens *t = &c->gate->tokens;
    struct fail unused;
    if (c->ir || c->op)
        return c->ir != NULL;
    return t->asked && loop_now(c->gate->loop) - t->asked < ASKED_FOR_MS &&
           decode_quietly(c, &unused);
}

/* How large this turn was, for the next one. */
static void drop_anchor(struct call *c, const struct attempt_record *t)
{
    struct gate *g = c->gate;
    if (!is_known(c) || !usage_prompt(&c->usage))
        return;
    if (!g->tokens.anchors) {
        g->tokens.anchors = mem_alloc(sizeof(*g->tokens.anchors));
        if (!g->tokens.anchors)
            return;
        anchors_init(g->tokens.anchors, (struct hash_key){rand_u64(&g->rand), rand_u64(&g->rand)});
    }
    anchors_put(g->tokens.anchors, t->provider->name, t->model, c->ir, usage_prompt(&c->usage));
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
    drop_anchor(c, t);
    if (!media)
        ratio_learn(&l->bytes, by_bytes(c), usage_prompt(u));
    if (is_sample(c, l))
        ratio_learn(&l->prompt, measure(c, t->provider, t->model, LEARN_BYTES).tokens,
                    usage_prompt(u));
    uint64_t shown = u->reasoning ? c->said : c->said + c->thought;
    if (shown >= ANSWER_LEAST && u->output > u->reasoning)
        ratio_learn(&l->answer, shown / BYTES_PER_TOKEN, u->output - u->reasoning);
}
