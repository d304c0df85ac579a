# SPDX-License-Identifier: Apache-2.0
"""script/bootstrap says what to do where it cannot do it, and does nothing where nothing is missing."""

import os
import shutil
import subprocess
import time

import pytest


@pytest.fixture
def bootstrap(root, tmp_path):
    """bootstrap({command: its script}, *arguments): run it where only these and the basics exist."""

    def run(commands, *arguments):
        for name in ("sh", "dirname", "tr", "cat", "mktemp", "tee", "sed", "tail", "rm"):
            os.symlink(shutil.which(name), tmp_path / name)
        for name, script in commands.items():
            (tmp_path / name).write_text(f"#!{shutil.which('sh')}\n{script}\n")
            (tmp_path / name).chmod(0o755)
        return subprocess.run([root / "script/bootstrap", *arguments], env={"PATH": str(tmp_path)},
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return run


def test_elsewhere_than_on_debian_it_names_the_packages(bootstrap):
    result = bootstrap({})
    assert result.returncode == 1
    assert "not Debian" in result.stderr and "libuv1-dev" in result.stderr and "libcmocka-dev" in result.stderr


def test_without_root_it_prints_the_command(bootstrap):
    result = bootstrap({"dpkg-query": "exit 1", "id": "echo 1000"}, "--build")
    assert result.returncode == 1
    assert "sudo apt-get update && sudo apt-get install" in result.stderr and "libuv1-dev" in result.stderr
    assert "libcmocka-dev" not in result.stderr, "--build wants no test packages"


def test_a_program_from_elsewhere_is_not_installed_again(bootstrap):
    result = bootstrap({"dpkg-query": "exit 1", "id": "echo 1000", "node": "exit 0"})
    assert result.returncode == 1
    assert " nodejs" not in result.stderr and " npm" in result.stderr


def test_a_removed_package_is_missing(bootstrap):
    """dpkg remembers the settings of a removed package: it is listed, and not installed."""
    listing = "shift 3; for p; do echo \"config-files $p\"; done"
    result = bootstrap({"dpkg-query": listing, "id": "echo 1000"}, "--build")
    assert result.returncode == 1 and "libyaml-dev" in result.stderr


def test_where_all_is_there_it_calls_no_apt(bootstrap):
    listing = "shift 3; for p; do echo \"installed $p\"; done"
    started = time.monotonic()
    result = bootstrap({"dpkg-query": listing, "id": "echo 0", "apt-get": "exit 9"}, "--build")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert time.monotonic() - started < 5


def test_a_failing_apt_is_a_failure(bootstrap):
    apt = "echo E: no such luck; exit 100"
    result = bootstrap({"dpkg-query": "exit 1", "id": "echo 0", "apt-get": apt}, "--build")
    assert result.returncode == 1 and "no such luck" in result.stderr


def test_wrong_use(bootstrap):
    assert bootstrap({}, "--nonsense").returncode == 2


def test_every_script_is_executable_and_parses(root):
    listed = subprocess.run(["git", "-c", f"safe.directory={root}", "-C", root, "ls-files", "script", ".ci", "tools"],
                            stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    seen = 0
    for name in listed:
        first = (root / name).read_text().split("\n", 1)[0]
        if first.startswith("#!"):
            assert os.access(root / name, os.X_OK), f"{name} is not executable"
        if first in ("#!/bin/sh", "#!/usr/bin/env bash"):
            shell = "bash" if first.endswith("bash") else "sh"
            assert subprocess.run([shell, "-n", root / name]).returncode == 0, name
            seen += 1
    assert seen > 5
