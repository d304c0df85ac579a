/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zone - how far the clocks of a place are from UTC, and when that changes.
 *
 * The rules are the machine's own (tzdata's files under /usr/share/zoneinfo, RFC 9636, once RFC
 * 8536), read when the configuration is: so whoever asks later needs no file, no lock and no
 * environment, and two workers never disagree. A new tzdata is in force with the next reload.
 *
 * A file lists the turns of its clocks, and ends in a rule for all years behind them ("CET-1CEST,
 * M3.5.0,M10.5.0/3", as POSIX writes it). The rule is worked out up to ZONE_YEAR_LAST and becomes
 * turns like the others: one sorted table, one search. Turns before ZONE_FROM are forgotten.
 */
#pragma once
#include "base/arena.h"
#include "base/rc.h"

#define ZONE_NAME_MAX  64
#define ZONE_FILE_MAX  (64u << 10) /* the largest of tzdata's are under 4 KiB */
#define ZONE_TURNS_MAX 512
#define ZONE_FROM      INT64_C(1577836800) /* 2020: nobody asks for what was before */
#define ZONE_YEAR_LAST 2100

struct conf_turn {
    int64_t at;     /* unix seconds */
    int32_t offset; /* from then on, seconds east of UTC */
};

struct conf_zone {
    int32_t offset; /* before the first turn */
    uint32_t n;
    const struct conf_turn *turns; /* by time */
};

/* Seconds east of UTC. */
int32_t conf_zone_offset(const struct conf_zone *z, int64_t unix_s);

/* The bytes of a file. RC_SYNTAX: it is none, or is broken; RC_NOMEM. */
enum rc conf_zone_parse(struct arena *a, str file, struct conf_zone *ret) MUST_CHECK;
/* A zone by its name, "Europe/Berlin". RC_SYNTAX: no such name, no such file, or a broken one. */
enum rc conf_zone_load(struct arena *a, str name, struct conf_zone *ret) MUST_CHECK;
