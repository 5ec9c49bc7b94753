"""An export that is older than the checkpoint that an auditor holds, from outside."""

from __future__ import annotations

import httpx
import orjson
import pytest
from surfaces.cli.cli_workspace import CliWorkspace
from surfaces.cli.test_servers import running


@pytest.mark.promise("audit:older")
def test_an_older_export_is_excused_by_the_servers_own_proof(cli: CliWorkspace) -> None:
    """Rolled back without it, older with it; a copy of the database is excused by nothing."""
    cli.refund()
    cli.line.done("audit", "export", "march")
    size = orjson.loads((cli.folder / "march" / "manifest.json").read_bytes())["size"]
    copy = cli.database.read_bytes()
    secret = cli.line.done("token", "create", "--service", "auditor", "--scope", "audit:read")
    held = cli.line("audit", "checkpoint").out
    (cli.folder / "held").write_text(held)
    with running(cli.process("serve", "--port", "0", "--json")) as ready:
        answer = httpx.get(
            f"{ready['url']}/v1/audit/proof",
            params={"old_size": size},
            headers={"Authorization": f"Bearer {secret['secret']}"},
            trust_env=False,
            timeout=60,
        )
    (cli.folder / "grown").write_bytes(answer.content)
    words = ("audit", "verify", "march", "--checkpoint", "held")
    rolled_back = cli.line(*words)
    assert rolled_back.status == 1
    assert "rolled_back" in rolled_back.out
    older = cli.line(*words, "--grown", "grown")
    assert older.status == 2, older
    assert f"older than the checkpoint you hold ({size} < " in older.out
    assert "rolled_back" not in older.out
    (cli.folder / "copy.db").write_bytes(copy)
    assert cli.line("audit", "verify", "copy.db", *words[3:], "--grown", "grown").status == 1
    (cli.folder / "grown").write_text("not a proof")
    cli.line(*words, "--grown", "grown").refused("invalid_input", 2)
