/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feature - what is known of one call, for whoever decides where it goes.
 *
 * Scenarios, rules and strategies ask here, and each thing is worked out when it is first asked
 * for, once, in the call's arena: the traits need the canonical request, which a call between equal
 * languages otherwise never decodes; the session may need the prompt's beginning; tokens need a
 * count. A configuration that asks for none of it pays nothing (conf/snapshot.h, routing.needs).
 *
 * A request that cannot be decoded has no traits: to say so is the matter of whoever translates it,
 * and between equal languages the provider may know better.
 */
#pragma once
#include "conf/snapshot.h"
#include "ir/traits.h"

struct call;

/* Who said what the session is, the surest first. */
enum session_by {
    SESSION_BY_NOBODY,
    SESSION_BY_HEADER,
    SESSION_BY_BODY,
    SESSION_BY_PROMPT, /* nobody: what a conversation begins with stays the same in all its turns */
};

/* Plain text where a client names it, else hex digits that stand for the prompt's beginning. */
struct features_session {
    enum session_by by;
    str text;
    uint64_t hash; /* the same on all workers and nodes, other for another key's; 0: BY_NOBODY */
};

/* NULL: the call is no chat, or cannot be decoded. */
const struct ir_traits *features_traits(struct call *c);
const struct features_session *features_session(struct call *c); /* never NULL */
/* Its hash where something has asked for it already; else 0. */
uint64_t features_session_seen(const struct call *c);
/* The person or account that the client names; absent: none. */
str features_user(struct call *c);
/* A member of the metadata that the request carries, by name or dotted path; absent: none. */
str features_metadata(struct call *c, str name);
/* Tokens of the prompt, as exact as it takes to say on which side of `mark` they are: by bytes
 * where that is clear, by an estimate, counted near it. Never waits. `p` and `model` as whose
 * tokens; NULL and the name that was asked for where nobody is chosen yet. */
uint64_t features_tokens(struct call *c, const struct conf_provider *p, str model, uint64_t mark);
/* The request was changed: what was read from it is read again. */
void features_forget(struct call *c);
/* Hash of what `by` names; of the session where the call does not have it. 0: nothing. */
uint64_t features_identity(struct call *c, const struct conf_sticky *by);
/* What a `sticky` route holds together, as its stickyBy says; 0: nothing. */
uint64_t features_sticky(struct call *c, const struct conf_route *r);
