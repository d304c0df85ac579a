# SPDX-License-Identifier: Apache-2.0
"""The tree itself passes each check; and together they stay quick enough to run at every change."""

import resource
import subprocess
import sys

import pytest

CHECKS = ["check-banned", "check-docs-links", "check-format", "check-layers", "check-size"]


@pytest.mark.parametrize("check", CHECKS)
def test_the_tree_passes(root, check):
    result = subprocess.run([sys.executable, root / "tools" / check], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(result.stdout)
    assert result.returncode == 0, result.stdout


def processor_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_the_checks_are_quick(root):
    """In processor time, so that a busy machine does not matter. Measured: 5 s, most of it compilers."""
    before = processor_seconds()
    for check in CHECKS:
        subprocess.run([sys.executable, root / "tools" / check], stdout=subprocess.DEVNULL)
    assert processor_seconds() - before < 20
