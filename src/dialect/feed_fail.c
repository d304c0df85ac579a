/* SPDX-License-Identifier: Apache-2.0 */
/* feed_fail - the end of a broken answer; see the header. */
#include "dialect/feed_fail.h"

#include "dialect/provider_error.h"

static enum feed_result broke(bool *over, struct ir_sink sink, const struct fail *fail)
{
    const struct ir_event ev = {.type = IR_EV_ERROR, .fail = fail};

    ASSERT(!*over); /* an answer ends once, and what follows its end is dropped before this */
    *over = true;
    ir_emit(sink, &ev);
    return FEED_ERROR;
}

enum feed_result feed_unusable(bool *over, struct ir_sink sink, str message)
{
    return broke(over, sink, &(struct fail){.kind = ERR_UPSTREAM, .message = message});
}

enum feed_result feed_said_error(bool *over, struct ir_sink sink, jval root)
{
    struct provider_error e = {0};
    struct provider_text text;
    struct fail fail;

    (void)provider_error_read(root, &e);
    provider_error_fail(&e, 0, &text, &fail);
    return broke(over, sink, &fail);
}
