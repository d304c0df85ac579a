/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call_text - a tool call that a model wrote as text, read.
 *
 *     {"name":"t","arguments":{…}}          also parameters, input; {"function":{…}}; a list of
 * them; Llama 3, Hermes, Qwen, Mistral, Granite <function=t>{…}                       Llama 3.x
 *     <function=t><parameter=p>v…           Qwen3-Coder
 *
 * Only a call of a declared tool, with all that its schema requires, is one: everything else is
 * text. Arguments that are nearly JSON are mended (json/mend.h).
 */
#pragma once
#include "ir/request.h"

#define CALL_TEXT_NODES 4096 /* JSON values of one call */
#define CALL_TEXT_CALLS 32   /* at once */

/* Without blanks and line ends before and behind. */
static inline str call_text_trim(str s)
{
    static const char blanks[] = " \t\r\n";
    while (s.n && s.p[0] && strchr(blanks, s.p[0]))
        s = str_from(s, 1);
    while (s.n && s.p[s.n - 1] && strchr(blanks, s.p[s.n - 1]))
        s.n--;
    return s;
}

struct call_text {
    const struct ir_tool *tool;
    size_t at, len; /* of its arguments, JSON text in reading.args */
};

/* Memory of a reader, reused. Zeroed at first; call_text_fini frees. */
struct call_reading {
    struct json_node *nodes;
    struct buf mended; /* one object at a time */
    struct buf args;   /* of all calls */
    struct call_text calls[CALL_TEXT_CALLS];
    unsigned n;
};

void call_text_init(struct call_reading *r);
void call_text_fini(struct call_reading *r);
/* Read `text`, plain. True: it was calls and nothing else, in r->calls until the next reading. */
bool call_text_read(struct call_reading *r, str text, const struct ir_tool *tools);
