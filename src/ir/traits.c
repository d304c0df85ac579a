/* SPDX-License-Identifier: Apache-2.0 */
/* traits - one walk over a request; see the header. */
#include "ir/traits.h"

#include "base/check.h"

#define TAG_VALUE_MAX 256 /* bytes: no model has a longer name */
#define TAG_USER_TURNS                                                                     \
    2              /* the user messages that may hold one: later ones are the user's words \
                    */
#define NEST_MAX 4 /* blocks within blocks: a picture in a document in a tool's result */

/* ---- who, and which session */

/* What of a user's name is what: the text between two marks. */
struct cut {
    const char *behind, *until;
};

/* Both forms of Claude Code's metadata.user_id. The JSON one is a text within JSON, so its quotes
 * stand escaped. */
static const struct cut session_cuts[] = {
    {"\\\"session_id\\\":\\\"", "\\\""},
    {"_session_", NULL},
};
static const struct cut user_cuts[] = {
    {"\\\"account_uuid\\\":\\\"", "\\\""}, /* of an account, where one is logged in … */
    {"\\\"device_id\\\":\\\"", "\\\""},    /* … else of the machine */
};

static jtext cut_out(jtext from, const struct cut *cuts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const str behind = str_c(cuts[i].behind);
        size_t at = str_find(from, behind);
        if (at == SIZE_MAX)
            continue;
        jtext rest = str_from(from, at + behind.n);
        size_t end = cuts[i].until ? str_find(rest, str_c(cuts[i].until)) : rest.n;
        if (end != SIZE_MAX && end > 0)
            return str_head(rest, end);
    }
    return STR_NONE;
}

void ir_split_user(jtext name, jtext *ret_user, jtext *ret_session)
{
    *ret_session = cut_out(name, session_cuts, ARRAY_LEN(session_cuts));
    *ret_user = name;
    if (!ret_session->n)
        return;
    jtext user = cut_out(name, user_cuts, ARRAY_LEN(user_cuts));
    size_t mark = str_find(name, STR("_session_"));
    if (user.n)
        *ret_user = user;
    else if (mark != SIZE_MAX)
        *ret_user = str_head(name, mark);
}

/* Members that name a session and have no place in the canonical form. */
static const char *const session_members[] = {"conversation", "session_id", "sessionId"};

/* "id" or {"id":"id"}, of which the JSON text is as good as its inside: it only has to be the same
 * each time. */
static jtext unquoted(str json)
{
    const bool text = json.n >= 2 && json.p[0] == '"';
    return text ? str_of(json.p + 1, json.n - 2) : json;
}

static jtext session_member(const struct ir_request *r)
{
    for (const struct ir_field *f = r->unknown; f; f = f->next)
        for (size_t i = 0; i < ARRAY_LEN(session_members); i++)
            if (str_eq(f->name, str_c(session_members[i])))
                return unquoted(f->json);
    return STR_NONE;
}

static void read_names(const struct ir_request *r, struct ir_traits *t)
{
    ir_split_user(r->user, &t->user, &t->session);
    if (!t->session.n)
        t->session = session_member(r);
    if (!t->session.n)
        t->session = r->cache_key;
}

/* ---- the sub-agent's tag */

/* Length of an angle bracket at the end of `before` (ahead false) or at the beginning of `text`:
 * itself, or as an escape, which Go's encoder writes. 0: there is none. */
static size_t bracket(str text, char c, bool ahead)
{
    const str escape = c == '<' ? STR("\\u003c") : STR("\\u003e");
    str there = ahead ? str_head(text, escape.n)
                      : str_from(text, text.n > escape.n ? text.n - escape.n : 0);
    if (str_eq_nocase(there, escape))
        return escape.n;
    if (!text.n)
        return 0;
    return (ahead ? text.p[0] : text.p[text.n - 1]) == c;
}

/* Blanks and line ends behind the tag go with it. */
static size_t blanks(str text)
{
    size_t n = 0;
    while (n < text.n) {
        if (text.p[n] == ' ')
            n++;
        else if (n + 1 < text.n && text.p[n] == '\\' &&
                 (text.p[n + 1] == 'n' || text.p[n + 1] == 'r' || text.p[n + 1] == 't'))
            n += 2;
        else
            break;
    }
    return n;
}

