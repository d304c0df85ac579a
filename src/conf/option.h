/* SPDX-License-Identifier: Apache-2.0 */
/*
 * option - the engine behind the option table: rows in, plain C structs out.
 *
 * A section describes one kind of map: its rows name each key, the type of its value, the default,
 * the bounds, where in the section's struct the value is written, and a line of help. The same rows
 * make the parser, its error messages, the JSON Schema and docs/config.md (describe.h), so the four
 * cannot disagree. Adding an option is adding a row (options.c) and a field (raw.h).
 *
 * Every fault is noted and the pass goes on, so that one run shows them all. Values of secrets, and
 * values that came from the environment, are never in a message.
 */
#pragma once
#include "base/time.h"
#include "conf/node.h"
#include "conf/secret.h"

enum option_type {
    OPTION_TEXT,     /* str */
    OPTION_SECRET,   /* struct secret */
    OPTION_BOOL,     /* bool */
    OPTION_U32,      /* uint32_t */
    OPTION_COUNT,    /* uint64_t: 500, 1.5k, 2M */
    OPTION_BYTES,    /* uint64_t: 64k, 32MiB */
    OPTION_MSEC,     /* msec: 500ms, 30s, 10m */
    OPTION_DOUBLE,   /* double */
    OPTION_USD,      /* nanousd */
    OPTION_WORD,     /* uint32_t: index in words, or OPTION_WORD_UNSET */
    OPTION_TEXTS,    /* struct raw_texts: one text or a list */
    OPTION_SECRETS,  /* struct raw_secrets: one secret or a list */
    OPTION_SECTION,  /* the sub-section's struct itself */
    OPTION_SECTIONS, /* struct raw_list: a list of maps, or a map whose keys are the names; one map
                        where there are no names */
    OPTION_PAIRS,    /* struct raw_list of struct raw_pair: free keys, one secret or a list each */
    OPTION_RAW,      /* const struct conf_node * */
};

#define OPTION_WORD_UNSET UINT32_MAX

#define OPTION_REQUIRED 1  /* must be given */
#define OPTION_LATER    2  /* accepted, checked, not active yet: a warning, never silence */
#define OPTION_EMPTY_OK 4  /* "" is as good as not given */
#define OPTION_CCR      8  /* claude-code-router's; documented apart */
#define OPTION_HIDDEN   16 /* another spelling of a row; not documented */

struct option_word {
    const char *name;
    bool active; /* false: accepted, with a warning */
    const char *help;
};

struct section;

struct option {
    const char *key;
    enum option_type type;
    unsigned flags;
    size_t offset;             /* in the section's struct */
    const char *initial;       /* the default, as one would write it; NULL: none */
    uint64_t min, max;         /* of the number; max 0: no bound */
    const struct section *sub; /* SECTION, SECTIONS */
    const struct option_word *words;
    const char *help;
};

struct section {
    const char *name;
    const char *help;
    size_t size; /* of its struct, which begins with a struct raw_at */
    const struct option *rows;
    size_t count;
    const char *scalar_key; /* the key meant when the value is no map; NULL: a map is needed */
    const char *name_key;   /* SECTIONS given as a map: the key that the map's own keys fill */
};

/* Where a section stood; the first member of each section's struct. Zero: it was not given. */
struct raw_at {
    const struct conf_node *node;
};

struct raw_texts {
    const str *p;
    const struct conf_node *node; /* the list, or the one value */
    uint32_t n;
};

struct raw_secrets {
    const struct secret *p;
    uint32_t n;
};

struct raw_list {
    void *p; /* array of the section's struct */
    uint32_t n;
};

struct raw_pair {
    const struct conf_node *node;
    str name;
    struct raw_secrets values;
};

/* One pass over a tree. Texts that are taken point into the tree: it must live as long. */
struct option_pass {
    struct arena *arena;
    struct conf_report *report;
    bool lenient;   /* a claude-code-router file: unknown keys are warnings */
    char path[192]; /* "providers[2].timeouts", for messages */
    size_t path_len;
    /* Errors after which the rest can still be judged: a key that means nothing, a number or word
     * whose default stands in for it. All others leave holes that what follows would complain of.
     */
    uint32_t bearable;
};

/* Fill `to` (s->size bytes) with defaults, then with what `n` says; n may be NULL. RC_OK even when
 * faults were noted; RC_NOMEM. */
enum rc option_take(struct option_pass *x, const struct section *s, const struct conf_node *n,
                    void *to) MUST_CHECK;

/* What a section that nobody wrote holds: its defaults alone. RC_NOMEM. */
enum rc option_defaults(struct arena *a, struct conf_report *report, const struct section *s,
                        void *to) MUST_CHECK;

/* Parse one scalar text as the row says (numbers and words only). RC_SYNTAX, RC_RANGE. */
enum rc option_parse_number(const struct option *row, str text, uint64_t *ret) MUST_CHECK;
/* How the type is written, for messages and docs: "a duration (500ms, 30s, 10m)". */
const char *option_type_text(enum option_type type);
