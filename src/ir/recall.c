/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recall - see the header. Thoughts are kept as the JSON text
 *
 *     [ {"r":0, "f":"who signed", "t":"text", "s":"signature"},      a thought
 *       {"r":1, "d":"sealed thought", "f":"who signed"},             one that only its maker can
 * read
 *       {"r":2, "c":"call id", "x":"its seal"} ]                     a call's own (Gemini)
 *
 * whose strings are the provider's own, still escaped: written while the events pass, read with the
 * JSON reader when they are wanted.
 */
#include "ir/recall.h"

#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"

#define NAME_MAX  256 /* of a call's id or name */
#define BEGIN_MAX 512 /* bytes of the first turn that tell conversations apart */

/* ---- gathering */

void gather_init(struct recall_gather *g)
{
    *g = (struct recall_gather){.text = BUF_INIT(RECALL_ENTRY_MAX)};
}

void gather_fini(struct recall_gather *g)
{
    buf_fini(&g->text);
}

static void member(struct buf *b, const char *key, jtext value)
{
    if (!value.n)
        return;
    buf_addf(b, ",\"%s\":\"", key);
    buf_add(b, value);
    buf_add_char(b, '"');
}

static void begin(struct recall_gather *g)
{
    buf_add_char(&g->text, buf_size(&g->text) ? ',' : '[');
}

static void open_thought(struct recall_gather *g, const struct ir_event *ev)
{
    ASSERT(!g->open); /* a decoder closes a block before it opens the next */
    begin(g);
    if (ev->kind == IR_REDACTED) {
        buf_lit(&g->text, "{\"r\":1");
        member(&g->text, "d", ev->open.data);
        member(&g->text, "f", ev->open.format);
        buf_add_char(&g->text, '}');
        g->thought = true;
        return;
    }
    buf_lit(&g->text, "{\"r\":0");
    member(&g->text, "f", ev->open.format);
    buf_lit(&g->text, ",\"t\":\"");
    g->open = true;
    g->signing = false;
}

static void add_to_thought(struct recall_gather *g, const struct ir_event *ev)
{
    bool signature = ev->delta.what == IR_D_SIGNATURE;
    if (!g->open || (!signature && ev->delta.what != IR_D_TEXT) || !ev->delta.text.n)
        return;
    if (signature && !g->signing)
        buf_lit(&g->text, "\",\"s\":\"");
    else if (!signature && g->signing)
        return; /* text behind the signature is none of what was signed */
    g->signing = signature;
    g->thought = true;
    buf_add(&g->text, ev->delta.text);
}

static void note_call(struct recall_gather *g, struct arena *a, const struct ir_event *ev)
{
    jtext id = ev->open.id, name = ev->open.name;
    if (g->ncalls == RECALL_CALLS || id.n > NAME_MAX || name.n > NAME_MAX)
        return;
    g->ids[g->ncalls] = arena_dup(a, id);
    g->names[g->ncalls] = arena_dup(a, name);
    g->ncalls++;
    if (!ev->open.sealed.n)
        return;
    begin(g);
    buf_lit(&g->text, "{\"r\":2");
    member(&g->text, "c", id);
    member(&g->text, "x", ev->open.sealed);
    buf_add_char(&g->text, '}');
    g->thought = true;
}

void gather_event(struct recall_gather *g, struct arena *a, const struct ir_event *ev)
{
    if (ev->choice ||
        (ev->type != IR_EV_BLOCK_START && ev->type != IR_EV_DELTA && ev->type != IR_EV_BLOCK_STOP))
        return;
    bool thought = ev->kind == IR_THINKING || ev->kind == IR_REDACTED;
    if (ev->type == IR_EV_BLOCK_START && thought)
        open_thought(g, ev);
    else if (ev->type == IR_EV_BLOCK_START && ev->kind == IR_TOOL_USE)
        note_call(g, a, ev);
    else if (ev->type == IR_EV_DELTA && thought)
        add_to_thought(g, ev);
    else if (ev->type == IR_EV_BLOCK_STOP && g->open) {
        buf_lit(&g->text, "\"}");
        g->open = false;
    }
}

str gather_end(struct recall_gather *g)
{
    if (!g->thought || !g->ncalls || g->open)
        return STR_NONE;
    buf_add_char(&g->text, ']');
    return g->text.failed ? STR_NONE : buf_str(&g->text);
}

/* ---- the store */

struct entry {
    struct list link; /* by age, the oldest first */
    msec since;
    uint64_t key;
    size_t n;
    char bytes[];
};

struct recall {
    struct map by_key; /* the key's own bytes */
    struct list by_age;
    size_t bytes;
};

