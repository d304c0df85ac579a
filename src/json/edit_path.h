/* SPDX-License-Identifier: Apache-2.0 */
/* edit_path - the path of an edit, in segments. */
#pragma once
#include "json/edit.h"

enum edit_segment_kind {
    SEGMENT_KEY,
    SEGMENT_INDEX,
    SEGMENT_EVERY, /* [*] and .* : each element or member */
    SEGMENT_DEEP,  /* ** : this value and all below it */
};

struct edit_segment {
    enum edit_segment_kind kind;
    str key; /* plain, as written in the path */
    uint32_t index;
};

struct edit_path {
    unsigned n;
    struct edit_segment seg[JSON_EDIT_SEGMENTS];
};

/* NULL, or static text: what is wrong. *ret is written only when nothing is. */
const char *edit_path_parse(str text, struct edit_path *ret);
