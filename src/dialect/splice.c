/* SPDX-License-Identifier: Apache-2.0 */
/* splice.c - sorted edits and the slices between them; see the header. */
#include "dialect/splice.h"

#include "json/write.h"

void splice_init(struct splice *s, jval root)
{
    str all = json_text(root);

    *s = (struct splice){.src = all};
}

/* What is put in at an end of the other stands beside it, not within. */
static bool is_within(const struct splice_edit *inner, const struct splice_edit *outer)
{
    size_t end = outer->at + outer->len;

    if (!inner->len)
        return inner->at > outer->at && inner->at < end;
    return inner->at >= outer->at && inner->at + inner->len <= end;
}

/* Drop the edits that the new one swallows. False: it is itself within one that is there. */
static bool make_way(struct splice *s, const struct splice_edit *new)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < s->n; i++)
        if (s->edits[i].len > new->len && is_within(new, &s->edits[i]))
            return false;
    for (unsigned i = 0; i < s->n; i++)
        if (s->edits[i].len >= new->len || !is_within(&s->edits[i], new))
            s->edits[kept++] = s->edits[i];
    s->n = kept;
    return true;
}

/* At one place, what is put in goes before what is taken out. */
static bool is_behind(const struct splice_edit *e, const struct splice_edit *new)
{
    return e->at > new->at || (e->at == new->at && e->len > new->len);
}

static void add(struct splice *s, const char *at, size_t len, str text)
{
    struct splice_edit new = {.at = (size_t)(at - s->src.p), .len = len, .text = text};
    unsigned i;

    CHECK(new.at <= s->src.n &&len <= s->src.n - new.at);
    if (!make_way(s, &new))
        return;
    CHECK(s->n < SPLICE_MAX);
    for (i = s->n; i > 0 && is_behind(&s->edits[i - 1], &new); i--)
        s->edits[i] = s->edits[i - 1];
    s->edits[i] = new;
    s->n++;
}

void splice_replace(struct splice *s, jval v, str text)
{
    str old = json_text(v);

    ASSERT(json_has(v) && text.p); /* nothing would leave no JSON */

    add(s, old.p, old.n, text);
}

void splice_into(struct splice *s, jval object, str members, struct arena *a)
{
    ASSERT(json_is(object, JSON_OBJECT) && members.n);
    str old = json_text(object);
    str text = json_len(object) ? arena_strf(a, STR_FMT ",", STR_ARG(members)) : members;

    if (text.p)
        add(s, old.p + 1, 0, text);
}

static const char *end_of(jval v)
{
    str text = json_text(v);

    return text.p + text.n;
}

static const char *start_of(const struct json_iter *it)
{
    return json_has(it->key) ? json_text(it->key).p : json_text(it->val).p;
}

/* A run of members goes with the comma before it; the first run, with the one behind it. */
void splice_cut(struct splice *s, jval object, splice_cut_fn is_cut, void *ctx)
{
    struct json_iter it = json_iter(object);
    const char *kept = NULL, *from = NULL, *to = NULL; /* end of the last kept; the run */

    while (json_next(&it)) {
        if (is_cut(ctx, it.key, it.val)) {
            if (!from)
                from = kept ? kept : start_of(&it);
            to = end_of(it.val);
            continue;
        }
        if (from)
            add(s, from, (size_t)((kept ? to : start_of(&it)) - from), STR(""));
        from = NULL;
        kept = end_of(it.val);
    }
    if (from)
        add(s, from, (size_t)(to - from), STR(""));
}

unsigned splice_room(const struct splice *s)
{
    return SPLICE_MAX - s->n;
}

void splice_write(struct splice *s, struct rope *out)
{
    size_t at = 0;

    for (unsigned i = 0; i < s->n; i++) {
        CHECK(s->edits[i].at >= at); /* else bytes would go out twice, or none of ours */
        rope_put(out, str_of(s->src.p + at, s->edits[i].at - at));
        rope_put(out, s->edits[i].text);
        at = s->edits[i].at + s->edits[i].len;
    }
    rope_put(out, str_from(s->src, at));
}

str splice_quote(struct arena *a, str plain)
{
    size_t cap = plain.n * 6 + 2;
    struct buf b = {.p = arena_alloc(a, cap), .cap = cap, .max = cap};

    if (!b.p)
        return STR_NONE;
    buf_add_char(&b, '"');
    json_escape(&b, plain);
    buf_add_char(&b, '"');
    return b.failed ? STR_NONE : buf_str(&b);
}
