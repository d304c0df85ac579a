/* SPDX-License-Identifier: Apache-2.0 */
/*
 * responses_stored.c - answers that are asked for again by their id.
 *
 *     GET, DELETE /v1/responses/ID        the answer as it was given
 *     GET /v1/responses/ID/input_items    all that it was an answer to, in pages
 *
 * What is kept is the response object of the last event, cut around its items: our encoder has just
 * written it, and an OpenAI provider's stream brings it whole in response.completed. So keeping an
 * answer that passed by unread costs nothing until its last event.
 *
 * Input may be said shortly (a plain string for a message's content, no type, no id), and is listed
 * in the long form. Ids that the client gave none are made of the answer's id and the item's place,
 * which never changes: a page may begin after any of them.
 */
#include "base/num.h"
#include "dialect/responses_int.h"
#include "http/url.h"

#define PAGE_MAX   100
#define PAGE_USUAL 20

/* ---- what is kept -------------------------------------------------------------------------------
 */

static void count_text(void *to, str s)
{
    *(size_t *)to += s.n;
}

static void lay_text(void *to, str s)
{
    char **at = to;

    if (s.n)
        memcpy(*at, s.p, s.n);
    *at += s.n;
}

/* Either half of the object, in the arena: `fn` writes it twice, for its size and for good. */
typedef void (*half_fn)(const struct responses_stream *st, struct responses_put p, str status);

static str lay_half(const struct responses_stream *st, half_fn fn, str status)
{
    size_t size = 0;
    char *p, *at;

    fn(st, (struct responses_put){count_text, &size}, status);
    p = at = arena_alloc(st->arena, size);
    if (!p)
        return STR_NONE;
    fn(st, (struct responses_put){lay_text, &at}, status);
    CHECK((size_t)(at - p) == size); /* both times the same was said */
    return str_of(p, size);
}

static void put_before(const struct responses_stream *st, struct responses_put p, str status)
{
    responses_put_before(st, p, status, NULL);
}

/* An agent's instructions and tools, of which the echo is large, are its own: with them every link
 * of a long conversation would hold them once more. */
static void put_after(const struct responses_stream *st, struct responses_put p, str status)
{
    responses_put_after(st, p, status, st->early);
}

void responses_give_kept(const struct responses_stream *st, str status)
{
    if (!st->kept || st->failed)
        return;
    *st->kept = (struct front_kept){.before = lay_half(st, put_before, status),
                                    .output = str_of(st->json.n ? st->json.p : "", st->json.n),
                                    .after = lay_half(st, put_after, status)};
    if (!st->kept->before.p || !st->kept->after.p)
        return; /* without an id it is not kept */
    st->kept->id =
        st->id_n ? arena_dup(st->arena, str_of(st->id, st->id_n))
                 : arena_strf(st->arena, "resp_" STR_FMT, STR_ARG(str_of(st->own_id, st->own_n)));
}

/* An answer that is not over (background) is its provider's to tell. One without a single item may
 * be one whose server leaves them out of the last event: what it said is not known. A conversation
 * or a stored prompt is known to its provider only, so what the answer rests on is too. */
static void hear(jval last, struct front_kept *ret)
{
    jval inner = json_get_lit(last, "response");
    jval response = json_is(inner, JSON_OBJECT) ? inner : last;
    jval output = json_get_lit(response, "output"), status = json_get_lit(response, "status");
    str all = json_text(response), items = json_text(output);

    *ret = (struct front_kept){.id = json_raw(json_get_lit(response, "id")),
                               .elsewhere = !json_is(json_get_lit(response, "store"), JSON_FALSE)};
    if (!json_is(output, JSON_ARRAY) || !json_len(output) ||
        !json_is_nothing(json_get_lit(response, "conversation")) ||
        !json_is_nothing(json_get_lit(response, "prompt")) ||
        (!json_str_is(status, STR("completed")) && !json_str_is(status, STR("incomplete"))))
        return;
    ASSERT(items.p > all.p && items.p + items.n < all.p + all.n);
    size_t at = (size_t)(items.p - all.p);
    ret->before = str_head(all, at + 1);
    ret->output = str_trim(str_of(items.p + 1, items.n - 2));
    ret->after = str_from(all, at + items.n - 1);
}

/* ---- what is answered ---------------------------------------------------------------------------
 */

static void put_deleted(str id, struct buf *out)
{
    buf_lit(out, "{\"id\":\"");
    json_escape(out, id);
    buf_lit(out, "\",\"object\":\"response\",\"deleted\":true}");
}

struct page {
    str id;    /* of the answer */
    str after; /* the id of an item; absent: from the beginning */
    uint64_t limit;
    bool rising;
};

static enum rc read_query(str query, struct page *p, struct fail *f)
{
    str v;

    p->limit = PAGE_USUAL;
    if (url_query(query, STR("limit"), &v) == RC_OK &&
        (num_u64(v, &p->limit) != RC_OK || p->limit < 1 || p->limit > PAGE_MAX))
        return fail_set(f, ERR_BAD_REQUEST, STR("limit: must be a number from 1 to 100."),
                        STR("limit"), STR("invalid_value"));
    if (url_query(query, STR("order"), &v) == RC_OK) {
        p->rising = str_eq(v, STR("asc"));
        if (!p->rising && !str_eq(v, STR("desc")))
            return fail_set(f, ERR_BAD_REQUEST, STR("order: must be asc or desc."), STR("order"),
                            STR("invalid_value"));
    }
    p->after = url_query(query, STR("after"), &v) == RC_OK ? v : STR_NONE;
    return RC_OK;
}

