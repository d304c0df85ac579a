# SPDX-License-Identifier: Apache-2.0
"""Providers whose key is a token that expires: Google's service accounts, Microsoft Entra."""

import base64
import json
import subprocess
import urllib.parse

import gateway
import http1
import pytest
from fronts import CHAT, assert_error, assert_served
from upstream import refuses, says, stalls


def answers(token="ya29.token", expires=3600, status=200):
    """A token endpoint."""

    def answer(x):
        body = {"access_token": token, "expires_in": expires, "token_type": "Bearer"}
        x.reply(status, json.dumps(body if status == 200 else {"error": "invalid_grant"}).encode())

    return answer


def form(request):
    return dict(urllib.parse.parse_qsl(request.body.decode()))


def entra(up, tokens, **options):
    text = (
        f"entra: {{ tenantId: t-1, clientId: app, clientSecret: 's&cret', "
        f'authority: "http://127.0.0.1:{tokens.port}" }}'
    )
    return gateway.config(up, options=text, **options).replace("apiKey:", "region:")


def test_entra_tokens_are_fetched_once_and_used(weir, upstream):
    up, tokens = upstream("openai"), upstream("openai", default=answers())
    w = weir(entra(up, tokens))
    for stream in (False, True, False):
        assert_served(CHAT, CHAT.ask(w.port, stream=stream), "Hello there.")
    assert tokens.hits == 1 and up.hits == 3
    assert all(r.get("authorization") == "Bearer ya29.token" for r in up.requests)
    asked = tokens.requests[0]
    assert (asked.method, asked.target) == ("POST", "/t-1/oauth2/v2.0/token")
    assert form(asked) == {
        "grant_type": "client_credentials",
        "client_id": "app",
        "client_secret": "s&cret",
        "scope": "https://cognitiveservices.azure.com/.default",
    }
    assert "s&cret" not in w.said() and "ya29" not in w.said()


@pytest.fixture(scope="module")
def account(tmp_path_factory):
    folder = tmp_path_factory.mktemp("account")
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
        + ["-out", folder / "key.pem"],
        check=True,
        capture_output=True,
    )
    subprocess.run(
        ["openssl", "pkey", "-in", folder / "key.pem", "-pubout", "-out", folder / "pub.pem"],
        check=True,
    )
    return folder


