# SPDX-License-Identifier: Apache-2.0
"""Answers that providers really gave, through weir, into the official Python SDKs: whatever language the
provider spoke, the caller sees the same text, thoughts, calls with equal arguments, reason of the end and
sums of tokens, as tests/fakes/recorded.py read them from the bytes.

One test an SDK and provider's dialect, over at most a dozen recordings each, chosen for what they
show. `script/test clients` runs it, as sdk_python.py."""

import pytest

import gateway
import recorded
import sdk_python
import turns
from sdk_python import KEYS, SDKS, pytestmark as packages
from upstream import Upstream

pytestmark = [
    packages,
    pytest.mark.skipif(not recorded.SHARED, reason="no recorded traffic beside the checkout"),
]

CASES = recorded.cases(12)
BACKS = sorted({case.back for case in CASES})
FINISH = {"tool_calls": "tool", "content_filter": "filter", "refusal": "filter"}
# Messages has no word of its own for what a stop sequence ends, nor Gemini for a blocked prompt.
FINISH |= {"stop_sequence": "stop", "SAFETY": "filter", "MODEL_ARMOR": "filter"}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """One gateway for all: model `m-DIALECT` leads to the provider of that dialect."""
    ups = {back: Upstream(back) for back in BACKS}
    text = "listen: 127.0.0.1:@PORT@\nworkers: 1\nproviders:\n"
    for back, up in ups.items():
        text += gateway.provider(back, up, "[up]", "region: us-east-1" if back == "bedrock" else "")
    text += "models:\n"
    for back in ups:
        text += f"  - {{ name: m-{back}, targets: [ {{ use: {back}/up }} ] }}\n"
    w = gateway.Gateway(tmp_path_factory.mktemp("recorded"), text + KEYS)
    yield w, ups
    try:
        w.stop()
    finally:
        w.kill()
        for up in ups.values():
            up.stop()


def squashed(text):
    return "".join(text.split())


def faults(want, got):
    """What differs, by name."""
    close = squashed if want.blocks > 1 else str
    seen = {
        "text": (close(want.text), close(got.text)),
        "thinking": (squashed(want.thinking), squashed(got.thinking)),
        "tools": ([t[0] for t in want.tools], [t[1] for t in got.calls]),
        "finish": (want.finish, FINISH.get(got.finish, got.finish)),
    }
    if want.finish != "length":  # a call that was cut off has no arguments yet
        seen["arguments"] = ([t[1] for t in want.tools], [t[2] for t in got.calls])
    if want.input is not None and got.usage != (want.input, want.output - want.beside):
        seen["usage"] = ((want.input, want.output), got.usage)
    if want.finish == "other" or want.refused and seen["finish"][1] in ("stop", "filter"):
        del seen["finish"]
    return {name: pair for name, pair in seen.items() if pair[0] != pair[1]}


# What openai's helper for streams can't put together, from the provider itself neither: annotations
# without an index, and a last chunk that is no "chat.completion.chunk".
TOO_ODD = {
    ("openai", "openrouter/citations-stream-deepseek-chat"),
    ("openai", "perplexity/citations-stream-sonar"),
    # Google leaves it to the caller to join the pieces of its calls; others get them joined.
    ("google-genai", "gemini/paralleltools-reasoning-stream-gemini-3-flash-preview"),
    ("google-genai", "gemini/paralleltools-stream-gemini-3-1-pro-preview"),
}


@pytest.mark.parametrize("back", BACKS or ["none"])
@pytest.mark.parametrize("sdk", SDKS, ids=lambda sdk: sdk.name)
def test_recorded_answers(served, sdk, back):
    w, ups = served
    client = sdk.client(w)
    wrong = []
    for case in (c for c in CASES if c.back == back and (sdk.name, c.id) not in TOO_ODD):
        ups[back].default = case.answer(cut=True)
        tools = sorted({name for name, _ in case.reading.tools})
        how = sdk.stream if case.streamed else sdk.whole
        try:
            got = how(client, text="go on", tools=tools, model=f"m-{back}")
        except Exception as e:  # whatever an SDK raises is the finding
            wrong.append(f"{case.id}: {type(e).__name__}: {str(e)[:200]}")
            continue
        if bad := faults(case.reading, got):
            wrong.append(f"{case.id}: {str(bad)[:500]}")
    assert not wrong, "\n".join(wrong)
