/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan - the scanner for every machine, and the judge of what is wrong with a string.
 *
 * It hops from one byte that is not plain to the next, 16 bytes at a time with SSE2, else 8 with
 * ordinary words. What it lands on is looked at by hand: the closing quote, an escape, or a run of
 * bytes beyond ASCII, which base/utf8 checks.
 */
#include "json/scan_int.h"

#include "base/utf8.h"
#include "json/text_int.h"

#if !JSON_SSE2
#define ONES  0x0101010101010101ULL
#define HIGHS 0x8080808080808080ULL

/* High bit of each byte of w that equals c; bytes above a hit may be set wrongly, and bytes beyond
 * ASCII are: enough to know whether to look closer. */
static uint64_t near_equal(uint64_t w, unsigned char c)
{
    uint64_t x = w ^ (ONES * c);
    return (x - ONES) & HIGHS;
}
#endif

#if JSON_SSE2
/* As json_scan_mask, of 8 bytes. */
static unsigned scan_mask_8(const char *s)
{
    char wide[16];
    memcpy(wide, s, 8);
    memset(wide + 8, ' ', 8);
    return json_scan_mask(wide);
}
#endif

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

const char *json_scan_plain(const char *s, const char *end)
{
#if JSON_SSE2
    bool long_enough = end - s >= 16;
    for (; end - s >= 16; s += 16) {
        unsigned m = json_scan_mask(s);
        if (m)
            return s + __builtin_ctz(m);
    }
    if (long_enough && s < end) { /* the last 16 once more: what was seen of them is plain */
        unsigned m = json_scan_mask(end - 16);
        return m ? end - 16 + __builtin_ctz(m) : end;
    }
    if (end - s >= 8) {
        unsigned m = scan_mask_8(s);
        if (m)
            return s + __builtin_ctz(m);
        m = scan_mask_8(end - 8);
        return m ? end - 8 + __builtin_ctz(m) : end;
    }
#else
    for (; end - s >= 8; s += 8) {
        uint64_t w;
        memcpy(&w, s, sizeof(w));
        if ((w | near_equal(w, '"') | near_equal(w, '\\') | (w - ONES * 0x20)) & HIGHS)
            break;
    }
#endif
    while (s < end && is_plain((unsigned char)*s))
        s++;
    return s;
}

static const char *flawed(struct json_flaw *flaw, enum rc rc, const char *at, const char *what)
{
    *flaw = (struct json_flaw){rc, at, what};
    return NULL;
}

/* s: the first of some bytes beyond ASCII. The byte behind the last of them. */
static const char *high_run(const char *s, const char *end, struct json_flaw *flaw)
{
    const char *e = s;
    while (e < end && (unsigned char)*e >= 0x80)
        e++;
    size_t n = (size_t)(e - s), valid = utf8_valid_prefix(str_of(s, n));
    return valid == n ? e : flawed(flaw, RC_UTF8, s + valid, "invalid UTF-8");
}

const char *json_scan_exact(const char *s, const char *end, bool *escaped, struct json_flaw *flaw)
{
    while ((s = json_scan_plain(s, end)) < end) {
        unsigned char c = (unsigned char)*s;
        if (c == '"')
            return s;
        if (c == '\\') {
            size_t n = json_escape_size(s, end);
            if (n == 0)
                return flawed(flaw, RC_SYNTAX, s, "bad escape in a string");
            *escaped = true;
            s += n;
        } else if (c >= 0x80) {
            s = high_run(s, end, flaw);
            if (!s)
                return NULL;
        } else {
            return flawed(flaw, RC_SYNTAX, s, "control character in a string");
        }
    }
    return flawed(flaw, RC_SYNTAX, end, "a string without an end");
}
