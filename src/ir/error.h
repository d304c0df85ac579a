/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error - the canonical failures of a call, and their names in each client language.
 *
 * `enum rc` says what went wrong in our code; `enum err` says what a client is told. A back dialect
 * turns a provider's answer into a `struct fail`, the gate makes its own, and the front dialect
 * writes either in the client's words, by the table error.def.
 *
 * Text in a fail is plain (not JSON-escaped) and lives as long as the call's arena or is static.
 * Messages are safe to show: no host names, no keys, no paths. A provider's own message is put in
 * only for 4xx answers.
 */
#pragma once
#include "base/rc.h"
#include "base/str.h"

enum err {
#define ERR(name, ...) ERR_##name,
#include "ir/error.def"
#undef ERR
    ERR_COUNT
};

enum err_retry { ERR_RETRY_UNSAID, ERR_RETRY_NO };

struct err_row {
    str name; /* "rate_limited": for logs and metrics */
    str text; /* the message when the failure brings none */
    uint16_t openai_status;
    str openai_type, openai_code;
    uint16_t anthropic_status;
    str anthropic_type;
    uint16_t gemini_status;
    str gemini_name;
    unsigned retry_after_s; /* default; 0: send none */
    enum err_retry should_retry;
};

struct fail {
    enum err kind;
    str message; /* absent: the row's text */
    str param;   /* the request field that is at fault, "messages[2].content"; or absent */
    str code;    /* finer code, "duplicate_key"; or absent: the row's */
    unsigned upstream_status; /* HTTP status of the provider, 0 when it did not answer */
    uint64_t retry_after_ms;  /* 0: the row's default */
    bool stop_retry;          /* the provider said x-should-retry: false */
    bool bad_key;             /* … and, whatever its status says, that our key is bad */
};

const struct err_row *err_row(enum err e);
/* The fail's message, or the row's text. Never absent. */
str fail_message(const struct fail *f);
str fail_code(const struct fail *f);
/* Whole seconds for Retry-After, rounded up; 0: send none. */
unsigned fail_retry_after_s(const struct fail *f);

/* What a provider's HTTP status means when its body says nothing finer. 4xx that only concern our
 * side of the bargain (401, 402, 403, 407) never become the client's fault. */
enum err err_of_status(unsigned status);

/* Fill *f and return RC_SYNTAX, for decoders: `return fail_set(f, ERR_BAD_REQUEST, …)`. */
enum rc fail_set(struct fail *f, enum err kind, str message, str param, str code);
