/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load - from a configuration file, or from none, to a snapshot.
 *
 *     find the file            conf_find_file
 *     read it                  read.h: a regular file, whole, at most 1 MiB
 *     text to tree             parse.h: YAML or JSON, nodes with line and column (node.h)
 *     variables put in         env.h: after parsing, so a value can never become syntax
 *     tree to raw structs      option.h: types, units, bounds, unknown keys; raw.h has the structs
 *     raw structs to snapshot  build_int.h: names resolved, defaults filled in, files looked at
 *     one look at the whole    verify.c
 *
 * All faults of one stage are collected in the report; a stage that found one ends the load.
 * Nothing is published half done: either a whole snapshot, or none.
 *
 * claude-code-router's files are no stage of their own. A rewriting of its shape into ours was
 * thought of and dropped: messages would point at lines that the operator never wrote. Its keys are
 * rows of the same table, marked as its own (OPTION_CCR).
 *
 * Without a file, providers come from the keys found in the environment; without keys there is one
 * provider, the built-in demo.
 */
#pragma once
#include "conf/report.h"
#include "conf/snapshot.h"

#define CONF_TEXT_MAX  (1024 * 1024)      /* bytes of a file: a thousand times the usual one */
#define CONF_ARENA_MAX (32 * 1024 * 1024) /* tree and snapshot together */

struct conf_source {
    const char *path;     /* --config; NULL: searched for, see conf_find_file */
    const char *data_dir; /* --data; NULL: $WEIR_DATA, else beside the file */
    const char *listen;   /* --listen: instead of what the file says; NULL: the file's */
    /* For tests and for a pasted text: parsed instead of a file, which then only lends its name to
     * messages. Absent (p == NULL): read the file. */
    str text;
    const char *const *env; /* NAME=value, NULL at the end; NULL: an empty environment */
    /* The wire dialects this build can speak to a provider, NULL at the end. */
    const char *const *backs;
    /* The names that `refuses` and `accepts` may hold, NULL at the end; NULL: anything goes. */
    const char *const *params;
};

/* RC_OK: *ret has one reference; the report may hold warnings. RC_CONFIG: refused, the report says
 * why (an operator's mistake: exit 2). RC_NOMEM: *ret untouched, the report may be incomplete. */
enum rc conf_load(const struct conf_source *src, struct conf_report *report,
                  struct snapshot **ret) MUST_CHECK;

/* The file conf_load would read: path, else $WEIR_CONFIG, else ./config/weir.yaml, else
 * ~/.config/weir/weir.yaml. RC_NOTFOUND: none of the last two is there (no fault). RC_NOMEM. */
enum rc conf_find_file(const struct conf_source *src, struct arena *a, str *ret) MUST_CHECK;
