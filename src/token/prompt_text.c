/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prompt_text - texts of a request in tokens; see prompt_int.h.
 *
 * An agent's request is long and mostly old. So each text is looked for in the memo by a hash
 * first; what is new is encoded, up to counter->exact_max bytes of it, and what lies beyond is
 * estimated by its look. Texts that must be undone or rewritten to be measured pass through one
 * scratch buffer.
 */
#include "token/prompt_int.h"

#include "base/check.h"
#include "token/estimate.h"
#include "token/tools_text.h"

#define PIECES_SHIFT 4 /* of memo's kinds: whose pieces */

void walk_tokens(struct walk *w, uint64_t n)
{
    w->milli += n * WALK_MILLI;
}

const struct bpe *walk_encoding(const struct walk *w)
{
    return w->f->encoding == TOKEN_CL100K ? w->c->cl100k : w->c->o200k;
}

static bool is_encoded(struct walk *w, size_t n)
{
    if (!walk_encoding(w) || w->read + n > w->c->exact_max) {
        w->exact = false;
        return false;
    }
    return true;
}

uint64_t walk_measure(struct walk *w, str plain)
{
    bool encode = is_encoded(w, plain.n);
    uint64_t n = encode ? bpe_count(walk_encoding(w), w->c->work, plain) : estimate_text(plain);

    w->read += plain.n;
    return n + pieces_more(w->f->pieces, plain);
}

uint64_t walk_by_family(const struct walk *w, uint64_t n)
{
    return n * (w->f->text ? w->f->text : WALK_MILLI);
}

void walk_plain(struct walk *w, str plain)
{
    w->milli += walk_by_family(w, walk_measure(w, plain));
}

static uint64_t measure_escaped(struct walk *w, jtext t)
{
    struct buf *b = w->c->text;

    if (str_find_char(t, '\\') == SIZE_MAX)
        return walk_measure(w, t);
    buf_clear(b);
    if (json_unescape(b, t) == RC_OK)
        return walk_measure(w, buf_str(b));
    w->exact = false; /* too long for the scratch, or no escape: as it stands */
    w->read += t.n;
    return estimate_text(t) + pieces_more(w->f->pieces, t);
}

uint64_t walk_remember(struct walk *w, str text, unsigned kind, walk_count_fn count)
{
    uint32_t known;

    /* The same bytes are other tokens to another encoding, and read in another way. */
    kind |= w->f->encoding | (unsigned)w->f->pieces << PIECES_SHIFT;
    ASSERT(kind < MEMO_KINDS);
    if (!w->c->memo || text.n < MEMO_MIN || !walk_encoding(w))
        return count(w, text);
    if (memo_get(w->c->memo, text, kind, &known))
        return known;
    bool encoded = w->read + text.n <= w->c->exact_max;
    uint64_t n = count(w, text);

    if (encoded && n <= UINT32_MAX)
        memo_put(w->c->memo, text, kind, (uint32_t)n);
    return n;
}

void walk_text(struct walk *w, jtext t)
{
    w->milli += walk_by_family(w, walk_remember(w, t, WALK_ESCAPED, measure_escaped));
}

static uint64_t measure_squeezed(struct walk *w, str json)
{
    struct buf *b = w->c->text;

    buf_clear(b);
    tools_text_squeeze(json, b);
    return walk_measure(w, b->failed ? json : buf_str(b));
}

uint64_t walk_words(struct walk *w, str words)
{
    uint64_t n = 0;

    while (words.n)
        n += walk_measure(w, str_cut(&words, '\0'));
    return n;
}

static uint64_t measure_json_words(struct walk *w, str json)
{
    struct buf *b = w->c->text;

    buf_clear(b);
    tools_text_json_words(json, b);
    return walk_words(w, buf_str(b));
}

uint64_t walk_squeezed(struct walk *w, str json)
{
    return walk_remember(w, json, WALK_SQUEEZED, measure_squeezed);
}

void walk_json(struct walk *w, str json)
{
    bool words = w->f->style == TOKEN_STYLE_WORDS;

    w->milli += walk_by_family(w, words ? walk_remember(w, json, WALK_WORDS, measure_json_words)
                                        : walk_squeezed(w, json));
}
