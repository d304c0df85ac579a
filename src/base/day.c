/* SPDX-License-Identifier: Apache-2.0 */
/* day - Howard Hinnant's days_from_civil, and a check of what is given to it. */
#include "base/day.h"

#define YEAR_MAX 9999 /* four digits: what every format we read has */

bool day_of(uint32_t year, uint32_t month, uint32_t day, int32_t *ret)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (year < 1970 || year > YEAR_MAX || !month || month > 12 || !day)
        return false;
    bool leap = year % 4 == 0 && (year % 100 || year % 400 == 0);
    if (day > days[month - 1] + (uint32_t)(month == 2 && leap))
        return false;
    /* Years begin in March, so that the leap day is their last and the months' lengths repeat. */
    uint32_t y = year - (month <= 2), era = y / 400, yoe = y - era * 400;
    uint32_t doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    uint32_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    *ret = (int32_t)(era * 146097 + doe) - 719468;
    return true;
}
