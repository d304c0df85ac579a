/* SPDX-License-Identifier: Apache-2.0 */
/* feature - worked out when asked for; see the header. */
#include "gate/feature.h"

#include "base/fmt.h"
#include "base/num.h"
#include "gate/gate_int.h"

#define SESSION_MAX 256  /* bytes that count of a name that a client chose */
#define PROMPT_MAX  4096 /* … and of the texts that a conversation begins with */

/* No prompt has more tokens than half its bytes, or fewer than a tenth: English and code have a
 * quarter, what is written without blanks a third, deeply indented text an eighth. */
#define BYTES_LEAST 2
#define BYTES_USUAL 4
#define BYTES_MOST  10

/* Of one call; in its arena. */
struct features {
    bool asked_traits, has_traits;
    bool asked_session;
    struct ir_traits traits;
    struct features_session session;
};

static struct features *of(struct call *c)
{
    if (!c->features)
        c->features = arena_new(&c->req->arena, struct features);
    return c->features;
}

const struct ir_traits *features_traits(struct call *c)
{
    struct features *f = of(c);
    struct fail unused;
    if (!f || c->op || !c->front)
        return NULL;
    if (!f->asked_traits) {
        f->asked_traits = true;
        f->has_traits = decode_quietly(c, &unused);
        if (f->has_traits)
            ir_traits_read(c->ir, &f->traits);
    }
    return f->has_traits ? &f->traits : NULL;
}

void features_forget(struct call *c)
{
    if (c->features)
        c->features->asked_traits = c->features->has_traits = false;
}

/* ---- session */

/* Headers that name a session, the surest first. */
static const str session_headers[] = {
    STR("x-weir-session"),           /* ours: for whoever has no other way to say it */
    STR("x-claude-code-session-id"), /* Claude Code, beside the one in its body */
    STR("x-session-id"),             /* opencode, and others that follow no vendor */
    STR("session-id"),               /* Codex; older ones wrote session_id */
    STR("session_id"),
    STR("thread-id"),
    STR("conversation_id"),
    STR("x-session-affinity"),
    STR("x-opencode-session"),
    STR("x-claude-session-id"), /* as claude-code-router 3 reads it */
};

/* One key's sessions are not another's, whatever they are named. */
static uint64_t hash_for(const struct call *c, str text)
{
    const uint64_t own = c->key ? sessions_hash(c->key->name) : 0;
    const uint64_t h = sessions_hash(text) ^ (own << 1 | own >> 63);
    return h ? h : 1;
}

static bool set_session(const struct call *c, struct features_session *s, enum session_by by,
                        str text)
{
    if (!text.n)
        return false;
    *s = (struct features_session){.by = by, .text = str_head(text, SESSION_MAX)};
    s->hash = hash_for(c, s->text);
    return true;
}

/* The instruction and the first question: both stand in every turn. */
static void by_prompt(struct call *c, const struct ir_traits *t, struct features_session *s)
{
    char *digits = arena_alloc(&c->req->arena, 16);
    if (!digits || !t->first_user.n)
        return;
    uint64_t h = sessions_hash(str_head(t->system, PROMPT_MAX));
    h = h * UINT64_C(0x9e3779b97f4a7c15) + sessions_hash(str_head(t->first_user, PROMPT_MAX));
    fmt_hex64(digits, h);
    set_session(c, s, SESSION_BY_PROMPT, str_of(digits, 16));
}

/* A Responses client's `conversation`: an id, or an object with one. */
static str conversation_of(jval root)
{
    const jval c = json_get_lit(root, "conversation");
    return json_is(c, JSON_OBJECT) ? json_raw(json_get_lit(c, "id")) : json_raw(c);
}

/* A turn that names the answer it goes on from, and whose conversation is not here: the session
 * that the turn before was of. Where nothing is known of that one, its id is better than the
 * question. */
static bool by_previous(struct call *c, struct features_session *s)
{
    struct kept_link l;
    char *digits = arena_alloc(&c->req->arena, 16);
    if (c->op || c->continued || !c->peek.previous.n || !digits)
        return false;
    if (kept_find(c->gate->kept, turns_owner(c), c->peek.previous, loop_now(c->gate->loop), &l) !=
            RC_OK ||
        !l.session)
        return set_session(c, s, SESSION_BY_BODY, c->peek.previous);
    fmt_hex64(digits, l.session);
    *s = (struct features_session){
        .by = SESSION_BY_BODY, .text = str_of(digits, 16), .hash = l.session};
    return true;
}