def unpad(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_a_service_account_signs_for_its_token(weir, upstream, account):
    up, tokens = upstream("openai"), upstream("openai", default=answers("ya29.vertex"))
    (account / "sa.json").write_text(
        json.dumps(
            {
                "type": "service_account",
                "client_email": "weir@p.iam.gserviceaccount.com",
                "private_key_id": "kid-1",
                "private_key": (account / "key.pem").read_text(),
                "token_uri": f"http://127.0.0.1:{tokens.port}/token",
            }
        )
    )
    text = gateway.config(up, options=f"serviceAccount: {account / 'sa.json'}")
    w = weir(text.replace("apiKey:", "region:"))
    assert_served(CHAT, CHAT.ask(w.port), "Hello there.")
    assert up.requests[0].get("authorization") == "Bearer ya29.vertex"
    asked = form(tokens.requests[0])
    assert asked["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    head, claims, signature = asked["assertion"].split(".")
    assert json.loads(unpad(head)) == {"alg": "RS256", "typ": "JWT", "kid": "kid-1"}
    said = json.loads(unpad(claims))
    assert said["iss"] == "weir@p.iam.gserviceaccount.com"
    assert said["aud"] == f"http://127.0.0.1:{tokens.port}/token"
    assert said["exp"] - said["iat"] == 3600 and "cloud-platform" in said["scope"]
    (account / "sig").write_bytes(unpad(signature))
    (account / "said").write_text(f"{head}.{claims}")
    subprocess.run(
        ["openssl", "dgst", "-sha256", "-verify", account / "pub.pem"]
        + ["-signature", account / "sig", account / "said"],
        check=True,
        capture_output=True,
    )


def test_claude_code_routers_vertex_openai(weir, upstream, account):
    """Its transformer has the account among its options; an environment variable may hold the key
    with its line ends spelt out."""
    up, tokens = upstream("openai"), upstream("openai", default=answers("ya29.ccr"))
    key = (account / "key.pem").read_text()
    options = {
        "client_email": "ccr@p.iam.gserviceaccount.com",
        "private_key": "$KEY",
        "token_uri": f"http://127.0.0.1:{tokens.port}/token",
    }
    text = json.dumps(
        {
            "PORT": "@PORT@",
            "Providers": [
                {
                    "name": "v",
                    "api_base_url": f"{up.base}/projects/p/locations/l/endpoints/openapi/chat/completions",
                    "api_key": "unused",
                    "models": ["google/gemini-x"],
                    "transformer": {"use": [["vertex-openai", options]]},
                }
            ],
            "Router": {"default": "v,google/gemini-x"},
        }
    )
    for spelt in (key, key.replace("\n", "\\n")):
        w = weir(text, env={"KEY": spelt})
        assert_served(CHAT, CHAT.ask(w.port, model="v,google/gemini-x"), "Hello there.")
        assert up.requests[-1].get("authorization") == "Bearer ya29.ccr"
        assert up.requests[-1].target.endswith("/endpoints/openapi/chat/completions")
        assert "PRIVATE" not in w.said() and "has no effect" not in w.said()
    asked = form(tokens.requests[-1])["assertion"].split(".")
    assert json.loads(unpad(asked[1]))["iss"] == "ccr@p.iam.gserviceaccount.com"
    w = weir(text, env={"KEY": "no key"})
    assert "its private_key cannot be read" in w.said() and "no key of" in w.said()


def test_U18_a_refused_token_is_renewed_once(weir, upstream):
    up = upstream("openai", refuses(401, "expired"), default=says())
    tokens = upstream("openai", answers("old"), answers("new"))
    w = weir(entra(up, tokens))
    assert_served(CHAT, CHAT.ask(w.port), "Hello there.")
    assert [r.get("authorization") for r in up.requests] == ["Bearer old", "Bearer new"]
    bad = upstream("openai", default=refuses(401, "no"))
    tokens = upstream("openai", default=answers())
    r = CHAT.ask(weir(entra(bad, tokens)).port)
    assert_error(CHAT, r, "upstream_auth")
    assert bad.hits == 2 and tokens.hits == 2


def test_what_passes_has_the_token_too(weir, upstream):
    """/providers/NAME/…: fetched once for chats and for this, renewed once, never the client's own."""
    up = upstream("openai", refuses(401, "expired"), default=says())
    tokens = upstream("openai", answers("old"), default=answers("new"))
    w = weir(entra(up, tokens))
    mine = [("Authorization", "Bearer mine"), ("api-key", "mine")]
    assert http1.call(w.port, "GET", "/providers/a/files?after=x%20y", None, mine).status == 200
    assert_served(CHAT, CHAT.ask(w.port), "Hello there.")
    assert http1.call(w.port, "POST", "/providers/a/files", {"a": 1}, mine).status == 200
    assert [r.get("authorization") for r in up.requests] == ["Bearer old"] + ["Bearer new"] * 3
    assert not any(r.get("api-key") for r in up.requests)
    assert up.requests[1].target == "/v1/files?after=x%20y" and tokens.hits == 2


@pytest.mark.parametrize("how", [answers(status=401), answers("bad\ntoken"), answers(""), refuses(500)])
def test_no_token_no_call(weir, upstream, how):
    """The provider is never asked without one; a second target serves."""
    up, tokens = upstream("openai"), upstream("openai", default=how)
    r = CHAT.ask(weir(entra(up, tokens)).port)
    assert_error(CHAT, r, "unavailable")
    assert up.hits == 0


def test_calls_wait_for_one_fetch_together(weir, upstream):
    from concurrent.futures import ThreadPoolExecutor

    def slow(x):
        x.pause(0.3)
        return answers()(x)

    up, tokens = upstream("openai"), upstream("openai", default=slow)
    w = weir(entra(up, tokens))
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda _: CHAT.ask(w.port).status, range(8)))
    assert got == [200] * 8 and tokens.hits == 1


def test_D2_a_client_that_leaves_while_a_token_is_fetched(weir, upstream):
    import http1

    up, tokens = upstream("openai"), upstream("openai", stalls(1.0), default=answers())
    w = weir(entra(up, tokens))
    with http1.Conn(w.port) as conn:
        conn.request("POST", CHAT.path, CHAT.body())
        tokens.wait_hits(1)
    r = CHAT.ask(w.port)
    assert r.status in (200, 503) and up.hits <= 1


def test_what_is_wrong_is_said_at_the_start(weir, tmp_path):
    """weir check names the place and the mend."""
    rows = {
        "serviceAccount: /nowhere/sa.json": "serviceAccount",
        "serviceAccount: '{\"client_email\": \"x\"}'": "its private_key cannot be read",
        "serviceAccount: '{}'": "it has no client_email",
        "entra: { tenantId: t, clientId: c }": "clientSecret",
        "entra: { tenantId: t, clientId: c, clientSecret: s, authority: 'http://example.com' }": "https",
    }
    for text, word in rows.items():
        file = tmp_path / "weir.yaml"
        file.write_text(f"providers:\n  - {{ name: x, dialect: openai, baseURL: 'http://h', {text} }}\n")
        done = subprocess.run(
            [gateway.binary(), "check", "--config", file], capture_output=True, text=True
        )
        assert done.returncode == 2 and word in done.stdout + done.stderr, text
