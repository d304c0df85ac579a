/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mirror_log - what a copy brought: compared with what the caller got, counted, and told.
 *
 *     {"time":…,"mirror_of":"req_…","rule":"trial","outcome":"tools","differs":["tools","text"],
 *      "key":…,"path":…,"stream":false,
 *      "caller":{"provider":…,"model":…,"status":200,"finish":"tool","text_bytes":0,"tools":1,
 *                "ms":812,"ttft_ms":790,"input_tokens":…,"output_tokens":…,"cost_usd":…},
 *      "copy":{…the same of the copy…}}
 *
 * One line of the access log, without "id" and "attempts": nobody takes it for a call's. What was
 * said stands in neither: lengths and hashes were compared.
 */
#include "base/fmt.h"
#include "gate/mirror.h"
#include "json/write.h"

#define RECORD_MAX (64u << 10)

static const str outcome_names[] = {
#define OUTCOME(id, name) STR(name),
#include "gate/mirror.def"
#undef OUTCOME
};

static const struct {
    unsigned bit;
    str name;
} differences[] = {
    {LIKENESS_FINISH, STR("finish")},
    {LIKENESS_TOOLS, STR("tools")},
    {LIKENESS_ARGS, STR("arguments")},
    {LIKENESS_TEXT, STR("text")},
};

static bool is_served(const struct mirror_side *s)
{
    return s->error == ERR_COUNT && s->status >= 200 && s->status < 300;
}

enum mirror_outcome mirror_compare(struct mirror *m)
{
    const bool theirs = is_served(&m->theirs), own = is_served(&m->own);
    m->differs = 0;
    if (!theirs || !own)
        return theirs ? MIRROR_FAILED : own ? MIRROR_BETTER : MIRROR_NEITHER;
    if (!m->theirs.like.whole || !m->own.like.whole)
        return MIRROR_UNKNOWN;
    m->differs = likeness_compare(&m->theirs.like, &m->own.like);
    return m->differs & LIKENESS_FINISH                    ? MIRROR_FINISH
           : m->differs & (LIKENESS_TOOLS | LIKENESS_ARGS) ? MIRROR_TOOLS
           : m->differs & LIKENESS_TEXT                    ? MIRROR_TEXT
                                                           : MIRROR_SAME;
}

/* ---- numbers */

void mirror_count(struct gate *g, const struct conf_rule *r, enum mirror_outcome how)
{
    CHECK(how < MIRROR_OUTCOMES);
    struct series *s =
        series_of(&g->set.metrics->series, SERIES_MIRRORED, r->name, outcome_names[how]);
    if (s)
        series_add(s, SERIES_CALLS, 1);
}

static void count_side(const struct mirror *m, const struct mirror_side *side, str name)
{
    struct series *s =
        series_of(&m->call.gate->set.metrics->series, SERIES_MIRROR_SIDE, m->rule->name, name);
    if (!s)
        return;
    series_add(s, SERIES_SIDE_CALLS, 1);
    series_add(s, SERIES_SIDE_MS, side->ms);
    series_add(s, SERIES_SIDE_TOKENS, usage_prompt(&side->usage) + side->usage.output);
    if (side->charged && side->charge.source != PRICE_BY_NOBODY)
        series_add(s, SERIES_SIDE_USD, (uint64_t)side->charge.cost.usd);
}

/* ---- the line */

static void put_usage(struct json_writer *w, const struct mirror_side *s)
{
    char usd[FMT_USD_MAX];
    if (s->usage.source == USAGE_NONE)
        return;
    json_key(w, "input_tokens");
    json_put_u64(w, usage_prompt(&s->usage));
    json_key(w, "output_tokens");
    json_put_u64(w, s->usage.output);
    if (!s->charged)
        return;
    json_key(w, "cost_usd");
    if (s->charge.source == PRICE_BY_NOBODY)
        json_put_null(w);
    else
        json_put_text(w, str_of(usd, fmt_usd(usd, s->charge.cost.usd)));
}

static void put_side(struct json_writer *w, const struct mirror_side *s)
{
    json_begin_object(w);
    if (s->provider) {
        json_key(w, "provider");
        json_put_str(w, s->provider->name);
        json_key(w, "model");
        json_put_str(w, s->model);
    }
    json_key(w, "status");
    json_put_u64(w, s->status);
    if (s->error != ERR_COUNT) {
        json_key(w, "error");
        json_put_str(w, err_row(s->error)->name);
    }
    if (s->like.whole) {
        json_key(w, "finish");
        json_put_str(w, ir_finish_name(s->like.finish));
        json_key(w, "text_bytes");
        json_put_u64(w, s->like.bytes);
        json_key(w, "tools");
        json_put_u64(w, s->like.calls);
    }
    json_key(w, "ms");
    json_put_u64(w, s->ms);
    json_key(w, "ttft_ms");
    json_put_u64(w, s->ttft_ms);
    put_usage(w, s);
    json_end(w);
}

static void put_outcome(struct json_writer *w, const struct mirror *m)
{
    json_key(w, "rule");
    json_put_str(w, m->rule->name);
    json_key(w, "outcome");
    json_put_str(w, outcome_names[m->outcome]);
    json_key(w, "differs");
    json_begin_array(w);
    for (size_t i = 0; i < ARRAY_LEN(differences); i++)
        if (m->differs & differences[i].bit)
            json_put_str(w, differences[i].name);
    json_end(w);
}

static void put_line(struct json_writer *w, const struct mirror *m)
{
    const struct call *c = &m->call;
    char time[FMT_TIME_MAX];
    json_begin_object(w);
    json_key(w, "time");
    json_put_str(w, str_of(time, fmt_time(time, loop_unix_ms(c->gate->loop))));
    json_key(w, "mirror_of");
    json_put_str(w, m->id);
    put_outcome(w, m);
    if (c->key) {
        json_key(w, "key");
        json_put_str(w, c->key->name);
    }
    json_key(w, "path");
    json_put_str(w, str_head(c->req->head->path, 1024));
    json_key(w, "stream");
    json_put_bool(w, c->peek.stream);
    json_key(w, "caller");
    put_side(w, &m->theirs);
    json_key(w, "copy");
    put_side(w, &m->own);
    json_end(w);
}

void mirror_record(struct mirror *m)
{
    struct gate *g = m->call.gate;
    struct rope rope = ROPE_INIT(RECORD_MAX);
    struct json_writer w;
    mirror_count(g, m->rule, m->outcome);
    if (is_served(&m->theirs) && is_served(&m->own) && m->outcome < MIRROR_FAILED) {
        count_side(m, &m->theirs, STR("caller"));
        count_side(m, &m->own, STR("copy"));
    }
    if (!g->set.access)
        return;
    json_writer_init(&w, &rope);
    put_line(&w, m);
    buf_clear(&g->line);
    rope_flatten(&rope, &g->line);
    g->line.failed |= rope_failed(&rope);
    buf_add_char(&g->line, '\n');
    settle_log(&m->call, &g->line);
    rope_fini(&rope);
}
