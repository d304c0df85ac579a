/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_edit - changes to a JSON text that an operator declared: set, default, at most, rename,
 * delete, by path.
 *
 *     set      temperature      0.2            the value is exchanged or added
 *     replace  temperature      0.2            only where something stands
 *     default  provider.order   ["a","b"]      only where nothing (or null) stands; of two objects
 *                                              the missing members, all the way down
 *     at most  max_tokens       8192           a larger number is lowered
 *     rename   max_tokens       max_completion_tokens
 *                                              where the new name is free, else the old one goes
 *     delete   messages[*].content[*].cache_control
 *
 * A path is keys and places: `a.b` a member of a member, `a[0]` an element, `a[*]` each element,
 * `a.*` each member, `**` this value and every value below it, `["odd.key"]` any key. `set` and
 * `default` make the objects that are missing on a path of keys.
 *
 * The edits happen one after the other, each on what the one before left; each is one parse and one
 * copy of the text, so this is for texts that somebody wants changed, not for every call's way.
 * Every byte that no edit names stays as it came. Rejected: a tree that is changed and printed
 * again, for it would spell numbers and strings anew.
 */
#pragma once
#include "json/json.h"

enum json_edit_op {
    JSON_EDIT_SET,
    JSON_EDIT_REPLACE,
    JSON_EDIT_DEFAULT,
    JSON_EDIT_AT_MOST,
    JSON_EDIT_RENAME,
    JSON_EDIT_DELETE,
};

struct json_edit {
    enum json_edit_op op;
    str path;
    str value; /* JSON text; RENAME: the new key, plain; DELETE: absent */
};

#define JSON_EDIT_SEGMENTS 16 /* of a path: nothing that providers read is nested deeper */

/* What is wrong with it, static text for a report; NULL: nothing. */
const char *json_edit_check(const struct json_edit *e);

/* Apply n checked edits to `text`, appending the outcome to *out. `a` is used meanwhile and left as
 * it was. RC_SYNTAX and its like: `text` is no JSON; RC_NOMEM: the arena or *out is full. */
enum rc json_edit(struct arena *a, str text, const struct json_edit *edits, size_t n,
                  struct buf *out) MUST_CHECK;
