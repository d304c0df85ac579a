/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traits - what kind of request this is, in the words that routing asks in.
 *
 * Read from the canonical request, never from one dialect's JSON: a rule or a scenario that says
 * "images" means the same for every front. One walk over messages and tools, no allocation; what is
 * text points into the request, still escaped.
 *
 * A turn is what follows the model's last answer: a user message, or the results of tools.
 * Scenarios look at pictures of this turn, for those of earlier turns have been answered.
 *
 * The session is what the client itself says holds its calls together. Where it says so differs:
 *
 *     Claude Code, until 2.0    metadata.user_id = user_<64 hex>_account_<uuid>_session_<uuid>
 *     Claude Code, since        metadata.user_id = {"device_id":…,"account_uuid":…,"session_id":…}
 *     Codex, OpenAI's SDKs      prompt_cache_key; conversation, as an id or {"id":…}
 *     Gemini CLI, others        session_id or sessionId, beside the other members
 *
 * previous_response_id is none: it is another one in each turn. Headers are for gate/feature.h.
 *
 * Trust: all of it is the client's word. Nothing here may decide what a caller is allowed.
 */
#pragma once
#include "ir/request.h"

#define IR_TAG_NAME "CCR-SUBAGENT-MODEL"

/* `<CCR-SUBAGENT-MODEL>provider,model</CCR-SUBAGENT-MODEL>`, as claude-code-router's users have
 * their agents write it at the head of a sub-agent's prompt. */
struct ir_tag {
    jtext whole; /* with its marks and the blanks behind; absent: there is none */
    jtext value;
};

struct ir_traits {
    bool tools;
    bool web_search; /* a search that the vendor runs is declared */
    bool images;     /* anywhere, also in results of tools */
    bool images_now; /* … in this turn */
    bool documents;
    bool audio;
    bool thinks;     /* reasoning was asked for; "disabled", "none" and a budget of 0 are no such */
    bool structured; /* the answer is to be JSON, or of a schema */
    uint32_t messages, ntools;
    enum ir_think think; /* as the request says it, with … */
    jtext effort;
    uint64_t think_budget;
    uint64_t max_tokens;
    jtext user;       /* the person or account, without what names the session */
    jtext session;    /* absent: the client names none */
    str metadata;     /* JSON text of an object */
    jtext system;     /* the first text for the model's instruction, … */
    jtext first_user; /* … and the first of the user's: the same in all turns of a conversation */
    struct ir_tag subagent;
};

void ir_traits_read(const struct ir_request *r, struct ir_traits *ret);

/* The two parts of a user's name that has a session's in it, as Claude Code sends them; session is
 * absent where the name has none, and then the whole is the user. */
void ir_split_user(jtext name, jtext *ret_user, jtext *ret_session);
/* The first such tag of a text; whole is absent where there is none that is complete. */
struct ir_tag ir_find_tag(jtext text);
