/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vector - see the header. A batch may hold millions of numbers, and strtod takes 100 ns for one:
 * those with at most 15 digits and a small exponent, which is nearly all, are exact in two steps
 * (W. Clinger, How to Read Floating Point Numbers Accurately, 1990: an integer below 2^53 times or
 * by a power of ten up to 10^22 is rounded once).
 */
#include "dialect/vector.h"

#include <math.h>
#include <stdio.h>

#include "base/b64.h"
#include "base/num.h"

#define DIGITS_EXACT 15
#define POWER_EXACT  22
#define STEP         192 /* float32s at a time: 768 bytes, of which base64 makes whole groups */

static const double powers[POWER_EXACT + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                               1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                               1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* JSON number grammar is given. False: the slow way. */
static bool quick(str s, double *ret)
{
    size_t i = 0, digits = 0;
    uint64_t m = 0;
    int point = 0;
    bool minus = s.p[0] == '-', behind = false;
    for (i = minus; i < s.n; i++) {
        char c = s.p[i];
        if (c == '.') {
            behind = true;
            continue;
        }
        if (c < '0' || c > '9')
            break;
        m = m * 10 + (uint64_t)(c - '0');
        digits += m != 0;
        point += behind;
        if (digits > DIGITS_EXACT)
            return false;
    }
    if (i < s.n) {
        int64_t e;
        size_t at = i + 1 + (i + 1 < s.n && s.p[i + 1] == '+');
        if (num_i64(str_from(s, at), &e) != RC_OK || e < -99 || e > 99)
            return false;
        point -= (int)e;
    }
    if (point > POWER_EXACT || point < -POWER_EXACT)
        return false;
    double v = point < 0 ? (double)m * powers[-point] : (double)m / powers[point];
    *ret = minus ? -v : v;
    return true;
}

static bool number(jval v, double *ret)
{
    if (!json_is(v, JSON_NUMBER))
        return false;
    return quick(json_text(v), ret) || json_double(v, ret) == RC_OK;
}

static void put_le32(uint8_t *to, float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof(bits));
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(bits >> (8 * i));
}

static float get_le32(const char *p)
{
    uint32_t bits = 0;
    float f;
    for (int i = 0; i < 4; i++)
        bits |= (uint32_t)(uint8_t)p[i] << (8 * i);
    memcpy(&f, &bits, sizeof(f));
    return f;
}

enum rc vector_pack(jval array, struct buf *to)
{
    uint8_t bytes[STEP * 4];
    size_t n = 0;
    double v;
    struct json_iter it = json_iter(array);
    if (!json_is(array, JSON_ARRAY))
        return RC_TYPE;
    while (json_next(&it)) {
        if (!number(it.val, &v))
            return RC_TYPE;
        put_le32(bytes + n, (float)v);
        n += 4;
        if (n == sizeof(bytes)) {
            b64_encode(to, str_of((char *)bytes, n));
            n = 0;
        }
    }
    b64_encode(to, str_of((char *)bytes, n));
    return to->failed ? RC_LIMIT : RC_OK;
}

enum rc vector_unpack(str base64, struct buf *to)
{
    struct buf raw = BUF_INIT(base64.n);
    char text[32];
    enum rc rc = b64_decode(&raw, base64);
    str in = buf_str(&raw);
    if (rc == RC_OK && (in.n % 4 || !in.n))
        rc = RC_SYNTAX;
    buf_add_char(to, '[');
    for (size_t i = 0; rc == RC_OK && i < in.n; i += 4) {
        float f = get_le32(in.p + i);
        if (!isfinite(f)) { /* these bytes are something else */
            rc = RC_SYNTAX;
            break;
        }
        if (i)
            buf_add_char(to, ',');
        int n = snprintf(text, sizeof(text), "%.9g", (double)f);
        buf_add(to, str_of(text, (size_t)n));
    }
    buf_add_char(to, ']');
    buf_fini(&raw);
    return rc != RC_OK ? rc : to->failed ? RC_LIMIT : RC_OK;
}
