/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text - what stands between the quotes: escapes undone, compared, hashed. Internal to json/.
 *
 * Two keys are the same when they are the same after unescaping ("mo\u0064el" is "model"), so
 * comparing and hashing walk a string as a row of pieces, each a slice of the source or one undone
 * escape. No memory is needed, whatever the length.
 */
#pragma once
#include "base/hash.h"
#include "base/str.h"

/* Bytes of the escape that starts at s (a backslash): 2 or 6; 0 when it is none or is cut off. */
size_t json_escape_size(const char *s, const char *end);
/* Undo the escape at s into to[4], as UTF-8. *used = source bytes (a surrogate pair: 12); returns
 * the bytes written, 0 when it is no escape. A surrogate without its partner gives U+FFFD. */
size_t json_escape_undo(const char *s, const char *end, char *to, size_t *used);

/* Undo all escapes of raw into `to`, which has room for raw.n bytes. SIZE_MAX: a bad escape. */
size_t json_text_undo(char *to, str raw);
/* Bytes that json_text_undo would write. SIZE_MAX: a bad escape. */
size_t json_text_size(str raw);

/* Bodies of valid strings; the flag says whether one has escapes. */
bool json_text_eq(str a, bool a_escaped, str b, bool b_escaped);
uint64_t json_text_hash(struct hash_key key, str s, bool escaped);
/* Of the unescaped string: its length, its first 8 bytes (fewer if it is shorter), and its last 8
 * (only where it has as many). */
size_t json_text_edges(str raw, char head[8], char tail[8]);
