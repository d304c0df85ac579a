/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oauth - a provider whose key is a token that expires, and what it is asked for with (RFC 6749).
 *
 *     serviceAccount: /etc/weir/vertex.json
 *         Google: a token signed with the account's own key is exchanged (RFC 7523). The file's
 *         JSON itself may stand there too, for those who keep it in a variable.
 *     entra: { tenantId, clientId, clientSecret }
 *         Microsoft Entra: client credentials (RFC 6749 section 4.4).
 *
 * gate/oauth.h fetches the tokens and keeps them fresh.
 */
#pragma once
#include "conf/snapshot.h"

enum conf_oauth_kind { CONF_OAUTH_GOOGLE, CONF_OAUTH_ENTRA };

struct conf_oauth {
    enum conf_oauth_kind kind;
    struct conf_origin origin; /* of the token endpoint */
    str path;
    str client;   /* e-mail of the service account, or client id */
    str key_id;   /* Google: of the private key; or absent */
    str audience; /* Google: the token endpoint as the account's file gives it */
    str scope;
    struct secret secret; /* private key in PEM, or client secret */
};
