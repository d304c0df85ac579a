# SPDX-License-Identifier: Apache-2.0
"""Each check fails on what it is there to find, says where, and lets good code pass."""

import pytest
from conftest import SPDX

H = SPDX + "#pragma once\n"


def c(body):
    """A source file in base/ with this body; its first line is line 3."""
    return {"src/base/x.c": SPDX + "\n" + body}


BANNED = [
    ("strcpy", c("void f(char *a, char *b) { strcpy(a, b); }\n")),
    ("sprintf", c("void f(char *a) { sprintf(a, \"x\"); }\n")),
    ("strtol", c("long f(char *a) { return strtol(a, 0, 10); }\n")),
    ("localtime", c("void *f(long *t) { return localtime(t); }\n")),
    ("system", c("int f(void) { return system(\"ls\"); }\n")),
    ("alloca", c("void *f(int n) { return alloca(n); }\n")),
    ("rand", c("int f(void) { return rand(); }\n")),
    ("exit", c("void f(void) { exit(1); }\n")),
    ("malloc", {"src/json/x.c": SPDX + "\nvoid *f(void) { return malloc(1); }\n"}),
    ("free", {"src/json/x.c": SPDX + "\nvoid f(void *p) { free(p); }\n"}),
    ("getaddrinfo", {"src/io/sock.c": SPDX + "\nint f(void) { return getaddrinfo(0, 0, 0, 0); }\n"}),
    ("clock_gettime", {"src/route/x.c": SPDX + "\nvoid f(void) { clock_gettime(0, 0); }\n"}),
    ("pthread_mutex_t", {"src/gate/x.c": SPDX + "\nstruct a { pthread_mutex_t lock; };\n"}),
    ("_Thread_local", {"src/io/x.c": SPDX + "\nextern _Thread_local int x;\n"}),
    ("errno", {"src/dialect/x.c": SPDX + "\nint f(void) { return errno; }\n"}),
    ("count can change", c("static int count;\n")),
    ("count can change", c("int count = 3;\n")),
    ("names can change", c("static const char *names[] = { \"a\" };\n")),
    ("can change", c("static void (*hook)(void);\n")),
    ("local can change", c("int f(void)\n{\n    static int local;\n    return local++;\n}\n")),
    ("table can change", c("static struct { int a; } table[2];\n")),
    ("// comment", c("int f(void); // words\n")),
    ("TODO", c("/* TODO: later */\n")),
    ("first line", {"src/base/x.c": "int f(void);\n"}),
    ("#pragma once", {"src/base/x.h": SPDX + "int f(void);\n"}),
    ("included first", {"src/base/x.c": SPDX + '#include "base/a.h"\n#include "base/x.h"\n', "src/base/x.h": H}),
]


@pytest.mark.parametrize("what,files", BANNED, ids=lambda v: v if isinstance(v, str) else "")
def test_banned_fails(run_tool, what, files):
    status, output = run_tool("check-banned", files)
    assert status == 1
    assert [line for line in output.splitlines() if what in line and line.startswith("src/")], output


GOOD = """
/* strcpy(a, b) in words; rand() too. */
static const char *const names[] = { "strcpy(", "// no comment" };
static const int limits[] = { 1, 2 };
static int (*const hooks[])(void) = { 0 };
struct thing;
enum state { IDLE, BUSY };
typedef int (*turn_fn)(int);
extern const struct thing *shared;
static inline int half(int n) { return n / 2; }
__attribute__((format(printf, 1, 2))) void say(const char *text, ...);
struct ops { int (*free)(int); int (*read)(int); };
static int call(struct ops *ops) { return ops->free(half(1)); }
int fixed(void)
{
    static const int table[] = { 1 };
    return table[0];
}
long f(char *a)
{
    return strtol(a, 0, 10); /* banned-ok: strtol: a test of the exception */
}
"""


def test_banned_passes_good_code(run_tool):
    status, output = run_tool("check-banned", c(GOOD))
    assert status == 0, output


def test_banned_exception_needs_its_reason(run_tool):
    status, output = run_tool("check-banned", c("long f(char *a) { return strtol(a, 0, 10); /* banned-ok: strtol: */ }\n"))
    assert status == 1, output


def test_banned_fails_on_an_empty_tree(run_tool):
    assert run_tool("check-banned", {})[0] == 1


LAYERS = [
    ("may not include", {"src/json/a.c": '#include "http/h1.h"\n', "src/http/h1.h": H}),
    ("may not include", {"src/http/a.c": '#include "ir/b.h"\n', "src/ir/b.h": H}),
    ("may not include", {"src/base/a.c": '#include "json/b.h"\n', "src/json/b.h": H}),
    ("not in tools/layers.txt", {"src/misc/a.c": "\n"}),
    ("stands in no folder", {"src/a.c": "\n"}),
    ("not written from src/", {"src/json/a.c": '#include "b.h"\n', "src/json/b.h": H}),
    ("not written from src/", {"src/json/a.c": '#include "../base/b.h"\n', "src/base/b.h": H}),
    ("internal to json/", {"src/ir/a.c": '#include "json/read_int.h"\n', "src/json/read_int.h": H}),
    ("pure code", {"src/json/a.c": "#include <sys/socket.h>\n"}),
    ("belongs to io", {"src/http/a.c": "#include <uv.h>\n"}),
    ("headers in a circle", {"src/json/a.h": H + '#include "json/b.h"\n', "src/json/b.h": H + '#include "json/a.h"\n'}),
    ("does not compile by itself", {"src/json/a.h": H + "size_t f(void);\n"}),
    ("points up to gate", {"tools/layers.txt": "0 base:\n1 json: gate\n5 gate: json\n", "src/base/a.c": "\n"}),
    ("a circle", {"tools/layers.txt": "0 base:\n1 io: obs\n1 obs: io\n", "src/base/a.c": "\n"}),
]


