"""Four verdicts, four next steps: only tampering accuses, and the others heal with their cause."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from secrets import token_bytes

import pytest
from actions.steps import propose, stock
from support.busy_shop import live, planner
from support.postgres import FAST, fresh_database
from support.postgres_server import PostgresServer, run_postgres
from support.shop_workspace import STORE_URLS, ShopWorkspace, make_shop_workspace, open_shop

from sayso.audit.authority.keyring import place_of
from sayso.audit.verifier.verification import Check, Verdict
from sayso.connectors.vault import new_key
from sayso.errors import Code, ConfigError
from sayso.sdk.audit.alarms import FILE
from sayso.sdk.audit.medium import MediumWatch
from sayso.sdk.audit.self_audit import SelfAudit
from sayso.sdk.wiring.database import is_postgres, open_store
from sayso.store.postgres.connection import connect_plainly

pytestmark = pytest.mark.promise("audit:verdicts")

SOON_S = 60.0
LOOK_EVERY_S = 0.05


@pytest.fixture(params=["sqlite", "postgres"])
def shop_store(
    request: pytest.FixtureRequest, postgres_server: PostgresServer, tmp_path: Path
) -> Generator[str]:
    """Where a shop opened in this test keeps its rows."""
    if request.param == "sqlite":
        yield ""
        return
    with fresh_database(postgres_server) as url:
        STORE_URLS.append(url)
        try:
            asyncio.run(open_store(make_shop_workspace(tmp_path), create=True).close())
            yield url
        finally:
            STORE_URLS.remove(url)


@pytest.fixture(scope="module")
def checksummed() -> Generator[PostgresServer]:
    """A server of its own with data checksums, whose files these tests may change."""
    with run_postgres(settings=FAST) as server:
        yield server


@asynccontextmanager
async def watched(opened: ShopWorkspace) -> AsyncGenerator[tuple[SelfAudit, MediumWatch]]:
    """What a server does beside its calls to know whether it is ready."""
    audit = SelfAudit(opened.sayso, every_s=LOOK_EVERY_S)
    medium = MediumWatch(opened.sayso, every_s=LOOK_EVERY_S, share=0.5)
    tasks = [asyncio.create_task(audit.run()), asyncio.create_task(medium.run())]
    try:
        yield audit, medium
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def judged(audit: SelfAudit) -> None:
    """Once all that is written was judged."""
    async with asyncio.timeout(SOON_S):
        await audit.catch_up()


async def readiness(opened: ShopWorkspace) -> Code | None:
    """Why the server is not ready; None when it is."""
    try:
        await opened.sayso.check_ready()
    except ConfigError as error:
        return error.code
    return None


async def until(medium: MediumWatch, opened: ShopWorkspace, code: Code | None) -> None:
    """Once the server is ready, or not for this reason."""
    async with asyncio.timeout(SOON_S), medium.looked:
        while await readiness(opened) is not code:
            await medium.looked.wait()


async def told(medium: MediumWatch, opened: ShopWorkspace, words: str) -> str:
    """Why the server is not ready, once that names a place."""
    async with asyncio.timeout(SOON_S), medium.looked:
        while True:
            with pytest.raises(ConfigError) as caught:
                await opened.sayso.check_ready()
            if words in caught.value.message:
                return caught.value.message
            await medium.looked.wait()


def entries_of(opened: ShopWorkspace) -> object:
    """What the database holds of the log, as a stranger reads it."""
    statement = "select size, note from {}log_head order by tenant"
    if is_postgres(opened.workspace):
        with connect_plainly(opened.workspace.store_url) as rows:
            rows.execute("set app.tenant = '*'")
            return rows.execute(statement.format("sayso.").encode()).fetchall()
    with closing(sqlite3.connect(opened.workspace.store_path)) as rows:
        return rows.execute(statement.format("")).fetchall()


# ---- a wrong key ---------------------------------------------------------------------------------


async def test_a_wrong_vault_key_accuses_nobody_and_changes_nothing(
    shop_store: str, tmp_path: Path
) -> None:
    """It marks and signs nothing, and says which key is missing; with the right one all goes on."""
    async with open_shop(tmp_path, planner=planner()) as opened:
        await live(opened)
    vault = tmp_path / "keys" / "vault.key"
    right = vault.read_text()
    vault.write_text(new_key(token_bytes).reveal())
    async with open_shop(tmp_path, clock=opened.clock) as wrong, watched(wrong) as (audit, _):
        before = entries_of(wrong)
        await judged(audit)
        assert await readiness(wrong) is Code.KEY_MISMATCH
        assert not wrong.sayso.unverified
        stock(wrong, "o77", customer="cus_new")
        with pytest.raises(ConfigError) as refused:
            await propose(wrong, order="o77", subject="cus_new")
        assert refused.value.code is Code.KEY_MISMATCH
        assert "older_keys" in refused.value.next_step
        assert entries_of(wrong) == before
        assert not (tmp_path / FILE).exists()
        found = wrong.sayso.audit.verify()
        assert found.verdict is Verdict.WRONG_KEY, found.all_findings
        assert found.exit_status == 2
        assert {one.check for one in found.all_findings} == {Check.KEY_AT_HAND}
    vault.write_text(right)
    async with open_shop(tmp_path, clock=opened.clock) as again, watched(again) as (audit, _):
        await judged(audit)
        assert await readiness(again) is None
        stock(again, "o78", customer="cus_new")
        assert (
            await propose(again, 100, order="o78", subject="cus_new")
        ).status == "approved"  # a stop
        assert again.sayso.audit.verify().verdict is Verdict.VERIFIED


async def test_keys_that_an_older_build_left_unwrapped_accuse_nobody(tmp_path: Path) -> None:
    """They say by which build, and what to do; after that command all goes on."""
    async with open_shop(tmp_path, planner=planner()) as opened:
        await live(opened)
        await _unwrap(opened)
        found = opened.sayso.audit.verify()
        assert found.verdict is Verdict.OLDER_BUILD, found.all_findings
        async with watched(opened) as (audit, _):
            await judged(audit)
            assert await readiness(opened) is Code.OLDER_BUILD
            assert not opened.sayso.unverified
            await opened.sayso.privacy.rewrap()
            await judged(audit)
            assert await readiness(opened) is None


async def _unwrap(opened: ShopWorkspace) -> None:
    """Put customers' keys down as an older build has kept them."""
    keyring = opened.sayso.container.keyring
    with closing(sqlite3.connect(opened.workspace.store_path)) as rows, rows:
        found = rows.execute(
            "select tenant, id, pseudonym, created_at, key from subject"
        ).fetchall()
        for tenant, name, pseudonym, at, key in found:
            plain = keyring.unwrap(key, place_of(tenant, name, pseudonym, at))
            rows.execute("update subject set key = ? where id = ?", (plain, name))


