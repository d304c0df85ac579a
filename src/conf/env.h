/* SPDX-License-Identifier: Apache-2.0 */
/*
 * env - variables of the environment in configuration values.
 *
 *     ${NAME}             its value; an error that names the line when it is not set
 *     ${NAME:-default}    the default when it is not set or empty; up to the next '}'
 *     $${                 a plain "${"
 *     $NAME               as the first form, in claude-code-router files only (capitals, digits, _)
 *
 * Values are put in after parsing, as text: what a variable holds can never add a key or a line.
 * Keys of maps are left alone. The environment is handed in, so tests can make one.
 */
#pragma once
#include "conf/node.h"

#define CONF_ENV_VALUE_MAX (64 * 1024)   /* bytes of one variable */
#define CONF_EXPANDED_MAX  (1024 * 1024) /* bytes of one value with its variables */

/* Absent when not set. NUL behind it. env may be NULL. */
str conf_getenv(const char *const *env, str name);
/* As above, but an empty value counts as not set. */
str conf_getenv_set(const char *const *env, str name);

/* All scalars below and with `n`, in place. RC_CONFIG: something is missing, all of it noted. */
enum rc conf_expand(struct conf_node *n, const char *const *env, bool ccr_rules, struct arena *a,
                    struct conf_report *report) MUST_CHECK;
