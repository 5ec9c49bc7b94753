"""What several tests of real servers share."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest
from real.mail import MailServers, NoDovecotError, run_mail


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
