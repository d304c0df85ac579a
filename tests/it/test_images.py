# SPDX-License-Identifier: Apache-2.0
"""fetchImages: images and PDFs at a URL, fetched for providers that want the bytes, and for nobody
else; from where the operator allows, and from nowhere else (F2)."""

import base64
import json
import ssl
import threading
import time

import aws
import http1
import pytest
from fronts import CHAT, MESSAGES, RESPONSES, assert_error
from upstream import CLOSE, raw, refuses, says
from turns import Turn

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(range(200))
PDF = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n" + b"x" * 500
OURS = "127.0.0.1"


def b64(data):
    return base64.b64encode(data).decode()


def gives(data=PNG, kind="image/png", status=200, headers=()):
    return lambda x: x.reply(status, data, headers, kind)


def moves(location, status=302):
    return lambda x: x.reply(status, b"", [("Location", location)], "text/html")


def converses(x):
    if x.request.target.endswith("-stream"):
        x.head(200, (), "chunked", aws.STREAM)
        for one in aws.converse("Seen."):
            x.data(one)
        x.write(b"0\r\n\r\n")
    else:
        x.reply(200, aws.converse_body("Seen."))


# name of the provider's language -> how it is configured, what it answers, where the image stands
def sources(body):
    """Every picture and document of a request to any provider, as (type, data)."""
    found = []

    def walk(v):
        if isinstance(v, dict):
            if v.get("type") == "base64":
                found.append((v["media_type"], v["data"]))
            elif "bytes" in v and len(v) == 1:
                found.append((None, v["bytes"]))
            elif "inlineData" in v:
                found.append((v["inlineData"]["mimeType"], v["inlineData"]["data"]))
            for key, value in v.items():
                if key in ("url", "image_url", "file_data") and str(value).startswith("data:"):
                    kind, data = value[5:].split(";base64,")
                    found.append((kind, data))
                if key == "images":
                    found.extend((None, one) for one in value)
                walk(value)
        elif isinstance(v, list):
            for one in v:
                walk(one)

    walk(body)
    return found


BACKS = {
    "bedrock": ("bedrock", "", converses),
    "bedrock-invoke": ("anthropic", "", says(Turn(text="Seen."))),
    "vertex-anthropic": ("anthropic", "/v1/projects/p/locations/l", says(Turn(text="Seen."))),
    "gemini": ("gemini", "/v1beta", says(Turn(text="Seen."))),
    "ollama": ("ollama", "", says(Turn(text="Seen."))),
    "openai": ("openai", "/v1", says(Turn(text="Seen."))),
}


def config(up, dialect, allowed, more="", top=""):
    _, path, _ = BACKS[dialect]
    quirk = ", quirks: { refuses: [image.url] }" if dialect == "openai" else ""
    return (
        f"listen: 127.0.0.1:@PORT@\nworkers: 1\n{top}providers:\n"
        f'  - {{ name: a, dialect: {dialect}, baseURL: "http://127.0.0.1:{up.port}{path}", '
        f"apiKey: k, region: us-east-1, models: [claude-x], fetchImages: {json.dumps(allowed)}"
        f"{quirk}{more} }}\n"
        "models: [ { name: m, targets: [ { use: a/claude-x } ] } ]\n"
    )


@pytest.fixture
def scene(weir, upstream):
    """scene(answers…) -> (ask, images, provider): a gateway whose provider is Bedrock, and a server
    of images whose host it may fetch from."""

    def make(*script, dialect="bedrock", default=None, more="", top="", allowed=None):
        images = upstream("openai", *script, default=default or gives())
        kind, _, answer = BACKS[dialect]
        up = upstream(kind, default=answer)
        hosts = [f"http://{OURS}:{images.port}"] if allowed is None else allowed
        w = weir(config(up, dialect, hosts, more, top))

        def ask(*paths, front=CHAT, stream=False, headers=()):
            urls = [p if "://" in p else f"http://{OURS}:{images.port}{p}" for p in paths]
            return front.call(w.port, body(front, urls, stream), headers=headers)

        ask.port, ask.weir = w.port, w
        return ask, images, up

    return make


