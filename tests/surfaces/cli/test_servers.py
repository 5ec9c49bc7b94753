"""`sayso serve` and `sandbox`: real processes with real ports, and an orderly end."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from secrets import token_bytes
from typing import Any, cast

import httpx
import orjson
import pytest
from sdk.test_verdicts import PAGE, overwrite, pages_of
from surfaces.cli.cli_workspace import CliWorkspace, Line, start
from surfaces.cli.test_reload import until
from surfaces.cli.test_stop import second_person

ANA = "cus_demo_ana"


@contextmanager
def running(process: subprocess.Popen[str], *, quiet: bool = True) -> Generator[dict[str, Any]]:
    """The document that a server prints when it is ready; it is told to end afterwards.

    Args:
        quiet: nothing may have been logged.
    """
    assert process.stdout is not None
    try:
        lines = iter(process.stdout.readline, "}\n")
        yield cast("dict[str, Any]", orjson.loads("".join(lines) + "}"))
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert not quiet or errors == ""


@pytest.mark.promise("cli:shared")
def test_serve_and_the_command_line_share_a_workspace(cli: CliWorkspace) -> None:
    """The API proposes, the command line approves, the API shows it done; Ctrl-C ends it."""
    secret = str(cli.line.done("token", "create", "--service", "bot")["secret"])
    headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": "k1"}
    with running(cli.process("serve", "--port", "0", "--json")) as ready:
        with httpx.Client(
            base_url=str(ready["url"]), headers=headers, trust_env=False, timeout=60
        ) as client:
            assert client.get("/openapi.json").status_code == 200
            for typed in ("/", "/console"):
                assert client.get(typed).headers["location"] == "/console/"
            body = {
                "subject": {"id": "cus_demo_ana", "assurance": "verified"},
                "action": "stripe.refund",
                "args": {"charge": "ch_demo_ana_1"},
            }
            proposed = client.post("/v1/actions", json=body)
            assert proposed.status_code == 201, proposed.text
            approval_id = proposed.json()["approval"]["id"]
            assert cli.line("approvals", "approve", approval_id, "--yes").status == 0
            shown = client.get(f"/v1/actions/{proposed.json()['id']}").json()
            assert shown["status"] == "succeeded"
        taken = str(ready["url"]).rpartition(":")[2]
        cli.line("serve", "--port", taken).refused("port_in_use", 2)


@pytest.mark.promise("policy:follow")
def test_a_changed_policy_file_is_said_by_check_doctor_and_the_server(cli: CliWorkspace) -> None:
    """The file decides nothing yet, and whoever looks is told so with the next step."""
    cli.refund()
    path = cli.folder / "policies" / "default.cedar"
    path.write_text(path.read_text() + "\n// one more line\n")
    said, step = "version 1 of the policy is in force, and policies/default.cedar differs", "diff"
    (note,) = cli.line.done("check")["problems"]
    assert (note["code"], note["warning"], note["detail"]) == ("version_moved", True, said)
    assert step in note["next_step"]
    assert said in cli.line("doctor").err
    process = cli.process("serve", "--port", "0", "--json")
    assert process.stdout is not None
    for _ in iter(process.stdout.readline, "}\n"):
        pass
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert said in errors


@pytest.mark.promise("subjects:restored")
def test_who_is_back_from_a_backup_is_erased_again_over_http(cli: CliWorkspace) -> None:
    """As `sayso privacy sweep` does: here the list came back after the start."""
    cli.refund()
    backup = cli.database.read_bytes()
    erased = cli.line.done("privacy", "erase", ANA, "--yes")
    cli.database.write_bytes(backup)
    listed = cli.folder / ".sayso" / "erased.jsonl"
    kept = listed.rename(listed.with_suffix(".kept"))
    second_person(cli)
    made = cli.line.done("token", "create", "--person", "noor", "--scope", "admin")
    headers = {"Authorization": f"Bearer {made['secret']}"}
    with (
        running(cli.process("serve", "--port", "0", "--json"), quiet=False) as ready,
        httpx.Client(
            base_url=str(ready["url"]), headers=headers, trust_env=False, timeout=60
        ) as client,
    ):

        def sweep(key: str) -> dict[str, Any]:
            answer = client.post("/v1/privacy/sweeps", json={}, headers={"Idempotency-Key": key})
            assert answer.status_code == 200, answer.text
            return cast("dict[str, Any]", answer.json()["swept"]["restored"])

        assert sweep("s1") == {"erased": 0, "left": []}
        elsewhere = {"tenant": "other", "pseudonym": erased["subject"], "at": 1}
        listed.write_bytes(orjson.dumps(elsewhere) + b"\n")
        assert sweep("s2") == {"erased": 0, "left": []}
        kept.rename(listed)
        assert cli.line("doctor").status != 0
        assert sweep("s3") == {"erased": 1, "left": []}
        assert cli.line("doctor").status == 0
        assert sweep("s4") == {"erased": 0, "left": []}
    assert ANA not in cli.dump()
    again = cli.line.done("privacy", "erasures")["items"][0]
    assert (again["reason"], again["status"]) == ("restored_backup", "erased")
    assert cli.line("audit", "verify").status == 0


@pytest.mark.promise("http:closed")
def test_serve_is_closed_to_other_machines(cli: CliWorkspace) -> None:
    """Only loopback, unless somebody says that TLS stands in front."""
    cli.line("serve", "--host", "0.0.0.0", "--port", "0").refused("invalid_setting", 2)
    cli.line("serve", "--port", "70000").refused("invalid_input", 2)


def test_the_sandbox_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    """It says how to point a workspace at it, and Ctrl-C ends it with status 0."""
    with running(start("sandbox", "--port", "0", "--json", cwd=tmp_path)) as ready:
        answer = httpx.get(
            f"{ready['url']}/v1/customers/cus_demo_ana",
            headers={"Authorization": f"Bearer {ready['api_key']}"},
            trust_env=False,
        )
        assert answer.json()["id"] == "cus_demo_ana"


@pytest.mark.parametrize(
    ("option", "value", "code"), [("--seed", "all", "invalid_input"), ("--port", "", "port_in_use")]
)
def test_a_sandbox_that_cannot_start_says_why(
    line: Line, option: str, value: str, code: str
) -> None:
    """A port in use, and a seed that there is not."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        line("sandbox", option, value or str(taken.getsockname()[1])).refused(code, 2)


