/* SPDX-License-Identifier: Apache-2.0 */
/* alert_history - see the header. */
#include "app/alert_history.h"

#include "app/data_file.h"
#include "base/auto.h"
#include "base/check.h"
#include "base/mem.h"
#include "json/json.h"

#define FILE_NAME "alerts.history"
#define FILE_MAX  (ALERT_HISTORY_MAX * (ALERT_LINE_MAX + 1))
#define DOC_MAX   (64u << 10) /* of one line, read */

static bool keep(struct alert_history *h, str line)
{
    char *copy = line.n && line.n <= ALERT_LINE_MAX ? mem_alloc(line.n) : NULL;
    if (!copy)
        return false;
    memcpy(copy, line.p, line.n);
    h->newest = h->n ? (h->newest + 1) % ALERT_HISTORY_MAX : 0;
    if (h->n == ALERT_HISTORY_MAX)
        mem_free(h->line[h->newest].p);
    else
        h->n++;
    h->line[h->newest].p = copy;
    h->line[h->newest].n = line.n;
    return true;
}

str alert_history_at(const struct alert_history *h, unsigned i)
{
    CHECK(i < h->n);
    const unsigned at = (h->newest + ALERT_HISTORY_MAX - i) % ALERT_HISTORY_MAX;
    return str_of(h->line[at].p, h->line[at].n);
}

static bool is_object(str line)
{
    struct arena a;
    struct json_doc doc = {0};
    struct json_error e;
    arena_init(&a, DOC_MAX);
    const bool is =
        json_parse(&a, line, &doc, &e) == RC_OK && json_is(json_root(&doc), JSON_OBJECT);
    arena_fini(&a);
    return is;
}

void alert_history_read(struct alert_history *h, const struct snapshot *s)
{
    AUTO(buf_fini) struct buf file = BUF_INIT(FILE_MAX + DATA_FILE_STEP);
    if (!data_file_read(s, FILE_NAME, &file))
        return; /* there is none, or it is longer than we ever write: not ours */
    str rest = file.p ? buf_str(&file) : STR("");
    while (rest.n) {
        const str line = str_cut(&rest, '\n');
        if (is_object(line) && !keep(h, line))
            return;
    }
}

bool alert_history_add(struct alert_history *h, const struct snapshot *s, str line)
{
    str parts[2 * ALERT_HISTORY_MAX];
    size_t n = 0;
    if (!keep(h, line))
        return false;
    for (unsigned i = h->n; i-- > 0;) {
        parts[n++] = alert_history_at(h, i);
        parts[n++] = STR("\n");
    }
    return data_file_write(s, FILE_NAME, parts, n);
}

void alert_history_fini(struct alert_history *h)
{
    for (unsigned i = 0; i < h->n; i++)
        mem_free(h->line[i].p); /* not full: from 0 on; full: all */
    h->n = 0;
}
