"""What holds for every test: the same cases each time in CI, and no clock that fails a property.

And one PostgreSQL server for all that ask for one.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Generator
from functools import cache
from pathlib import Path

import execnet
import pytest
from hypothesis import settings
from since import changed_since, is_touched, touched
from support.machine import compile_ahead, keep_bytecode, keep_files_in_memory
from support.postgres import fresh_database, shared_server
from support.postgres_server import PostgresServer
from support.schedule import FileScheduling
from support.shop_workspace import STORE_URLS
from support.soundness import begin, excuse, watch
from support.workers import fork_workers
from tree import ROOT

# A deadline would make a busy machine a failure; `faulthandler_timeout` ends what really hangs.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--since main`: the tests of what differs from there, and of all that stands above it."""
    parser.addoption("--since", metavar="REVISION", help="only what a change since then can break")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Whether a file of tests is left out; with `--since` alone."""
    revision = config.getoption("--since")
    if revision is None or collection_path.suffix != ".py":
        return None
    return not is_touched(collection_path.relative_to(ROOT).as_posix(), *_touched(revision)) or None


@cache
def _touched(revision: str) -> tuple[int, frozenset[str]]:
    return touched(changed_since(revision))


def pytest_configure(config: pytest.Config) -> None:
    """The same machine for the test processes and for all that they start."""
    # NOTE: `bench` is not in the wheel, and its tests import it. At the end of the path, so that
    # `sayso` stays the installed one.
    if str(ROOT) not in sys.path:
        sys.path.append(str(ROOT))
    # Printed commands would begin with `uv run` only where the tests were started by it.
    os.environ.pop("UV_RUN_RECURSION_DEPTH", None)
    keep_files_in_memory()
    keep_bytecode(config)
    compile_ahead(config)
    watch()


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """`-n auto`: four more than there are cores, since many tests wait for leases and others."""
    cores = yield
    return cores if os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS") else cores + 4


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config, specs: list[execnet.XSpec]) -> None:
    """The test processes import everything once."""
    fork_workers(config, specs)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> FileScheduling | None:
    """What sets something up for a whole file does so in one process."""
    return FileScheduling(config, log) if config.getoption("dist") == "load" else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Nothing that is imported and collected ever goes: it is not looked through for garbage."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes a minute by itself begins first, so that nobody waits for it alone at the end."""
    items.sort(key=lambda item: item.get_closest_marker("house") is None)


@pytest.fixture(autouse=True)
def sound_at_the_end(request: pytest.FixtureRequest) -> None:
    """The workspaces that a test closes are verified, unless it says that it tampers with them."""
    begin(request.path)
    for mark in request.node.iter_markers("tampers"):
        excuse(str(mark.args[0]))


@pytest.fixture(scope="session")
def postgres_server(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Generator[PostgresServer]:
    """One server for the whole run, whatever the number of test processes."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if hasattr(request.config, "workerinput") else base
    with shared_server(shared) as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Generator[str]:
    """The URL of a fresh, migrated database."""
    with fresh_database(postgres_server) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest) -> Generator[str]:
    """Where new shops keep their rows in this test; each runs on either store."""
    found = STORE_URLS[0] if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    STORE_URLS.append(found)
    yield found
    STORE_URLS.remove(found)
