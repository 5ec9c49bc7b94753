"""What several tests of real servers share."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest
from real.mail import MailServers, NoDovecotError, run_mail
from real.tracker import NoTrackerError, Tracker, run_tracker


@pytest.fixture(scope="module")
def servers() -> Generator[MailServers]:
    """Both servers, for all tests of a file."""
    try:
        with run_mail() as running:
            running.authentic.add("example.com")
            yield running
    except NoDovecotError as error:
        if os.environ.get("CI"):
            pytest.fail(f"CI has to run this: {error}")
        pytest.skip(f"Dovecot cannot be started here: {error}")


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Generator[Tracker]:
    """The help desk."""
    try:
        with run_tracker(tmp_path_factory.mktemp("tracker") / "rt") as running:
            yield running
    except NoTrackerError as error:
        pytest.skip(f"Request Tracker cannot run here: {error}")
