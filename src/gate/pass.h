/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pass - one provider's own API (/providers/NAME/…, pass.c): what is not translated, only
 * carried. The files of gate/ ask these where a call passes (call_passes).
 */
#pragma once
#include "gate/gate_int.h"

bool pass_find(struct call *c);  /* c->op and c->front, where the path leads there */
bool pass_admit(struct call *c); /* false: answered */
/* The call goes on as one to this provider, at this path (without query). False: no memory. */
bool pass_to(struct call *c, const struct conf_provider *p, str path);
enum step pass_decode(struct call *c);
void pass_resolve(struct call *c);
bool pass_may_repeat(const struct call *c, const struct attempt_failure *f);
void pass_limit_exchange(struct call *c);
void pass_write_target(const struct call *c, struct buf *to); /* path and query */
str pass_body_type(const struct call *c); /* the content-type that goes with the body, if any */
void pass_write_headers(struct call *c, const struct back_call *bc, struct buf *to);
enum answer_mode pass_mode(struct call *c, const struct h1_head *h);
void pass_hear(struct call *c, str piece); /* bytes that go on: the usage in them */
void pass_heard_all(struct call *c);
void pass_stop(struct call *c); /* no more of this answer; idempotent */
void pass_reply_lines(const struct call *c, struct buf *to);
void pass_reply_whole(struct call *c, str body); /* with the provider's status */
