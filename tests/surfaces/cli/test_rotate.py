"""docs/how-to/rotate-each-key.md, line by line, in one workspace."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fences import Fence, commands_of, fences_of, script_of
from surfaces.cli.cli_workspace import CliWorkspace
from surfaces.cli.test_backup import run
from tree import ROOT

pytestmark = pytest.mark.promise("docs:rotate")
PAGE = ROOT / "docs" / "how-to" / "rotate-each-key.md"


def typed(fence: Fence, cli: CliWorkspace) -> Iterator[str]:
    """Run each command of a block; what each of ours says."""
    for words in commands_of(script_of(fence)):
        name, *rest = (os.path.expandvars(word) for word in words)
        if name != "sayso":
            run(name, *rest)
            continue
        ran = cli.line(*rest)
        assert ran.status == 0, (rest, ran.out + ran.err)
        yield ran.out


def take(fence: Fence, settings: Path) -> None:
    """Write a block of settings in the place of the section that is there."""
    head = fence.body.splitlines()[0]
    text = settings.read_text("utf-8")
    rest = re.sub(rf"(?ms)^{re.escape(head)}\n.*?(?=^\[|\Z)", "", text)
    settings.write_text(f"{rest}\n{fence.body}", "utf-8")


def test_every_key_is_rotated_as_the_page_says(
    cli: CliWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command of it; what was done before is still read, and the log verifies."""
    settings = cli.folder / "sayso.toml"
    found = re.search(r'(?ms)^\[workspace\].*?^name = "([^"]+)"', settings.read_text("utf-8"))
    assert found is not None
    before = cli.refund("ch_demo_ana_1", 12900, reason="it broke").json["approval"]
    hook = cli.line.done("webhooks", "add", "https://bot.example.com/hook")
    old = cli.line.done("token", "create", "--service", "bot")
    session = cli.line.done("token", "create", "--person", "maria")
    for name, value in {
        "WORKSPACE": found[1],
        "WEBHOOK": str(hook["id"]),
        "OLD_TOKEN": str(old["id"]),
        "SESSION": str(session["id"]),
    }.items():
        monkeypatch.setenv(name, value)
    key = str(cli.line.done("audit", "keys"))
    for fence in fences_of(PAGE):
        if fence.language == "toml":
            take(fence, settings)
            cli.line.done("audit", "verify")  # whoever is restarted in between goes on
        else:
            assert list(typed(fence, cli)) or "openssl" in fence.body
    assert str(cli.line.done("audit", "keys")) != key
    assert cli.line.done("audit", "verify")["verdict"] == "verified"
    assert "it broke" in str(cli.line.done("approvals", "show", str(before["id"])))
    tokens = {one["id"]: one for one in cli.line.done("token", "list")["items"]}
    assert tokens[old["id"]]["revoked"]
    assert tokens[session["id"]]["revoked"]
    assert cli.refund().json["status"] == "pending_approval"  # $129 wait for her already
