/* SPDX-License-Identifier: Apache-2.0 */
/*
 * media - images and files between the dialects: data URLs on one side, typed sources on the other.
 * All text is escaped JSON string text; a base64 payload is never copied.
 */
#pragma once
#include "dialect/dialect.h"
#include "json/write.h"

/* Sort a URL into *m: "data:image/png;base64,…" to media type and base64, anything else to a URL.
 */
void media_of_url(struct ir_media *m, jtext url);
/* A sound as Chat's clients give it: base64 with the name of a format ("wav"), or, as Mistral's do,
 * a URL or base64 alone. Its media_type is a format's name or a type, of what is said or seen. */
void media_of_sound(struct ir_media *m, jtext data, jtext format);
bool media_is_web_url(jtext url); /* http: or https: */
/* Must this block's bytes be fetched for the provider? It is an image or document at a URL of the
 * web, and the language (wants_bytes) or the provider (quirks image.url, document.url) takes none.
 */
bool media_wants_bytes(const struct dialect_back *back, const struct dialect_opts *opts,
                       const struct ir_block *b);
/* An image or document at a URL that this provider does not fetch: for those who write. */
bool media_refuses_url(const struct dialect_opts *opts, enum ir_kind kind,
                       const struct ir_media *m);
/* Write m as one JSON string: the URL itself, or a data URL built around the payload. `type` is
 * used when m does not know its own. */
void media_put_url(struct json_writer *w, const struct ir_media *m, str type);
/* What the first bytes of the payload say, "image/png" …; absent: unknown. Clients often send a
 * wrong type, which strict providers refuse. */
str media_sniff(jtext base64);