@pytest.mark.parametrize("what,files", LAYERS)
def test_layers_fails(run_tool, what, files):
    status, output = run_tool("check-layers", files)
    assert status == 1 and what in output, output


def test_layers_passes_what_is_drawn(run_tool):
    files = {
        "src/base/str.h": H + "#include <stddef.h>\nstruct str { size_t len; };\n",
        "src/json/read.h": H + '#include "base/str.h"\nstruct read { struct str text; };\n',
        "src/json/read_int.h": H + '#include "json/read.h"\n',
        "src/json/read.c": '#include "json/read.h"\n\n#include "json/read_int.h"\n',
        "src/ir/request.c": '/* #include "gate/call.h" */\n#include "json/read.h"\n',
    }
    status, output = run_tool("check-layers", files)
    assert status == 0, output


def function(lines, branch=""):
    return "int f(int n)\n{\n" + branch + "    n++;\n" * (lines - 4 - branch.count("\n")) + "    return n;\n}\n"


def test_size_fails_on_a_long_file(run_tool):
    status, output = run_tool("check-size", c("int x;\n" * 600))
    assert status == 1 and "602 lines" in output


def test_size_fails_on_a_long_function(run_tool):
    status, output = run_tool("check-size", c(function(81)))
    assert status == 1 and "f() has 81 lines" in output


def test_size_fails_on_a_branchy_function(run_tool):
    status, output = run_tool("check-size", c(function(40, "    if (n > 1) n--;\n" * 15)))
    assert status == 1 and "complexity of 16" in output


def test_size_counts_a_switch_once(run_tool):
    cases = "    switch (n) {\n" + "".join(f"    case {i}: return {i};\n" for i in range(30)) + "    }\n"
    assert run_tool("check-size", c(function(50, cases)))[0] == 0


def test_size_passes_at_its_limits(run_tool):
    status, output = run_tool("check-size", c(function(80)))
    assert status == 0 and "longest 80" in output


def test_size_allows_what_is_listed_with_a_reason(run_tool):
    files = dict(c(function(81)))
    files["tools/size-allow.txt"] = "src/base/x.c f: one table of states, read in order\n"
    assert run_tool("check-size", files)[0] == 0
    files["tools/size-allow.txt"] = "src/base/x.c f: big\n"
    assert "has no reason" in run_tool("check-size", files)[1]


def test_size_fails_on_an_allowance_no_longer_needed(run_tool):
    files = dict(c(function(10)))
    files["tools/size-allow.txt"] = "src/base/x.c f: one table of states, read in order\n"
    status, output = run_tool("check-size", files)
    assert status == 1 and "needs no allowance" in output


FORMAT = [
    ("src/base/x.c", "int f(void) { return 1; }\n"),
    ("src/base/x.c", "int f(void)\n{\n  return 1;\n}\n"),
    ("docs/a.md", "words \n"),
    ("docs/a.md", "words"),
    ("docs/a.md", "words\n\n"),
    ("docs/a.md", "words\r\n"),
    ("tools/x.py", "if 1:\n\tpass\n"),
]


@pytest.mark.parametrize("name,text", FORMAT)
def test_format_fails_and_mends(run_tool, root, tmp_path, name, text):
    files = {".clang-format": (root / ".clang-format").read_text(), name: text}
    status, output = run_tool("check-format", files)
    assert status == 1 and f"{name}:" in output, output
    assert run_tool("check-format", {}, "--fix")[0] == 0
    assert run_tool("check-format", {})[0] == 0


def test_format_leaves_recorded_bytes_alone(run_tool):
    assert run_tool("check-format", {"tests/fixtures/a.txt": "x \t\r\n\n"})[0] == 0


LINKS = [
    ("which is not there", "[a](gone.md)\n"),
    ("no such heading", "[a](#gone)\n"),
    ("no such heading", "[a](b.md#gone)\n"),
    ("not in the tree", "See `src/base/gone.h`.\n"),
    ("not in the tree", "Run `script/gone --now`.\n"),
]


@pytest.mark.parametrize("what,text", LINKS)
def test_links_fails(run_tool, what, text):
    status, output = run_tool("check-docs-links", {"a.md": text, "b.md": "# Here\n"})
    assert status == 1 and what in output and output.startswith("a.md:1: "), output


def test_links_passes(run_tool):
    text = ("# One `two`, three\n[a](b.md#here) [w](https://example.org/x) [s](#one-two-three)\n"
            "`src/dialect/NAME.c` `tests/unit/<folder>/x.c` `script/run`\n```\n[x](gone.md)\n```\n")
    status, output = run_tool("check-docs-links", {"a.md": text, "b.md": "# Here\n", "script/run": ""})
    assert status == 0, output
