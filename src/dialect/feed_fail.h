/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feed_fail - how a decoder ends an answer that went wrong: one error event, and nothing behind it.
 *
 * Each function sets *over, by which the decoder refuses to be fed again, tells the sink, and
 * returns FEED_ERROR for its caller to return.
 */
#pragma once
#include "dialect/dialect.h"

/* What the provider sent is of no use; `message` says why, in our words. */
enum feed_result feed_unusable(bool *over, struct ir_sink sink, str message);
/* The provider said itself what went wrong, in any shape that provider_error.h knows. */
enum feed_result feed_said_error(bool *over, struct ir_sink sink, jval root);
