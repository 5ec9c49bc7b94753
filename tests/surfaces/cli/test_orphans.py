"""What doctor finds in the rows: actions without a connector, desks that cannot be read."""

from __future__ import annotations

import asyncio

import pytest
from surfaces.cli.cli_workspace import CliWorkspace

from sayso.sdk.wiring.database import open_store
from sayso.sdk.workspace import Workspace


def take_away_stripe(cli: CliWorkspace) -> str:
    """Somebody takes the connector out of the settings; what they were."""
    settings = (cli.folder / "sayso.toml").read_text(encoding="utf-8")
    head, _, rest = settings.partition("[connectors.stripe]")
    following = rest.find("\n[")
    (cli.folder / "sayso.toml").write_text(
        head + (rest[following:] if following >= 0 else ""), encoding="utf-8"
    )
    return settings


@pytest.mark.promise("cli:orphans")
def test_an_approved_action_whose_connector_is_gone_is_said(cli: CliWorkspace) -> None:
    """It keeps its yes and waits; `doctor`, `check`, `actions list` and `show` say for what."""
    cli.line.done("stop", "--all", "--reason", "INC-7")
    waits = cli.refund().json
    assert waits["status"] == "approved", waits
    assert cli.line("doctor").err == ""
    assert cli.line("actions", "list").err == ""
    settings = take_away_stripe(cli)

    doctor = cli.line("doctor")
    assert doctor.status == 0, "no problem of the installation"
    assert "1 open of stripe.refund" in doctor.out
    assert f"the oldest is {waits['id']} of main, since 20" in doctor.err
    assert "bring back [connectors.stripe] in sayso.toml" in doctor.err
    problems = cli.line("check", "--json").json["problems"]
    assert ("unknown_action", True) in [(one["code"], one["warning"]) for one in problems]
    for words in (("list",), ("show", waits["id"])):
        told = cli.line("actions", *words)
        assert told.status == 0
        assert "no connector here has `stripe.refund`, which 1 of these need" in told.err
        assert "next: bring back [connectors.stripe]" in told.err

    (cli.folder / "sayso.toml").write_text(settings, encoding="utf-8")
    assert cli.line.done("doctor")["facts"]["orphans"] == "none"
    assert cli.line("actions", "list").err == ""


def test_nothing_is_claimed_where_a_connector_cannot_be_read(cli: CliWorkspace) -> None:
    """Else every action of a broken file would be said to be gone."""
    cli.line.done("stop", "--all", "--reason", "INC-7")
    cli.refund()
    cli.edit_settings("[workspace]", 'actions = ["actions/*.py"]\n\n[workspace]')
    (cli.folder / "actions").mkdir(exist_ok=True)
    (cli.folder / "actions" / "bad.py").write_text("CONNECTORS = 1 / 0")
    assert "not known: `sayso check`" in cli.line.done("doctor")["facts"]["orphans"]
    assert "no connector here" not in cli.line("actions", "list").err


@pytest.mark.promise("cli:orphans")
def test_a_file_of_actions_that_hangs_holds_no_list_up(cli: CliWorkspace) -> None:
    """What cannot be read in time is not known, so nothing is claimed of it."""
    cli.line.done("stop", "--all", "--reason", "INC-7")
    cli.refund()
    take_away_stripe(cli)
    cli.edit_settings("[workspace]", 'actions = ["actions/*.py"]\n\n[workspace]')
    hangs = "import threading; threading.Event().wait()"
    (cli.folder / "actions" / "loyalty.py").write_text(hangs, encoding="utf-8")
    listed = cli.line("actions", "list")
    assert (listed.status, listed.err) == (0, "")
    assert "not known: `sayso check` says" in cli.line("doctor").out


def test_a_desk_that_cannot_be_read_is_said(cli: CliWorkspace) -> None:
    """By whichever process has tried last, with what to do; not once it could be read."""
    cli.edit_settings("[workspace]", '[desk.chat]\nconnector = "thread"\n\n[workspace]')
    workspace = Workspace.load(cli.folder, {"STRIPE_API_KEY": cli.sandbox.api_key})

    async def run(query: str, **fields: str | int) -> None:
        store = open_store(workspace)
        named: dict[str, str | int] = {"tenant": "main", "name": "chat", "now": 1}
        await store.write(lambda tx: tx.run(query, **named, **fields))
        await store.close()

    asyncio.run(run("desk.begin", read_to=-1))
    asyncio.run(run("desk.lease", until=5))
    asyncio.run(run("desk.failed", held=5, due_at=1, problem="needs_reauth"))
    said = cli.line("doctor").refused("needs_reauth", 2)
    assert "the desk `chat` cannot be read since 1970" in said.err
    assert "sayso desk check chat" in said.err
    asyncio.run(run("desk.lease", until=5))
    asyncio.run(run("desk.swept", held=5, due_at=1))
    assert cli.line.done("doctor")["facts"]["desk chat"] == "readable"
