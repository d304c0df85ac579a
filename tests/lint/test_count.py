# SPDX-License-Identifier: Apache-2.0
"""The counting of test cases: a skip is a skip, and what did not run to its end never passes."""

import json
import subprocess

import pytest
import testcount


def meson(tmp_path, *tests):
    log = tmp_path / "testlog.json"
    rows = [{"name": n, "result": r, "returncode": code, "stdout": out} for n, r, code, out in tests]
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    count = testcount.meson_log(log)
    return count.passed, count.failed, count.skipped


CMOCKA = "1..3\nok 1 - a\nnot ok 2 # SKIP b\n{}ok 3 - c\n"

MESON = [
    ("every case counts", ("t", "OK", 0, "1..2\nok 1 - a\nok 2 - b\n"), (2, 0, 0)),
    ("a skip of cmocka 1.1.5, which Meson calls a failure", ("t", "FAIL", 0, CMOCKA.format("")), (2, 0, 1)),
    ("a skip by TAP's own form", ("t", "OK", 0, "1..1\nok 1 - a # SKIP no fixture\n"), (0, 0, 1)),
    ("a failed case", ("t", "FAIL", 1, CMOCKA.format("not ")), (1, 1, 1)),
    ("cases that never ran", ("t", "ERROR", -6, "1..3\nok 1 - a\n"), (1, 1, 0)),
    ("a crash after the last case", ("t", "ERROR", -11, "1..1\nok 1 - a\n"), (1, 1, 0)),
    ("a leak found at exit", ("t", "FAIL", 23, "1..1\nok 1 - a\n"), (1, 1, 0)),
    ("a time-out", ("t", "TIMEOUT", -9, "1..1\nok 1 - a\n"), (1, 1, 0)),
    ("no output, passed", ("t", "OK", 0, ""), (1, 0, 0)),
    ("no output, failed", ("t", "FAIL", 1, ""), (0, 1, 0)),
    ("no output, skipped", ("t", "SKIP", 77, ""), (0, 0, 1)),
    ("a crash before the plan", ("t", "FAIL", -6, "starting\n"), (0, 1, 0)),
    ("two groups in one program", ("t", "OK", 0, "1..1\nok 1 - a\n1..2\nok 1 - b\nok 2 - c\n"), (3, 0, 0)),
]


@pytest.mark.parametrize("what,test,expected", MESON, ids=[row[0] for row in MESON])
def test_meson_log(tmp_path, what, test, expected):
    assert meson(tmp_path, test) == expected


def test_meson_log_adds_up(tmp_path):
    assert meson(tmp_path, ("a", "OK", 0, ""), ("b", "SKIP", 77, ""), ("c", "FAIL", 1, "")) == (1, 1, 1)


def test_junit(tmp_path):
    report = tmp_path / "r.xml"
    report.write_text("<testsuites><testsuite><testcase name='a'/><testcase name='b'><failure/></testcase>"
                      "<testcase name='c'><skipped/></testcase><testcase name='d'><error/></testcase>"
                      "</testsuite></testsuites>")
    count = testcount.junit(report)
    assert (count.passed, count.failed, count.skipped) == (1, 2, 1)
    assert count.failures == ["::b", "::d"]


def test_node_tap():
    text = "TAP version 13\nok 1 - a\nnot ok 2 - b\n1..2\n# tests 4\n# pass 1\n# fail 1\n# cancelled 0\n# skipped 1\n# todo 1\n"
    count = testcount.node_tap(text)
    assert (count.passed, count.failed, count.skipped, count.failures) == (1, 1, 2, ["b"])


def test_node_that_never_ended_is_a_failure():
    assert testcount.node_tap("TAP version 13\nok 1 - a\n").failed == 1


@pytest.mark.parametrize("subject,good", [
    ("dialect/gemini: keep thought signatures across turns", True),
    ("io, http/sse: read once a turn", True),
    ("Revert \"io: x\"", True),
    ("Keep thought signatures", False),
    ("dialect: done.", False),
    ("x: " + "y" * 100, False),
])
def test_commit_message_hook(root, tmp_path, subject, good):
    message = tmp_path / "message"
    message.write_text(subject + "\n\nWhy.\n")
    status = subprocess.run([root / "tools/hooks/commit-msg", message], stderr=subprocess.DEVNULL).returncode
    assert (status == 0) == good


def test_commit_message_hook_wants_a_blank_line(root, tmp_path):
    message = tmp_path / "message"
    message.write_text("io: read less\nbecause\n")
    assert subprocess.run([root / "tools/hooks/commit-msg", message], stderr=subprocess.DEVNULL).returncode == 1
