"""What a load balancer is told by a server whose disk is full."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.media import on_tmpfs

PROGRAM = Path(__file__).with_name("full_disk.py")


@pytest.mark.promise("http:ready")
def test_a_server_on_a_full_disk_is_not_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every call that writes fails there, so no more of them should come; room helps at once."""
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_nobody")
    script = f'"$PYTHON" -m sayso init . --approver maria > init.out\n"$PYTHON" {PROGRAM}'
    ran = on_tmpfs(script, at=tmp_path / "mounted")
    assert ran.stdout.splitlines() == ["200 ok", "507 store_full", "200 ok"], ran
