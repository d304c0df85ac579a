/* SPDX-License-Identifier: Apache-2.0 */
/* watch - see watch.h. */
#include "io/watch.h"

#include <limits.h>
#include <sys/stat.h>

#include "base/mem.h"

struct identity {
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec mtime;
};

struct watch {
    uv_fs_event_t events;
    struct timer timer; /* the end of stillness, or the next look */
    struct loop *loop;
    void (*fn)(void *arg);
    void *arg;
    struct identity told; /* as of the last fn, or of the start */
    struct identity seen; /* as of the last look: it must stay so to be told */
    unsigned open_handles;
    char path[PATH_MAX];
};

static bool identify(const char *path, struct identity *ret)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return false;
    *ret = (struct identity){st.st_dev, st.st_ino, st.st_size, st.st_mtim};
    return true;
}

static bool same(const struct identity *a, const struct identity *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
           a->mtime.tv_sec == b->mtime.tv_sec && a->mtime.tv_nsec == b->mtime.tv_nsec;
}

static void look(struct watch *w)
{
    struct identity now;
    msec wait = WATCH_LOOK_MS;
    bool tell = false;
    if (identify(w->path, &now) && !same(&now, &w->told)) {
        tell = same(&now, &w->seen); /* still since the last look */
        w->seen = now;
        if (!tell)
            wait = WATCH_STILL_MS;
    }
    timer_set(&w->timer, loop_now(w->loop) + wait);
    if (tell) {
        w->told = now;
        w->fn(w->arg);
    }
}

static void on_timer(struct timer *t)
{
    look(list_entry(t, struct watch, timer));
}

static void on_event(uv_fs_event_t *h, const char *name, int events, int status)
{
    struct watch *w = h->data;
    struct identity now;
    (void)name;
    (void)events;
    (void)status;
    if (identify(w->path, &now) && !same(&now, &w->seen))
        look(w);
}

/* The directory of `path`, in place of its last part. */
static void directory_of(const char *path, char to[PATH_MAX])
{
    str p = str_c(path);
    size_t slash = str_rfind_char(p, '/');
    str dir = slash == SIZE_MAX ? STR(".") : slash == 0 ? STR("/") : str_head(p, slash);
    memcpy(to, dir.p, dir.n);
    to[dir.n] = '\0';
}

enum rc watch_new(struct loop *l, str path, void (*fn)(void *arg), void *arg, struct watch **ret)
{
    char dir[PATH_MAX];
    if (path.n == 0 || path.n >= PATH_MAX)
        return RC_RANGE;
    struct watch *w = mem_zalloc(sizeof(*w));
    if (!w)
        return RC_NOMEM;
    w->loop = l;
    w->fn = fn;
    w->arg = arg;
    memcpy(w->path, path.p, path.n);
    (void)identify(w->path, &w->told);
    w->seen = w->told;
    w->open_handles = 2;
    timer_init(&w->timer, l, on_timer);
    timer_set(&w->timer, loop_now(l) + WATCH_LOOK_MS);
    uv_fs_event_init(loop_uv(l), &w->events);
    w->events.data = w;
    directory_of(w->path, dir);
    /* No inotify left, no such directory: the regular looks remain. */
    (void)uv_fs_event_start(&w->events, on_event, dir, 0);
    *ret = w;
    return RC_OK;
}

static void closed_one(struct watch *w)
{
    if (--w->open_handles == 0)
        mem_free(w);
}

static void on_timer_closed(struct timer *t)
{
    closed_one(list_entry(t, struct watch, timer));
}

static void on_events_closed(uv_handle_t *h)
{
    closed_one(h->data);
}

void watch_free(struct watch *w)
{
    if (!w)
        return;
    timer_close(&w->timer, on_timer_closed);
    uv_close((uv_handle_t *)&w->events, on_events_closed);
}
