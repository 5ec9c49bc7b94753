"""The auditor on PostgreSQL: the index, proofs and exports, and a login that can only read."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from pathlib import Path

import pytest
from actions.steps import propose, stock
from support.shop_workspace import STORE_URLS, ShopWorkspace, open_shop
from support.time_stamp_authority import FakeAuthority, TsaServer
from surfaces.cli.cli_workspace import Line

from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind
from sayso.audit.publishing.publisher import Publisher
from sayso.audit.publishing.timestamp_target import TimestampTarget
from sayso.audit.signed_note.authorities import TimeAuthorities
from sayso.audit.signed_note.timestamps import read_stamps
from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.verification import Check, Verdict
from sayso.audit.verify import verify
from sayso.errors import Code, ConfigError, SaysoError
from sayso.sdk.audit.publishing import write_timestamps
from sayso.sdk.audit.verifying import verify_postgres
from sayso.store.base import Transaction
from sayso.store.postgres.connection import connect_plainly
from sayso.testing.clock import FakeClock


@pytest.fixture(autouse=True)
def rows_on_postgres(postgres_url: str) -> Generator[None]:
    """Shops of this module keep their rows on PostgreSQL."""
    STORE_URLS.append(postgres_url)
    yield
    STORE_URLS.remove(postgres_url)


@dataclass(frozen=True, kw_only=True)
class Lived:
    """A shop in which something has happened."""

    workspace: ShopWorkspace
    url: str
    folder: Path


@pytest.fixture
async def lived(tmp_path: Path, postgres_url: str) -> AsyncGenerator[Lived]:
    """One refund that ran."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace)
        await propose(workspace, 2000)
        yield Lived(workspace=workspace, url=postgres_url, folder=tmp_path)


@pytest.fixture
def auditor_url(postgres_url: str) -> Generator[str]:
    """A login that is a member of `sayso_auditor`, and of nothing else."""
    reader = f"reader_{os.getpid()}"  # roles belong to the whole server, which other tests share
    with connect_plainly(postgres_url) as owner:
        owner.execute(f"create role {reader} login in role sayso_auditor".encode())
    yield postgres_url.replace("postgres@", f"{reader}@")
    with connect_plainly(postgres_url) as owner:
        owner.execute(f"drop role {reader}".encode())


async def test_words_proofs_and_exports_are_as_on_sqlite(lived: Lived) -> None:
    """The index is a file of the reader; the server needs no extension."""
    audit = lived.workspace.sayso.audit
    found = await audit.query("rule:small outcome:succeeded engine", verified=True)
    assert [entry.kind for entry in found] == ["action.succeeded"]
    assert (found[0].proof or "").startswith("c2sp.org/tlog-proof@v1\n")
    for form in ("jsonl", "parquet", "ocsf", "cloudevents"):
        path = lived.folder / f"out.{form}"
        await audit.export(path, "name:shop.refund", format=form)
        assert verify(path, trust=Trust.parse([audit.vkey()])).verdict is Verdict.VERIFIED
    action = found[0].body["action"]
    await audit.evidence(action, lived.folder / "pack.html")
    pack = verify(lived.folder / "pack.html", trust=Trust.parse([audit.vkey()]))
    assert pack.verdict is Verdict.VERIFIED


@pytest.mark.tampers("rows are put in that no entry tells of")
async def test_an_auditors_login_verifies_without_the_workspace(
    lived: Lived, auditor_url: str
) -> None:
    """SELECT on the log and the state is all it takes; a changed row is found."""
    trust = Trust.parse([lived.workspace.sayso.audit.vkey()])
    found = verify_postgres(auditor_url, trust=trust, deep=True)
    assert found.verdict is Verdict.VERIFIED, found.all_findings
    assert found.logs[0].pinned
    assert found.logs[0].state_rows > 0
    with connect_plainly(lived.url) as owner:
        owner.execute("set search_path to sayso; set app.tenant = '*'")
        owner.execute("alter table log_entry disable trigger all")
        owner.execute("update log_entry set body = replace(body, 'shop.refund', 'shop.refumd')")
    assert verify_postgres(auditor_url, trust=trust).verdict is Verdict.TAMPERED