struct recall *recall_new(struct hash_key key)
{
    struct recall *r = mem_zalloc(sizeof(*r));
    if (!r)
        return NULL;
    map_init(&r->by_key, key);
    list_init(&r->by_age);
    return r;
}

static str key_bytes(const uint64_t *key)
{
    return str_of((const char *)(const void *)key, sizeof(*key));
}

static void forget(struct recall *r, struct entry *e)
{
    CHECK(r->bytes >= sizeof(*e) + e->n);
    (void)map_take(&r->by_key, key_bytes(&e->key)); /* before the free: the key is in the entry */
    list_remove(&e->link);
    r->bytes -= sizeof(*e) + e->n;
    mem_free(e);
}

void recall_free(struct recall *r)
{
    if (!r)
        return;
    list_each_safe(it, tmp, &r->by_age) forget(r, list_entry(it, struct entry, link));
    ASSERT(r->bytes == 0); /* what was counted in was counted out */
    map_fini(&r->by_key);
    mem_free(r);
}

bool recall_is_empty(const struct recall *r)
{
    return list_is_empty(&r->by_age);
}

void recall_put(struct recall *r, uint64_t key, str thoughts, msec now)
{
    struct entry *e = map_get(&r->by_key, key_bytes(&key));
    CHECK(thoughts.n <= RECALL_ENTRY_MAX);
    if (e)
        forget(r, e);
    while (!list_is_empty(&r->by_age)) {
        struct entry *oldest = list_entry(r->by_age.next, struct entry, link);
        bool full = r->bytes + sizeof(*e) + thoughts.n > RECALL_MAX;
        if (!full && now - oldest->since < RECALL_FOR_MS)
            break;
        forget(r, oldest);
    }
    e = mem_alloc(sizeof(*e) + thoughts.n);
    if (!e)
        return;
    *e = (struct entry){.since = now, .key = key, .n = thoughts.n};
    memcpy(e->bytes, thoughts.p, thoughts.n);
    if (map_put(&r->by_key, key_bytes(&e->key), e, NULL) != RC_OK) {
        mem_free(e);
        return;
    }
    list_push_back(&r->by_age, &e->link);
    r->bytes += sizeof(*e) + e->n;
}

str recall_get(const struct recall *r, uint64_t key, msec now)
{
    const struct entry *e = map_get(&r->by_key, key_bytes(&key));
    return e && now - e->since < RECALL_FOR_MS ? str_of(e->bytes, e->n) : STR_NONE;
}

/* ---- keys */

/* Texts laid end to end with their lengths, so that no two lists of them look the same. */
static size_t lay(char *to, size_t at, size_t most, str s)
{
    size_t n = s.n < most ? s.n : most;
    memcpy(to + at, &s.n, sizeof(s.n));
    if (n)
        memcpy(to + at + sizeof(s.n), s.p, n);
    return at + sizeof(s.n) + n;
}

uint64_t recall_scope(struct hash_key key, str client, const struct ir_request *q)
{
    char all[NAME_MAX + BEGIN_MAX + 2 * sizeof(size_t)];
    str first = STR("");
    for (const struct ir_message *m = q->messages; m && !first.n; m = m->next)
        for (const struct ir_block *b = m->blocks; b && m->role == IR_USER && !first.n; b = b->next)
            if (b->kind == IR_TEXT)
                first = b->text.text;
    size_t n = lay(all, 0, NAME_MAX, client);
    n = lay(all, n, BEGIN_MAX, first);
    CHECK(n <= sizeof(all));
    return hash_bytes(key, str_of(all, n));
}

uint64_t recall_key(struct hash_key key, uint64_t scope, jtext id, jtext name)
{
    char all[sizeof(scope) + 2 * (NAME_MAX + sizeof(size_t))];
    memcpy(all, &scope, sizeof(scope));
    size_t n = lay(all, sizeof(scope), NAME_MAX, id);
    n = lay(all, n, NAME_MAX, name);
    CHECK(n <= sizeof(all));
    return hash_bytes(key, str_of(all, n));
}

/* ---- restoring */

static const struct ir_block *first_call(const struct ir_message *m)
{
    const struct ir_block *b = m->blocks;
    while (b && b->kind != IR_TOOL_USE)
        b = b->next;
    return b;
}

/* Is any of the turn's reasoning still sealed? Then the client keeps what it must. */
static bool is_sealed(const struct ir_message *m)
{
    for (const struct ir_block *b = m->blocks; b; b = b->next)
        if (b->kind == IR_REDACTED || (b->kind == IR_THINKING && b->thinking.signature.n) ||
            (b->kind == IR_TOOL_USE && b->use.sealed.n))
            return true;
    return false;
}

