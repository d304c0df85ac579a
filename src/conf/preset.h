/* SPDX-License-Identifier: Apache-2.0 */
/*
 * preset - what is known of providers and wire dialects without a word in the configuration:
 * presets.def and dialects.def as C tables.
 */
#pragma once
#include "base/str.h"

#define PRESET_WAYS   3
#define PRESET_REGION "{region}" /* in a base URL: the provider's region stands there */

struct preset_way {
    const char *dialect; /* NULL: no more ways */
    const char *base;    /* "": only the user can know it */
};

/* A provider known by name; each field is told in presets.def. All texts are literals, and "" where
 * nothing is known. */
struct preset {
    const char *name, *env, *serves, *flagship;
    bool keyless;
    const char *region, *balance; /* "": unknown, none */
    struct preset_way ways[PRESET_WAYS];
};

/* A wire dialect, whether this build can speak it or not: what a URL's end says (dialects.def). */
struct wire {
    const char *name, *endpoint, *extra;
    bool counts; /* it has an endpoint that counts a prompt's tokens */
};

/* All of them, in order; name NULL at the end. */
extern const struct preset presets[];
extern const struct wire wires[];

/* It bills all of an answer, also when its connection is closed in the middle: OpenRouter's list of
 * providers at which cancelling a stream saves nothing
 * (https://openrouter.ai/docs/api/reference/streaming). Answers that are no streams everybody bills
 * in full. */
bool preset_bills_on(const struct preset *p);

const struct preset *preset_find(str name); /* letter case does not count; NULL */
/* The preset whose published base has this host (and scheme https). NULL. */
const struct preset *preset_by_host(str host);
/* The first that is spoken to in this dialect. NULL. */
const struct preset *preset_by_dialect(str dialect);
const struct preset_way *preset_way(const struct preset *p, str dialect); /* NULL */
const struct wire *wire_find(str name);                                   /* NULL */
/* Is `host` the host of that base URL, in whatever region? */
bool preset_is_host(const char *base, str host);
