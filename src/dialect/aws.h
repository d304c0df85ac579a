/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aws - what every language that AWS serves has in common: paths with a model in them, credentials,
 * and errors whose type stands outside the body.
 *
 *     403 {"message":"The security token included in the request is expired"}
 *     x-amzn-errortype: ExpiredTokenException:http://internal.amazon.com/coral/…
 *
 * Inside a stream an exception is a message of its own, named by the type in camel case.
 */
#pragma once
#include "dialect/dialect.h"
#include "dialect/provider_error.h"

/* base_path, "/model/", the model percent-encoded (its ':' and, in ARNs, '/' too), `action`. */
void aws_put_path(const struct back_call *c, str base_path, str action, struct buf *to);

/* The slots: a bearer token where c->key is one, nothing where it is an AWS key's secret; that one
 * signs when the request is written. */
void aws_put_auth(const struct back_call *c, header_fn fn, void *ctx);
void aws_sign(const struct back_call *c, const struct back_signing *s, header_fn fn, void *ctx);

/* A failed answer; and an exception in a stream, whose texts live in *ret. */
void aws_decode_error(const struct reply_facts *r, str body, struct arena *a, struct fail *ret);
struct aws_fault {
    struct fail fail;
    struct provider_text text;
};
void aws_read_fault(str type, str payload, struct dialect_scratch *s, struct aws_fault *ret);