static void find_session(struct call *c, struct features_session *s)
{
    for (size_t i = 0; i < ARRAY_LEN(session_headers); i++)
        if (set_session(c, s, SESSION_BY_HEADER, h1_find(c->req->head, session_headers[i])))
            return;
    jtext user, session;
    ir_split_user(c->op ? STR_NONE : c->peek.user, &user, &session); /* without decoding it all */
    if (set_session(c, s, SESSION_BY_BODY, session))
        return;
    const struct ir_traits *t = features_traits(c);
    if (t && set_session(c, s, SESSION_BY_BODY, t->session))
        return;
    if (by_previous(c, s))
        return;
    if (t)
        by_prompt(c, t, s);
    else if (!c->op && c->front) /* OpenAI keeps the messages, and only between equal languages */
        set_session(c, s, SESSION_BY_BODY, conversation_of(json_root(&c->doc)));
}

const struct features_session *features_session(struct call *c)
{
    static const struct features_session nobody = {.by = SESSION_BY_NOBODY};
    struct features *f = of(c);
    if (!f)
        return &nobody;
    if (!f->asked_session) {
        f->asked_session = true;
        find_session(c, &f->session);
        ASSERT((f->session.by == SESSION_BY_NOBODY) == (f->session.hash == 0));
    }
    return &f->session;
}

uint64_t features_session_seen(const struct call *c)
{
    return c->features && c->features->asked_session ? c->features->session.hash : 0;
}

str features_user(struct call *c)
{
    jtext user, session;
    if (c->op)
        return STR_NONE;
    ir_split_user(c->peek.user, &user, &session);
    return user;
}

/* A member by its name, else along a path: "a.b" is the member "a.b", or b of a. */
static jval member_of(jval object, str name)
{
    jval v = json_get(object, name);
    const size_t dot = json_is_nothing(v) ? str_find_char(name, '.') : SIZE_MAX;
    if (dot == SIZE_MAX)
        return v;
    return member_of(json_get(object, str_head(name, dot)), str_from(name, dot + 1));
}

static str text_of(struct call *c, jval v)
{
    str text;
    if (json_is_nothing(v))
        return STR_NONE;
    if (!json_is(v, JSON_STRING))
        return json_text(v);
    return json_str(v, &c->req->arena, &text) == RC_OK ? text : STR_NONE;
}

str features_metadata(struct call *c, str name)
{
    const struct ir_traits *t = features_traits(c);
    struct json_doc doc;
    if (!t || !t->metadata.n || json_parse(&c->req->arena, t->metadata, &doc, NULL) != RC_OK)
        return STR_NONE;
    return text_of(c, member_of(json_root(&doc), name));
}

static jval element(jval array, uint64_t at)
{
    struct json_iter it = json_iter(array);
    while (json_next(&it))
        if (at-- == 0)
            return it.val;
    return (jval){0};
}

/* As the client sent it, whatever its language. A form has no such fields. */
static str body_field(struct call *c, const struct conf_sticky *by)
{
    if (!c->doc.count)
        return STR_NONE;
    jval v = json_root(&c->doc);
    for (uint32_t i = 0; i < by->npath; i++) {
        uint64_t at;
        if (!json_is(v, JSON_ARRAY))
            v = json_get(v, by->path[i]);
        else if (num_u64(by->path[i], &at) == RC_OK)
            v = element(v, at);
        else
            return STR_NONE;
    }
    return text_of(c, v);
}

uint64_t features_identity(struct call *c, const struct conf_sticky *by)
{
    str text = STR_NONE;
    switch (by->by) {
    case CONF_STICKY_SESSION:
        break;
    case CONF_STICKY_USER:
        text = features_user(c);
        break;
    case CONF_STICKY_KEY:
        text = c->key ? c->key->name : STR_NONE;
        break;
    case CONF_STICKY_HEADER:
        text = h1_find(c->req->head, by->name);
        break;
    case CONF_STICKY_METADATA:
        text = features_metadata(c, by->name);
        break;
    case CONF_STICKY_BODY:
        text = body_field(c, by);
        break;
    }
    /* A call that does not have it is held to its session: that is better than nothing. */
    return text.n ? hash_for(c, str_head(text, SESSION_MAX)) : features_session(c)->hash;
}

uint64_t features_sticky(struct call *c, const struct conf_route *r)
{
    return features_identity(c, &r->sticky);
}

/* ---- tokens */

uint64_t features_tokens(struct call *c, const struct conf_provider *p, str model, uint64_t mark)
{
    const size_t bytes = c->req->body.n;
    const bool media = c->peek.has_images || c->peek.has_documents;
    if (c->op || (!media && bytes / BYTES_LEAST < mark))
        return bytes / BYTES_USUAL;
    if (!media && bytes / BYTES_MOST > mark)
        return bytes / BYTES_USUAL;
    struct fail unused;
    return decode_quietly(c, &unused) ? tokens_near(c, p, model, mark) : bytes / BYTES_USUAL;
}
