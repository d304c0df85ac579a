/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event.c - what an event is to those who only want to know that something was said.
 */
#include "ir/event.h"

static const str finish_names[] = {
    [IR_FIN_STOP] = STR("stop"),       [IR_FIN_SEQUENCE] = STR("stop_sequence"),
    [IR_FIN_LENGTH] = STR("length"),   [IR_FIN_CONTEXT] = STR("context"),
    [IR_FIN_TOOL] = STR("tool"),       [IR_FIN_FILTER] = STR("filter"),
    [IR_FIN_REFUSAL] = STR("refusal"), [IR_FIN_PAUSE] = STR("pause"),
    [IR_FIN_BROKEN] = STR("broken"),   [IR_FIN_OTHER] = STR("other"),
};

str ir_finish_name(enum ir_finish f)
{
    CHECK((unsigned)f < ARRAY_LEN(finish_names) && finish_names[f].p);
    return finish_names[f];
}

bool ir_event_is_content(const struct ir_event *ev)
{
    switch (ev->type) {
    case IR_EV_DELTA:
        return ev->delta.text.n > 0;
    case IR_EV_BLOCK_START: /* a call or a whole block shows at once; text only when it comes */
        return ev->kind != IR_TEXT && ev->kind != IR_THINKING && ev->kind != IR_REFUSAL;
    case IR_EV_FINISH:
    case IR_EV_END:
        return true;
    case IR_EV_START:
    case IR_EV_BLOCK_STOP:
    case IR_EV_USAGE:
    case IR_EV_PING:
    case IR_EV_ERROR:
        return false;
    }
    return false;
}
