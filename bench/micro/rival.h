/* SPDX-License-Identifier: Apache-2.0 */
/* rival - another JSON parser, behind the one call that the benchmark makes. */
#pragma once
#include <stddef.h>

#define RIVAL_PADDING 64 /* readable bytes behind the text: simdjson wants them, we do not */

#ifdef __cplusplus
extern "C" {
#endif
/* A tree of the whole text, made and freed. 0: it was refused. */
int rival_jansson(const char *text, size_t n);
/* A DOM in simdjson's reused parser object. */
int rival_simdjson(const char *text, size_t n);
const char *rival_simdjson_name(void);
#ifdef __cplusplus
}
#endif
