/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parse - the reader's one pass: text in, table of nodes out.
 *
 * There is no recursion: what is open stands in a row of JSON_DEPTH_MAX frames. The loop has two
 * halves, which take turns: one reads a value, or opens a container and goes on to its first value;
 * the other stands behind a value and reads commas and closing brackets.
 *
 *     (in an object: key and colon)
 *     value ->  scalar ------------------------> behind a value
 *           ->  { or [ , not empty -> value
 *           ->  {} or [] ----------------------> behind a value
 *     behind a value ->  ,      -> value
 *                    ->  ] or } -> behind the container
 *                    ->  end of the outermost: done
 *
 * A cursor travels through the functions by value: each takes it and returns it behind what it
 * read, or NULL when it has written down what is wrong.
 *
 * How large the table must be is not known beforehand: a prompt may be one string of a megabyte, or
 * a schema with a node every 10 bytes. It starts small, and each time it is full the text so far
 * foretells the rest; what no text can exceed (a node is at least a byte and a comma) caps the
 * guess, so that even [0,0,0... costs 8 bytes a byte and no more.
 */
#include "json/json.h"
#include "json/keys_int.h"
#include "json/path_int.h"
#include "json/scan_int.h"

#define TEXT_MAX      UINT32_MAX
#define FIRST_NODES   64    /* of the smallest text */
#define MOST_AT_FIRST 16384 /* of the largest: 256 KB */
#define NEAR_END      64    /* that close, a block of the wide scanner does not pay */

/* A container that is open. Its node has neither length nor next until it closes. */
struct frame {
    struct json_keys seen; /* prints of its first JSON_KEYS_FEW keys: twice the same is refused */
    uint32_t node;
    uint32_t keys;
    bool object;
};

struct parser {
    const char *begin, *end;
    struct json_node *nodes;
    uint32_t n, cap;     /* nodes used; nodes there may be before `more_nodes` */
    size_t room;         /* nodes the table has: `cap` and what scratch took */
    struct arena *arena; /* NULL: the caller's table, which cannot grow */
    json_scan_fn wide;   /* NULL: this machine has none */
    uint8_t escaped;     /* of the last string: 0 or JSON_F_ESCAPED */
    struct frame *top;   /* the innermost open container; frames[0]: none is open */
    struct json_flaw flaw;
    struct frame frames[JSON_DEPTH_MAX + 1];
};

static const char *fail(struct parser *p, enum rc rc, const char *at, const char *what)
{
    p->flaw = (struct json_flaw){rc, at, what};
    return NULL;
}

/* Everything that is wrong with a text ends here, so that there is one place to say where it is.
 * The text is not what it should be at s; at its end there is a better thing to say. */
static const char *unexpected(struct parser *p, const char *s, const char *what)
{
    return fail(p, RC_SYNTAX, s, s == p->end ? "the text ends too early" : what);
}

/* Nodes that the whole text can have at most, seen from s: a value takes a byte and a comma, but
 * for those that are only opened. */
static size_t most_nodes(const struct parser *p, const char *s)
{
    return p->n + ((size_t)(p->end - s) + 1) / 2 + JSON_DEPTH_MAX + 2;
}

static bool resize(struct parser *p, size_t room)
{
    void *t =
        arena_grow(p->arena, p->nodes, p->room * sizeof(p->nodes[0]), room * sizeof(p->nodes[0]));
    if (!t)
        return false;
    p->nodes = t;
    p->room = room;
    p->cap = room < JSON_NODES_MAX ? (uint32_t)room : JSON_NODES_MAX;
    return true;
}

/* The table is full at s. */
static const char *more_nodes(struct parser *p, const char *s)
{
    if (p->n >= JSON_NODES_MAX)
        return fail(p, RC_LIMIT, s, "too many values");
    if (!p->arena)
        return fail(p, RC_LIMIT, s, "more values than the caller has room for");
    double done = (double)(s - p->begin + 1) / (double)(p->end - p->begin + 1);
    size_t most = most_nodes(p, s), room = (size_t)(p->n / done * 1.1);
    if (room < p->room + p->room / 2)
        room = p->room + p->room / 2;
    if (room > most)
        room = most;
    if (room > JSON_NODES_MAX)
        room = JSON_NODES_MAX;
    ASSERT(room > p->n);
    return resize(p, room) ? s : fail(p, RC_NOMEM, s, "out of memory");
}

/* Append a node; s is where to report trouble. */
static inline const char *add(struct parser *p, const char *s, struct json_node node)
{
    if (WEIR_UNLIKELY(p->n == p->cap) && !more_nodes(p, s))
        return NULL;
    ASSERT(p->n < p->cap && p->cap <= p->room);
    node.next = p->n + 1; /* a container's moves behind its children when it closes */
    p->nodes[p->n++] = node;
    return s;
}

static inline bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static const char *skip_blanks(const char *s, const char *end)
{
    while (s < end && is_blank(*s))
        s++;
    return s;
}

/* The byte at s; 0 at the end, which is no byte that any text may have outside its strings. */
static inline char peek(const struct parser *p, const char *s)
{
    return s < p->end ? *s : '\0';
}

/* The next byte that is no blank, mostly the one that *s stands on, to which *s goes. */
static inline char next(const struct parser *p, const char **s)
{
    char c = peek(p, *s);
    if (WEIR_LIKELY(c > ' '))
        return c;
    *s = skip_blanks(*s, p->end);
    return peek(p, *s);
}

/* The string whose first byte is s has no end near by, or more than plain text before it, or stands
 * close to the end of the whole. */
static __attribute__((noinline)) const char *string_end(struct parser *p, const char *s)
{
    const char *e = NULL;
    bool escaped = false;
    if (p->wide && p->end - s > NEAR_END)
        e = p->wide(s, p->end, &escaped);
    if (!e) {
        e = json_scan_exact(s, p->end, &escaped, &p->flaw);
        if (!e)
            return NULL;
    }
    p->escaped = escaped ? JSON_F_ESCAPED : 0;
    return e;
}

/* s: behind an opening quote. Returns the closing one; p->escaped gets the flag. */
static inline const char *closing(struct parser *p, const char *s)
{
    const char *e = NULL;
    if (WEIR_LIKELY(p->end - s >= JSON_SCAN_SHORT))
        e = json_scan_short(s);
    if (WEIR_UNLIKELY(!e))
        return string_end(p, s);
    p->escaped = 0;
    return e;
}

/* s: an opening quote. Returns the closing one. */
static inline const char *string(struct parser *p, const char *s)
{
    const char *e = closing(p, ++s);
    if (!e)
        return NULL;
    ASSERT(e < p->end && *e == '"');
    struct json_node node = {.off = (uint32_t)(s - p->begin),
                             .len = (uint32_t)(e - s),
                             .type = JSON_STRING,
                             .flags = p->escaped};
    return add(p, s, node) ? e : NULL;
}

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *digits(const struct parser *p, const char *s)
{
    while (is_digit(peek(p, s)))
        s++;
    return s;
}

/* RFC 8259, section 6: no leading zero, no bare point, no plus. What the digits are worth is read
 * only when somebody asks (base/num.h): most numbers are passed on as they stand. */
static const char *number(struct parser *p, const char *s)
{
    const char *e = s, *from;
    if (*e == '-')
        e++;
    if (peek(p, e) == '0') {
        e++;
    } else {
        e = digits(p, from = e);
        if (e == from)
            return unexpected(p, e, "expected a digit");
    }
    if (peek(p, e) == '.') {
        e = digits(p, from = e + 1);
        if (e == from)
            return unexpected(p, e, "expected a digit behind the point");
    }
    if ((peek(p, e) | 0x20) == 'e') {
        e++;
        if (peek(p, e) == '+' || peek(p, e) == '-')
            e++;
        e = digits(p, from = e);
        if (e == from)
            return unexpected(p, e, "expected a digit in the exponent");
    }
    struct json_node node = {
        .off = (uint32_t)(s - p->begin), .len = (uint32_t)(e - s), .type = JSON_NUMBER};
    return add(p, s, node) ? e : NULL;
}

static inline const char *word(struct parser *p, const char *s, str w, enum json_type type)
{
    if ((size_t)(p->end - s) < w.n || memcmp(s, w.p, w.n) != 0)
        return unexpected(p, s, "expected a value");
    struct json_node node = {
        .off = (uint32_t)(s - p->begin), .len = (uint32_t)w.n, .type = (uint8_t)type};
    return add(p, s, node) ? s + w.n : NULL;
}

/* A value that is no container. */
static inline const char *scalar(struct parser *p, const char *s, char c)
{
    switch (c) {
    case '"':
        s = string(p, s);
        return s ? s + 1 : NULL;
    case 't':
        return word(p, s, STR("true"), JSON_TRUE);
    case 'f':
        return word(p, s, STR("false"), JSON_FALSE);
    case 'n':
        return word(p, s, STR("null"), JSON_NULL);
    default:
        if (c == '-' || is_digit(c))
            return number(p, s);
        return unexpected(p, s, "expected a value");
    }
}

static struct json_doc doc_of(const struct parser *p)
{
    return (struct json_doc){p->begin, p->nodes, p->n};
}

static const char *repeated(struct parser *p, uint32_t key)
{
    return fail(p, RC_DUPLICATE, p->begin + p->nodes[key].off - 1, "duplicate key");
}

static inline uint16_t print_of(const struct parser *p, str k)
{
    if (WEIR_LIKELY(!p->escaped && p->end - k.p >= 8))
        return json_print_fast(k);
    return json_keys_print(k, p->escaped);
}

/* The node that was added last is a key of the innermost object. */
static inline bool is_new_key(struct parser *p, uint16_t print)
{
    struct frame *f = p->top;
    uint32_t n = f->keys++;
    ASSERT(f->object && p->n > f->node && p->nodes[p->n - 1].flags & JSON_F_KEY);
    if (WEIR_UNLIKELY(n >= JSON_KEYS_FEW))
        return true; /* all at once, when the object closes */
    if (WEIR_LIKELY(!json_keys_seen(&f->seen, n, print)))
        return true;
    struct json_doc doc = doc_of(p);
    if (!json_keys_has_before(&doc, f->node, p->n - 1))
        return true;
    repeated(p, p->n - 1);
    return false;
}

/*
 * An object of many keys (hostile, or a table of vocabulary) is checked when it closes, all keys at
 * once: linear, with a keyed hash, so nobody can make them collide. The hash table borrows the free
 * end of the node table, which is there anyway.
 */
static const char *check_many_keys(struct parser *p, const char *s)
{
    const struct frame *f = p->top;
    size_t per_node = sizeof(p->nodes[0]) / sizeof(uint64_t);
    size_t need = p->n + json_keys_slots(f->keys) / per_node;
    if (need > p->room) {
        if (!p->arena)
            return fail(p, RC_LIMIT, s, "more values than the caller has room for");
        if (!resize(p, need))
            return fail(p, RC_NOMEM, s, "out of memory");
    }
    struct json_keys_table t = {.hash = json_keys_secret()};
    void *scratch = &p->nodes[p->n];
    t.slots = scratch;
    struct json_doc doc = doc_of(p);
    uint32_t key = json_keys_repeated(&doc, f->node, f->keys, &t);
    return key ? repeated(p, key) : s;
}

/* s: where a key must be. Returns behind its colon. */
static inline const char *key(struct parser *p, const char *s)
{
    if (next(p, &s) != '"')
        return unexpected(p, s, "expected a key in double quotes");
    const char *e = closing(p, ++s);
    if (!e)
        return NULL;
    struct json_node node = {.off = (uint32_t)(s - p->begin),
                             .len = (uint32_t)(e - s),
                             .type = JSON_STRING,
                             .flags = JSON_F_KEY | p->escaped,
                             .print = print_of(p, str_of(s, (size_t)(e - s)))};
    if (!add(p, s, node) || !is_new_key(p, node.print))
        return NULL;
    s = e + 1;
    if (next(p, &s) != ':')
        return unexpected(p, s, "expected ':' after the key");
    return s + 1;
}

/* s: an opening bracket. */
static inline const char *open_one(struct parser *p, const char *s, bool object)
{
    if (p->top == &p->frames[JSON_DEPTH_MAX])
        return fail(p, RC_DEPTH, s, "nested too deep");
    struct frame *f = ++p->top;
    f->node = p->n;
    f->keys = 0;
    f->object = object;
    if (object)
        json_keys_clear(&f->seen);
    struct json_node node = {.off = (uint32_t)(s - p->begin),
                             .type = object ? JSON_OBJECT : JSON_ARRAY};
    return add(p, s, node) ? s + 1 : NULL;
}

/* s: the innermost container's closing bracket. */
static inline const char *close_one(struct parser *p, const char *s)
{
    const struct frame *f = p->top;
    if (WEIR_UNLIKELY(f->keys > JSON_KEYS_FEW) && !check_many_keys(p, s))
        return NULL;
    struct json_node *n = &p->nodes[f->node];
    ASSERT(p->top > p->frames && f->node < p->n && *s == (f->object ? '}' : ']'));
    n->len = (uint32_t)(s + 1 - p->begin) - n->off;
    n->next = p->n;
    p->top--;
    return s + 1;
}

/* s: behind a value. Returns behind the comma, or with nothing open, behind the outermost value. */
static inline const char *behind(struct parser *p, const char *s)
{
    while (p->top != p->frames) {
        char c = next(p, &s);
        if (c == ',')
            return s + 1;
        bool object = p->top->object;
        if (c != (object ? '}' : ']'))
            return unexpected(p, s, object ? "expected ',' or '}'" : "expected ',' or ']'");
        s = close_one(p, s);
        if (!s)
            return NULL;
    }
    return s;
}

/* One value with all it contains. Each turn reads what the innermost container holds next. */
static const char *value(struct parser *p, const char *s)
{
    do {
        if (p->top->object && !(s = key(p, s)))
            return NULL;
        char c = next(p, &s);
        bool object = c == '{';
        if (object || c == '[') {
            s = open_one(p, s, object);
            if (!s)
                return NULL;
            if (next(p, &s) != (object ? '}' : ']'))
                continue;
            s = close_one(p, s);
        } else {
            s = scalar(p, s, c);
        }
        if (s)
            s = behind(p, s);
    } while (s && p->top != p->frames);
    return s;
}

static enum rc refuse(const struct parser *p, struct json_error *err)
{
    if (!err)
        return p->flaw.rc;
    struct json_doc doc = doc_of(p);
    uint32_t opened[JSON_DEPTH_MAX];
    size_t depth = (size_t)(p->top - p->frames);
    for (size_t i = 0; i < depth; i++)
        opened[i] = p->frames[i + 1].node;
    ASSERT(p->flaw.at >= p->begin && p->flaw.at <= p->end);
    err->rc = p->flaw.rc;
    err->offset = (size_t)(p->flaw.at - p->begin);
    err->what = p->flaw.what;
    json_path_write(&doc, opened, depth, err->path);
    return p->flaw.rc;
}

static enum rc run(struct parser *p, struct json_doc *ret, struct json_error *err)
{
    p->wide = json_scan_wide();
    p->top = p->frames;
    p->frames[0].object = false;
    const char *s = value(p, p->begin);
    if (s) {
        s = skip_blanks(s, p->end);
        if (s != p->end)
            s = fail(p, RC_SYNTAX, s, "more text behind the value");
    }
    if (!s)
        return refuse(p, err);
    ASSERT(p->top == p->frames && p->n > 0 && p->nodes[0].next == p->n); /* one value, all closed */
    if (p->arena)
        arena_trim(p->arena, p->nodes, p->room * sizeof(p->nodes[0]), p->n * sizeof(p->nodes[0]));
    *ret = doc_of(p);
    return RC_OK;
}

/* Before the first byte. */
static enum rc refuse_at_once(enum rc rc, const char *what, struct json_error *err)
{
    if (err)
        *err = (struct json_error){.rc = rc, .what = what};
    return rc;
}

static void begin(struct parser *p, str src, struct arena *a)
{
    p->begin = src.p ? src.p : "";
    p->end = p->begin + src.n;
    p->arena = a;
    p->nodes = NULL;
    p->n = p->cap = 0;
    p->room = 0;
    p->flaw = (struct json_flaw){RC_INTERNAL, p->begin, "nothing"};
}

enum rc json_parse(struct arena *a, str src, struct json_doc *ret, struct json_error *err)
{
    struct parser p;
    if (src.n >= TEXT_MAX)
        return refuse_at_once(RC_LIMIT, "the text is too long", err);
    begin(&p, src, a);
    size_t room = src.n / 64 + FIRST_NODES, most = most_nodes(&p, p.begin);
    if (room > MOST_AT_FIRST)
        room = MOST_AT_FIRST;
    if (!resize(&p, room < most ? room : most))
        return refuse_at_once(RC_NOMEM, "out of memory", err);
    return run(&p, ret, err);
}

enum rc json_parse_into(struct json_node *nodes, uint32_t cap, str src, struct json_doc *ret,
                        struct json_error *err)
{
    struct parser p;
    if (src.n >= TEXT_MAX)
        return refuse_at_once(RC_LIMIT, "the text is too long", err);
    begin(&p, src, NULL);
    p.nodes = nodes;
    p.cap = cap < JSON_NODES_MAX ? cap : JSON_NODES_MAX;
    p.room = cap;
    return run(&p, ret, err);
}
