/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report - what is wrong with a configuration, and what it asks for that is not active yet.
 *
 * Each note says where (line and column, both from 1; 0: the file as a whole), what, and the mend.
 * Texts never hold a value that may be a secret. At most CONF_NOTES_MAX of each kind are kept; the
 * rest is counted.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

#define CONF_NOTES_MAX 20

enum conf_note_kind { CONF_ERROR, CONF_WARNING, CONF_NOTE_KINDS };

struct conf_note {
    uint32_t line, column;
    str text;
};

struct conf_notes {
    struct conf_note note[CONF_NOTES_MAX];
    uint32_t count; /* all; the first CONF_NOTES_MAX are kept */
};

struct conf_report {
    struct conf_notes of[CONF_NOTE_KINDS];
    str file; /* as it stands before each line; absent: "environment" */
    struct arena arena_;
};

void conf_report_init(struct conf_report *r);
void conf_report_fini(struct conf_report *r);

/* Without memory the note is counted with a fixed text. */
PRINTF_LIKE(5, 6)
void conf_note(struct conf_report *r, enum conf_note_kind kind, uint32_t line, uint32_t column,
               const char *fmt, ...);

/* As much of `s` as a message may hold: whole characters, at most 64 bytes. */
str conf_brief(str s);

static inline bool conf_report_failed(const struct conf_report *r)
{
    return r->of[CONF_ERROR].count != 0;
}

/* "file:line:column: error: what, and the mend", a line each, in the order of the file. */
void conf_report_write(const struct conf_report *r, struct buf *to);
