# SPDX-License-Identifier: Apache-2.0
"""The official Python SDKs under load while providers are killed and started again: no caller sees
an error, whole or streamed, for somebody can always serve (RELIABILITY §7, U4, U14, U21). With
retries of their own switched off. `script/test clients` runs this file, as sdk_python.py."""

import json
import threading
import time

import pytest
from gateway import one_model
from sdk_python import pytestmark as packages
from test_rescue import breaks_off
from turns import Turn
from upstream import counts

pytestmark = packages

TEXT = "One two three four five six seven eight nine ten, and that is all of it."
SECONDS, CALLERS = 14, 4


def ask_openai(port, streamed):
    import openai

    client = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="k", max_retries=0)
    messages = [{"role": "user", "content": "Count."}]

    def ask():
        r = client.chat.completions.create(model="m", messages=messages, stream=streamed)
        if not streamed:
            return r.choices[0].message.content
        parts = [c.choices[0].delta.content or "" for c in r if c.choices]
        return "".join(parts)

    return ask


def ask_anthropic(port, streamed):
    import anthropic

    client = anthropic.Anthropic(base_url=f"http://127.0.0.1:{port}", api_key="k", max_retries=0)
    fields = {
        "model": "m",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": "Count."}],
    }

    def ask():
        if not streamed:
            return client.messages.create(**fields).content[0].text
        with client.messages.stream(**fields) as s:
            return s.get_final_message().content[0].text

    return ask


@pytest.mark.parametrize("sdk", [ask_openai, ask_anthropic])
def test_U14_U21_no_caller_sees_that_providers_die(weir, upstream, sdk):
    ups = [upstream("anthropic", default=counts(TEXT)) for _ in range(3)]
    w = weir(one_model(*ups, options="rescue: true", of_provider="probe: 1s"))
    over = time.monotonic() + SECONDS
    seen, wrong = [], []

    def call_on(ask):
        while time.monotonic() < over:
            try:
                text = ask()
                seen.append(text)
                if text != TEXT:
                    wrong.append(text)
            except Exception as e:
                wrong.append(repr(e))

    asks = [sdk(w.port, streamed=i % 2 == 1) for i in range(CALLERS)]
    threads = [threading.Thread(target=call_on, args=(ask,)) for ask in asks]
    for t in threads:
        t.start()
    kills = 0
    while time.monotonic() < over - 3.5:
        time.sleep(1)
        ups[kills % 3].die()
        kills += 1
        time.sleep(0.4)
        ups[(kills - 1) % 3].live()
        time.sleep(2)
    for t in threads:
        t.join()
    for r in [r for r in w.log() if r.get("error")][:5]:
        print(json.dumps(r))
    assert not wrong, wrong[:5]
    assert kills >= 2 and len(seen) > 50
    rescued = sum(r.get("rescued", 0) for r in w.log() if "status" in r)
    print(f"{len(seen)} calls, {kills} kills, {rescued} answers gone on with")


def by_chat(port):
    import openai

    client = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="k", max_retries=0)
    asked = client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "Count."}], stream=True
    )
    return "".join(c.choices[0].delta.content or "" for c in asked if c.choices)


def by_responses(port):
    import openai

    client = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="k", max_retries=0)
    with client.responses.stream(model="m", input="Count.") as s:
        pieces = "".join(e.delta for e in s if e.type == "response.output_text.delta")
        last = s.get_final_response()
    assert last.output_text == pieces and last.usage.output_tokens > 12
    return pieces


def by_messages(port):
    return ask_anthropic(port, True)()


def by_gemini(port):
    from google import genai

    options = genai.types.HttpOptions(base_url=f"http://127.0.0.1:{port}", timeout=10_000)
    client = genai.Client(api_key="k", http_options=options)
    pieces = client.models.generate_content_stream(model="m", contents="Count.")
    return "".join(p.text or "" for p in pieces)


@pytest.mark.parametrize("sdk", [by_chat, by_responses, by_messages, by_gemini])
def test_U21_sdks_read_a_rescued_answer(weir, upstream, sdk):
    """One answer by two providers, with a comment at the joint and a trailer behind it."""
    a = upstream("anthropic", default=breaks_off(Turn(text=TEXT), 7))
    b = upstream("anthropic", default=counts(TEXT))
    w = weir(one_model(a, b, strategy="priority", options="rescue: true"))
    assert sdk(w.port) == TEXT
    assert (a.hits, b.hits) == (1, 1)
