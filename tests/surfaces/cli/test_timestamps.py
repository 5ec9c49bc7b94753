"""A workspace, a time-stamp authority of others, and an auditor who pins the authority's root."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from audit.test_timestamps import verified_by_openssl
from support.time_stamp_authority import FakeAuthority, OpensslAuthority, TsaServer
from surfaces.cli.cli_workspace import CliWorkspace
from surfaces.cli.test_publishing import append
from surfaces.cli.test_servers import running

from sayso.ids import SystemClock

OWN = FakeAuthority(SystemClock())


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[TsaServer]:
    """A real one where this machine has OpenSSL, else the fake one."""
    try:
        answer = OpensslAuthority(tmp_path / "tsa", OWN).answer
    except FileNotFoundError:
        answer = OWN.answer
    with TsaServer(answer=answer) as server:
        yield server


def stamping(cli: CliWorkspace, server: TsaServer, more: str = "") -> str:
    """Name the authority in the settings; the path of its root, for the auditor."""
    roots = cli.folder / "keys" / "tsa.pem"
    roots.write_bytes(OWN.roots_pem)
    settings = f'name = "tsa"\ntimestamp = "{server.url}"\nroots = "keys/tsa.pem"\n{more}'
    append(cli, f"\n[[publishing.places]]\n{settings}")
    return str(roots)


def published(cli: CliWorkspace) -> int:
    """Publish now; how many entries of the log have a time stamp then."""
    places = cli.line.done("audit", "publish")["items"]
    (state,) = (one for one in places if (one["place"], one["tenant"]) == ("tsa", "main"))
    assert (state["lag"], state["problem"]) == (0, None)
    return int(state["size"])


@pytest.mark.promise("cli:timestamped")
def test_an_auditor_sees_since_when_a_head_existed(cli: CliWorkspace, authority: TsaServer) -> None:
    """Publish, go on, verify: so many existed before then, by whom, the rest without."""
    cli.line("audit", "query", "name:x")
    words = ("audit", "verify", "--tsa-roots", stamping(cli, authority))
    without = cli.line(*words)
    assert without.status == 2
    assert "unstamped: no head of what was read has a time stamp" in without.out
    published(cli)
    cli.line("audit", "query", "name:x")
    size = published(cli)
    cli.line("audit", "query", "name:x")
    ran = cli.line(*words)
    assert ran.status == 0, ran.out
    assert f"{size} existed before 20" in ran.out
    assert "Z by tsa.example, 1 without a time stamp, and 1 more time stamp" in ran.out
    log = next(one for one in cli.line.done(*words)["logs"] if one["tenant"] == "main")
    assert [one["size"] for one in log["timestamps"]] == [size - 1, size]
    assert "existed before" not in cli.line("audit", "verify").out


@pytest.mark.promise("cli:timestamped")
def test_time_stamps_leave_the_database_and_convict_it(
    cli: CliWorkspace, authority: TsaServer, tmp_path: Path
) -> None:
    """As files that OpenSSL judges, and against a copy that was put back without them."""
    cli.line("audit", "query", "name:x")
    roots = stamping(cli, authority)
    shutil.copy(cli.database, tmp_path / "old.db")
    cli.line("audit", "query", "name:x")
    size = published(cli)
    folder = tmp_path / "stamps"
    assert cli.line.done("audit", "timestamps", str(folder))["timestamps"] == 2
    assert cli.line.done("audit", "timestamps", str(folder))["timestamps"] == 0
    token = folder / "shop" / "main" / f"{size:03d}.tsa.tst"
    note = token.with_suffix(".checkpoint")
    if shutil.which("openssl"):
        assert verified_by_openssl(tmp_path, note.read_bytes(), token.read_bytes(), OWN.roots_pem)

    words = ("--tsa-roots", roots, "--timestamps", str(token))
    command = [sys.executable, "-m", "sayso.audit.verify", str(cli.database), *words]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout
    assert f"{size} existed before 20" in ran.stdout
    old = cli.line("audit", "verify", str(tmp_path / "old.db"), *words)
    assert old.status == 1
    assert "rolled_back" in old.out

    token.write_bytes(token.read_bytes()[:-1])
    cli.line("audit", "timestamps", str(folder)).refused("tampered")
    broken = cli.line("audit", "verify", *words)
    assert broken.status == 2
    assert "timestamp_trusted" in broken.out


@pytest.mark.promise("cli:timestamped")
def test_serve_has_heads_stamped_by_itself(cli: CliWorkspace, authority: TsaServer) -> None:
    """In the background, at the place's own pace; the time stamp is given over HTTP, too."""
    cli.line("audit", "query", "name:x")
    roots = stamping(cli, authority, "every_s = 0.2\n")
    secret = cli.line.done("token", "create", "--service", "audit", "--scope", "audit:read")
    headers = {"Authorization": f"Bearer {secret['secret']}"}
    item: dict[str, str] = {}
    pause = threading.Event()
    with running(cli.process("serve", "--port", "0", "--json")) as ready:
        client = httpx.Client(base_url=str(ready["url"]), headers=headers, trust_env=False)
        with client:
            for _ in range(3000):
                (item,) = client.get("/v1/audit/publications").json()["items"]
                if item.get("timestamp"):
                    break
                pause.wait(0.01)
    with closing(sqlite3.connect(cli.database)) as rows:
        kept = rows.execute(
            "select note from log_timestamp where tenant = 'main' and token = ?",
            (b64decode(item["timestamp"]),),
        ).fetchone()
    assert kept == (item["checkpoint"],)
    assert cli.line("audit", "verify", "--tsa-roots", roots).status == 0


