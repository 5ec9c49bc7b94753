"""Fixtures: one served workspace for all tests here, each of which uses its own orders and keys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from surfaces.http.api_server import ApiServer, serving

from sayso.sandbox import Sandbox
from sayso.testing.clock import FakeClock


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """The Stripe sandbox with the demo's customers, on the clock of the workspace."""
    with Sandbox.start(seed="demo", clock=FakeClock()) as running:
        yield running


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> Iterator[ApiServer]:
    """A server over real HTTP."""
    with serving(tmp_path_factory.mktemp("served"), sandbox, FakeClock()) as running:
        yield running
