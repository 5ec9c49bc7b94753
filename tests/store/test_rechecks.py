"""What is looked at again inside the transaction, since somebody may have come in between."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
from store.segment_keeper import MARIA, TENANT, Keeper

from sayso.actions.customers.links import Links
from sayso.audit.authority.files import files_of
from sayso.audit.authority.keyring import Keyring
from sayso.audit.authority.log_directory import Follower, LogDirectory
from sayso.audit.authority.state import NOTHING
from sayso.audit.personal import Personal
from sayso.audit.segments.pruning import Pruner
from sayso.errors import Code
from sayso.ids import IdSource, to_micros
from sayso.sdk.privacy.sweeper import Sweeper
from sayso.store.base import Reader, SqlValue, Store, Transaction, text
from sayso.store.postgres.connection import connect_plainly
from sayso.store.postgres.store import PostgresStore
from sayso.store.sqlite.store import SqliteStore

T = TypeVar("T")


class Meanwhile:
    """A store in which something else is committed once, right before the nth write."""

    def __init__(self, store: Store, nth: int, first: Callable[[], Awaitable[object]]) -> None:
        self._store = store
        self._left = nth
        self._first = first

    async def write(
        self,
        work: Callable[[Transaction], T],
        *,
        tenant: str | None = None,
        about: str | None = None,
        brief: bool = False,
    ) -> T:
        """The other one first, when it is time."""
        self._left -= 1
        if self._left == 0:
            await self._first()
        return await self._store.write(work, tenant=tenant, about=about, brief=brief)

    async def read(
        self, work: Callable[[Reader], T], *, tenant: str | None = None, brief: bool = False
    ) -> T:
        """As it is."""
        return await self._store.read(work, tenant=tenant, brief=brief)

    async def version(self) -> int:
        """As it is."""
        return await self._store.version()

    async def close(self) -> None:
        """The other one does it."""


@pytest.fixture
def keeper(store: Store, tmp_path: Path) -> Keeper:
    return Keeper(store, tmp_path / "segments")


@pytest.mark.promise("audit:pruned:held")
async def test_a_hold_that_is_placed_while_a_file_is_read_keeps_the_entries(
    keeper: Keeper,
) -> None:
    """It is looked for once more under the lock of all writers, and told as what it is."""
    await keeper.enter(300)
    await keeper.seal()
    await keeper.pass_days(401)
    before = await keeper.indexes()
    pruner = Pruner(
        Meanwhile(keeper.store, 1, keeper.place_hold),
        keeper.log,
        keeper.clock,
        keeper.segments,
        kept_for=lambda _: timedelta(days=400),
    )
    done = await pruner.prune(TENANT, MARIA)
    assert done.blocked is not None
    assert (done.to, done.blocked.code) == (0, Code.LEGAL_HOLD)
    assert "hld_1" in done.blocked.message
    assert await keeper.indexes() == [*before, len(before)], "the hold's own entry, and no other"


@pytest.mark.promise("subjects:held")
@pytest.mark.parametrize("held", [False, True])
async def test_a_hold_that_is_placed_during_a_sweep_keeps_the_key(
    keeper: Keeper, *, held: bool
) -> None:
    """Idle customers are looked for without the lock, so each is looked at again under it."""
    keyring = Keyring(bytes(32))
    personal = Personal(secrets.token_bytes, keyring)
    now = to_micros(keeper.clock.now())
    pseudonym = await keeper.store.write(lambda tx: personal.pseudonym(tx, TENANT, "cus_1", now))

    async def meanwhile() -> None:
        if held:
            await keeper.place_hold(pseudonym)

    sweeper = Sweeper(
        store=Meanwhile(keeper.store, 2, meanwhile),  # the first write looks for old actions
        log=keeper.log,
        personal=personal,
        clock=keeper.clock,
        authority=lambda reader, tenant: NOTHING,
        links=Links(
            log=keeper.log,
            personal=personal,
            directory=LogDirectory(
                Follower(keeper.log, keyring), keeper.log, TENANT, files_of((), 0)
            ),
            keyring=keyring,
            ids=IdSource(keeper.clock),
            provider_of=str,
        ),
    )
    swept = await sweeper.sweep(TENANT, now + 1)
    assert swept.subjects == (0 if held else 1)
    left = await keeper.store.read(
        lambda reader: reader.one("personal.subject", tenant=TENANT, id="cus_1")
    )
    assert (left is not None) == held


# ---- stops -----------------------------------------------------------------------------------

_STOP = (
    "insert into {schema}stop (tenant, id, home, scope, target, reason, engaged_by, engaged_at,"
    " idempotency_key, last_seq) values"
    " ('main', 'stp_1', 'main', 'region', 'eu', '', 'person:maria', 1, 'k', 0)"
)


@pytest.fixture(params=["sqlite", "postgres"])
async def engaged(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Store]:
    """A store in which a later release, whose tables know more scopes, has stopped a region."""
    store: Store
    if request.param == "sqlite":
        store = SqliteStore(tmp_path / "sayso.db", create=True)
        await Keeper(store, tmp_path / "segments").enter(1)
        with closing(sqlite3.connect(tmp_path / "sayso.db")) as file:
            file.execute("pragma ignore_check_constraints = on")
            file.execute(_STOP.format(schema=""))
            file.commit()
    else:
        url = str(request.getfixturevalue("postgres_url"))
        store = PostgresStore(url)
        await Keeper(store, tmp_path / "segments").enter(1)
        with connect_plainly(url) as admin:
            admin.execute("alter table sayso.stop drop constraint stop_scope_check")
            admin.execute(_STOP.format(schema="sayso.").encode())
    yield store
    await store.close()


@pytest.mark.promise("stop:fail-closed")
async def test_a_stop_of_an_unknown_scope_holds_everything(engaged: Store) -> None:
    """Invariant 10: what a later release meant is not known here, so nothing is called."""
    about: dict[str, SqlValue] = {
        "connector": "shop",
        "name": "shop.refund",
        "subject_id": "cus_1",
        "occupies": "o1",
        "action_id": "act_1",
    }
    found = await engaged.read(partial(_obstacles, tenant="main", about=about))
    assert found == [("stp_1", "stopped")]
    assert await engaged.read(partial(_obstacles, tenant="other", about=about)) == []


def _obstacles(reader: Reader, tenant: str, about: dict[str, SqlValue]) -> list[tuple[str, str]]:
    rows = reader.all("stop.obstacles", tenant=tenant, **about)
    return [(text(row, "id"), text(row, "code")) for row in rows]
