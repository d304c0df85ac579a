/* SPDX-License-Identifier: Apache-2.0 */
/*
 * describe - the option table told to others: to editors as a JSON Schema, to readers as
 * docs/config.md, to the one who runs `weir check` as a summary. The first two are generated from
 * the rows alone; tests/unit/conf fails when the committed files differ.
 *
 * All append to `to`; a failure stays in the buffer.
 */
#pragma once
#include "base/buf.h"
#include "conf/snapshot.h"

/* JSON Schema (2020-12) of weir's own form; claude-code-router's keys are not in it. */
void conf_write_schema(struct buf *to);
/* docs/config.md. */
void conf_write_reference(struct buf *to);
/* A few lines: where it listens, who serves, which models lead where. No secret in it. */
void conf_write_summary(const struct snapshot *s, struct buf *to);
