"""The log that `bench.audit` builds is one that a workspace could have written."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.audit.command import open_log
from sayso.audit.verifier.checks import Trust
from sayso.audit.verify import verify
from sayso.sdk.audit.verifying import verify_postgres


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
async def test_what_is_measured_verifies_with_all_its_rows(store: str, tmp_path: Path) -> None:
    """Or the figures would be those of a log that somebody has tampered with."""
    async with open_log(tmp_path, 600, store) as log:
        if store == "sqlite":
            found = verify(Path(log.where), deep=True)
        else:
            found = verify_postgres(log.where, trust=Trust(), deep=True)
    assert found.verdict == "verified", found
    assert found.logs[0].rebuilt_rows > 200
