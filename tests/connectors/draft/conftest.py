"""The command line, in this process."""

from __future__ import annotations

import pytest
from surfaces.cli.cli_workspace import Line


@pytest.fixture
def line(capsys: pytest.CaptureFixture[str]) -> Line:
    """Runs `sayso …`."""
    return Line(capsys)
