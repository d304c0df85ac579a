/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log - single-producer single-consumer byte rings and the thread behind them.
 *
 * The thread looks at the rings every LOOK_MS while there is traffic and falls back to IDLE_MS when
 * there is none: a wake-up per line would cost the worker a system call. A line is never split over
 * a drop: it goes in whole or not at all. A short or failed write drops what was not written, whole
 * lines or not, and the next line starts behind a newline.
 *
 * A file of ours is opened non-blocking. The standard ones are shared with whoever started us, who
 * may not expect that, so they stay as they are: it is asked first whether there is room, and no
 * more than PIPE_BUF is written then, which a pipe with room takes without waiting. So a stalled
 * reader holds neither the calls nor the end of the process. Unless they are regular files, which
 * have no reader to wait for: those take all there is at once. Each write to a file wakes whoever
 * watches its directory, and where the configuration lies beside the log that is our own main
 * thread.
 */
#include "obs/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"

#define LOOK_MS  20
#define IDLE_MS  200
#define STUCK_MS 2000

/*
 * Bytes between tail and head wait to be written; both only ever grow, and their low bits are
 * places in `data`. Each is written by one thread and read by the other, so each has a cache line
 * of its own: a line that is put must not wait for the consumer's core to let go of the other
 * counter.
 */
struct log_ring {
    _Atomic uint64_t head; /* written by the producer */
    char pad_[56];
    _Atomic uint64_t tail; /* written by the consumer */
    _Atomic uint64_t dropped;
    char data[LOG_RING_SIZE];
};

struct log {
    struct log_ring **rings;
    unsigned nrings;
    char *path;
    int fd;
    bool own_fd, regular, torn;
    atomic_bool stop, reopen;
    pthread_t thread;
};

_Static_assert((LOG_RING_SIZE & (LOG_RING_SIZE - 1)) == 0, "a place is found by the low bits");

/* A call never waits for its log: where there is no room the line is lost, and that is counted. */
bool log_put(struct log_ring *r, str line)
{
    uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
    ASSERT(head - tail <= LOG_RING_SIZE && line.n && line.p[line.n - 1] == '\n');
    if (line.n > LOG_RING_SIZE - (head - tail)) {
        atomic_fetch_add_explicit(&r->dropped, 1, memory_order_relaxed);
        return false;
    }
    size_t at = head & (LOG_RING_SIZE - 1), first = LOG_RING_SIZE - at;
    if (first > line.n)
        first = line.n;
    memcpy(r->data + at, line.p, first);
    memcpy(r->data, line.p + first, line.n - first);
    atomic_store_explicit(&r->head, head + line.n, memory_order_release);
    return true;
}

uint64_t log_dropped(const struct log_ring *r)
{
    return atomic_load_explicit(&r->dropped, memory_order_relaxed);
}

/* At the start, and whenever somebody has moved the file away: the new one is open before the old
 * one closes, so no line falls between. */
static void open_file(struct log *l)
{
    if (!l->path)
        return;
    int fd = open(l->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0640);
    if (fd < 0)
        return; /* the old file goes on */
    if (l->own_fd)
        close(l->fd);
    l->fd = fd;
    l->own_fd = true;
}

/* logrotate has moved the file away, or it was deleted: what is written to it now nobody looks at.
 * Asked only when there is something to write, by the side thread. */
static bool was_moved(const struct log *l)
{
    struct stat ours, there;
    if (!l->path || fstat(l->fd, &ours) != 0)
        return false;
    return stat(l->path, &there) != 0 || there.st_dev != ours.st_dev || there.st_ino != ours.st_ino;
}

/* As write(2), but EAGAIN when there is no room, on any kind of file. */
static ssize_t write_some(const struct log *l, const char *p, size_t n)
{
    struct pollfd pf = {.fd = l->fd, .events = POLLOUT};
    if (l->own_fd || l->regular)
        return write(l->fd, p, n);
    if (poll(&pf, 1, 0) == 1)
        return write(l->fd, p, n < PIPE_BUF ? n : PIPE_BUF);
    errno = EAGAIN;
    return -1;
}

/* What was lost is told in lines; a piece without an end is one. */
static uint64_t count_lines(const char *p, size_t n)
{
    uint64_t lines = 0;
    for (size_t i = 0; i < n; i++)
        lines += p[i] == '\n';
    return lines ? lines : 1;
}

