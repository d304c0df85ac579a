/* SPDX-License-Identifier: Apache-2.0 */
/*
 * embed.c - what the languages of embeddings share: lists of texts, lists of vectors, and the form
 * that vectors are written in.
 */
#include "dialect/embed.h"

#include "dialect/vector.h"
#include "json/write.h"

#define VECTOR_MAX (8u << 20) /* bytes of one vector as text: a few hundred thousand numbers */

const struct embed_words *embed_words_find(str name)
{
    static const struct embed_words *const all[] = {&embed_openai, &embed_gemini, &embed_cohere,
                                                    &embed_ollama};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (str_eq(all[i]->name, name))
            return all[i];
    return NULL;
}

enum rc embed_add(struct embed_request *r, struct arena *a, jtext text, str tokens)
{
    struct embed_input *in = arena_new(a, struct embed_input);
    if (!in)
        return RC_NOMEM;
    if (!r->tail)
        r->tail = &r->inputs;
    in->text = text;
    in->tokens = tokens;
    *r->tail = in;
    r->tail = &in->next;
    r->n++;
    return RC_OK;
}

/* Is `key` one of the words of a list that blanks separate? */
static bool is_known(const char *known, str key)
{
    str rest = str_c(known);
    while (rest.n)
        if (str_eq(str_cut(&rest, ' '), key))
            return true;
    return false;
}

void embed_note_unknown(struct embed_request *r, jval object, const char *known)
{
    struct json_iter it = json_iter(object);
    while (json_next(&it))
        if (!json_is_nothing(it.val) && !is_known(known, json_raw(it.key)))
            ir_lossy_add(&r->lost, json_raw(it.key));
}

enum rc embed_vectors(struct embed_answer *an, struct arena *a, uint64_t n)
{
    an->vectors = arena_array(a, jval, n ? n : 1);
    an->n = n;
    return an->vectors ? RC_OK : RC_NOMEM;
}

enum rc embed_texts_only(const struct embed_request *r, struct fail *f)
{
    for (const struct embed_input *in = r->inputs; in; in = in->next)
        if (in->tokens.p)
            return fail_set(f, ERR_UNSUPPORTED,
                            STR("The chosen model is given texts only, not token ids."),
                            STR("input"), STR_NONE);
    return RC_OK;
}

uint64_t embed_count(jval v)
{
    uint64_t n;
    return json_u64(v, &n) == RC_OK && n <= USAGE_TOKENS_MAX ? n : 0;
}

/* The vector in the other form, onto `to`, quotes included. False: it stays as it is. */
static bool reform(jval v, enum embed_form form, struct buf *to)
{
    enum rc rc = RC_TYPE;
    if (form == EMBED_BASE64 && json_is(v, JSON_ARRAY)) {
        buf_add_char(to, '"');
        rc = vector_pack(v, to);
        buf_add_char(to, '"');
    } else if (form == EMBED_FLOAT && json_is(v, JSON_STRING) && !json_is_escaped(v)) {
        rc = vector_unpack(json_raw(v), to);
    }
    return rc == RC_OK && !to->failed;
}

bool embed_is_vector(jval v)
{
    struct buf floats = BUF_INIT(VECTOR_MAX);
    bool good = json_is(v, JSON_ARRAY) || reform(v, EMBED_FLOAT, &floats);
    buf_fini(&floats);
    return good;
}

void embed_put_vector(struct rope *out, jval v, enum embed_form form)
{
    struct buf other = BUF_INIT(VECTOR_MAX);
    if (reform(v, form, &other))
        rope_copy(out, buf_str(&other));
    else
        rope_put(out, json_text(v));
    out->own.failed |= other.failed; /* else the client got what it cannot read */
    buf_fini(&other);
}

static bool wants_other(jval v, enum embed_form form)
{
    return (form == EMBED_BASE64 && json_is(v, JSON_ARRAY)) ||
           (form == EMBED_FLOAT && json_is(v, JSON_STRING));
}

bool embed_reform(jval root, enum embed_form form, struct rope *out)
{
    struct json_iter it = json_iter(json_get_lit(root, "data"));
    str all = json_text(root);
    size_t at = 0;
    while (json_next(&it)) {
        jval v = json_get_lit(it.val, "embedding");
        if (!wants_other(v, form))
            continue;
        str old = json_text(v);
        size_t from = (size_t)(old.p - all.p);
        CHECK(from >= at && from + old.n <= all.n);
        rope_put(out, str_of(all.p + at, from - at));
        embed_put_vector(out, v, form);
        at = from + old.n;
    }
    if (at)
        rope_put(out, str_from(all, at));
    return at != 0;
}
