"""A database that was put back from a backup: what was done since is found, and not done again."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from actions.steps import decide, propose, say, shown, stock
from support.shop import Shop
from support.shop_workspace import open_shop

from sayso.actions.model.definition import Guarantee, idempotent, verifiable

pytestmark = pytest.mark.promise("engine:older-copy")
WAYS = [
    pytest.param(idempotent(hours=24, settle_after_s=60), 1, id="idempotent"),
    pytest.param(idempotent(hours=24, settle_after_s=60), 25, id="its key is forgotten"),
    pytest.param(verifiable(settle_after_s=60), 1, id="verifiable"),
]


class Forgetful(Shop):
    """A shop that shows no change at an order, or forgets a key, when it is told to."""

    def forget_keys(self) -> None:
        """As a day later."""
        self._done.clear()

    def hide(self) -> None:
        """Show every order as if nothing had been paid back."""
        for order in self.books.orders.values():
            order.refunded_minor = 0


def backed_up(folder: Path) -> Path:
    """A copy of the database while it is open."""
    path = folder / "before.db"
    with (
        closing(sqlite3.connect(folder / "sayso.db")) as file,
        closing(sqlite3.connect(path)) as to,
    ):
        file.backup(to)
    return path


def put_back(folder: Path) -> None:
    """What stands in the backup is all there is."""
    for name in ("sayso.db-wal", "sayso.db-shm", ".sayso/heads.json"):
        (folder / name).unlink(missing_ok=True)
    shutil.copy(folder / "before.db", folder / "sayso.db")


@pytest.mark.parametrize("shows", [True, False], ids=["shows it", "shows nothing"])
@pytest.mark.parametrize(("guarantee", "hours"), WAYS)
async def test_what_was_done_after_the_backup_is_not_done_again(
    tmp_path: Path, guarantee: Guarantee, hours: int, shows: bool
) -> None:
    """What waited for its turn and what waited for a yes then, whatever the order shows now."""
    shop = Forgetful(guarantee)
    async with open_shop(tmp_path, shop=shop) as opened:
        stock(opened, "o1", "o2")
        due = await propose(opened, 2_000, wait=False)
        waiting = await propose(opened, order="o2", subject="cus_1")
        backed_up(tmp_path)
        opened.clock.advance(minutes=2)
        await opened.sayso.container.dispatcher.drain()
        await decide(opened, say(await shown(opened, waiting)))
        clock = opened.clock
    assert len(shop.books.payouts) == 2
    if not shows:
        shop.hide()
    if hours > 24:
        shop.forget_keys()
    put_back(tmp_path)
    clock.advance(hours=hours)
    async with open_shop(tmp_path, shop=shop, clock=clock) as opened:
        await opened.sayso.container.dispatcher.drain()
        for _ in range(2):  # what has changed under the first yes is asked again
            card = (await opened.sayso.actions.get(waiting.id)).approval
            if card is not None and card.status == "pending":
                await decide(opened, say(card))
        found = {(await opened.sayso.actions.get(one.id)).status for one in (due, waiting)}
    if hours < 24:  # else the card has expired, and what it asked for ends undone
        assert found == {"succeeded"}
    references = [one.reference for one in shop.books.payouts]
    assert sorted(references) == sorted({due.id, waiting.id})
