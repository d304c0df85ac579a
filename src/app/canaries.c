/* SPDX-License-Identifier: Apache-2.0 */
/* canaries - see the header. */
#include "app/canaries.h"

#include <stdio.h>

#include "app/data_file.h"
#include "base/auto.h"
#include "route/trial_keep.h"

#define FILE_NAME "canaries.json"
#define FILE_MAX  (1u << 20) /* 64 trials of at most 6 KiB, and room */
#define DOC_MAX   (16u << 20)
#define LOOK_MS   1000
#define WRITE_MS  60000

static bool has_any(const struct trials *t)
{
    return atomic_load_explicit(&t->slot[0], memory_order_acquire) != NULL;
}

static void write_all(struct canaries *k)
{
    AUTO(buf_fini) struct buf text = BUF_INIT(FILE_MAX);
    struct rope r = ROPE_INIT(FILE_MAX);
    struct json_writer w;
    k->news = atomic_load_explicit(&k->trials->news, memory_order_relaxed);
    k->written = loop_now(k->loop);
    json_writer_init(&w, &r);
    trials_write(k->trials, &w, k->written);
    rope_flatten(&r, &text);
    const str parts[] = {text.failed || rope_failed(&r) ? STR_NONE : buf_str(&text), STR("\n")};
    if (parts[0].n && !data_file_write(*k->snap, FILE_NAME, parts, ARRAY_LEN(parts)) && !k->said) {
        k->said = true;
        fprintf(stderr,
                "weir: " STR_FMT "/" FILE_NAME
                " cannot be written: a restart will begin the canaries anew\n",
                STR_ARG((*k->snap)->data_dir));
    }
    rope_fini(&r);
}

static void on_clock(struct timer *t)
{
    struct canaries *k = (struct canaries *)(void *)((char *)t - offsetof(struct canaries, clock));
    const msec now = loop_now(k->loop);
    const bool news = atomic_load_explicit(&k->trials->news, memory_order_relaxed) != k->news;
    if (news || (has_any(k->trials) && now - k->written >= WRITE_MS))
        write_all(k);
    timer_set(t, now + LOOK_MS);
}

static void read_all(struct canaries *k)
{
    AUTO(buf_fini) struct buf text = BUF_INIT(FILE_MAX + DATA_FILE_STEP);
    struct arena a;
    struct json_doc doc;
    if (!data_file_read(*k->snap, FILE_NAME, &text))
        return; /* there is none, or it is longer than we ever write: not ours */
    arena_init(&a, DOC_MAX);
    if (json_parse(&a, buf_str(&text), &doc, NULL) == RC_OK)
        trials_read(k->trials, json_root(&doc), &a, loop_now(k->loop));
    else
        fprintf(stderr, "weir: " STR_FMT "/" FILE_NAME " is no JSON: the canaries begin anew\n",
                STR_ARG((*k->snap)->data_dir));
    arena_fini(&a);
}

void canaries_start(struct canaries *k, struct loop *loop, struct trials *trials,
                    struct snapshot *const *snap)
{
    *k = (struct canaries){.loop = loop, .trials = trials, .snap = snap, .running = true};
    read_all(k);
    k->written = loop_now(loop);
    timer_init(&k->clock, loop, on_clock);
    timer_set(&k->clock, k->written + LOOK_MS);
}

void canaries_stop(struct canaries *k)
{
    if (!k->running)
        return;
    k->running = false;
    if (has_any(k->trials))
        write_all(k);
    timer_close(&k->clock, NULL);
}