def body(front, urls, stream=False):
    if front is CHAT:
        parts = [{"type": "image_url", "image_url": {"url": u}} for u in urls]
        content = [{"type": "text", "text": "What is it?"}] + parts
        return front.body("", "m", stream, messages=[{"role": "user", "content": content}])
    if front is MESSAGES:
        parts = [{"type": "image", "source": {"type": "url", "url": u}} for u in urls]
        content = [{"type": "text", "text": "What is it?"}] + parts
        return front.body("", "m", stream, messages=[{"role": "user", "content": content}])
    parts = [{"type": "input_image", "image_url": u} for u in urls]
    content = [{"type": "input_text", "text": "What is it?"}] + parts
    return {"model": "m", "input": [{"role": "user", "content": content}]}


@pytest.mark.parametrize("front", (CHAT, MESSAGES, RESPONSES), ids=lambda f: f.name)
@pytest.mark.parametrize("dialect", BACKS)
def test_each_provider_that_wants_bytes_gets_them(scene, dialect, front):
    ask, images, up = scene(dialect=dialect)
    r = ask("/a/cat.png?size=1", front=front)
    assert r.status == 200, r.body
    assert front.read(r).text == "Seen."
    assert [d for _, d in sources(up.requests[0].json)] == [b64(PNG)]
    assert r.get("x-weir-lossy") is None
    asked = images.requests[0]
    assert (asked.method, asked.target) == ("GET", "/a/cat.png?size=1")
    assert asked.get("host") == f"{OURS}:{images.port}" and "image/png" in asked.get("accept")
    for secret in ("authorization", "x-api-key", "cookie", "referer"):
        assert asked.get(secret) is None


def test_a_stream_waits_for_its_images_too(scene):
    ask, images, _ = scene()
    r = ask("/cat.png", stream=True)
    assert r.status == 200 and CHAT.read(r).text == "Seen." and images.hits == 1


def test_the_bytes_tell_the_type(scene):
    ask, _, up = scene(gives(JPEG, "image/png; charset=binary"), dialect="vertex-anthropic")
    assert ask("/odd").status == 200
    assert sources(up.requests[0].json) == [("image/jpeg", b64(JPEG))]


def test_a_picture_is_fetched_once_a_call(scene):
    ask, images, up = scene()
    assert ask("/cat.png", "/dog.png", "/cat.png").status == 200
    assert sorted(r.target for r in images.requests) == ["/cat.png", "/dog.png"]
    assert len(sources(up.requests[0].json)) == 3


def test_images_in_tool_results(scene):
    ask, images, up = scene()
    url = f"http://{OURS}:{images.port}/shot.png"
    result = {"type": "image", "source": {"type": "url", "url": url}}
    messages = [
        {"role": "user", "content": "Look."},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {}}]},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t1", "content": [result]}],
        },
    ]
    r = MESSAGES.call(ask.port, MESSAGES.body("", "m", messages=messages, tools=["f"]))
    assert r.status == 200, r.body
    assert sources(up.requests[0].json) == [(None, b64(PNG))]


@pytest.mark.parametrize("dialect", ("bedrock", "openai"))
def test_a_pdf_by_its_url(scene, dialect):
    ask, images, up = scene(gives(PDF, "application/pdf"), dialect=dialect)
    url = f"http://{OURS}:{images.port}/paper.pdf"
    part = {"type": "document", "source": {"type": "url", "url": url}}
    r = MESSAGES.call(
        ask.port, MESSAGES.body("", "m", messages=[{"role": "user", "content": [part, {"type": "text", "text": "Read."}]}])
    )
    assert r.status == 200, r.body
    assert [d for _, d in sources(up.requests[0].json)] == [b64(PDF)]
    assert images.requests[0].get("accept") == "application/pdf"


