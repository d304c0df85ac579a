# SPDX-License-Identifier: Apache-2.0
"""csource - the little of C that the checks need: files, code without comments, includes, tokens.

Not a parser. It sees enough to tell a call from a word in a comment or a string, with the line it
stands on, and is quick: the whole tree takes well under a second.
"""

import os
import re
import subprocess

# One alternative per thing that may hold a quote or a slash, so that each is skipped whole.
LEXEME = re.compile(
    r"""/\*.*?\*/ | //[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""", re.S | re.X)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+(?:"([^"]+)"|<([^>]+)>)', re.M)
TOKEN = re.compile(r"[A-Za-z_]\w*|\d[\w.]*|\n|[^\s\w]")


def tracked(root, folders, endings):
    """Files below root/folder with one of these endings, sorted; what git ignores is left out."""
    command = ["git", "-c", f"safe.directory={os.path.abspath(root)}", "-C", root, "ls-files", "-co", "--exclude-standard", "--", *folders]
    listed = subprocess.run(command, stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL)
    if listed.returncode == 0:
        names = listed.stdout.splitlines()
    else:
        names = [os.path.relpath(os.path.join(where, name), root) for folder in folders
                 for where, _, files in os.walk(os.path.join(root, folder)) for name in files]
    return sorted(n for n in set(names) if n.endswith(tuple(endings)) and os.path.exists(os.path.join(root, n)))


def read(path):
    with open(path, encoding="utf-8", errors="replace") as source:
        return source.read()


def _blank(match):
    text = match[0]
    if text.startswith(("/*", "//")):
        return re.sub(r"[^\n]", " ", text)
    return text[0] + re.sub(r"[^\n]", " ", text[1:-1]) + text[-1]


def code(text):
    """The text with comments and the insides of strings blanked; lines and columns stay."""
    return LEXEME.sub(_blank, text)


def comments(text):
    """(line, text) of each comment."""
    return [(text.count("\n", 0, m.start()) + 1, m[0]) for m in LEXEME.finditer(text) if m[0][0] == "/"]


def includes(text):
    """(line, name, is_system) of each include, comments aside."""
    bare = LEXEME.sub(lambda m: m[0] if m[0][0] in "\"'" else _blank(m), text)
    return [(bare.count("\n", 0, m.start()) + 1, m[1] or m[2], m[2] is not None)
            for m in INCLUDE.finditer(bare)]


def tokens(text):
    """(line, token) of code without comments and preprocessor lines."""
    bare = re.sub(r"^[ \t]*#(?:\\\n|[^\n])*", lambda m: re.sub(r"[^\n]", " ", m[0]), code(text), flags=re.M)
    line, found = 1, []
    for match in TOKEN.finditer(bare):
        if match[0] == "\n":
            line += 1
        else:
            found.append((line, match[0]))
    return found
