/* SPDX-License-Identifier: Apache-2.0 */
/* likeness - what two answers have in common; see the header. */
#include "ir/likeness.h"

#include "base/check.h"
#include "base/hash.h"

/* ---- JSON values: one hash for all ways to write the same */

/* SplitMix64's finish: so that sums of hashes do not cancel out. */
static uint64_t mix(uint64_t h)
{
    h = (h ^ h >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    h = (h ^ h >> 27) * UINT64_C(0x94d049bb133111eb);
    return h ^ h >> 31;
}

static uint64_t hash_number(uint64_t h, jval v)
{
    double d;
    if (json_double(v, &d) != RC_OK)
        return hash_fnv(h, json_text(v)); /* beyond a double: as it is written */
    d = d == 0 ? 0 : d;                   /* -0 is 0 */
    return hash_fnv(h, str_of((const char *)&d, sizeof(d)));
}

static uint64_t hash_string(jval v, struct arena *a, bool *ok)
{
    str s = STR("");
    *ok &= json_str(v, a, &s) == RC_OK;
    return hash_fnv(HASH_FNV, s);
}

/* As deep as the document is: the parser has a limit of its own. An object's members are summed up,
 * for their order does not count; an array's are chained. */
static uint64_t hash_value(jval v, struct arena *a, bool *ok)
{
    const enum json_type type = json_type(v);
    const uint64_t seed = mix(HASH_FNV + (uint64_t)type + 1);
    uint64_t h = seed;
    if (type == JSON_STRING)
        return mix(seed ^ hash_string(v, a, ok));
    if (type == JSON_NUMBER)
        return mix(hash_number(seed, v));
    if (type != JSON_OBJECT && type != JSON_ARRAY)
        return mix(hash_fnv(seed, json_text(v)));
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        const uint64_t of = hash_value(it.val, a, ok);
        h = it.object ? h + mix(hash_string(it.key, a, ok) * 3 + of) : mix(h * 3 + of);
    }
    return mix(h);
}

/* Arguments that are no JSON (a custom tool's, or broken ones) are compared byte by byte. */
static uint64_t hash_args(const struct ir_block *b, struct arena *a, bool *ok)
{
    struct json_doc doc;
    str text = b->use.args;
    if (!b->is_custom && json_parse(a, text, &doc, NULL) == RC_OK)
        return hash_value(json_root(&doc), a, ok);
    if (b->is_custom && text.n)
        text = ir_unescape(a, text);
    *ok &= text.p || !text.n;
    return hash_fnv(HASH_FNV, text);
}

/* ---- the answer */

static bool add_text(struct likeness *to, struct arena *a, jtext text)
{
    str plain = text.n ? ir_unescape(a, text) : STR("");
    if (!plain.p)
        return false;
    to->text = hash_fnv(to->text, plain);
    to->bytes += plain.n;
    return true;
}

static bool add_call(struct likeness *to, struct arena *a, const struct ir_block *b)
{
    bool ok = true;
    str name = b->use.name.n ? ir_unescape(a, b->use.name) : STR("");
    if (!name.p)
        return false;
    if (to->calls < LIKENESS_CALLS_MAX)
        to->call[to->calls] =
            (struct likeness_call){hash_fnv(HASH_FNV, name), hash_args(b, a, &ok)};
    to->calls++;
    return ok;
}

bool likeness_of(const struct ir_response *r, struct arena *scratch, struct likeness *ret)
{
    const struct ir_answer *an = ir_response_first(r);
    struct likeness sum = {.text = HASH_FNV};
    *ret = (struct likeness){0};
    for (const struct ir_block *b = an ? an->blocks : NULL; b; b = b->next) {
        bool ok = true;
        if (b->kind == IR_TEXT || b->kind == IR_REFUSAL)
            ok = add_text(&sum, scratch, b->text.text);
        else if (b->kind == IR_TOOL_USE)
            ok = add_call(&sum, scratch, b);
        if (!ok)
            return false;
    }
    if (an && an->finished) {
        sum.whole = true;
        sum.finish = an->finish;
    }
    *ret = sum;
    return true;
}

unsigned likeness_compare(const struct likeness *a, const struct likeness *b)
{
    unsigned differs = 0;
    CHECK(a->whole && b->whole);
    if (a->finish != b->finish)
        differs |= LIKENESS_FINISH;
    if (a->bytes != b->bytes || a->text != b->text)
        differs |= LIKENESS_TEXT;
    if (a->calls != b->calls)
        return differs | LIKENESS_TOOLS;
    for (uint32_t i = 0; i < a->calls && i < LIKENESS_CALLS_MAX; i++) {
        if (a->call[i].name != b->call[i].name)
            return (differs & ~LIKENESS_ARGS) | LIKENESS_TOOLS;
        if (a->call[i].args != b->call[i].args)
            differs |= LIKENESS_ARGS;
    }
    return differs;
}
