/* SPDX-License-Identifier: Apache-2.0 */
#include "sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tool.h"

#define BACKLOG 4096

struct sockaddr_in sock_address(const char *text)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    const char *limit = text + strlen(text), *colon = strchr(text, ':');
    const char *port = colon ? colon + 1 : text, *end = text;
    char host[INET_ADDRSTRLEN] = "127.0.0.1";
    uint64_t number = 0;
    if (colon) {
        if ((size_t)(colon - text) >= sizeof host)
            die("%s: an address such as 127.0.0.1:8080 is needed", text);
        memcpy(host, text, (size_t)(colon - text));
        host[colon - text] = 0;
    }
    if (!parse_digits(port, limit, &end, &number) || end != limit || number > UINT16_MAX ||
        inet_pton(AF_INET, host, &a.sin_addr) != 1)
        die("%s: an address such as 127.0.0.1:8080 is needed", text);
    a.sin_port = htons((uint16_t)number);
    return a;
}

static void set_option(int fd, int level, int name, int value)
{
    if (setsockopt(fd, level, name, &value, sizeof value) != 0)
        die("setsockopt: %s", strerror(errno));
}

int sock_listen(const struct sockaddr_in *at)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("socket: %s", strerror(errno));
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (bind(fd, (const struct sockaddr *)at, sizeof *at) != 0 || listen(fd, BACKLOG) != 0)
        die("listen on port %u: %s", ntohs(at->sin_port), strerror(errno));
    return fd;
}

uint16_t sock_local_port(int fd)
{
    struct sockaddr_in a;
    socklen_t len = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &len) != 0)
        die("getsockname: %s", strerror(errno));
    return ntohs(a.sin_port);
}

int sock_connect(const struct sockaddr_in *to, const struct sockaddr_in *from)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("socket: %s", strerror(errno));
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (from) {
        /* Choose the source port at connect, where the whole 4-tuple is known: otherwise one source
         * address runs out of ports after 28,000 connections to anything. */
        set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
        if (bind(fd, (const struct sockaddr *)from, sizeof *from) != 0)
            die("bind to a source address: %s", strerror(errno));
    }
    if (connect(fd, (const struct sockaddr *)to, sizeof *to) != 0 && errno != EINPROGRESS) {
        close(fd);
        return -1;
    }
    return fd;
}

int sock_accept(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0)
        set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    return fd;
}
