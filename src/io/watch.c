/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch - see watch.h.
 *
 * On Linux inotify is asked by ourselves, not by libuv: libuv wants to hear of every write to any
 * file of the directory, and an access log there is written to fifty times a second. Who closes a
 * file after writing, and who moves one in or away, is all that matters here.
 */
#include "io/watch.h"

#include <limits.h>
#include <sys/stat.h>
#ifdef __linux__
#include <sys/inotify.h>
#include <unistd.h>
#endif

#include "base/check.h"
#include "base/mem.h"

struct identity {
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec mtime;
};

struct watch {
#ifdef __linux__
    uv_poll_t events;
    int fd; /* of inotify */
#else
    uv_fs_event_t events;
#endif
    unsigned woken;     /* times that the kernel had something to tell */
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

static void look_if_changed(struct watch *w)
{
    struct identity now;
    w->woken++;
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

/* ---- the kernel's news: best effort, for the regular looks remain where there are none */

#ifdef __linux__
/* A file closed after writing, or one that came or went: also a symbolic link that was swapped. Not
 * each write: a log that stays open is written to all the time. */
#define NEWS                                                                                 \
    (IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF | \
     IN_MOVE_SELF | IN_ONLYDIR)

static void on_news(uv_poll_t *h, int status, int events)
{
    struct watch *w = h->data;
    char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    (void)status;
    (void)events;
    while (read(w->fd, buf, sizeof(buf)) > 0)
        ; /* what exactly it was does not matter: a look tells */
    look_if_changed(w);
}

/* False: no inotify left, no such directory. Then there is no handle. */
static bool listen_for_news(struct watch *w, const char *dir)
{
    w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (w->fd < 0)
        return false;
    if (inotify_add_watch(w->fd, dir, NEWS) >= 0 &&
        uv_poll_init(loop_uv(w->loop), &w->events, w->fd) == 0) {
        w->events.data = w;
        (void)uv_poll_start(&w->events, UV_READABLE, on_news);
        return true;
    }
    close(w->fd);
    w->fd = -1;
    return false;
}

static void end_news(struct watch *w)
{
    if (w->fd >= 0)
        close(w->fd);
}
#else
static void on_news(uv_fs_event_t *h, const char *name, int events, int status)
{
    (void)name;
    (void)events;
    (void)status;
    look_if_changed(h->data);
}

static bool listen_for_news(struct watch *w, const char *dir)
{
    uv_fs_event_init(loop_uv(w->loop), &w->events);
    w->events.data = w;
    (void)uv_fs_event_start(&w->events, on_news, dir, 0);
    return true;
}

static void end_news(struct watch *w)
{
    (void)w;
}
#endif

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
    w->open_handles = 1;
    timer_init(&w->timer, l, on_timer);
    timer_set(&w->timer, loop_now(l) + WATCH_LOOK_MS);
    directory_of(w->path, dir);
    if (listen_for_news(w, dir))
        w->open_handles++;
    *ret = w;
    return RC_OK;
}

static void closed_one(struct watch *w)
{
    CHECK(w->open_handles > 0);
    if (--w->open_handles)
        return;
    end_news(w);
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

unsigned watch_woken(const struct watch *w)
{
    return w->woken;
}

void watch_free(struct watch *w)
{
    if (!w)
        return;
    if (w->open_handles == 2)
        uv_close((uv_handle_t *)&w->events, on_events_closed);
    timer_close(&w->timer, on_timer_closed);
}
