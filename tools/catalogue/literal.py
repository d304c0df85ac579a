# SPDX-License-Identifier: Apache-2.0
"""literal - reads a JavaScript object literal, such as bundlers write, into Python values.

The packaged catalogues are JavaScript, not JSON: keys without quotes, !0 for true. They are read as
data, never run: code of a package has no business in a build.
"""
import re

_TOKEN = re.compile(
    r"\s+"
    r"|(?P<mark>[{}\[\]:,])"
    r'|"(?P<dq>(?:[^"\\]|\\.)*)"'
    r"|'(?P<sq>(?:[^'\\]|\\.)*)'"
    r"|`(?P<bq>(?:[^`\\]|\\.)*)`"
    r"|(?P<word>!0|!1|void 0|[A-Za-z_$][\w$]*)"
    r"|(?P<number>-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)",
    re.S,
)
_ESCAPE = re.compile(r"\\(u\{[0-9a-fA-F]+\}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)", re.S)
_WORDS = {"!0": True, "true": True, "!1": False, "false": False, "null": None, "void 0": None}
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0", "\n": ""}


def _unescape(match):
    what = match.group(1)
    if what[0] == "u":
        return chr(int(what[1:].strip("{}"), 16))
    if what[0] == "x":
        return chr(int(what[1:], 16))
    return _LETTERS.get(what, what)


class _Reader:
    def __init__(self, text, at):
        self.text, self.at = text, at

    def next(self):
        while True:
            match = _TOKEN.match(self.text, self.at)
            if not match:
                raise ValueError(f"no literal at {self.at}: {self.text[self.at:self.at + 40]!r}")
            self.at = match.end()
            if match.lastgroup:
                return match.lastgroup, match.group(match.lastgroup)

    def value(self, token):
        kind, text = token
        if kind in ("dq", "sq", "bq"):
            return _ESCAPE.sub(_unescape, text)
        if kind == "number":
            return text  # as written: prices are decimals, never floats
        if kind == "word" and text in _WORDS:
            return _WORDS[text]
        if text == "{":
            return self.members()
        if text == "[":
            return self.elements()
        raise ValueError(f"{text!r} at {self.at} is no literal")

    def members(self):
        found, token = {}, self.next()
        while token != ("mark", "}"):
            key = token[1] if token[0] in ("word", "number") else self.value(token)
            if self.next() != ("mark", ":"):
                raise ValueError(f"no ':' after {key!r} at {self.at}")
            found[key] = self.value(self.next())
            token = self.next()
            if token == ("mark", ","):
                token = self.next()
        return found

    def elements(self):
        found, token = [], self.next()
        while token != ("mark", "]"):
            found.append(self.value(token))
            token = self.next()
            if token == ("mark", ","):
                token = self.next()
        return found


def read(text, at=0):
    """The value that begins at `at`. Numbers come as the text they were written as."""
    reader = _Reader(text, at)
    return reader.value(reader.next())
