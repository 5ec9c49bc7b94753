"""`sayso webhooks`, and `sayso serve` that calls them."""

from __future__ import annotations

from support.receiver import Receiver
from surfaces.cli.cli_workspace import CliWorkspace
from surfaces.cli.test_servers import running


def allow_local(cli: CliWorkspace) -> None:
    """Let webhooks lead to this machine."""
    settings = cli.folder / "sayso.toml"
    settings.write_text(f"{settings.read_text()}\n[webhooks]\nlocal = true\n", encoding="utf-8")


def test_a_webhook_from_the_first_to_the_last_command(cli: CliWorkspace) -> None:
    """Added with a secret that is shown once, tried, rotated, disabled, enabled, gone."""
    line = cli.line
    assert "No program is called yet" in line("webhooks", "list").out
    with Receiver() as receiver:
        line("webhooks", "add", receiver.url).refused("invalid_input")
        allow_local(cli)
        added = line("webhooks", "add", receiver.url, "--kind", "action")
        assert added.status == 0, added.err
        receiver.secrets.append(added.out.strip())
        assert added.out.startswith("whsec_")
        (shown,) = line.done("webhooks", "list")["items"]
        assert (shown["status"], shown["kinds"], shown["secret"]) == ("active", ["action"], None)
        name = str(shown["id"])
        assert name in added.err

        tried = line("webhooks", "test", name)
        assert (tried.status, "took it: status 204" in tried.out) == (0, True)
        receiver.answers = lambda got: (500, {})
        failed = line("webhooks", "test", name)
        assert (failed.status, "did not take it: status 500" in failed.err) == (1, True)

        rotated = line("webhooks", "rotate", name)
        assert rotated.out.startswith("whsec_")
        assert rotated.out != added.out
        assert line.done("webhooks", "disable", name)["status"] == "disabled"
        assert "disabled" in line("webhooks", "list").out
        assert line.done("webhooks", "enable", name)["status"] == "active"
        assert "told again" in line("webhooks", "replay", name, "--after", "-1").out
        assert line("webhooks", "replay", name, "--since", "2026-01-01").status == 0
        line("webhooks", "replay", name).refused("invalid_input", 2)
        assert line("webhooks", "remove", name).status == 0
    line("webhooks", "test", name).refused("not_found")
    assert line.done("webhooks", "list")["items"] == []


def test_a_tenants_webhooks_are_its_own(cli: CliWorkspace) -> None:
    """As with tokens: `--tenant`."""
    url = "https://bot.example.com/hook"
    made = cli.line.done("webhooks", "add", url, "--tenant", "rival")
    assert cli.line.done("webhooks", "list")["items"] == []
    (theirs,) = cli.line.done("webhooks", "list", "--tenant", "rival")["items"]
    assert theirs["id"] == made["id"]
    cli.line("webhooks", "remove", str(made["id"])).refused("not_found")


def test_a_running_server_calls_them(cli: CliWorkspace) -> None:
    """Also for what another process does meanwhile, such as this command line."""
    allow_local(cli)
    with Receiver() as receiver:
        receiver.secrets.append(str(cli.line.done("webhooks", "add", receiver.url)["secret"]))
        with running(cli.process("serve", "--port", "0", "--json")):
            approval = cli.pending()
            assert cli.line("approvals", "approve", str(approval["id"]), "--yes").status == 0
            receiver.wait_for(4)
    assert receiver.types == [
        *("action.pending", "action.approved", "action.intent", "action.succeeded")
    ]
    assert receiver.strange == []
