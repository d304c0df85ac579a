/* SPDX-License-Identifier: Apache-2.0 */
/*
 * order - what firing alerts ask of a target with one of its keys.
 *
 * Most is asked of whole providers, and that is one byte each (plan_ask.alerts). Where a target or
 * a single key is meant, its provider's byte has ALERT_PARTS, and plan_ask.parts says which: so a
 * call pays for that list only at a provider that has somebody on it.
 *
 * What is asked of both adds up; it is a trial only where nothing keeps it out.
 *
 * Pure.
 */
#pragma once
#include "route/alert.h"

#define ALERT_PARTS  8u /* of a provider: something is asked of some of its targets or keys */
#define ALERT_NO_KEY UINT32_MAX

/* One target or one key, and what is asked of it: ALERT_OUT and its kin. */
struct alert_part {
    uint32_t provider;
    uint32_t key; /* of all its models; ALERT_NO_KEY: it is a target, … */
    str model;    /* … by this name */
    unsigned asked;
};

struct plan_ask;

/* Of this target with this key. */
unsigned order_of(const struct plan_ask *ask, const struct conf_target *t, uint32_t key);
/* Of the target with any of `nkeys` keys. *ret_firing: what is asked of those that are not on
 * trial.
 */
unsigned order_of_any(const struct plan_ask *ask, const struct conf_target *t, uint32_t nkeys,
                      unsigned *ret_firing);
/* Two orders about the same. */
unsigned order_add(unsigned a, unsigned b);

static inline bool order_is_out(unsigned asked)
{
    return asked && !(asked & ALERT_TRIAL);
}
