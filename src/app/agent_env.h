/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_env - the environment that points a client at this gateway: one table for `weir env` (which
 * prints it) and `weir code` (which sets it).
 */
#pragma once
#include "base/buf.h"
#include "conf/snapshot.h"

#define AGENT_CLAUDE 1u /* for Claude Code */
#define AGENT_ANY    2u /* for SDKs and other agents */

/* Call fn for each variable; value.p == NULL: to be unset. */
void agent_env_each(const struct snapshot *s, unsigned kinds,
                    void (*fn)(void *ctx, const char *name, str value), void *ctx);
