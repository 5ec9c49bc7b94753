"""Two real servers over one database, of which one lacks a connector; and reloads of it."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import monotonic

import httpx
import orjson
import pytest
from surfaces.cli.cli_workspace import CliWorkspace, start

POLICY = """
@id("points") @explain("points by themselves")
permit (principal, action == Action::"points.grant", resource);
"""
POINTS = {"action": "points.grant", "args": {"points": 5}}
_WAIT_S = 60.0


@contextmanager
def served(cli: CliWorkspace, folder: Path) -> Generator[tuple[str, subprocess.Popen[str]]]:
    """A server of a folder: its address and its process."""
    process = start(
        "serve", "--port", "0", "--json", cwd=folder, STRIPE_API_KEY=cli.sandbox.api_key
    )
    try:
        assert process.stdout is not None
        told = ""
        while not told.rstrip().endswith("}"):
            line = process.stdout.readline()
            assert line, process.stderr.read() if process.stderr else ""
            told += line
        yield orjson.loads(told)["url"], process
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=_WAIT_S)


@dataclass(frozen=True, kw_only=True)
class Two:
    """Two folders over one database: one has a connector and a policy about it, and one has not."""

    whole: Path
    stale: Path
    token: str
    cli: CliWorkspace

    def activate(self) -> str:
        """Put the policy of the whole folder in force; what is said."""
        ran = self.cli.line("policy", "activate", "--workspace", str(self.whole))
        assert ran.status == 0, ran
        return ran.out + ran.err

    def propose(self, url: str, body: Mapping[str, object], key: str) -> httpx.Response:
        """Ask a server for an action."""
        return httpx.post(
            f"{url}/v1/actions",
            json={"subject": {"id": "cus_demo_ana", "assurance": "verified"}, **body},
            headers={"Authorization": f"Bearer {self.token}", "Idempotency-Key": key},
            timeout=_WAIT_S,
        )

    def refund(self, url: str, key: str) -> httpx.Response:
        """Ask for a small refund, which needs nobody."""
        amount = {"amount_minor": 100, "currency": "USD"}
        args = {"charge": "ch_demo_ana_2", "amount": amount}
        return self.propose(url, {"action": "stripe.refund", "args": args}, key)


@pytest.fixture
def two(cli: CliWorkspace, store_url: str, monkeypatch: pytest.MonkeyPatch) -> Two:
    """The two folders, with the policy of before in force."""
    on_server = not store_url.startswith("sqlite")
    cli.edit_settings("sqlite:///sayso.db", store_url if on_server else f"sqlite:///{cli.database}")
    token = cli.line.done("token", "create", "--service", "bot", "--scope", "actions:propose")
    person = cli.line.done("token", "create", "--person", "maria")
    monkeypatch.setenv("SAYSO_TOKEN", person["secret"])
    if on_server:
        assert cli.line("policy", "activate").status == 0
    whole = cli.folder.parent / "whole"
    shutil.copytree(cli.folder, whole)
    add_points(whole)
    (whole / "policies" / "points.cedar").write_text(POLICY)
    return Two(whole=whole, stale=cli.folder, token=token["secret"], cli=cli)


def add_points(folder: Path) -> None:
    """Set the connector up in a folder."""
    (folder / "actions" / "points.py.example").rename(folder / "actions" / "points.py")
    settings = folder / "sayso.toml"
    settings.write_text(settings.read_text().replace("# actions =", "actions =", 1))


def ready(url: str) -> dict[str, object]:
    """What a server says of itself."""
    answer = httpx.get(f"{url}/readyz", timeout=_WAIT_S)
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return found


def until(holds: Callable[[], bool]) -> None:
    """Wait until something is so; what a process does has no other end to wait for."""
    end = monotonic() + _WAIT_S
    while not holds():
        assert monotonic() < end, "it never came"
        Event().wait(0.05)


@pytest.mark.promise("policy:absent")
@pytest.mark.promise("serve:reload")
def test_a_server_without_a_connector_goes_on_and_takes_it_up_by_sighup(two: Two) -> None:
    """It answered 503 to everything once the policy named an action that it had not."""
    with served(two.cli, two.stale) as (stale, process), served(two.cli, two.whole) as (whole, _):
        two.activate()
        for url in (stale, whole):
            answer = two.refund(url, f"refund-{url[-5:]}")
            assert (answer.status_code, answer.json()["status"]) == (201, "succeeded"), answer.text
        assert two.propose(stale, POINTS, "p1").json()["code"] == "unknown_action"
        assert two.propose(whole, POINTS, "p2").json()["status"] == "succeeded"
        assert ready(stale)["policy"] == ready(whole)["policy"] != 0
        before = ready(stale)
        assert before["connectors_sha256"] != ready(whole)["connectors_sha256"]
        (two.stale / "sayso.toml").write_text("this is no TOML")
        process.send_signal(signal.SIGHUP)
        until(lambda: ready(stale)["not_reloaded"] == "invalid_setting")
        assert two.refund(stale, "refund-while").json()["status"] == "succeeded"
        shutil.copy(two.whole / "sayso.toml", two.stale / "sayso.toml")
        (two.stale / "actions" / "points.py.example").rename(two.stale / "actions" / "points.py")
        process.send_signal(signal.SIGHUP)
        until(lambda: ready(stale)["connectors_sha256"] == ready(whole)["connectors_sha256"])
        assert ready(stale)["not_reloaded"] == ""
        assert two.propose(stale, POINTS, "p3").json()["status"] == "succeeded"


@pytest.mark.promise("serve:reload")
def test_a_server_notices_by_itself(two: Two) -> None:
    """Nobody has to send a signal: changed files count once they have stood for a moment."""
    with served(two.cli, two.stale) as (url, _):
        assert two.propose(url, POINTS, "p1").json()["code"] == "unknown_action"
        add_points(two.stale)
        (two.stale / "policies" / "points.cedar").write_text(POLICY)
        until(lambda: two.propose(url, POINTS, "p2").json().get("code") != "unknown_action")
        ran = two.cli.line("policy", "activate")
        assert ran.status == 0, ran
        assert two.propose(url, POINTS, "p3").json()["status"] == "succeeded"
