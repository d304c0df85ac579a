/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sigv4 - AWS Signature Version 4: the authorization header of one request.
 *
 * What is signed is a canonical text of the request, made from the bytes that go on the wire:
 *
 *     POST                                  method
 *     /model/amazon.nova-lite-v1%253A0/…    path, encoded once more (S3 alone does without)
 *     a=1&b=                                query, sorted
 *     host:bedrock-runtime.us-east-1.…      the headers given, sorted, blanks joined
 *     x-amz-date:20260101T000000Z
 *                                           (an empty line)
 *     host;x-amz-date                       their names
 *     9f86d0…                               SHA-256 of the body, in hex
 *
 * and the key is one for a day, region and service, so that what leaks of it expires. Pure: the
 * time is an argument, and the body comes as its digest, so a rope is hashed piece by piece.
 *
 * Source: AWS, "Create a signed AWS API request" (IAM User Guide).
 */
#pragma once
#include "base/buf.h"
#include "base/digest.h"

#define SIGV4_STAMP   16 /* "20150830T123600Z" */
#define SIGV4_HEADERS 16
#define SIGV4_PARAMS  32

struct sigv4_credential {
    str access_key_id, secret;
    str region, service;
};

struct sigv4_header {
    str name;  /* lower case */
    str value; /* as it is sent */
};

struct sigv4_request {
    str method;
    str path;                           /* begins with a slash, percent-encoded as it is sent */
    str query;                          /* without '?', percent-encoded; may be absent */
    const struct sigv4_header *headers; /* to be signed, sorted by name; host and x-amz-date are
                                           among them, and the session's token where there is one */
    size_t nheaders;                    /* at most SIGV4_HEADERS */
    uint8_t body[DIGEST_SHA256];
};

/* The value of x-amz-date. */
void sigv4_stamp(uint64_t unix_seconds, char to[SIGV4_STAMP]);

/* Append the value of the authorization header. `stamp` as sigv4_stamp made it. RC_LIMIT: more
 * headers or query parameters than the limits, or `to` is full. */
enum rc sigv4_sign(const struct sigv4_request *r, const struct sigv4_credential *c,
                   const char stamp[SIGV4_STAMP], struct buf *to) MUST_CHECK;
/* The canonical text, for tests and for finding out why a signature is refused. */
enum rc sigv4_canonical(const struct sigv4_request *r, struct buf *to) MUST_CHECK;
