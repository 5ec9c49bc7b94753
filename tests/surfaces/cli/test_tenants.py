"""The command line of one tenant, beside another one in the same database."""

from __future__ import annotations

import json
import re

import pytest
from surfaces.cli.cli_workspace import CliWorkspace

_IDS = re.compile(r"(?:act|apr|stp)_[0-9a-z]{26}")
LISTS = (
    *(("actions", "list"), ("approvals", "list"), ("stop", "list"), ("audit", "tail")),
    *(("audit", "query", "kind:action.pending"), ("audit", "query", "customer:cus_demo_ana")),
)


@pytest.mark.promise("tenants:apart")
def test_commands_show_and_find_nothing_of_another_tenant(cli: CliWorkspace) -> None:
    """Invariant 9: the same key for the same customer in the same file, and two actions of two."""
    first = cli.refund("ch_demo_ana_1", 12_900, key="k").json
    cli.line.done("stop", "--connector", "email", "--reason", "a word of the first")
    cli.edit_settings('tenant = "main"', 'tenant = "rival"')
    second = cli.refund("ch_demo_ana_1", 12_900, key="k").json
    assert second["id"] != first["id"]
    assert second["approval"]["id"] != first["approval"]["id"]
    told = ""
    for words in LISTS:
        ran = cli.line(*words, "--json")
        assert ran.status == 0, (words, ran.err)
        told += ran.out
    export = cli.folder / "evidence"
    cli.line.done("audit", "export", str(export))
    told += "".join(file.read_text() for file in export.iterdir())
    assert second["id"] in told
    assert not {first["id"], first["approval"]["id"]} & set(_IDS.findall(told))
    assert "a word of the first" not in told
    cli.line("actions", "show", first["id"], "--json").refused("not_found")
    cli.line("approvals", "show", first["approval"]["id"], "--json").refused("not_found")
    pack = str(cli.folder / "pack.html")
    cli.line("audit", "evidence", first["id"], "-o", pack, "--json").refused("not_found")


@pytest.mark.promise("tenants:apart")
def test_tokens_of_another_tenant_are_made_listed_and_revoked(cli: CliWorkspace) -> None:
    """From the workspace of the operator; each list shows its own tenant's and no other."""
    ran = cli.line("token", "create", "--service", "bot", "--tenant", "rival")
    assert ran.status == 0
    assert "It is of the tenant rival, its first one" in ran.err
    second = cli.line("token", "create", "--person", "maria", "--tenant", "rival")
    assert "It is of the tenant rival." in second.err
    theirs = cli.line.done("token", "list", "--tenant", "rival")["items"]
    assert [(one["tenant"], one["holder"]) for one in theirs] == [
        ("rival", "bot"),
        ("rival", "maria"),
    ]
    own = cli.line.done("token", "list")["items"]
    assert {one["tenant"] for one in own} == {"main"}
    bot = str(theirs[0]["id"])
    cli.line("token", "revoke", bot).refused("not_found")
    assert cli.line.done("token", "revoke", bot, "--tenant", "rival")["revoked"] is True
    cli.edit_settings('tenant = "main"', 'tenant = "rival"')
    kinds = [entry["kind"] for entry in cli.line.done("audit", "tail")["items"]]
    tokens = [kind for kind in kinds if kind.startswith("token.")]
    assert sorted(tokens) == ["token.created", "token.created", "token.revoked"]
    assert cli.line("audit", "verify").status == 0


@pytest.mark.promise("tenants:apart")
def test_a_token_of_another_tenant_asks_for_nothing_here(
    cli: CliWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant 9: what it asked for was done in the workspace's tenant, in its holder's name. A
    brake depends on no token, and is pulled in nobody's name."""
    scopes = ("--scope", "actions:propose", "--scope", "stop")
    made = cli.line.done("token", "create", "--service", "bot", "--tenant", "rival", *scopes)
    monkeypatch.setenv("SAYSO_TOKEN", str(made["secret"]))
    args = json.dumps({"charge": "ch_demo_ana_1"})
    ask = ("propose", "stripe.refund", "--subject", "cus_demo_ana", "--args", args)
    refused = cli.line(*ask, "--json").refused("forbidden")
    assert "rival" in refused.json["detail"]
    cli.line("ask", "Please refund order 1042", "--subject", "cus_demo_ana").refused("forbidden")
    cli.line("mcp", "--subject", "cus_demo_ana").refused("forbidden")
    stop = cli.line("stop", "--tenant", "--json")
    assert (stop.status, stop.json["engaged_by"]) == (0, "service:cli")
    monkeypatch.delenv("SAYSO_TOKEN")
    assert cli.line.done("actions", "list")["items"] == []


@pytest.mark.parametrize("words", [("create", "--service", "bot"), ("list",), ("revoke", "tok_1")])
@pytest.mark.parametrize("name", ["Rival", "ri val", "", "x" * 41, "../main"])
def test_what_no_tenant_can_be_called_is_refused(
    still: CliWorkspace, words: tuple[str, ...], name: str
) -> None:
    """A name with a mistake would begin a log of its own."""
    still.line("token", *words, "--tenant", name).refused("invalid_input")