static bool is_message(jval item)
{
    jtext type = json_raw(json_get_lit(item, "type"));

    return str_eq(type, STR("message")) || (!type.n && json_has(json_get_lit(item, "role")));
}

/* The item's own id, or one made of its place. Appended to `out`. */
static void put_id(jval item, size_t i, str answer, struct buf *out)
{
    jtext own = json_raw(json_get_lit(item, "id"));

    if (own.n) {
        buf_add(out, own);
        return;
    }
    buf_add(out, is_message(item) ? STR("msg_") : STR("item_"));
    buf_add(out, str_has_prefix(answer, STR("resp_")) ? str_from(answer, 5) : answer);
    buf_lit(out, "_in");
    buf_add_u64(out, i);
}

/* A string is one part of text: what the client said, or what the model did. */
static void put_content(jval content, bool answered, struct buf *out)
{
    if (!json_is(content, JSON_STRING)) {
        buf_add(out, json_text(content));
        return;
    }
    buf_add(out, answered ? STR("[{\"type\":\"output_text\",\"annotations\":[],\"text\":")
                          : STR("[{\"type\":\"input_text\",\"text\":"));
    buf_add(out, json_text(content));
    buf_lit(out, "}]");
}

static void put_item(jval item, size_t i, str answer, struct buf *out)
{
    struct json_iter it = json_iter(item);
    bool message = is_message(item), status = json_has(json_get_lit(item, "status"));
    bool answered = json_str_is(json_get_lit(item, "role"), STR("assistant"));

    buf_lit(out, "{\"id\":\"");
    put_id(item, i, answer, out);
    buf_lit(out, "\"");
    if (message)
        buf_lit(out, ",\"type\":\"message\"");
    if (message && !status)
        buf_lit(out, ",\"status\":\"completed\"");
    while (json_next(&it)) {
        if (json_str_is(it.key, STR("id")) || (message && json_str_is(it.key, STR("type"))))
            continue;
        buf_lit(out, ",");
        buf_add(out, json_text(it.key));
        buf_lit(out, ":");
        if (message && json_str_is(it.key, STR("content")))
            put_content(it.val, answered, out);
        else
            buf_add(out, json_text(it.val));
    }
    buf_lit(out, "}");
}

/* The place of the item whose id a page begins after; the number of items: there is none such. */
static size_t find_item(jval items, str id, str answer)
{
    struct json_iter it = json_iter(items);
    char room[RESPONSES_ID_MAX + 64];
    size_t i = 0;

    for (; json_next(&it); i++) {
        struct buf b = {.p = room, .cap = sizeof room, .max = sizeof room};

        put_id(it.val, i, answer, &b);
        if (!b.failed && str_eq(buf_str(&b), id))
            break;
    }
    return i;
}

static void put_page(jval items, size_t from, size_t n, const struct page *p, struct buf *out)
{
    struct json_iter it = json_iter(items);
    jval page[PAGE_MAX];

    CHECK(n <= PAGE_MAX);
    for (size_t i = 0; i < from + n && json_next(&it); i++)
        if (i >= from)
            page[i - from] = it.val;
    buf_lit(out, "{\"object\":\"list\",\"data\":[");
    for (size_t k = 0; k < n; k++) {
        size_t i = p->rising ? k : n - 1 - k;

        if (k)
            buf_lit(out, ",");
        put_item(page[i], from + i, p->id, out);
    }
    for (int last = 0; n && last < 2; last++) {
        size_t i = (last == 1) == p->rising ? n - 1 : 0;

        buf_add(out, last ? STR("\",\"last_id\":\"") : STR("],\"first_id\":\""));
        put_id(page[i], from + i, p->id, out);
    }
    buf_add(out, n ? STR("\"") : STR("],\"first_id\":null,\"last_id\":null"));
}

/* Newest first, unless it is asked otherwise. */
static enum rc put_items(jval items, str id, str query, struct buf *out, struct fail *f)
{
    struct page p = {.id = id};
    size_t all = json_len(items), from = 0, end = all, at;

    TRY(read_query(query, &p, f));
    if (p.after.n) {
        at = find_item(items, p.after, id);
        if (at == all)
            return fail_set(f, ERR_BAD_REQUEST, STR("after: there is no such item."), STR("after"),
                            STR("invalid_value"));
        from = p.rising ? at + 1 : 0;
        end = p.rising ? all : at;
    }
    size_t n = end - from < p.limit ? end - from : (size_t)p.limit;
    put_page(items, p.rising ? from : end - n, n, &p, out);
    buf_add(out, end - from > n ? STR(",\"has_more\":true}") : STR(",\"has_more\":false}"));
    return RC_OK;
}

const struct front_stored responses_stored = {
    .hear = hear,
    .put_deleted = put_deleted,
    .put_items = put_items,
};