def test_bytes_in_any_pieces(scene):
    data = PNG + bytes(range(256)) * 3
    head = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n"
    steps = [head]
    for i in range(0, len(data), 7):
        steps += [b"%x\r\n%s\r\n" % (len(data[i : i + 7]), data[i : i + 7])]
        if i % 98 == 0:
            steps += [0.01]
    ask, _, up = scene(raw(*steps, b"0\r\n\r\n"), raw(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n" + data, CLOSE))
    for path in ("/chunks.png", "/to-the-end.png"):
        assert ask(path).status == 200
    assert [sources(r.json)[0][1] for r in up.requests] == [b64(data)] * 2


FAILURES = {
    "404": (gives(b"no", "text/plain", 404), "the server answered 404"),
    "wrong type": (gives(b"<html>", "text/html"), "the server says that it is no image"),
    "no type": (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"), "says that it is no image"),
    "a PDF": (gives(PDF, "application/pdf"), "the server says that it is no image"),
    "other bytes": (gives(b"<svg xmlns='x'></svg>" * 9, "image/svg+xml"), "its bytes are no PNG"),
    "few bytes": (gives(b"GIF", "image/gif"), "its bytes are no PNG"),
    "none": (gives(b"", "image/png"), "its bytes are no PNG"),
    "said to be large": (gives(PNG + b"\0" * 3000), "it is larger than the gateway allows"),
    "large": (
        raw(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n" + PNG + b"\0" * 9000, 5.0),
        "it is larger than the gateway allows",
    ),
    "compressed": (gives(PNG, headers=[("Content-Encoding", "gzip")]), "it came compressed"),
    "cut": (
        raw(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 999\r\n\r\n" + PNG),
        "the peer closed before the end of the body",
    ),
    "no HTTP": (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), ""),
    "moved away": (moves("https://elsewhere.example/x.png"), "redirected to a host that is not allowed"),
    "moved inside": (moves("http://127.0.0.1:1/x.png"), "redirected to a host that is not allowed"),
    "moved to a file": (moves("file:///etc/passwd"), "the server answered 404"),
    "moved nowhere": (raw(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"), "redirected to nowhere"),
}


@pytest.mark.parametrize("why", FAILURES)
def test_what_cannot_be_had_is_said(scene, why):
    answer, words = FAILURES[why]
    ask, images, up = scene(
        answer, default=gives(b"no", "text/plain", 404), top="limits: { image: 2KiB }\n"
    )
    for front in (CHAT, MESSAGES):
        r = ask("/cat.png?sig=secret", front=front)
        assert r.status == 400, r.body
        assert_error(front, r, "bad_request")
        message = r.json["error"]["message"]
        assert f"The image at http://{OURS}:{images.port}/cat.png cannot be fetched: " in message
        assert "secret" not in message
        if front is CHAT:
            assert words in message and r.json["error"]["code"] == "invalid_image_url"
    assert up.hits == 0 and "secret" not in ask.weir.said()


def test_redirects_within_the_allowed_hosts(scene):
    ask, images, _ = scene(moves("/b/one"), moves("two.png", 307), moves("?x=1", 301))
    assert ask("/a.png").status == 200
    assert [r.target for r in images.requests] == ["/a.png", "/b/one", "/b/two.png", "/b/?x=1"]
    ask, images, _ = scene(default=moves("/again"))
    r = ask("/a.png")
    assert r.status == 400 and "redirected too often" in r.json["error"]["message"]
    assert images.hits == 4


def test_the_images_of_a_call_together(scene):
    big = PNG + b"\0" * 1500
    ask, _, up = scene(default=gives(big), top="limits: { image: 2KiB, images: 4KiB }\n")
    assert ask("/1.png", "/2.png").status == 200
    r = ask("/1.png", "/2.png", "/3.png")
    assert r.status == 400 and "together larger" in r.json["error"]["message"]
    r = ask(*[f"/{i}.png" for i in range(21)])
    assert r.status == 400 and "At most 20 images" in r.json["error"]["message"]
    assert up.hits == 1


def test_a_slow_server_costs_the_call_its_own_time(scene):
    ask, images, up = scene(default=lambda x: x.pause(30))
    began = time.monotonic()
    r = ask("/cat.png", headers=[("x-request-timeout", "0.4")])
    assert 0.3 < time.monotonic() - began < 3
    assert_error(CHAT, r, "timeout")
    assert up.hits == 0


def test_others_are_served_meanwhile_and_who_leaves_stops_it(scene):
    ask, images, up = scene(default=lambda x: x.pause(30))
    conn = http1.Conn(ask.port)
    conn.send(http1.format_request("POST", CHAT.path, json.dumps(body(CHAT, [f"http://{OURS}:{images.port}/x"])).encode(), [("content-type", "application/json")]))
    end = time.monotonic() + 5
    while not images.hits and time.monotonic() < end:
        time.sleep(0.01)
    assert CHAT.ask(ask.port).status == 200
    conn.close()
    while images.connections[0].closed is None and time.monotonic() < end:
        time.sleep(0.01)
    assert images.connections[0].closed is not None


NOT_ALLOWED = (
    "https://elsewhere.example/x.png",
    "http://127.0.0.1:{other}/x.png",
    "http://127.0.0.2:{port}/x.png",
    "http://127.1:{port}/x.png",
    "http://2130706433:{port}/x.png",
    "http://0x7f000001:{port}/x.png",
    "http://0177.0.0.1:{port}/x.png",
    "http://localhost:{port}/x.png",
    "http://[::1]:{port}/x.png",
    "http://[::ffff:127.0.0.1]:{port}/x.png",
    "http://user@127.0.0.1:{port}/x.png",
    "http://127.0.0.1:{port}@elsewhere.example/x.png",
    "http://169.254.169.254/latest/meta-data/",
    "ftp://127.0.0.1:{port}/x.png",
)


@pytest.mark.parametrize("url", NOT_ALLOWED)
def test_F2_what_is_not_allowed_stays_a_loss(scene, upstream, url):
    other = upstream("openai", default=gives())
    ask, images, up = scene()
    r = ask(url.format(port=images.port, other=other.port))
    assert r.status == 200 and images.hits == 0 and other.hits == 0
    assert "image.url" in r.get("x-weir-lossy") and sources(up.requests[0].json) == []


INSIDE = (
    "http://127.0.0.1/x",
    "http://127.1/x",
    "http://0x7f.1/x",
    "http://2130706433/x",
    "http://localhost/x",
    "http://a.localhost/x",
    "http://10.0.0.1/x",
    "http://100.100.100.200/x",
    "http://169.254.169.254/latest/meta-data/",
    "http://192.168.1.1/x",
    "http://0.0.0.0/x",
    "http://[::1]/x",
    "http://[::ffff:127.0.0.1]/x",
    "http://[fd00:ec2::254]/x",
    "http://[fe80::1]/x",
    "http://[64:ff9b::7f00:1]/x",
    "http://localhost./x",
)


@pytest.mark.parametrize("url", INSIDE)
def test_F2_a_star_means_the_public_internet(scene, url):
    ask, _, up = scene(allowed=["http://*", "10.0.0.9"])
    r = ask(url)
    assert r.status == 400 and up.hits == 0, r.body
    words = r.json["error"]["message"]
    # a resolver may take odd spellings of numbers for names that nobody has
    odd = url.split("/")[2] in ("127.1", "0x7f.1", "2130706433")
    assert "may not be reached from here" in words or (odd and "not be resolved" in words)


def test_F2_a_name_and_its_address_are_two_entries(scene):
    """localhost leads inside; named, it may be reached; let in by a star, it may not."""
    ask, images, _ = scene(allowed=["http://*"])
    images_port = images.port
    assert ask(f"http://localhost:{images_port}/x.png").get("x-weir-lossy")  # another port
    ask, images, _ = scene(allowed=[f"http://localhost:{images_port}"])
    assert ask(f"http://localhost:{images_port}/x.png").status == 200


def test_F2_a_redirect_leads_inside(scene, upstream):
    trap = upstream("openai", default=gives())
    hops = upstream("openai", default=moves(f"http://localhost:{trap.port}/"))
    allowed = [f"http://{OURS}:{hops.port}", f"http://*:{trap.port}"]
    ask, _, up = scene(allowed=allowed)
    r = ask(f"http://{OURS}:{hops.port}/x.png")
    assert r.status == 400 and "may not be reached" in r.json["error"]["message"]
    assert hops.hits == 1 and trap.hits == up.hits == 0 and not trap.connections


@pytest.mark.parametrize("name", ("good", "expired", "stranger"))
def test_images_by_https(weir, upstream, certs, name):
    """The server's certificate is checked, against the file's own authorities where it has some."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certs / f"{name}.pem")
    images = upstream("openai", default=gives(), tls=context)
    up = upstream("openai", default=converses)
    top = f"caFile: {certs}/ca.pem\n"
    w = weir(config(up, "bedrock", [f"localhost:{images.port}"], top=top))
    r = CHAT.call(w.port, body(CHAT, [f"https://localhost:{images.port}/cat.png"]))
    if name == "good":
        assert r.status == 200 and sources(up.requests[0].json) == [(None, b64(PNG))]
    else:
        assert r.status == 400 and "certificate" in r.json["error"]["message"], r.body
        assert images.hits == up.hits == 0


def test_betas_of_claudes_clients_stay(scene):
    for dialect in ("bedrock-invoke", "vertex-anthropic"):
        ask, images, up = scene(dialect=dialect)
        betas = [("anthropic-beta", "context-1m-2025-08-07,made-up-2020-01-01")]
        assert ask("/x.png", front=MESSAGES, headers=betas).status == 200
        seen = up.requests[0]
        got = seen.get("anthropic-beta") or ",".join(seen.json["anthropic_beta"])
        assert got == "context-1m-2025-08-07" and images.hits == 1


def test_without_the_option_nothing_is_fetched(scene):
    ask, images, up = scene(allowed=[])
    r = ask("/x.png")
    assert r.status == 200 and images.hits == 0 and "image.url" in r.get("x-weir-lossy")


def test_who_takes_urls_gets_them(weir, upstream):
    images = upstream("openai", default=gives())
    url = f"http://{OURS}:{images.port}/x.png"
    for dialect in ("openai", "anthropic", "openai-responses", "mistral"):
        up = upstream(dialect, default=says(Turn(text="Seen.")))
        w = weir(up, extra=f'fetchImages: [ "http://{OURS}:{images.port}" ]\n')
        for front in (CHAT, MESSAGES):
            r = front.call(w.port, body(front, [url]))
            assert r.status == 200, r.body
        assert all(url in q.body.decode() for q in up.requests) and images.hits == 0


def test_a_retry_fetches_nothing_again(weir, upstream):
    images = upstream("openai", default=gives())
    first = upstream("ollama", default=refuses(503))
    second = upstream("gemini", default=says(Turn(text="Seen.")))
    third = upstream("anthropic", default=says(Turn(text="Seen.")))
    where = f'fetchImages: [ "http://{OURS}:{images.port}" ]\n'
    w = weir(first, second, extra=where)
    r = MESSAGES.call(w.port, body(MESSAGES, [f"http://{OURS}:{images.port}/x.png"]))
    assert r.status == 200 and images.hits == 1
    assert sources(second.requests[0].json) == [("image/png", b64(PNG))]
    # … and one that takes URLs gets the client's own bytes
    w = weir(first, third, extra=where)
    url = f"http://{OURS}:{images.port}/y.png"
    r = MESSAGES.call(w.port, body(MESSAGES, [url]))
    assert r.status == 200 and images.hits == 2
    assert url in third.requests[0].body.decode()


def test_a_failed_fetch_after_a_failed_attempt(weir, upstream):
    """The client is told of the provider, which was there first."""
    images = upstream("openai", default=gives(b"", "text/plain", 404))
    first = upstream("anthropic", default=refuses(503))
    second = upstream("ollama", default=says())
    w = weir(first, second, extra=f'fetchImages: [ "http://{OURS}:{images.port}" ]\n')
    r = MESSAGES.call(w.port, body(MESSAGES, [f"http://{OURS}:{images.port}/x.png"]))
    assert r.status >= 500 and second.hits == 0 and images.hits == 1


def test_many_calls_at_once(scene):
    ask, images, up = scene(default=lambda x: (x.pause(0.05), x.reply(200, PNG, (), "image/png")))
    got = []

    def one(i):
        got.append(ask(*[f"/{i}-{k}.png" for k in range(6)]).status)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert got == [200] * 16 and images.hits == 96
    assert all(len(sources(r.json)) == 6 for r in up.requests)
