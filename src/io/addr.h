/* SPDX-License-Identifier: Apache-2.0 */
/*
 * addr - which addresses belong to anybody, and which to this machine, its network or its cloud.
 *
 * Where a client may name a place to connect to (an image by its URL), a name says nothing: it may
 * lead to 127.0.0.1, to a router's page, to the metadata service of a cloud that hands out
 * credentials, and to another address each time it is asked for (DNS rebinding). So what was
 * resolved is looked at, every address of it, and one of those is connected to (RELIABILITY F2).
 *
 *   IPv4  all but the blocks that the IANA's registry of special-purpose addresses holds (RFC 6890
 *         and its successors), multicast, what is reserved, and the one address of a cloud's own
 *         services that looks public
 *   IPv6  only what is given out as global unicast (2000::/3, RFC 4291), without its tunnels and
 *         blocks of other purposes: an address that carries an IPv4 one inside (mapped, 6to4,
 *         Teredo, NAT64) would be a second spelling of it
 *
 * Pure.
 */
#pragma once
#include "io/dns.h"

bool addr_is_public(const union dns_addr *a);
/* All of them public, or named in `besides`: literals separated by blanks. One bad address spoils
 * the rest, or it would be tried when a good one before it is silent. */
bool addr_all_public(const union dns_addr *addrs, size_t n, str besides);
