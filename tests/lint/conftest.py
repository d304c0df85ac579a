# SPDX-License-Identifier: Apache-2.0
"""What the tests of the tools share: a small tree written to a folder, and a tool run over it."""

import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"


@pytest.fixture
def root():
    return ROOT


@pytest.fixture
def run_tool(tmp_path):
    """run_tool(tool, {path: text}, *arguments) -> (exit status, output), over that tree alone."""

    def run(tool, files, *arguments):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        result = subprocess.run([sys.executable, ROOT / "tools" / tool, "--root", tmp_path, *arguments],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return result.returncode, result.stdout

    return run