def test_what_the_settings_say_of_an_authority_is_checked(
    cli: CliWorkspace, authority: TsaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its root is read, and the part that it needs is there, before anything is asked."""
    cli.line("audit", "query", "name:x")
    roots = Path(stamping(cli, authority))
    roots.write_text("nothing\n")
    for words in (("audit", "publish"), ("serve", "--port", "0")):
        cli.line(*words).refused("invalid_setting", 2)
    checked = cli.line("check")
    assert checked.status != 0
    assert "[publishing]: `" in checked.err
    assert "holds no certificate in PEM" in checked.err
    roots.write_bytes(OWN.roots_pem)
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    refused = cli.line("audit", "publish").refused("missing_extra", 2)
    assert "pip install rfc3161-client" in refused.err
    assert cli.line("audit", "verify", "--tsa-roots", str(roots)).status == 2
    assert cli.line("audit", "verify").status == 0
    assert authority.asked == []


@pytest.mark.parametrize(
    "more",
    [
        "",
        'roots = "tsa.pem"\nkey = "k"',
        'roots = "tsa.pem"\ndirectory = "share"',
        'roots = "tsa.pem"\npolicy = "ours"',
        'roots = "tsa.pem"\nevery_s = 0',
    ],
)
def test_a_place_is_one_of_three(cli: CliWorkspace, more: str) -> None:
    """And each has what belongs to it alone."""
    append(cli, f'\n[[publishing.places]]\nname = "tsa"\ntimestamp = "https://x.y"\n{more}\n')
    cli.line("audit", "publish").refused("invalid_setting", 2)


@pytest.mark.parametrize("address", ["ftp://x.y", "https://user:word@x.y/tsr", "https://", "x.y"])
def test_an_address_holds_no_password(cli: CliWorkspace, address: str) -> None:
    """It stands in a file that a team keeps in git."""
    lines = f'name = "tsa"\ntimestamp = "{address}"\nroots = "keys/tsa.pem"\n'
    append(cli, f"\n[[publishing.places]]\n{lines}")
    cli.line("audit", "publish").refused("invalid_setting", 2)
