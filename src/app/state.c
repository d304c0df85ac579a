/* SPDX-License-Identifier: Apache-2.0 */
/* state - see the header. */
#include "app/state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/data_file.h"
#include "app/serve_int.h"
#include "base/auto.h"
#include "base/digest.h"
#include "base/fmt.h"
#include "base/mem.h"
#include "base/num.h"
#include "gate/census.h"

#define NAME      "state.kept"
#define MAGIC     "weir-state-1 "
#define HEX       (2 * DIGEST_SHA256)
#define HEAD_SIZE (sizeof(MAGIC) - 1 + HEX + 1)
#define TEXT_MAX  (32u << 20)
#define NODES_MAX (128u << 20) /* bytes of the parsed text */
#define RETRY_MS  60000        /* where nothing is kept: has a reload changed that? */

/* ---- sections */

/* The key of identities. Without it nothing of an earlier run would be found again. */
static void identity_write(struct process *p, const struct state_moment *at, struct json_writer *w)
{
    char hex[2 * 16];
    (void)at;
    fmt_hex64(hex, p->world.identity.k0);
    fmt_hex64(hex + 16, p->world.identity.k1);
    json_put_str(w, str_of(hex, sizeof(hex)));
}

static bool identity_read(struct process *p, jval v, const struct state_moment *at)
{
    const str hex = json_raw(v);
    struct hash_key key;
    (void)at;
    if (hex.n != 32 || num_hex(str_head(hex, 16), &key.k0) != RC_OK ||
        num_hex(str_from(hex, 16), &key.k1) != RC_OK)
        return false;
    p->world.identity = key;
    return true;
}

static void targets_write_all(struct process *p, const struct state_moment *at,
                              struct json_writer *w)
{
    (void)p;
    records_write(at->all, w, at->now);
}

static bool targets_read(struct process *p, jval v, const struct state_moment *at)
{
    return records_read(&p->state.remembered, v, at->now, at->age);
}

static void warm_write_all(struct process *p, const struct state_moment *at, struct json_writer *w)
{
    (void)p;
    warm_write(at->all->warm, at->all->nwarm, w);
}

static bool warm_read_all(struct process *p, jval v, const struct state_moment *at)
{
    struct records *r = &p->state.remembered;
    if (!json_is(v, JSON_ARRAY))
        return false;
    r->warm = json_len(v) ? mem_alloc(WARM_MOST * sizeof(*r->warm)) : NULL;
    r->nwarm = r->warm ? warm_read(v, at->age, r->warm, WARM_MOST) : 0;
    return true;
}

static const struct state_section {
    str name;
    void (*write)(struct process *p, const struct state_moment *at, struct json_writer *w);
    bool (*read)(struct process *p, jval v, const struct state_moment *at);
} sections[] = {
    {STR("identity"), identity_write, identity_read},
    {STR("targets"), targets_write_all, targets_read},
    {STR("warm"), warm_write_all, warm_read_all},
};

/* ---- the file */

static void head_of(str text, char to[HEAD_SIZE])
{
    uint8_t digest[DIGEST_SHA256];
    digest_sha256(text, digest);
    memcpy(to, MAGIC, sizeof(MAGIC) - 1);
    digest_hex(digest, to + sizeof(MAGIC) - 1);
    to[HEAD_SIZE - 1] = '\n';
}

static bool put(struct process *p, const struct records *all, struct buf *to)
{
    struct rope r = ROPE_INIT(TEXT_MAX);
    struct json_writer w;
    const struct state_moment at = {
        .now = loop_now(p->loop), .unix_ms = loop_unix_ms(p->loop), .all = all};
    json_writer_init(&w, &r);
    json_begin_object(&w);
    json_key(&w, "saved_unix_ms");
    json_put_u64(&w, at.unix_ms);
    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        json_key_str(&w, sections[i].name);
        sections[i].write(p, &at, &w);
    }
    json_end(&w);
    rope_flatten(&r, to);
    buf_add_char(to, '\n');
    const bool good = !rope_failed(&r) && !to->failed;
    rope_fini(&r);
    return good;
}

static void write_file(struct process *p, const struct records *all)
{
    AUTO(buf_fini) struct buf text = BUF_INIT(TEXT_MAX);
    char head[HEAD_SIZE];
    errno = ENOMEM;
    bool good = put(p, all, &text);
    if (good) {
        head_of(buf_str(&text), head);
        const str parts[] = {str_of(head, HEAD_SIZE), buf_str(&text)};
        good = data_file_write(p->snap, NAME, parts, ARRAY_LEN(parts));
    }
    if (!good && !p->state.failed)
        fprintf(stderr,
                "weir: what was learned of targets cannot be kept in " STR_FMT
                " (%s): a restart begins without it\n",
                STR_ARG(p->snap->data_dir), strerror(errno));
    if (good && p->state.failed)
        fprintf(stderr, "weir: what was learned of targets is kept again\n");
    p->state.failed = !good;
}

/* What was known before the start, and nobody has asked for since, is carried on. */
static void save(struct process *p, struct records *all)
{
    records_inherit(all, &p->state.remembered, loop_now(p->loop));
    write_file(p, all);
}

