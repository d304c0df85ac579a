/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_writer - writes JSON onto a rope: commas and colons take care of themselves.
 *
 *     json_begin_object(&w);  json_key(&w, "model");  json_put_str(&w, model);  json_end(&w);
 *
 * Text that came from another JSON document crosses still escaped (json_put_raw_str): long strings
 * are only referred to. Failures stay in the rope (rope_failed). Nesting is capped at
 * JSON_WRITE_DEPTH; deeper CHECKs, for the writer is driven by us, never by input.
 */
#pragma once
#include "base/rope.h"
#include "json/json.h"

#define JSON_WRITE_DEPTH 64

struct json_writer {
    struct rope *to;
    uint64_t is_object; /* bit per level */
    uint64_t has_items;
    unsigned depth;
    bool after_key;
};

void json_writer_init(struct json_writer *w, struct rope *to);

void json_begin_object(struct json_writer *w);
void json_begin_array(struct json_writer *w);
void json_end(struct json_writer *w); /* closes the innermost */

void json_key_str(struct json_writer *w, str key);   /* key needs no escaping */
void json_key_text(struct json_writer *w, str text); /* with its quotes and colon */
#define json_key(w, lit) json_key_text((w), STR("\"" lit "\":"))

/* Escapes, copying. Each byte that is no UTF-8 becomes U+FFFD. */
void json_put_str(struct json_writer *w, str s);
void json_put_raw_str(struct json_writer *w, str s); /* already escaped string body */
void json_put_text(struct json_writer *w, str json); /* a whole value, verbatim */
void json_put_u64(struct json_writer *w, uint64_t v);
void json_put_i64(struct json_writer *w, int64_t v);
void json_put_bool(struct json_writer *w, bool v);
void json_put_null(struct json_writer *w);
/* So many digits behind the point; null where it is not finite, which JSON has no word for. */
void json_put_fixed(struct json_writer *w, double v, int digits);
#define json_put_lit(w, lit) json_put_raw_str((w), STR(lit))

/* A member of an object, its key a plain word. */
void json_member_text(struct json_writer *w, const char *key, str s);
void json_member_u64(struct json_writer *w, const char *key, uint64_t v);
/* Negative or not finite: it is not known, which is said as null and never as zero. */
void json_member_known(struct json_writer *w, const char *key, double v, int digits);

/* Append s, escaped for inside a JSON string, without quotes. */
void json_escape(struct buf *to, str s);
/* A string value in several pieces: open, add raw (escaped) or plain pieces, close. A plain piece
 * holds whole characters. */
void json_open_str(struct json_writer *w);
void json_add_raw(struct json_writer *w, str escaped);
void json_add_plain(struct json_writer *w, str plain);
void json_close_str(struct json_writer *w);
