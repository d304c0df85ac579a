/* SPDX-License-Identifier: Apache-2.0 */
/* date - the Date field of every reply (RFC 9110 §6.6.1), written once a second. */
#include "base/fmt.h"
#include "server/server_int.h"

#define DAY_MS 86400000u

/* From "2026-11-23T02:20:30.123Z" to "date: Mon, 23 Nov 2026 02:20:30 GMT\r\n". */
static void write_line(char to[DATE_LINE], uint64_t unix_ms)
{
    static const char days[] = "ThuFriSatSunMonTueWed"; /* 1 January 1970 was a Thursday */
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char iso[FMT_TIME_MAX];
    fmt_time(iso, unix_ms);
    size_t month = (size_t)(iso[5] - '0') * 10 + (size_t)(iso[6] - '0') - 1;
    CHECK(month < 12);
    memcpy(to, "date: ---, -- --- ---- --:--:-- GMT\r\n", DATE_LINE);
    memcpy(to + 6, days + unix_ms / DAY_MS % 7 * 3, 3);
    memcpy(to + 11, iso + 8, 2);
    memcpy(to + 14, months + month * 3, 3);
    memcpy(to + 18, iso, 4);
    memcpy(to + 23, iso + 11, 8);
}

str server_date(struct server *s)
{
    uint64_t now = loop_unix_ms(s->loop);
    if (now / 1000 != s->date_s) {
        s->date_s = now / 1000;
        write_line(s->date, now);
    }
    return str_of(s->date, DATE_LINE);
}
