/* SPDX-License-Identifier: Apache-2.0 */
/* sock - IPv4 sockets, non-blocking, without Nagle. Failures other than those named end the run. */
#pragma once
#include <netinet/in.h>
#include <stdint.h>

/* "127.0.0.1:8080", or a bare port (loopback). Ends the program when it is neither. */
struct sockaddr_in sock_address(const char *text);

/* A listener; several may share the port (SO_REUSEPORT). Port 0: the kernel chooses. */
int sock_listen(const struct sockaddr_in *at);
uint16_t sock_local_port(int fd);

/* Start a connection from `from` (NULL: any source). Complete when writable. -1: refused at once;
 * errno says why. */
int sock_connect(const struct sockaddr_in *to, const struct sockaddr_in *from);

/* The next waiting connection, or -1 when there is none. */
int sock_accept(int listener);
