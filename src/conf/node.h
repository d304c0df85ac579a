/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node - a configuration text as a tree: scalars, lists and maps, each with its line and column.
 *
 * YAML and JSON both end here, so that everything behind knows one form. A scalar is text: whether
 * "3456" is a number or a name is decided by the option that takes it, never by the look of it; so
 * `"600000"` in quotes is as good a number as 600000, and a key of digits stays a key. Only null is
 * told apart, since it means "nothing here".
 *
 *     providers:              MAP --child-> [key providers] LIST --child-> MAP --> ...
 *       - name: openai                                                 [key name] SCALAR "openai"
 *
 * The tree_ functions build it from a parser's events. They refuse what a configuration never needs
 * and an attacker would like: deep nesting, masses of nodes, duplicate keys, NUL bytes.
 */
#pragma once
#include "conf/report.h"

#define CONF_DEPTH_MAX 32    /* the option table nests four sections; bounds every recursion */
#define CONF_NODES_MAX 50000 /* thousands of providers; a megabyte of "[[],[],…" is refused */

enum conf_kind { CONF_NULL, CONF_SCALAR, CONF_LIST, CONF_MAP };

struct conf_node {
    enum conf_kind kind;
    bool quoted;           /* SCALAR: the text stood in quotes or in a block */
    bool from_env;         /* SCALAR: a variable was put in; not to be shown in messages */
    bool broken;           /* SCALAR: a variable is missing, which was noted; has no value */
    uint32_t line, column; /* of the value, from 1 */
    uint32_t key_line, key_column;
    str key;  /* member of a map */
    str text; /* SCALAR; NUL behind it */
    uint32_t count;
    struct conf_node *child, *last, *next;
};

/* Nodes belong to the arena they were built in; nothing below changes them but conf_expand (env.h).
 */

/* "a single value", "a list" ..., for messages. Static string. */
const char *conf_kind_name(const struct conf_node *n);
/* Member of a map; NULL when absent, or n is NULL or no map. */
const struct conf_node *conf_get(const struct conf_node *n, str key);
bool conf_is(const struct conf_node *n, enum conf_kind kind); /* false for NULL */

struct conf_tree {
    struct arena *arena;
    struct conf_report *report;
    struct conf_node *root;
    struct conf_node *open[CONF_DEPTH_MAX];
    unsigned depth;
    uint32_t nodes;
    str key; /* pending: p is set when a map waits for its value */
    uint32_t key_line, key_column;
};

void tree_init(struct conf_tree *t, struct arena *a, struct conf_report *report);
/* Is the next scalar a map's key? */
bool tree_wants_key(const struct conf_tree *t);
/* Each of these returns RC_OK, RC_CONFIG (noted in the report) or RC_NOMEM. Text is copied. */
enum rc tree_open(struct conf_tree *t, enum conf_kind kind, uint32_t line,
                  uint32_t column) MUST_CHECK;
enum rc tree_close(struct conf_tree *t) MUST_CHECK;
enum rc tree_scalar(struct conf_tree *t, str text, bool quoted, uint32_t line,
                    uint32_t column) MUST_CHECK;
enum rc tree_null(struct conf_tree *t, uint32_t line, uint32_t column) MUST_CHECK;

/* Line and column (in characters, from 1) of a byte offset. */
void conf_position(str text, size_t offset, uint32_t *ret_line, uint32_t *ret_column);