/* The tag whose name stands at `at`. */
static struct ir_tag tag_at(jtext text, size_t at)
{
    const struct ir_tag none = {STR_NONE, STR_NONE};
    const str name = STR(IR_TAG_NAME);
    const size_t open = bracket(str_head(text, at), '<', false);
    const size_t open_end = bracket(str_from(text, at + name.n), '>', true);
    if (!open || !open_end)
        return none;
    jtext rest = str_from(text, at + name.n + open_end);
    const size_t next = str_find(rest, name);
    if (next == SIZE_MAX || next > TAG_VALUE_MAX)
        return none;
    str before = str_head(rest, next); /* value, '<', '/' */
    if (!str_has_suffix(before, STR("/")))
        return none;
    before = str_head(before, before.n - 1);
    if (str_has_suffix(before, STR("\\"))) /* PHP's encoder escapes the slash */
        before = str_head(before, before.n - 1);
    const size_t close = bracket(before, '<', false);
    rest = str_from(rest, next + name.n);
    const size_t close_end = bracket(rest, '>', true);
    if (!close || !close_end)
        return none;
    rest = str_from(rest, close_end);
    const char *begin = text.p + at - open;
    const size_t n = (size_t)(rest.p - begin) + blanks(rest);
    CHECK(begin >= text.p && begin + n <= text.p + text.n); /* somebody will cut this out */
    return (struct ir_tag){str_of(begin, n), str_trim(str_head(before, before.n - close))};
}

struct ir_tag ir_find_tag(jtext text)
{
    size_t at = str_find(text, STR(IR_TAG_NAME));
    if (at == SIZE_MAX)
        return (struct ir_tag){STR_NONE, STR_NONE};
    return tag_at(text, at);
}

/* ---- messages and tools */

struct walk {
    struct ir_traits *t;
    bool now; /* behind the model's last answer */
};

static void walk_blocks(const struct walk *w, const struct ir_block *b, unsigned depth)
{
    for (; b && depth < NEST_MAX; b = b->next) {
        switch (b->kind) {
        case IR_IMAGE:
            w->t->images = true;
            w->t->images_now |= w->now;
            break;
        case IR_DOCUMENT:
            w->t->documents = true;
            if (b->media.src == IR_MEDIA_BLOCKS)
                walk_blocks(w, b->media.blocks, depth + 1);
            break;
        case IR_AUDIO:
            w->t->audio = true;
            break;
        case IR_TOOL_RESULT:
            walk_blocks(w, b->result.content, depth + 1);
            break;
        case IR_TEXT:
        case IR_THINKING:
        case IR_REDACTED:
        case IR_REFUSAL:
        case IR_TOOL_USE:
        case IR_OPAQUE:
            break;
        }
    }
}

static bool instructs(const struct ir_message *m)
{
    return m->role == IR_SYSTEM || m->role == IR_DEVELOPER;
}

/* First texts, and the tag where it may stand. */
static void walk_texts(struct ir_traits *t, const struct ir_message *m, unsigned users)
{
    jtext *first = instructs(m) ? &t->system : &t->first_user;
    for (const struct ir_block *b = m->blocks; b; b = b->next) {
        if (b->kind != IR_TEXT || !b->text.text.n)
            continue;
        if (!first->n)
            *first = b->text.text;
        if (!t->subagent.whole.n && users <= TAG_USER_TURNS)
            t->subagent = ir_find_tag(b->text.text);
    }
}

static void walk_messages(const struct ir_request *r, struct ir_traits *t)
{
    const struct ir_message *answer = NULL;
    unsigned users = 0;
    for (const struct ir_message *m = r->messages; m; m = m->next, t->messages++)
        if (m->role == IR_ASSISTANT)
            answer = m;
    struct walk w = {t, answer == NULL};
    for (const struct ir_message *m = r->messages; m; m = m->next) {
        walk_blocks(&w, m->blocks, 0);
        users += m->role == IR_USER;
        if (m->role == IR_USER || instructs(m))
            walk_texts(t, m, instructs(m) ? 0 : users);
        w.now |= m == answer;
    }
}

/* Anthropic's `effort` is how much to work, and does not ask for thoughts; elsewhere it is how one
 * asks for them, and the decoders have set the mode. */
static void read_reasoning(const struct ir_request *r, struct ir_traits *t)
{
    t->think = r->reasoning.mode;
    t->effort = r->reasoning.effort;
    t->think_budget = r->reasoning.budget;
    t->thinks = t->think == IR_THINK_ON || t->think == IR_THINK_ADAPTIVE;
}

void ir_traits_read(const struct ir_request *r, struct ir_traits *ret)
{
    struct ir_traits *t = ret;
    *t = (struct ir_traits){.max_tokens = r->max_tokens, .metadata = r->metadata};
    read_names(r, t);
    read_reasoning(r, t);
    t->structured = r->format.kind == IR_FORMAT_JSON || r->format.kind == IR_FORMAT_SCHEMA;
    for (const struct ir_tool *tool = r->tools; tool; tool = tool->next, t->ntools++)
        t->web_search |= tool->kind == IR_TOOL_SERVER && tool->server == IR_SERVER_SEARCH;
    t->tools = t->ntools > 0;
    walk_messages(r, t);
    ASSERT(!t->images_now || t->images);
}
