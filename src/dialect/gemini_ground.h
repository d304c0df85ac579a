/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gemini_ground - what an answer rests on, as Google tells it: `groundingMetadata` of a candidate,
 * in its last chunk.
 *
 *     "groundingMetadata":{
 *       "webSearchQueries":["…"],
 *       "groundingChunks":[{"web":{"uri":"…","title":"…"}}],                   pages found or cited
 *       "groundingSupports":[{"segment":{"startIndex":0,"endIndex":42},        words, in bytes …
 *                             "groundingChunkIndices":[0]}]}                   … and their pages
 *
 * It is gathered from the citations of texts and from the blocks of a web search (server_block.h),
 * whoever made the answer. A page is one chunk, however often it is named. Citations of documents
 * have no URL and no word here.
 *
 * Bounded: GROUND_SOURCES pages, then no new ones. Memory is the call's arena, between no marks.
 * https://ai.google.dev/gemini-api/docs/google-search
 */
#pragma once
#include "dialect/gather.h"
#include "ir/request.h"

#define GROUND_SOURCES 128

struct grounding {
    struct gather queries, chunks, supports; /* the insides of three JSON arrays */
    unsigned n;                              /* pages */
    bool any_cited;                          /* in the block under way: */
    bool cited[GROUND_SOURCES];
    jtext urls[GROUND_SOURCES];
};

/* *g is made with the first that is worth it; it stays NULL without memory. */
void ground_cite(struct grounding **to, struct arena *a, str citation);
/* The block is over: what was cited in it rests under these bytes of the answer's text. */
void ground_support(struct grounding *g, struct arena *a, uint64_t from, uint64_t to);
/* A block of a search: `raw` its JSON, `input` what it was asked, where that came apart from it. */
void ground_search(struct grounding **to, struct arena *a, str raw, jtext input);
/* The object; nothing where g is NULL. */
void ground_write(const struct grounding *g, struct buf *out);

/* Bytes of UTF-8 that an escaped text stands for: Google counts those. */
uint64_t ground_bytes(jtext t);
