/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error.c - the table of error.def, and how to read it. Nothing decides by string here: dialects
 * ask for a row and write it down.
 */
#include "ir/error.h"

static const struct err_row rows[ERR_COUNT] = {
#define UNSAID ERR_RETRY_UNSAID
#define NO     ERR_RETRY_NO
#define ERR(id, name, text, os, ot, oc, as, at, gs, gn, after, again)  \
    [ERR_##id] = {STR(name), STR(text), os,      STR(ot), STR(oc), as, \
                  STR(at),   gs,        STR(gn), after,   again},
#include "ir/error.def"
#undef ERR
#undef UNSAID
#undef NO
};

const struct err_row *err_row(enum err e)
{
    CHECK((unsigned)e < ERR_COUNT);
    return &rows[e];
}

str fail_message(const struct fail *f)
{
    return f->message.n ? f->message : err_row(f->kind)->text;
}

str fail_code(const struct fail *f)
{
    return f->code.n ? f->code : err_row(f->kind)->openai_code;
}

unsigned fail_retry_after_s(const struct fail *f)
{
    uint64_t s = (f->retry_after_ms + 999) / 1000;

    if (!f->retry_after_ms)
        return err_row(f->kind)->retry_after_s;
    return s > 3600 ? 3600 : (unsigned)s;
}

enum err err_of_status(unsigned status)
{
    switch (status) {
    case 400:
    case 409:
    case 422:
        return ERR_BAD_REQUEST;
    case 401:
    case 403:
    case 407:
        return ERR_UPSTREAM_AUTH;
    case 402:
        return ERR_BUDGET;
    case 404:
    case 410:
        return ERR_NOT_FOUND;
    case 408:
    case 504:
    case 524:
        return ERR_TIMEOUT;
    case 413:
        return ERR_TOO_LARGE;
    case 415:
        return ERR_BAD_REQUEST;
    case 429:
        return ERR_RATE_LIMITED;
    case 503:
    case 529:
        return ERR_OVERLOADED;
    default:
        return status >= 400 && status < 500 ? ERR_BAD_REQUEST : ERR_UPSTREAM;
    }
}

enum rc fail_set(struct fail *f, enum err kind, str message, str param, str code)
{
    *f = (struct fail){.kind = kind, .message = message, .param = param, .code = code};
    return RC_SYNTAX;
}
