/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an earlier run has left of targets (route/record.h), read by one that trusts none of it.
 *
 * Whatever comes, shares stay shares and times are bounded; a health record takes it without
 * breaking a rule of its own; and what is written again is read as the same set of targets.
 */
#include "fuzz.h"

#include "route/record.h"

#define ARENA_MAX (16u << 20)
#define NOW       5000000
#define AGE       7000

static const struct hash_key key = {1, 2};

static void check_record(const struct record *r)
{
    static const struct quota_need need = {1000, 100};
    struct health h = {0};
    record_restore(r, &h);
    const struct reading seen = figures_read(&h.figures, NOW + 1);
    CHECK(seen.error_rate >= 0 && seen.error_rate <= 1);
    CHECK(seen.cached >= 0 && seen.cached <= 1 && seen.waste >= 0 && seen.waste <= FIGURES_WASTE);
    CHECK(h.figures.n <= FIGURES_REMEMBERED * 1.001 && h.figures.at <= NOW);
    CHECK(health_ready_at(&h, NOW) <= NOW + 86400000);
    const double room = quota_room(&h.quota, NOW);
    CHECK(room >= 0 && room <= 1);
    CHECK(quota_ready_at(&h.quota, &need, NOW) <= NOW + QUOTA_BELIEVED_MS);
    figures_begin(&h.figures, NOW + 1);
    figures_first(&h.figures, NOW + 3, NOW + 1);
    figures_end(&h.figures, NOW + 5, NOW + 1, NOW + 3, FIGURES_SERVED, 10);
    health_success(&h, NOW + 5);
}

static size_t read_again(const struct records *s, struct arena *a)
{
    struct rope r = ROPE_INIT(ARENA_MAX);
    struct buf flat = BUF_INIT(ARENA_MAX);
    struct json_writer w;
    struct json_doc doc;
    struct records again;
    json_writer_init(&w, &r);
    records_write(s, &w, NOW);
    rope_flatten(&r, &flat);
    CHECK(!rope_failed(&r));
    records_init(&again, key);
    enum rc rc = json_parse(a, buf_str(&flat), &doc, NULL);
    CHECK(rc == RC_OK || rc == RC_NOMEM);
    if (rc == RC_OK)
        CHECK(records_read(&again, json_root(&doc), NOW, 0));
    const size_t n = rc == RC_OK ? again.map.count : 0;
    list_each(it, &again.all) CHECK(records_find(s, list_entry(it, struct record, link)->id));
    records_fini(&again);
    rope_fini(&r);
    buf_fini(&flat);
    return n;
}

static void check_warm(jval v)
{
    struct warm_note notes[16];
    const unsigned n = warm_read(v, AGE, notes, ARRAY_LEN(notes));
    CHECK(n <= ARRAY_LEN(notes));
    for (unsigned i = 0; i < n; i++)
        CHECK(notes[i].hash && notes[i].share >= 0 && notes[i].share <= 1 && notes[i].ttl > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct json_doc doc;
    struct records s;
    arena_init(&a, ARENA_MAX);
    records_init(&s, key);
    if (json_parse(&a, str_of((const char *)data, size), &doc, NULL) == RC_OK &&
        records_read(&s, json_root(&doc), NOW, AGE)) {
        list_each(it, &s.all) check_record(list_entry(it, struct record, link));
        CHECK(read_again(&s, &a) <= s.map.count);
        check_warm(json_root(&doc));
    }
    records_fini(&s);
    arena_fini(&a);
    return 0;
}