/* Write it all; what cannot be written is dropped. At the end a file that is stuck already gets no
 * more patience. */
static void write_out(struct log *l, struct log_ring *r, const char *p, size_t n)
{
    unsigned waits = 0;
    if (l->torn && n) {
        l->torn = write_some(l, "\n", 1) != 1;
    }
    unsigned most = l->torn && atomic_load(&l->stop) ? 0 : STUCK_MS / LOOK_MS;
    while (n) {
        ssize_t k = write_some(l, p, n);
        if (k > 0) {
            p += k;
            n -= (size_t)k;
            waits = 0;
            continue;
        }
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0 && errno == EAGAIN && waits++ < most) { /* a pipe whose reader is slow */
            struct pollfd pf = {.fd = l->fd, .events = POLLOUT};
            poll(&pf, 1, LOOK_MS);
            continue;
        }
        l->torn = true;
        atomic_fetch_add_explicit(&r->dropped, count_lines(p, n), memory_order_relaxed);
        return;
    }
}

static bool empty_ring(struct log *l, struct log_ring *r, bool *looked)
{
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    uint64_t head = atomic_load_explicit(&r->head, memory_order_acquire);
    if (head == tail)
        return false;
    if (!*looked && was_moved(l))
        open_file(l);
    *looked = true;
    while (tail != head) {
        size_t at = tail & (LOG_RING_SIZE - 1), n = LOG_RING_SIZE - at;
        if (n > head - tail)
            n = (size_t)(head - tail);
        write_out(l, r, r->data + at, n);
        tail += n;
        atomic_store_explicit(&r->tail, tail, memory_order_release);
    }
    return true;
}

static void *log_thread(void *arg)
{
    struct log *l = arg;
    sigset_t all; /* signals are the main thread's, to its very end */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    unsigned quiet = 0;
    for (;;) {
        bool last = atomic_load(&l->stop), any = false, looked = false;
        if (atomic_exchange(&l->reopen, false))
            open_file(l);
        for (unsigned i = 0; i < l->nrings; i++)
            any |= empty_ring(l, l->rings[i], &looked);
        if (last)
            return NULL;
        quiet = any ? 0 : quiet + 1;
        unsigned ms = quiet > 50 ? IDLE_MS : LOOK_MS;
        nanosleep(&(struct timespec){.tv_nsec = (long)ms * 1000000}, NULL);
    }
}

static void destroy(struct log *l)
{
    for (unsigned i = 0; l->rings && i < l->nrings; i++)
        mem_free(l->rings[i]);
    mem_free(l->rings);
    mem_free(l->path);
    if (l->own_fd)
        close(l->fd);
    mem_free(l);
}

enum rc log_new(const char *path, int fd, unsigned producers, struct log **ret)
{
    struct log *l = mem_zalloc(sizeof(*l));
    if (!l)
        return RC_NOMEM;
    struct stat st;
    l->fd = fd;
    l->regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    l->nrings = producers;
    l->rings = mem_zalloc(producers * sizeof(*l->rings));
    bool ok = l->rings != NULL;
    for (unsigned i = 0; ok && i < producers; i++)
        ok = (l->rings[i] = mem_zalloc(sizeof(struct log_ring))) != NULL;
    if (ok && path) {
        size_t n = strlen(path) + 1;
        l->path = mem_alloc(n);
        ok = l->path != NULL;
        if (ok)
            memcpy(l->path, path, n);
    }
    if (!ok) {
        destroy(l);
        return RC_NOMEM;
    }
    open_file(l);
    if ((path && !l->own_fd) || pthread_create(&l->thread, NULL, log_thread, l) != 0) {
        destroy(l);
        return RC_IO;
    }
    *ret = l;
    return RC_OK;
}

void log_free(struct log *l)
{
    if (!l)
        return;
    atomic_store(&l->stop, true);
    pthread_join(l->thread, NULL);
    destroy(l);
}

struct log_ring *log_ring(struct log *l, unsigned producer)
{
    CHECK(producer < l->nrings);
    return l->rings[producer];
}

void log_reopen(struct log *l)
{
    atomic_store(&l->reopen, true);
}
