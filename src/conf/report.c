/* SPDX-License-Identifier: Apache-2.0 */
/* report - notes are kept in the order they are found and written in the order of the file. */
#include "conf/report.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"

#define REPORT_ARENA_MAX (64 * 1024)
#define NOTE_MAX         512 /* bytes of one note */
#define BRIEF_MAX        64

void conf_report_init(struct conf_report *r)
{
    *r = (struct conf_report){.file = STR_NONE};
    arena_init(&r->arena_, REPORT_ARENA_MAX);
}

void conf_report_fini(struct conf_report *r)
{
    arena_fini(&r->arena_);
}

/* A cut in the middle of a character would make the whole line invalid UTF-8 for whoever reads the
 * log. */
str conf_brief(str s)
{
    str head = str_head(s, BRIEF_MAX);
    return str_head(head, utf8_valid_prefix(head));
}

/* A message is one line of print: what a config text smuggled in shows as '?'. */
static void tame(char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f)
            p[i] = '?';
}

void conf_note(struct conf_report *r, enum conf_note_kind kind, uint32_t line, uint32_t column,
               const char *fmt, ...)
{
    CHECK((unsigned)kind < CONF_NOTE_KINDS);
    struct conf_notes *notes = &r->of[kind];
    uint32_t at = notes->count++; /* the count goes on: "... and 35 more errors" */
    if (at >= CONF_NOTES_MAX)
        return;
    char tmp[NOTE_MAX];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(tmp, sizeof(tmp), fmt, ap);
    va_end(ap);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof(tmp) ? (size_t)n : sizeof(tmp) - 1;
    tame(tmp, len);
    str text = arena_dup(&r->arena_, str_of(tmp, len));
    notes->note[at] = (struct conf_note){line, column, text.p ? text : STR("out of memory")};
}

static void write_note(const struct conf_report *r, enum conf_note_kind kind,
                       const struct conf_note *note, struct buf *to)
{
    buf_add(to, r->file.p ? r->file : STR("environment"));
    if (note->line) {
        buf_add_char(to, ':');
        buf_add_u64(to, note->line);
        buf_add_char(to, ':');
        buf_add_u64(to, note->column);
    }
    buf_add(to, kind == CONF_WARNING ? STR(": warning: ") : STR(": "));
    buf_add(to, note->text);
    buf_add_char(to, '\n');
}

static bool is_before(const struct conf_note *a, const struct conf_note *b)
{
    return a->line != b->line ? a->line < b->line : a->column < b->column;
}

/* Selection by rising position; notes of one position keep their order. At most 20 x 20 steps. */
static void write_kind(const struct conf_report *r, enum conf_note_kind kind, struct buf *to)
{
    const struct conf_notes *notes = &r->of[kind];
    uint32_t n = notes->count < CONF_NOTES_MAX ? notes->count : CONF_NOTES_MAX;
    bool done[CONF_NOTES_MAX] = {false};
    for (uint32_t i = 0; i < n; i++) {
        uint32_t best = n;
        for (uint32_t k = 0; k < n; k++)
            if (!done[k] && (best == n || is_before(&notes->note[k], &notes->note[best])))
                best = k;
        CHECK(best < n); /* n rounds, n notes: one is left in each */
        done[best] = true;
        write_note(r, kind, &notes->note[best], to);
    }
    if (notes->count > n)
        buf_addf(to, "... and %u more %s\n", notes->count - n,
                 kind == CONF_WARNING ? "warnings" : "errors");
}

/* Warnings first: on a terminal what is read last, and stays in view, is what refused the file. */
void conf_report_write(const struct conf_report *r, struct buf *to)
{
    write_kind(r, CONF_WARNING, to);
    write_kind(r, CONF_ERROR, to);
}