def test_slack_reaches_a_serving_workspace_without_a_redirect(cli: CliWorkspace) -> None:
    """Slack follows no redirect: what it posts is answered at the very path, and must be signed."""
    (cli.folder / "slack.secret").write_text("secret")
    more = (
        '\n[slack]\nbot_token = "file:slack.secret"\nsigning_secret = "file:slack.secret"\n'
        'channel = "C1"\napi_url = "http://127.0.0.1:9/api/"\n'
    )
    with (cli.folder / "sayso.toml").open("a", encoding="utf-8") as file:
        file.write(more)
    process = cli.process("serve", "--port", "0", "--json")
    with running(process, quiet=False) as ready:
        answer = httpx.post(f"{ready['url']}/slack/events", content=b"{}", trust_env=False)
        assert answer.status_code == 401


@pytest.mark.promise("audit:self")
def test_a_server_says_by_itself_that_its_log_does_not_verify(cli: CliWorkspace) -> None:
    """`/readyz`, `/metrics`, a proposal, doctor: each with the code and the next step."""
    cli.refund()
    secret = str(cli.line.done("token", "create", "--service", "bot")["secret"])
    headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": "k1"}
    with running(cli.process("serve", "--port", "0", "--json"), quiet=False) as ready:
        url = str(ready["url"])
        with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=60) as client:
            assert client.get("/readyz").status_code == 200
            with closing(sqlite3.connect(cli.database)) as rows, rows:
                for (name,) in rows.execute("select name from sqlite_master where type='trigger'"):
                    rows.execute(f"drop trigger {name}")
                rows.execute("update action set amount_minor = amount_minor + 1")
            _await_not_ready(client)
            answer = client.get("/readyz").json()
            assert (answer["code"], bool(answer["next_step"])) == ("tampered", True)
            assert "sayso_log_verifies 0" in client.get("/metrics").text
            body = {
                "subject": {"id": "cus_demo_ana", "assurance": "verified"},
                "action": "stripe.refund",
                "args": {"charge": "ch_demo_ana_1"},
            }
            proposed = client.post("/v1/actions", json=body)
            assert (proposed.status_code, proposed.json()["code"]) == (500, "tampered")
    assert "[tampered]" in cli.line("doctor").err
    assert "[tampered]" in cli.line("check").err


def _await_not_ready(client: httpx.Client) -> None:
    until = time.monotonic() + 60
    while client.get("/readyz").status_code == 200:
        assert time.monotonic() < until, "it stays ready"


@pytest.mark.promise("audit:verdicts")
def test_a_server_over_a_page_that_cannot_be_read_is_not_ready_and_names_it(
    cli: CliWorkspace,
) -> None:
    """A real process over a real file: nobody is accused, and it goes on once the page is back."""
    assert cli.refund().json["status"] == "succeeded"
    with closing(sqlite3.connect(cli.database)) as rows:
        rows.execute("pragma wal_checkpoint(truncate)")
    page = pages_of(cli.database, "action")[0]
    was = overwrite(cli.database, page, token_bytes(PAGE))
    with (
        running(cli.process("serve", "--port", "0", "--json"), quiet=False) as ready,
        httpx.Client(base_url=str(ready["url"]), trust_env=False, timeout=60) as client,
    ):
        until(lambda: client.get("/readyz").status_code == 503)
        said = client.get("/readyz").json()
        assert said["code"] == "damaged"
        assert f"page {page}" in said["detail"] or "`action`" in said["detail"], said
        overwrite(cli.database, page, was)
        until(lambda: client.get("/readyz").status_code == 200)
    assert cli.line("audit", "verify").status == 0