@pytest.mark.promise("audit:timestamped")
async def test_an_auditors_login_sees_since_when_a_head_existed(
    lived: Lived, auditor_url: str
) -> None:
    """The tokens are among what an auditor may read, and leave as files."""
    sayso, authority = lived.workspace.sayso, FakeAuthority()
    roots = TimeAuthorities.parse(authority.roots_pem)
    with TsaServer(answer=authority.answer) as server:
        places = [TimestampTarget("tsa", server.url, roots)]
        publisher = Publisher(sayso.container.store, places, FakeClock())
        assert [state.problem for state in await publisher.publish_now()] == [""]
        await publisher.close()
    trust = Trust.parse([sayso.audit.vkey()], authorities=roots)
    (log,) = verify_postgres(auditor_url, trust=trust).logs
    assert log.verdict is Verdict.VERIFIED, log.findings
    assert [(one.size, one.authority) for one in log.stamps] == [(log.size, "tsa.example")]
    assert await write_timestamps(sayso, lived.folder / "stamps") == 1
    (head,) = read_stamps(lived.folder / "stamps")
    assert (head.note.decode(), roots.read_token(head.token, head.note).fits) == (log.note, True)


@pytest.mark.tampers("rows are put in that no entry tells of")
@pytest.mark.promise("audit:rebuilt")
async def test_no_row_hides_behind_another_one_of_the_same_index(lived: Lived) -> None:
    """The database's owner can drop the index that forbids it; the verifier reads page by page."""
    workspace = lived.workspace.sayso.container
    entry = Entry(kind=EntryKind.AUDIT_QUERIED, actor=Actor(kind=ActorKind.SERVICE, id="sdk"))

    def many(tx: Transaction) -> None:
        for _ in range(1000):
            workspace.log.append(tx, workspace.tenant, entry)

    await workspace.store.write(many)
    assert verify_postgres(lived.url, trust=Trust(), deep=True).verdict is Verdict.VERIFIED
    with connect_plainly(lived.url) as owner:
        owner.execute("set search_path to sayso; set app.tenant = '*'")
        owner.execute("alter table log_entry disable trigger all")
        owner.execute("alter table log_entry drop constraint log_entry_pkey cascade")
        owner.execute(
            "insert into log_entry (tenant, seq, kind, body)"
            " select tenant, seq, kind, replace(body, 'sdk', 'eve') from log_entry where seq = 999"
        )
    found = verify_postgres(lived.url, trust=Trust())
    assert {one.check for one in found.all_findings} >= {Check.SEQ_DENSE}
    assert found.verdict is Verdict.TAMPERED


@pytest.mark.tampers("rows are put in that no entry tells of")
@pytest.mark.promise("audit:rebuilt")
async def test_rows_of_a_tenant_without_a_log_are_found(lived: Lived) -> None:
    """A worker carries out what is due, whoever put it there."""
    with connect_plainly(lived.url) as owner:
        owner.execute("set search_path to sayso; set app.tenant = '*'")
        owner.execute("alter table action disable trigger all")
        owner.execute("update action set tenant = 'ghost'")
    found = verify_postgres(lived.url, trust=Trust())
    assert [log.tenant for log in found.logs] == ["ghost", lived.workspace.sayso.container.tenant]
    assert Check.STATE_ENTRY in {one.check for one in found.logs[0].findings}


async def test_the_command_line_takes_the_url_or_its_name(
    lived: Lived,
    auditor_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`env:NAME` keeps a password out of the list of processes."""
    line = Line(capsys)
    ran = line("audit", "verify", auditor_url, "--vkey", lived.workspace.sayso.audit.vkey())
    assert ran.status == 0, ran.out + ran.err
    assert ran.out.startswith("verified: PostgreSQL")
    assert "reader" not in ran.out
    monkeypatch.setenv("AUDIT_URL", auditor_url)
    assert line("audit", "verify", "env:AUDIT_URL", "--json").json["verdict"] == "verified"
    line("audit", "verify", "env:NOT_SET").refused("missing_secret", 2)


def test_an_unreachable_server_is_no_verdict() -> None:
    """Neither verified nor tampered."""
    with pytest.raises(SaysoError) as refused:
        verify_postgres("postgresql://x@/x?host=/nowhere", trust=Trust())
    assert refused.value.code is Code.STORE_UNAVAILABLE
    with pytest.raises(ConfigError) as bad:
        verify_postgres("postgresql://x@/x?nonsense=1", trust=Trust())
    assert bad.value.code is Code.INVALID_SETTING
