/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_tool - tools that a vendor runs itself, where more than one vendor has such a tool.
 *
 *     {"type":"web_search_20250305","name":"web_search","max_uses":3,"allowed_domains":["a.com"]}
 *     {"type":"web_search","filters":{"allowed_domains":["a.com"]}}          OpenAI, xAI
 *     {"googleSearch":{}}                                                   Google
 *     "web_search_options":{"search_context_size":"low"}                    Chat
 *
 * A front says what a declared tool is (server_tool_what into ir_tool.server); a back writes it
 * in its own words and names the options that it has no words for. The options stay in the tool's
 * raw JSON until then, as the grammar of a free-text tool does (dialect/free_text.h): most calls
 * declare none of these. Which vendor has what is a table, server_tool.def.
 *
 * Rejected: running the search ourselves for models without one. That is another program's work.
 */
#pragma once
#include "dialect/dialect.h"
#include "json/write.h"

enum server_takes {
    TAKES_MAX_USES = 1u << 0,
    TAKES_ALLOWED = 1u << 1, /* only these domains */
    TAKES_BLOCKED = 1u << 2, /* all but these */
    TAKES_LOCATION = 1u << 3,
    TAKES_CONTEXT = 1u << 4,  /* how much is read: low, medium, high */
    TAKES_ONE_LIST = 1u << 5, /* of domains: both at once are refused */
};

/* The options, in whichever vendor's words they came. Absent members were not given. */
struct server_options {
    jval max_uses; /* a number */
    jval allowed, blocked;
    jval location; /* an object with city, region, country, timezone */
    jval context;  /* low, medium, high */
};

/* What the type means in a language ("anthropic", …); IR_SERVER_OTHER: only its vendor knows. */
enum ir_server server_tool_what(str family, jtext type);
/* Has this target, in its language, a tool for what `t` does? */
bool server_tool_has(const struct ir_tool *t, str family, const struct dialect_opts *opts);
/* Type and name under which the language declares it; the name may be empty. */
str server_tool_type(str family, enum ir_server what);
str server_tool_name(str family, enum ir_server what);
/* The tool that the request's choice names, when that is one a vendor runs; or NULL. */
const struct ir_tool *server_tool_chosen(const struct ir_request *r);

/* Options of `t`; those that its row of `family` does not take, and any member that nobody else
 * has, are named in *lossy ("tools.TYPE.MEMBER"). `a` holds what is parsed, and the names. */
struct server_options server_tool_options(const struct ir_tool *t, unsigned takes, struct arena *a,
                                          struct ir_lossy *lossy);
/* t as an object of the language's list of tools; false: it has none such, and nothing was
 * written. */
bool server_tool_put(struct json_writer *w, const struct ir_tool *t, str family, struct arena *a,
                     struct ir_lossy *lossy) MUST_CHECK;
/* {"type":"approximate","city":…}; `inner` wraps the place once more, as Chat does. */
void server_tool_put_location(struct json_writer *w, jval location, bool inner);
/* What is lost of a tool that the language has nothing like. */
void server_tool_lose(const struct ir_tool *t, struct arena *a, struct ir_lossy *lossy);
