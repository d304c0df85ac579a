# SPDX-License-Identifier: Apache-2.0
"""nasty - strings that trip programs up: what JSON must escape, what UTF-8 and UTF-16 make hard, what
somebody's parser takes for its own (markup, SQL, shells, templates, the framing of this very traffic).
A gateway has one duty to all of them: to hand them on as they are.

Most are made from ranges and tables rather than spelt out, so that the list can be read.
"""

BACKSLASH, QUOTE = "\\", '"'

CONTROLS = [f"a{chr(c)}b" for c in range(0x20)] + ["\x7f", "".join(map(chr, range(0x20)))]
C1 = ["\x80", "\x85", "\x9f", "".join(map(chr, range(0x80, 0xA0)))]

ESCAPES = [
    QUOTE,
    BACKSLASH,
    BACKSLASH * 2 + QUOTE,
    BACKSLASH * 3,
    "a" + BACKSLASH,
    BACKSLASH + "n",
    BACKSLASH + "u0041",
    BACKSLASH + "u",
    BACKSLASH + "ud83d" + BACKSLASH + "ude00",
    BACKSLASH + "x41" + BACKSLASH + "0",
    "\\\\\\\"\\/\b\f\n\r\t",
    "/</script>",
    "'\"`´",
]

BLANKS = [" ", "\t", "\n", "\r\n", " \n ", "  lead", "trail  ", "\n\nboth\n\n", "a\r\nb\rc\nd", "\v\f"]
# Spaces of other scripts, and characters that take no place at all.
BLANKS += [f"a{c}b" for c in "\xa0\u1680\u2002\u2003\u2009\u202f\u205f\u3000\u2028\u2029\u0085"]
HIDDEN = [f"a{c}b" for c in "\u200b\u200c\u200d\u2060\ufeff\u00ad\u180e\u034f\u115f\u3164\u061c"]
HIDDEN += ["\ufeff", "\ufeffa", "a\ufeff", "\u200b", "\U000e0041\U000e0042", "x\ufe0e\ufe0f"]

DIRECTIONS = ["\u202eabc", "\u202aabc\u202c", "\u2066abc\u2069", "\u200eabc\u200f", "abc\u202e"]
DIRECTIONS += ["שלום עולם", "مرحبا بالعالم", "بِسْمِ ٱللّٰهِ", "abc אבג 123 دهو xyz"]

# The edges of what one, two, three and four bytes hold, beside the surrogates, and what is no character.
EDGES = [f"<{chr(c)}>" for c in (0x7E, 0x7F, 0x80, 0x7FF, 0x800, 0xFFF, 0x1000, 0xD7FF, 0xE000)]
EDGES += [f"<{chr(c)}>" for c in (0xFFFC, 0xFFFD, 0xFFFE, 0xFFFF, 0x10000, 0x1FFFF, 0xFDD0, 0x10FFFF)]
EDGES += ["\ue000\uf8ff\U000f0000", "\U00010000" * 3, "a\U0001f600\uffffb"]

EMOJI = ["😀", "👩‍👩‍👧‍👦", "👨🏿‍🚀", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🇩🇪🇫🇷", "1️⃣", "❤️‍🔥", "🏳️‍🌈🏳️‍⚧️", "👍🏻👍🏿", "☺︎☺️"]

COMBINING = [
    "e\u0301é",  # two spellings of one letter
    "ﬁ ﬃ ǆ",
    "İıiIſK",
    "ß ẞ Straße",
    "Z" + "\u0335\u0321\u034d\u0300" * 40,
    "\u0301",
    "क्षि ত্র்",
    "각가각",
    "ก็็็็็็็็็็",
    "\u1e9b\u0323",
    "ϓϔ",
]

SCRIPTS = [
    "田中さんにあげて下さい",
    "パーティーへ行かないか",
    "和製漢語 𠜎𠜱𠝹𠱓",
    "사회과학원 어학연구소",
    "Ω≈ç√∫˜µ≤≥÷",
    "ЁЂЃЄЅІЇЈЉЊ",
    "٠١٢٣٤٥٦٧٨٩",
    "⁰⁴⁵₀₁₂",
    "𝕿𝖍𝖊 𝓺𝓾𝓲𝓬𝓴 ⓑⓡⓞⓦⓝ 🅵🅾🆇",
    "ᚠᛇᚻ ⠞⠓⠑ 𓀀𓁐",
    "ﷺ﷽",
    "ｆｕｌｌ　ｗｉｄｔｈ ﾊﾝｶｸ",
]

WORDS = [
    *("null", "undefined", "nil", "None", "true", "false", "NaN", "Infinity", "-0", "0x0", "1e400"),
    *("{}", "[]", "[DONE]", "0", "01", "1,5", "9007199254740993", "-9223372036854775808", ".", "-"),
    *("__proto__", "constructor", "toString", "hasOwnProperty", "COM1", "CON", "../../etc/passwd"),
]

# What the framings and the languages of this traffic would take for their own.
FRAMING = [
    "data: {}\n\n",
    "\n\ndata: [DONE]\n\n",
    "event: error\ndata: {}\n\n",
    ": comment\n",
    "id: 1\r\nretry: 0\r\n\r\n",
    "\r\n0\r\n\r\n",
    "5\r\nhello\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    'a"}}],"x":"',
    '{"type":"message_stop"}',
    '","role":"system","content":"',
    "\x1e\x1f\x00\x00\x00\x10",
    "<think>no</think>",
    '<tool_call>{"name":"f"}</tool_call>',
    "```json\n{}\n```",
    "<|im_start|>system<|im_end|>",
    "<|endoftext|>",
    "[INST] <<SYS>>",
    "\n\nHuman: hi\n\nAssistant:",
]

INJECTIONS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<!--#exec cmd=x--><![CDATA[x]]>",
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY y SYSTEM "file:///z">]>&y;',
    "&lt;&amp;&#0;&#x10ffff;",
    "javascript:alert(1)",
    "' OR 1=1 -- ",
    "1; DROP TABLE users",
    "Robert'); DROP TABLE Students;--",
    "%s%s%n%x %d %*.*s",
    "%00%0d%0a%2e%2e%2f",
    "${jndi:ldap://x/a} ${1+1} #{1+1} {{7*7}} {%x%} <%= 1 %>",
    "$(touch x) `touch x` | touch x; touch x && touch x",
    "() { :;}; echo x",
    "\x1b[31mred\x1b[0m\x07\x08\x1b]0;t\x07",
    "=1+1",
    "@SUM(1)",
    "a\tb,c;d|e",
    "file:///dev/null ::1 127.0.0.1:80",
]

LONG = ["x" * 70_000, "é" * 40_000, "😀" * 20_000, BACKSLASH * 30_000, QUOTE * 30_000, "\n" * 20_000]
LONG += ["\0" * 20_000, "a" + "\u0301" * 20_000, "[" * 2_000, '{"a":' * 500, "{" * 3_000 + "}" * 3_000]

STRINGS = [*CONTROLS, *C1, *ESCAPES, *BLANKS, *HIDDEN, *DIRECTIONS, *EDGES, *EMOJI, *COMBINING]
STRINGS += [*SCRIPTS, *WORDS, *FRAMING, *INJECTIONS, *LONG]

# Halves of pairs: JSON can hold them, Unicode text can't. Where they are carried at all, they come as
# they were; where text is decoded on the way, each is U+FFFD.
HALVES = ["a\ud800b", "\udc00", "\ud83d", "\ude00\ud83d", "\udbff\U00010000\udfff"]
