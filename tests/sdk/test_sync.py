"""The façade for synchronous code is the same SDK."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from support.house import make_shop_workspace

from sayso.money import Money
from sayso.sdk.app import Sayso
from sayso.sdk.sync import SyncSayso
from sayso.testing.shop import Shop


def open_sync(folder: Path, shop: Shop) -> SyncSayso:
    """A synchronous workspace with the shop."""
    workspace = make_shop_workspace(folder)
    return SyncSayso(Sayso(workspace, work=False, connectors=[shop]))


@pytest.mark.promise("sdk:sync")
def test_synchronous_code_proposes_and_reads(tmp_path: Path) -> None:
    """propose, action, approvals and the log work without a line of asyncio."""
    shop = Shop()
    shop.books.add("o1", "cus_1", Money(20_000, "USD"))
    with open_sync(tmp_path, shop) as sayso:
        done = sayso.propose(
            "shop.refund",
            {"order": "o1", "amount": {"amount_minor": 500, "currency": "USD"}},
            subject="cus_1",
        )
        asked = sayso.propose("shop.refund", {"order": "o1"}, subject="cus_1")
        assert sayso.action(done.id).status == "succeeded"
        assert [waiting.action_id for waiting in sayso.approvals()] == [asked.id]
        assert sayso.audit_query("kind:action.succeeded")


@pytest.mark.promise("sdk:sync")
def test_synchronous_code_pages_and_filters(tmp_path: Path) -> None:
    """All that there is can be listed, page by page, and narrowed as in the SDK."""
    shop = Shop()
    with open_sync(tmp_path, shop) as sayso:
        for order in ("o1", "o2", "o3"):
            shop.books.add(order, "cus_1", Money(20_000, "USD"))
            sayso.propose("shop.refund", {"order": order}, subject="cus_1")
        found = [one.id for one in sayso.approvals()]
        page = sayso.approvals(limit=2)
        assert [one.id for one in [*page, *sayso.approvals(after=page[-1].id)]] == found
        newest = sayso.actions(subject="cus_1", action="shop.refund", limit=1)[0]
        assert len(sayso.actions(after=newest.id)) == 2
        assert sayso.actions(subject="cus_2") == []


@pytest.mark.promise("sdk:sync")
def test_several_threads_may_share_it(tmp_path: Path) -> None:
    """Each call blocks its own thread only."""
    shop = Shop()
    for number in range(8):
        shop.books.add(f"o{number}", f"cus_{number}", Money(1000, "USD"))
    with open_sync(tmp_path, shop) as sayso:
        threads = [
            threading.Thread(
                target=sayso.propose,
                args=("shop.refund", {"order": f"o{number}"}),
                kwargs={"subject": f"cus_{number}"},
            )
            for number in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert shop.books.paid_out_minor == 8000
