/* SPDX-License-Identifier: Apache-2.0 */
/* test_listen - listening, accepting, and connecting to several addresses (RELIABILITY D10, U1,
 * U41). */
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- an acceptor that counts */

struct door {
    struct loop *l;
    struct acceptor *a;
    uint16_t port;
    int fds[256];
    unsigned n;
    unsigned pause_at; /* acceptor_pause after so many; 0: never */
};

static void on_accept(void *arg, int fd)
{
    struct door *d = arg;
    assert_true(d->n < ARRAY_LEN(d->fds));
    d->fds[d->n++] = fd;
    if (d->n == d->pause_at)
        acceptor_pause(d->a);
}

static void door_open(struct door *d, const char *host)
{
    int fd;
    *d = (struct door){.l = need_loop()};
    assert_int_equal(listen_open(str_c(host), 0, 64, &fd, &d->port, NULL), RC_OK);
    assert_int_not_equal(d->port, 0);
    assert_int_equal(acceptor_new(d->l, fd, on_accept, d, &d->a), RC_OK);
}

static void door_close(struct door *d)
{
    for (unsigned i = 0; i < d->n; i++)
        close(d->fds[i]);
    acceptor_free(d->a);
    loop_free(d->l);
}

static int knock(uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

static void test_accept(void **state)
{
    (void)state;
    struct door d;
    int fds[40], on = 0;
    socklen_t n = sizeof(on);
    door_open(&d, "127.0.0.1");
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        fds[i] = knock(d.port);
    loop_turn(d.l, false);
    assert_true(d.n > 0 && d.n <= 2 * LISTEN_BATCH); /* a batch a turn, then others' turn */
    RUN_UNTIL(d.l, d.n == ARRAY_LEN(fds), 1000);
    assert_true(fcntl(d.fds[0], F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(d.fds[0], F_GETFD) & FD_CLOEXEC);
    assert_int_equal(getsockopt(d.fds[0], IPPROTO_TCP, TCP_NODELAY, &on, &n), 0);
    assert_true(on); /* inherited */
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
    door_close(&d);
}

static void test_pause(void **state)
{
    (void)state;
    struct door d;
    door_open(&d, "localhost");
    d.pause_at = 2;
    int fds[5];
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        fds[i] = knock(d.port);
    run_for(d.l, 20);
    assert_int_equal(d.n, 2);
    d.pause_at = 0;
    acceptor_resume(d.a);
    RUN_UNTIL(d.l, d.n == 5, 1000);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
    door_close(&d);
}

static void test_addresses(void **state)
{
    (void)state;
    int a, b;
    uint16_t port, same;
    const char *why = NULL;
    static const char *const good[] = {"127.0.0.1", "::1", "[::1]",  "localhost",
                                       "",          "*",   "0.0.0.0"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(listen_open(str_c(good[i]), 0, 8, &a, &port, &why), RC_OK);
        /* Another worker on the same port. */
        assert_int_equal(listen_open(str_c(good[i]), port, 8, &b, &same, &why), RC_OK);
        assert_int_equal(port, same);
        close(a);
        close(b);
    }
    static const char *const bad[] = {"example.com", "256.0.0.1", "1.2.3", "[::1", ":::"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(listen_open(str_c(bad[i]), 0, 8, &a, &port, &why), RC_CONFIG);
    assert_int_equal(listen_open(STR("192.0.2.1"), 0, 8, &a, &port, &why), RC_IO); /* not ours */
    assert_non_null(why);
}

static void test_in_use(void **state)
{
    (void)state;
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t n = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM, 0), other; /* without SO_REUSEPORT: somebody else's */
    uint16_t port;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    assert_int_equal(listen_open(STR("127.0.0.1"), ntohs(a.sin_port), 8, &other, &port, NULL),
                     RC_BUSY);
    close(fd);
}

/* D10: no descriptors left. The acceptor turns one client away, rests, does not spin, and recovers.
 */
static void test_out_of_fds(void **state)
{
    (void)state;
    struct door d;
    struct rlimit before, tight;
    int fillers[64], clients[40];
    unsigned nfill = 0;
    door_open(&d, "127.0.0.1");
    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        clients[i] = knock(d.port);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    tight = (struct rlimit){(rlim_t)clients[39] + 3, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    for (int fd; nfill < ARRAY_LEN(fillers) && (fd = dup(0)) >= 0;)
        fillers[nfill++] = fd;
    assert_int_equal(errno, EMFILE);
    usec t0 = loop_now_us();
    run_for(d.l, 300);
    assert_int_equal(d.n, 0);
    uint64_t refused = acceptor_refused(d.a);
    /* One a rest, and no more. */
    assert_true(refused >= 2);
    assert_true(refused <= (loop_now_us() - t0) / (LISTEN_REST_MS * 1000) + 1);
    for (unsigned i = 0; i < nfill; i++)
        close(fillers[i]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    RUN_UNTIL(d.l, d.n == ARRAY_LEN(clients) - refused, 1000);
    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        close(clients[i]);
    door_close(&d);
}

static void test_acceptor_no_memory(void **state)
{
    (void)state;
    struct loop *l = need_loop();
    struct acceptor *a;
    int fd;
    uint16_t port;
    assert_int_equal(listen_open(STR("127.0.0.1"), 0, 8, &fd, &port, NULL), RC_OK);
    mem_fail_after(1);
    assert_int_equal(acceptor_new(l, fd, on_accept, NULL, &a), RC_NOMEM);
    mem_fail_after(0);
    assert_int_equal(fcntl(fd, F_GETFD), -1); /* taken also on failure */
    acceptor_free(NULL);
    loop_free(l);
}

/* ---- dialing */

struct caller {
    unsigned told;
    enum rc rc;
    int fd;
    const char *why;
};

static void on_dialed(void *arg, enum rc rc, int fd, const char *why)
{
    struct caller *c = arg;
    c->told++;
    c->rc = rc;
    c->fd = fd;
    c->why = why;
}

/* A listener that accepts nothing and whose backlog is full: connecting to it hangs. */
static uint16_t black_hole(int fds[4])
{
    uint16_t port;
    assert_int_equal(listen_open(STR("127.0.0.1"), 0, 0, &fds[0], &port, NULL), RC_OK);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 1; i < 4; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fds[i], (struct sockaddr *)&a, sizeof(a));
    }
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    return port;
}

static void test_dial(void **state)
{
    (void)state;
    struct door d;
    struct caller c = {0};
    door_open(&d, "127.0.0.1");
    /* Nobody listens on 127.0.0.2 and 127.0.0.3: refused at once, the third answers. */
    union dns_addr a[3] = {need_addr("127.0.0.2"), need_addr("127.0.0.3"), need_addr("127.0.0.1")};
    usec t0 = loop_now_us();
    assert_non_null(dial_start(d.l, a, 3, d.port, on_dialed, &c));
    assert_int_equal(c.told, 0);
    RUN_UNTIL(d.l, c.told, 1000);
    assert_int_equal(c.rc, RC_OK);
    assert_true(loop_now_us() - t0 < 2000000);
    close(c.fd);
    RUN_UNTIL(d.l, d.n == 1, 1000);
    door_close(&d);
}

static void test_dial_refused(void **state)
{
    (void)state;
    struct loop *l = need_loop();
    struct caller c = {0};
    int fd;
    uint16_t port;
    assert_int_equal(listen_open(STR("127.0.0.1"), 0, 8, &fd, &port, NULL), RC_OK);
    close(fd);
    union dns_addr a[2] = {need_addr("127.0.0.1"), need_addr("::1")};
    assert_non_null(dial_start(l, a, 2, port, on_dialed, &c));
    RUN_UNTIL(l, c.told, 1000);
    assert_int_equal(c.rc, RC_CONNECT);
    assert_int_equal(c.fd, -1);
    assert_non_null(c.why);
    run_for(l, 10);
    assert_int_equal(c.told, 1);
    loop_free(l);
}

/* U41: the first family is a black hole; the other gets its chance after 250 ms. */
static void test_happy_eyeballs(void **state)
{
    (void)state;
    int hole[4];
    uint16_t port = black_hole(hole);
    struct loop *l = need_loop();
    struct caller c = {0};
    int fd6;
    uint16_t port6;
    enum rc rc = listen_open(STR("::1"), port, 8, &fd6, &port6, NULL);
    if (rc != RC_OK) {
        for (int i = 0; i < 4; i++)
            close(hole[i]);
        loop_free(l);
        skip(); /* no IPv6 here */
    }
    /* Two of the dead family first: the other one's address must not wait for both. */
    union dns_addr a[3] = {need_addr("127.0.0.1"), need_addr("127.0.0.1"), need_addr("::1")};
    usec t0 = fresh_now(l);
    assert_non_null(dial_start(l, a, 3, port, on_dialed, &c));
    RUN_UNTIL(l, c.told, 2000);
    usec took = loop_now_us() - t0;
    assert_int_equal(c.rc, RC_OK);
    assert_true(took >= 230000);
    struct sockaddr_storage peer;
    socklen_t n = sizeof(peer);
    assert_int_equal(getpeername(c.fd, (struct sockaddr *)&peer, &n), 0);
    assert_int_equal(peer.ss_family, AF_INET6);
    close(c.fd);
    close(fd6);
    for (int i = 0; i < 4; i++)
        close(hole[i]);
    loop_free(l);
}

static void test_dial_cancel(void **state)
{
    (void)state;
    int hole[4];
    uint16_t port = black_hole(hole);
    struct loop *l = need_loop();
    struct caller c = {0};
    union dns_addr a = need_addr("127.0.0.1");
    struct dial *d = dial_start(l, &a, 1, port, on_dialed, &c);
    run_for(l, 20);
    assert_int_equal(c.told, 0); /* it hangs, as it should */
    dial_cancel(d);
    run_for(l, 5);
    mem_fail_after(1);
    assert_null(dial_start(l, &a, 1, port, on_dialed, &c));
    mem_fail_after(0);
    assert_int_equal(c.told, 0);
    for (int i = 0; i < 4; i++)
        close(hole[i]);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accept),         cmocka_unit_test(test_pause),
        cmocka_unit_test(test_addresses),      cmocka_unit_test(test_in_use),
        cmocka_unit_test(test_out_of_fds),     cmocka_unit_test(test_acceptor_no_memory),
        cmocka_unit_test(test_dial),           cmocka_unit_test(test_dial_refused),
        cmocka_unit_test(test_happy_eyeballs), cmocka_unit_test(test_dial_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
