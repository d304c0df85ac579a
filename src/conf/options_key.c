/* SPDX-License-Identifier: Apache-2.0 */
/* options_key - rows about credentials that are no plain key; see options.c for all the others. */
#include <stddef.h>

#include "conf/raw.h"

#define ROWS(a) a, ARRAY_LEN(a)

#define AT(field) offsetof(struct raw_aws, field)
static const struct option aws_rows[] = {
    {"accessKeyId", OPTION_TEXT, OPTION_REQUIRED, AT(access_key_id), .help = "`AKIA...`"},
    {"secretAccessKey", OPTION_SECRET, OPTION_REQUIRED, AT(secret_access_key),
     .help = "its secret: requests are signed with it, it is never sent"},
    {"sessionToken", OPTION_SECRET, 0, AT(session_token), .help = "of temporary credentials"},
    {"region", OPTION_TEXT, 0, AT(region), .help = "as the provider's `region`"},
};
#undef AT
const struct section option_aws = {"providers[].aws[]",
                                   "AWS keys, for Bedrock. One, or a list: a key pool",
                                   sizeof(struct raw_aws), ROWS(aws_rows)};

#define AT(field) offsetof(struct raw_entra, field)
static const struct option entra_rows[] = {
    {"tenantId", OPTION_TEXT, OPTION_REQUIRED, AT(tenant), .help = "the directory"},
    {"clientId", OPTION_TEXT, OPTION_REQUIRED, AT(client), .help = "the application"},
    {"clientSecret", OPTION_SECRET, OPTION_REQUIRED, AT(secret), .help = "its secret"},
    {"scope", OPTION_TEXT, 0, AT(scope),
     .help = "what the token is for; `https://cognitiveservices.azure.com/.default` when left out"},
    {"authority", OPTION_TEXT, 0, AT(authority),
     .help = "`https://login.microsoftonline.com` when left out"},
};
#undef AT
const struct section option_entra = {"providers[].entra",
                                     "Tokens of Microsoft Entra instead of an apiKey, for Azure",
                                     sizeof(struct raw_entra), ROWS(entra_rows)};
