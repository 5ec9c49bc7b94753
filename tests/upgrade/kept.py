"""A workspace of a released version, kept as one compressed file for each store.

It holds the folder with its settings, keys and sealed segments (made for these tests, and for
nothing else), the SQLite file or a plain SQL dump, the books of its two providers, the moment at
which it was left, and the ids of what was left in which state.
"""

from __future__ import annotations

import re
import subprocess
import tarfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import TypeAdapter
from support.gift_shop import Gift, GiftShop
from support.shop import Books
from support.tea_house import TeaHouse

from sayso.actions.engine.engine import Boundary
from sayso.actions.model.definition import at_most_once
from sayso.sdk.client import Sayso
from sayso.sdk.workspace import Workspace
from sayso.store.postgres.connection import connect_plainly
from sayso.testing.clock import START, FakeClock

DATA = Path(__file__).with_name("data")
STORES = ("sqlite", "postgres")
_STATE, _DUMP = "state.json", "dump.sql"


@dataclass(kw_only=True)
class Kept:
    """A workspace with its two providers and its clock.

    Attributes:
        ids: of what was left in a state, by a word for it.
    """

    folder: Path
    clock: FakeClock
    shop: GiftShop
    tea: TeaHouse
    ids: dict[str, str]
    url: str | None = None

    def workspace(self) -> Workspace:
        """As whoever opens it loads it."""
        environment = {} if self.url is None else {"DATABASE_URL": self.url}
        return Workspace.load(self.folder, environment)

    @asynccontextmanager
    async def opened(self, passing: Passing | None = None) -> AsyncGenerator[Sayso]:
        """Open it; what is due runs where it is told to."""
        sayso = Sayso(
            self.workspace(),
            mode="decide",
            connectors=[self.shop, self.tea],
            clock=self.clock,
            passing=passing,
        )
        async with sayso:
            yield sayso


@dataclass(kw_only=True)
class _State:
    """What is kept beside the workspace."""

    at: datetime
    ids: dict[str, str]
    shop: Books
    tea: Books
    gifts: list[Gift]


_STATES = TypeAdapter(_State)


class Passing:
    """Pulls the plug at the next boundary that is named."""

    def __init__(self) -> None:
        self.at: Boundary | None = None

    def __call__(self, boundary: Boundary) -> None:
        if boundary is self.at:
            self.at = None
            raise KeyboardInterrupt


def new_kept(folder: Path, url: str | None) -> Kept:
    """One in which nothing has happened."""
    return Kept(
        folder=folder,
        clock=FakeClock(START - timedelta(days=1000)),  # the database prunes nothing young
        shop=GiftShop(),
        tea=TeaHouse(at_most_once()),
        ids={},
        url=url,
    )


def pack(kept: Kept, path: Path) -> None:
    """Write it to one file; the workspace is closed."""
    state = _State(
        at=kept.clock.now(),
        ids=kept.ids,
        shop=kept.shop.books,
        tea=kept.tea.books,
        gifts=kept.shop.gifts,
    )
    (kept.folder / _STATE).write_bytes(_STATES.dump_json(state, indent=1))
    if kept.url is not None:
        (kept.folder / _DUMP).write_text(_dump(kept.url))
    with tarfile.open(path, "w:xz", preset=9) as archive:
        for file in sorted(kept.folder.rglob("*")):
            if file.is_file() and not file.name.endswith((".db-shm", ".db-wal")):
                archive.add(file, file.relative_to(kept.folder).as_posix(), filter=_plain)


def unpack(path: Path, folder: Path, url: str | None) -> Kept:
    """Bring one back.

    Args:
        url: of an empty database, for one on PostgreSQL.
    """
    with tarfile.open(path, "r:xz") as archive:
        archive.extractall(folder, filter="data")
    for secret in (folder / "keys").iterdir():
        secret.chmod(0o600)
    state = _STATES.validate_json((folder / _STATE).read_bytes())
    if url is not None:
        with connect_plainly(url) as owner:
            owner.execute((folder / _DUMP).read_bytes())
    shop = GiftShop(books=state.shop)
    shop.gifts = state.gifts
    return Kept(
        folder=folder,
        clock=FakeClock(state.at),
        shop=shop,
        tea=TeaHouse(at_most_once(), state.tea),
        ids=state.ids,
        url=url,
    )


def kept_file(version: str, store: str) -> Path:
    """Where the data of a version are."""
    return DATA / f"{version}-{store}.tar.xz"


def _plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = info.mtime = 0
    info.uname = info.gname = ""
    info.mode = 0o600
    return info


def _dump(url: str) -> str:
    from support.postgres_server import find_postgres  # where one is asked for alone

    command = [str(find_postgres() / "pg_dump"), "-n", "sayso", "--inserts", "-d", url]
    ran = subprocess.run(
        [*command, "--rows-per-insert=200"], capture_output=True, text=True, check=True
    )
    # NOTE: psql's own commands, which a newer pg_dump puts in, are no SQL.
    return re.sub(r"^\\(un)?restrict .*$", "", ran.stdout, flags=re.MULTILINE)