# ---- a damaged medium ----------------------------------------------------------------------------

PAGE = 4096


def pages_of(path: Path, name: str) -> list[int]:
    """The pages of a table or an index that hold rows."""
    with closing(sqlite3.connect(path)) as rows:
        found = rows.execute(
            "select pageno from dbstat where name = ? and pagetype = 'leaf' order by pageno",
            (name,),
        ).fetchall()
    return [int(number) for (number,) in found]


def overwrite(path: Path, page: int, content: bytes) -> bytes:
    """Put other bytes on a page of the medium; returns what was there."""
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        was = file.read(PAGE)
        file.seek((page - 1) * PAGE)
        file.write(content)
    return was


@pytest.mark.parametrize(
    "place", ["log_entry", "action", "subject", "log_entry_by_kind", "sqlite_autoindex_action_1"]
)
async def test_a_page_that_cannot_be_read_keeps_a_server_from_being_ready_until_it_can(
    place: str, tmp_path: Path
) -> None:
    """With the page or its table named, nothing signed meanwhile, and nobody accused."""
    async with open_shop(tmp_path, planner=planner()) as opened:
        for number in range(12):
            stock(opened, f"p{number}", customer=f"cus_p{number}")
            await propose(opened, 100, order=f"p{number}", subject=f"cus_p{number}")
        await live(opened)
    path = opened.workspace.store_path
    with closing(sqlite3.connect(path)) as rows:
        rows.execute("pragma wal_checkpoint(truncate)")
    async with (
        open_shop(tmp_path, clock=opened.clock) as served,
        watched(served) as (audit, medium),
    ):
        await judged(audit)
        await until(medium, served, None)
        page = pages_of(path, place)[0]
        was = overwrite(path, page, token_bytes(PAGE))
        await until(medium, served, Code.DAMAGED)
        await told(medium, served, f"`{place}`")
        stock(served, "q1", customer="cus_q1")
        with pytest.raises(ConfigError):
            await propose(served, 100, order="q1", subject="cus_q1")
        assert not served.sayso.unverified
        assert not (tmp_path / FILE).exists()
        found = served.sayso.audit.verify()
        assert found.verdict is Verdict.DAMAGED, found.all_findings
        overwrite(path, page, was)
        await until(medium, served, None)
        assert (
            await propose(served, 100, order="q1", subject="cus_q1")
        ).status == "approved"  # a stop
        assert served.sayso.audit.verify().verdict is Verdict.VERIFIED


@pytest.mark.parametrize("table", ["action", "log_entry"])
async def test_a_page_that_a_server_cannot_read_is_told_with_its_table(
    table: str, checksummed: PostgresServer, tmp_path: Path
) -> None:
    """A changed byte fails its checksum: not ready, nobody accused, and ready once it is back."""
    name = f"damaged_{table}"
    checksummed.run("postgres", f"create database {name}")
    STORE_URLS.append(checksummed.url(name))
    try:
        await open_store(make_shop_workspace(tmp_path), create=True).close()
        async with open_shop(tmp_path) as opened, watched(opened) as (audit, medium):
            for number in range(3):
                stock(opened, f"p{number}", customer=f"cus_p{number}")
                await propose(opened, 100, order=f"p{number}", subject=f"cus_p{number}")
            await judged(audit)
            await until(medium, opened, None)
            turned = partial(checksummed.overwrite, name, f"sayso.{table}", at=8_000)
            was = await asyncio.to_thread(turned, b"\x55\xaa\x55\xaa")
            await until(medium, opened, Code.DAMAGED)
            said = await told(medium, opened, f"`{table}`")
            assert "block 0" in said
            assert not opened.sayso.unverified
            await asyncio.to_thread(turned, was)
            await until(medium, opened, None)
            await judged(audit)
            assert opened.sayso.audit.verify().verdict is Verdict.VERIFIED
    finally:
        STORE_URLS.pop()