static bool has_words(const struct ir_message *m)
{
    for (const struct ir_block *b = m->blocks; b; b = b->next)
        if (b->kind == IR_THINKING)
            return true;
    return false;
}

static bool holds_seal(jval thoughts)
{
    struct json_iter it = json_iter(thoughts);
    while (json_next(&it))
        if (json_has(json_get_lit(it.val, "s")) || json_has(json_get_lit(it.val, "x")) ||
            json_has(json_get_lit(it.val, "d")))
            return true;
    return false;
}

/* Without blanks at either end, line ends among them. */
static str without_blanks(str s)
{
    static const char blanks[] = " \t\r\n";
    while (s.n && memchr(blanks, s.p[0], sizeof(blanks) - 1))
        s = str_from(s, 1);
    while (s.n && memchr(blanks, s.p[s.n - 1], sizeof(blanks) - 1))
        s.n--;
    return s;
}

/* Are the turn's own thoughts those that are kept, word for word? An escape may be spelt in another
 * way, what was two thoughts is one to a client of Chat, and blanks at the ends are trimmed by
 * some. Without memory they are not. */
static bool same_words(const struct ir_message *m, jval thoughts)
{
    struct buf own = BUF_INIT(RECALL_ENTRY_MAX), kept = BUF_INIT(RECALL_ENTRY_MAX);
    struct json_iter it = json_iter(thoughts);
    bool ok = true;
    for (const struct ir_block *b = m->blocks; b && ok; b = b->next)
        if (b->kind == IR_THINKING)
            ok = json_unescape(&own, b->thinking.text) == RC_OK;
    while (ok && json_next(&it))
        ok = json_unescape(&kept, json_raw(json_get_lit(it.val, "t"))) == RC_OK;
    ok = ok && str_eq(without_blanks(buf_str(&own)), without_blanks(buf_str(&kept)));
    buf_fini(&own);
    buf_fini(&kept);
    return ok;
}

static void drop_words(struct ir_message *m)
{
    struct ir_block **at = &m->blocks;
    while (*at)
        if ((*at)->kind == IR_THINKING)
            *at = (*at)->next;
        else
            at = &(*at)->next;
    m->tail = at;
}

static void give_seal(struct ir_message *m, jtext id, jtext seal)
{
    for (struct ir_block *b = m->blocks; b; b = b->next)
        if (b->kind == IR_TOOL_USE && str_eq(b->use.id, id))
            b->use.sealed = seal;
}

/* Put what `thoughts` tells before the turn's own blocks. */
static enum rc give_thoughts(struct ir_message *m, jval thoughts, struct arena *a)
{
    struct ir_block *first = NULL, **tail = &first;
    struct json_iter it = json_iter(thoughts);
    uint64_t what;
    while (json_next(&it)) {
        jval v = it.val;
        if (json_u64(json_get_lit(v, "r"), &what) != RC_OK)
            continue;
        if (what == 2) {
            give_seal(m, json_raw(json_get_lit(v, "c")), json_raw(json_get_lit(v, "x")));
            continue;
        }
        struct ir_block *b = ir_add_block(a, &tail, what ? IR_REDACTED : IR_THINKING);
        if (!b)
            return RC_NOMEM;
        jval s = json_get_lit(v, "s"), f = json_get_lit(v, "f");
        b->thinking.text = json_raw(json_get(v, what ? STR("d") : STR("t")));
        b->thinking.signature = json_has(s) ? json_raw(s) : STR_NONE;
        b->thinking.format = json_has(f) ? json_raw(f) : STR_NONE;
    }
    *tail = m->blocks;
    if (first)
        m->blocks = first;
    return RC_OK;
}

enum rc recall_restore(const struct recall *r, struct hash_key key, uint64_t scope,
                       struct ir_request *q, struct arena *a, msec now, unsigned *ret)
{
    *ret = 0;
    for (struct ir_message *m = q->messages; m; m = m->next) {
        const struct ir_block *call = m->role == IR_ASSISTANT ? first_call(m) : NULL;
        if (!call || is_sealed(m))
            continue;
        str thoughts = recall_get(r, recall_key(key, scope, call->use.id, call->use.name), now);
        if (!thoughts.n)
            continue;
        struct json_doc *doc = arena_new(a, struct json_doc);
        str copy = arena_dup(a, thoughts);
        if (!doc || !copy.p || json_parse(a, copy, doc, NULL) != RC_OK)
            return RC_NOMEM;
        if (has_words(m)) {
            if (!holds_seal(json_root(doc)) || !same_words(m, json_root(doc)))
                continue; /* the client's own words are believed */
            drop_words(m);
        }
        TRY(give_thoughts(m, json_root(doc), a));
        ++*ret;
    }
    return RC_OK;
}
