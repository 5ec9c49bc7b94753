"""What `init` and the others make is this user's alone, whatever the umask says."""

from __future__ import annotations

import os
import stat
from collections.abc import Generator
from pathlib import Path

import pytest

from sayso.connectors.email import FileTransport
from sayso.connectors.email.transport import Letter
from sayso.ids import Tenant
from sayso.sdk.audit.index import LogIndexes
from sayso.sdk.setup.check import check_workspace
from sayso.sdk.setup.scaffold import create_workspace
from sayso.store.sqlite.store import SqliteStore


@pytest.fixture(autouse=True)
def umask() -> Generator[None]:
    """The usual one, by which others may read what is made."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.promise("store:private")
async def test_a_new_workspace_shows_others_no_customer_and_no_key(tmp_path: Path) -> None:
    """The tables beside the log hold customers' ids, cards and names."""
    folder = tmp_path / "shop"
    await create_workspace(folder, approver="maria")
    store = SqliteStore(folder / "sayso.db")
    files = ["sayso.db", "sayso.db-wal", "sayso.db-shm", ".sayso/person.token", "keys/log.key"]
    assert {mode_of(folder / name) for name in files} == {0o600}
    assert {mode_of(folder / name) for name in ("keys", ".sayso")} == {0o700}
    await store.close()
    _, problems = await check_workspace(folder, {"STRIPE_API_KEY": "x"})
    assert problems == []


@pytest.mark.promise("store:private")
async def test_check_names_what_others_can_read(tmp_path: Path) -> None:
    """Files of an earlier version, or restored from a backup, keep the mode that they have."""
    await create_workspace(tmp_path, approver="maria")
    for name in ("sayso.db", "keys/vault.key"):
        (tmp_path / name).chmod(0o644)
    _, problems = await check_workspace(tmp_path, {"STRIPE_API_KEY": "x"})
    assert {one.place for one in problems} == {"sayso.db", "vault.key"}
    assert all(one.warning for one in problems)
    assert f"chmod 600 {tmp_path}/sayso.db" in {one.next_step for one in problems}


async def test_mails_and_the_index_of_the_log_are_nobody_elses(tmp_path: Path) -> None:
    """A message names whom it is for; the index holds what readers search the log for."""
    letter = Letter(message_id="<a@b>", sender="a@b.c", recipient="c@d.e", content=b"x")
    await FileTransport(tmp_path / "outbox").send(letter)
    store = SqliteStore(tmp_path / "sayso.db", create=True)
    indexes = LogIndexes(tmp_path / ".sayso" / "index")
    await indexes.filled(store, Tenant("main"))
    indexes.close()
    await store.close()
    (mail,) = (tmp_path / "outbox").iterdir()
    found = (tmp_path / ".sayso").rglob("*.db*")
    assert {mode_of(path) for path in (mail, *found)} == {0o600}
    folders = ("outbox", ".sayso", ".sayso/index")
    assert {mode_of(tmp_path / name) for name in folders} == {0o700}


async def test_what_is_there_keeps_its_mode(tmp_path: Path) -> None:
    """An operator who shares a database with a group has said so."""
    path = tmp_path / "sayso.db"
    path.touch()
    path.chmod(0o660)
    store = SqliteStore(path, create=True)
    assert mode_of(path) == 0o660
    await store.close()