/* ---- when */

static uint64_t attempts_of(const struct process *p)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < p->nworkers; i++) {
        const struct metric_provider *m =
            atomic_load_explicit(&p->shards[i]->providers, memory_order_acquire);
        for (; m; m = atomic_load_explicit(&m->next, memory_order_acquire))
            n += metric_get(&m->counter[METRIC_P_CALLS]);
    }
    return n;
}

static void on_counted(struct census *c)
{
    struct process *p = c->arg;
    p->state.counting = false;
    if (p->stage == STAGE_SERVING) /* else it is done at the end */
        save(p, &c->all);
    census_free(c);
}

static void on_clock(struct timer *t)
{
    struct process *p =
        (struct process *)(void *)((char *)t - offsetof(struct process, state.clock));
    const msec every = p->snap->routing.remember;
    const uint64_t attempts = attempts_of(p);
    timer_set(t, loop_now(p->loop) + (every ? every : RETRY_MS));
    if (!every || p->state.counting || p->stage != STAGE_SERVING ||
        (attempts == p->state.written && !p->state.failed))
        return;
    struct census *c = census_new(&p->world, p->loop, on_counted, p);
    if (!c)
        return; /* no memory: the next turn tries again */
    p->state.counting = true;
    p->state.written = attempts;
    census_start(c);
}

void state_begin(struct process *p)
{
    const msec every = p->snap->routing.remember;
    timer_init(&p->state.clock, p->loop, on_clock);
    timer_set(&p->state.clock, loop_now(p->loop) + (every ? every : RETRY_MS));
}

void state_end(struct process *p)
{
    struct records all;
    timer_close(&p->state.clock, NULL);
    if (!p->snap->routing.remember || (!attempts_of(p) && !p->state.failed))
        return; /* what is on the disk is all there is to know */
    records_init(&all, p->world.identity);
    for (unsigned i = 0; i < p->nworkers; i++)
        census_take(atomic_load(&p->world.gates[i]), &all);
    save(p, &all);
    records_fini(&all);
}

void state_fini(struct process *p)
{
    records_fini(&p->state.remembered);
}

/* ---- reading */

/* NULL: it is whole, and its text in *ret. */
static const char *fault_of(str file, str *ret)
{
    char head[HEAD_SIZE];
    if (!str_has_prefix(file, STR("weir-state-")))
        return "it is no file of weir's state";
    if (!str_has_prefix(file, str_of(MAGIC, sizeof(MAGIC) - 1)))
        return "another version of weir wrote it";
    if (file.n <= HEAD_SIZE)
        return "it was cut off";
    head_of(str_from(file, HEAD_SIZE), head);
    if (memcmp(head, file.p, HEAD_SIZE) != 0)
        return "it is damaged: its checksum is another one";
    *ret = str_from(file, HEAD_SIZE);
    return NULL;
}

static const char *read_sections(struct process *p, str text)
{
    AUTO(arena_fini) struct arena a;
    struct json_doc doc;
    uint64_t saved;
    struct state_moment at = {
        .now = loop_now(p->loop), .unix_ms = loop_unix_ms(p->loop), .arena = &a};
    arena_init(&a, NODES_MAX);
    if (json_parse(&a, text, &doc, NULL) != RC_OK ||
        json_u64(json_get_lit(json_root(&doc), "saved_unix_ms"), &saved) != RC_OK)
        return "it is no JSON of weir's";
    at.now = at.now ? at.now : 1;
    at.age = at.unix_ms > saved ? at.unix_ms - saved : 0; /* P25: a clock that went back */
    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        const jval v = json_get(json_root(&doc), sections[i].name);
        if (json_has(v) && !sections[i].read(p, v, &at))
            fprintf(stderr, "weir: what " NAME " says of " STR_FMT " is of no use, and left out\n",
                    STR_ARG(sections[i].name));
    }
    return NULL;
}

static void set_aside(struct process *p, const char *why)
{
    const bool moved = data_file_set_aside(p->snap, NAME);
    fprintf(stderr,
            "weir: " STR_FMT "/" NAME ": %s; %s, and what was learned of targets before is gone\n",
            STR_ARG(p->snap->data_dir), why,
            moved ? "it was set aside as " NAME ".bad" : "it is left out");
}

void state_load(struct process *p)
{
    AUTO(buf_fini) struct buf file = BUF_INIT(TEXT_MAX + HEAD_SIZE + DATA_FILE_STEP);
    str text;
    records_init(&p->state.remembered, p->world.identity);
    p->world.remembered = &p->state.remembered;
    if (!p->snap->routing.remember)
        return;
    errno = 0;
    if (!data_file_read(p->snap, NAME, &file)) {
        if (errno != ENOENT && errno != 0 && errno != ENOTDIR)
            fprintf(stderr, "weir: " STR_FMT "/" NAME " cannot be read (%s)\n",
                    STR_ARG(p->snap->data_dir), strerror(errno));
        return;
    }
    const char *why = fault_of(buf_str(&file), &text);
    if (!why)
        why = read_sections(p, text);
    if (why)
        set_aside(p, why);
}
