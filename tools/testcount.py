# SPDX-License-Identifier: Apache-2.0
"""testcount - how many test cases passed, failed and were skipped, from what the runners leave behind.

A case counts once and as what it was: a skip is a skip, never a pass. Three sources:

  meson      meson-logs/testlog.json, one JSON object a line. The output of a cmocka program is TAP,
             so each of its cases counts, not the program. Read here rather than by Meson because
             cmocka 1.1.5 writes a skip as `not ok N # SKIP name`, which Meson 1.0 takes for a failure.
  pytest     a JUnit XML file.
  node       the TAP of `node --test`, whose `# pass N` lines close the run.

A program that dies between its cases, or that leaves out cases its plan promised, adds one failure of
its own: nothing that did not run to its end may look like a pass.
"""

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field

TAP_PLAN = re.compile(r"^1\.\.(\d+)")
TAP_CASE = re.compile(r"^(not )?ok\b\s*(\d+)?\s*-?\s*([^#]*)(?:#\s*(\S+)\s*(.*))?$")
NODE_TOTAL = re.compile(r"^# (pass|fail|skipped|todo|cancelled) (\d+)\s*$")

MESON_PASSED = {"OK", "EXPECTEDFAIL"}
MESON_SKIPPED = {"SKIP", "IGNORED"}


@dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: list = field(default_factory=list)
    skips: list = field(default_factory=list)

    @property
    def total(self):
        return self.passed + self.failed + self.skipped

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.failures += other.failures
        self.skips += other.skips

    def fail(self, name):
        self.failed += 1
        self.failures.append(name)

    def skip(self, name):
        self.skipped += 1
        self.skips.append(name)

    def line(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def tap_cases(text, program):
    """The cases of one TAP program's output; None where the text holds no TAP plan or case."""
    count, planned, seen = Count(), None, 0
    for line in text.splitlines():
        if plan := TAP_PLAN.match(line):
            planned = (planned or 0) + int(plan[1])
        elif case := TAP_CASE.match(line):
            seen += 1
            _one_tap_case(count, case, program)
    if planned is None and seen == 0:
        return None
    if planned is not None and seen < planned:
        count.fail(f"{program}: {planned - seen} of {planned} cases did not run")
    return count


def _one_tap_case(count, case, program):
    bad, _, name, directive, rest = case.groups()
    directive = (directive or "").upper()
    name = f"{program}: {name.strip() or (rest or '').strip()}"
    if directive.startswith("SKIP"):
        count.skip(name)
    elif bad and directive != "TODO":
        count.fail(name)
    else:
        count.passed += 1


def meson_log(path):
    """The cases of one `meson test` run, from its testlog.json."""
    count = Count()
    with open(path, encoding="utf-8", errors="replace") as log:
        for line in log:
            if line.strip():
                count.add(_meson_test(json.loads(line)))
    return count


def _meson_test(test):
    name, result = test["name"], test["result"]
    cases = tap_cases(test.get("stdout") or "", name)
    if cases is None:
        cases = Count()
        if result in MESON_PASSED:
            cases.passed = 1
        elif result in MESON_SKIPPED:
            cases.skip(name)
        else:
            cases.fail(f"{name} ({result}, exit {test.get('returncode')})")
        return cases
    # Its cases are all well, yet the program is not: it crashed, leaked or ran out of time. Meson's
    # own FAIL says nothing more than its cases did (a cmocka skip looks like one to it).
    died = result in ("TIMEOUT", "INTERRUPT") or test.get("returncode") not in (0, cases.failed)
    if died and cases.failed == 0:
        cases.fail(f"{name} ({result}, exit {test.get('returncode')})")
    return cases


def junit(path):
    """The cases of one JUnit XML file, as pytest writes it."""
    count = Count()
    for case in ET.parse(path).getroot().iter("testcase"):
        name = f"{case.get('classname', '')}::{case.get('name', '')}"
        if case.find("failure") is not None or case.find("error") is not None:
            count.fail(name)
        elif case.find("skipped") is not None:
            count.skip(name)
        else:
            count.passed += 1
    return count


def node_tap(text):
    """The cases of one `node --test` run, from the totals that close its TAP."""
    totals, failures = {}, []
    for line in text.splitlines():
        if total := NODE_TOTAL.match(line):
            totals[total[1]] = int(total[2])
        elif (case := TAP_CASE.match(line.strip())) and case[1] and not case[4]:
            failures.append(case[3].strip())
    count = Count()
    if "pass" not in totals:
        count.fail("node --test: did not reach its end")
        return count
    count.passed = totals["pass"]
    count.failed = totals.get("fail", 0) + totals.get("cancelled", 0)
    count.skipped = totals.get("skipped", 0) + totals.get("todo", 0)
    count.failures = failures
    return count
