/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check - contracts.
 *
 * CHECK aborts in every build: for broken invariants that would corrupt memory or mix two clients'
 * data. ASSERT is compiled out of release builds: for the rest. Hostile input is never asserted; it
 * is returned. TRY is the one macro that hides control flow: it returns a failing rc upward.
 */
#pragma once

#define WEIR_LIKELY(x)    __builtin_expect(!!(x), 1)
#define WEIR_UNLIKELY(x)  __builtin_expect(!!(x), 0)
#define MUST_CHECK        __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define ARRAY_LEN(a)      (sizeof(a) / sizeof((a)[0]))

/* Report "file:line: cond" on stderr and abort. */
_Noreturn void check_failed(const char *file, int line, const char *cond);

#define CHECK(cond)                                  \
    do {                                             \
        if (WEIR_UNLIKELY(!(cond)))                  \
            check_failed(__FILE__, __LINE__, #cond); \
    } while (0)

#ifdef WEIR_RELEASE
#define ASSERT(cond) ((void)sizeof(!(cond)))
#else
#define ASSERT(cond) CHECK(cond)
#endif

#define TRY(expr)                            \
    do {                                     \
        enum rc try_rc_ = (expr);            \
        if (WEIR_UNLIKELY(try_rc_ != RC_OK)) \
            return try_rc_;                  \
    } while (0)
