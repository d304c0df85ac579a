/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask - HTTP/1.0 over a blocking socket: the connection's end is the body's end.
 *
 * client/ could do it too, with a loop, a pool and callbacks; a command that asks once and ends
 * wants forty lines. HTTP/1.0 has no chunks (RFC 9112 section 6.3), so no decoder is needed. Not
 * over TLS: a certificate is for the outside name, and what is asked is on this machine.
 */
#include "app/ask.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define WAIT_S   3
#define HEAD_MAX 512

/* A listener on all addresses (0.0.0.0, ::) is asked on loopback. */
static int dial(const struct conf_listen *l)
{
    bool v6 = str_find_char(l->host, ':') != SIZE_MAX && !str_eq(l->host, STR("::"));
    struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons(l->port)};
    struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons(l->port)};
    if (v6 ? inet_pton(AF_INET6, l->host.p, &a6.sin6_addr) != 1
           : inet_pton(AF_INET, l->host.p, &a4.sin_addr) != 1 || a4.sin_addr.s_addr == 0)
        a4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval wait = {.tv_sec = WAIT_S};
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    if (connect(fd, v6 ? (struct sockaddr *)&a6 : (struct sockaddr *)&a4,
                v6 ? sizeof(a6) : sizeof(a4)) == 0)
        return fd;
    close(fd);
    return -1;
}

/* The admin key of the configuration goes before the caller's own: it is what shows the details. */
static void write_request(const struct snapshot *s, const char *path, str json, struct buf *b)
{
    const char *env = getenv("WEIR_API_KEY");
    str key = s->has_admin_key ? secret_reveal(&s->admin_plain) : env ? str_c(env) : STR_NONE;
    buf_add(b, json.p ? STR("POST ") : STR("GET "));
    buf_add(b, str_c(path));
    buf_lit(b, " HTTP/1.0\r\nhost: localhost\r\n");
    if (key.n) {
        buf_lit(b, "authorization: Bearer ");
        buf_add(b, key);
        buf_lit(b, "\r\n");
    }
    if (json.p)
        buf_addf(b, "content-type: application/json\r\ncontent-length: %zu\r\n", json.n);
    buf_lit(b, "\r\n");
    buf_add(b, json);
}

/* As much as there is, though a socket may take less at a time. */
static bool write_all(int fd, str text)
{
    while (text.n) {
        ssize_t n = write(fd, text.p, text.n);
        if (n <= 0)
            return false;
        text = str_from(text, (size_t)n);
    }
    return true;
}

static enum rc read_answer(int fd, struct buf *to)
{
    for (;;) {
        char *p = buf_reserve(to, 4096);
        ssize_t n = p ? read(fd, p, 4096) : -1;
        if (n < 0)
            return RC_IO;
        if (n == 0)
            break;
        buf_commit(to, (size_t)n);
    }
    str all = buf_str(to);
    size_t head = str_find(all, STR("\r\n\r\n"));
    if (head == SIZE_MAX)
        return RC_PROTOCOL;
    const bool good = str_has_prefix(all, STR("HTTP/1.1 2"));
    buf_consume(to, head + 4);
    return good ? RC_OK : RC_PROTOCOL;
}

static enum rc ask(const struct snapshot *s, const char *path, str json, struct buf *to)
{
    struct buf request = BUF_INIT(8192 + json.n);
    if (s->tls.cert_file.n)
        return RC_UNSUPPORTED;
    int fd = dial(&s->listens[0]);
    if (fd < 0)
        return RC_CONNECT;
    write_request(s, path, json, &request);
    str text = buf_str(&request);
    enum rc rc =
        RC_IO; /* also for a key that is too long: half a request would be answered with 400 */
    if (!request.failed && write_all(fd, text))
        rc = read_answer(fd, to);
    buf_fini(&request);
    close(fd);
    return rc;
}

enum rc ask_gateway(const struct snapshot *s, const char *path, struct buf *to)
{
    return ask(s, path, STR_NONE, to);
}

enum rc ask_gateway_json(const struct snapshot *s, const char *path, str json, struct buf *to)
{
    return ask(s, path, json, to);
}
