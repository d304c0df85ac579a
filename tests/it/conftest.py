# SPDX-License-Identifier: Apache-2.0
"""What every end-to-end test is given: fake providers, and the weir under test."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fakes"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import certificates  # noqa: E402
import fronts  # noqa: E402
import gateway as gateways  # noqa: E402
import upstream as upstreams  # noqa: E402


def pytest_sessionstart(session):
    if not session.config.option.collectonly and not gateways.binary().exists():
        pytest.exit(f"there is no {gateways.binary()} to test: build it, or set WEIR_BIN", 3)


@pytest.fixture
def upstream():
    """A factory of fake providers, stopped after the test."""
    made = []

    def make(dialect="openai", *script, **options):
        made.append(upstreams.Upstream(dialect, *script, **options))
        return made[-1]

    yield make
    for up in made:
        up.stop()


@pytest.fixture
def weir(tmp_path):
    """A factory of gateways: weir(config text) or weir(upstream, …). Each is stopped at the end
    of the test and must then end well. `again`: in the folder of that one, as after a restart."""
    made = []

    def make(*what, **options):
        text = what[0] if isinstance(what[0], str) else None
        settings = {
            k: options.pop(k) for k in ("extra", "timeouts", "options", "workers") if k in options
        }
        again = options.pop("again", None)
        folder = again.folder if again else tmp_path / f"weir{len(made)}"
        folder.mkdir(exist_ok=again is not None)
        made.append(gateways.Gateway(folder, text or gateways.config(*what, **settings), **options))
        return made[-1]

    yield make
    try:
        for one in made:
            one.stop()
    finally:
        for one in made:
            one.kill()


@pytest.fixture(params=fronts.FRONTS, ids=lambda f: f.name)
def front(request):
    return request.param


@pytest.fixture(params=fronts.DIALECTS)
def back(request):
    return request.param


@pytest.fixture(scope="session")
def certs(tmp_path_factory):
    """A folder with certificates (see certificates.make)."""
    return certificates.make(tmp_path_factory.mktemp("certs"))
