/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_mend - makes an object of what a weak model wrote for one, while it comes.
 *
 *     {'path': "a b", recursive: True, note: "he said "no"", tail: [1, 2,     in
 *     {"path":"a b","recursive":true,"note":"he said \"no\"","tail":[1,2]}    out
 *
 * Feed pieces, take what each adds; `end` closes whatever is open. All that came out is one JSON
 * object at the end, whatever went in; and an object that is JSON already comes out the same but
 * for blanks between its tokens (a key that stands twice stays so). Mended are: text or a code
 * fence before and behind the object, single and missing quotes, missing and superfluous commas,
 * quotes and control characters inside of strings, escapes that JSON does not know, Python's and
 * JavaScript's words, comments, brackets that were never closed or closed in the wrong order.
 *
 * What is read is never looked at again: state is this struct, time is linear, and a piece may be
 * cut anywhere. Rejected: to wait for the end and then try parsers of growing patience, for the
 * client would see no argument before the last.
 */
#pragma once
#include "json/json.h"

#define JSON_MEND_WORD \
    64 /* an unquoted word up to here may be a number or a literal; a longer one is text */

enum json_mend_state {
    MEND_BEFORE,  /* no '{' yet */
    MEND_KEY,     /* a key, or the end of the object */
    MEND_COLON,   /* behind a key */
    MEND_VALUE,   /* a value, or the end of the array */
    MEND_AFTER,   /* behind a value */
    MEND_STRING,  /* in a quoted key or value */
    MEND_ESCAPE,  /* behind its backslash */
    MEND_QUOTE,   /* behind what may be its last quote */
    MEND_WORD,    /* in an unquoted key or value */
    MEND_COMMENT, /* behind '/' or in a comment */
    MEND_DONE,    /* the object is closed: the rest is ignored */
};

struct json_mend {
    enum json_mend_state state, back; /* `back`: where a comment came from */
    uint8_t open[JSON_DEPTH_MAX];     /* '{' or '[' */
    unsigned depth;
    bool comma;                /* one is due before the next member or element */
    bool is_key;               /* the string or word is a key */
    char quote;                /* that ends the string */
    char comment;              /* 0, '/', '*', or '+' behind a star */
    char word[JSON_MEND_WORD]; /* the word, the escape, or the blanks behind a quote */
    unsigned nword;
    bool long_word; /* it is written as a string already */
};

void json_mend_init(struct json_mend *m);
/* How many bytes were taken: all, unless the object was closed among them. */
size_t json_mend_feed(struct json_mend *m, str in, struct buf *out);
/* Closes; "{}" when no object came at all. */
void json_mend_end(struct json_mend *m, struct buf *out);
