"""The façade for synchronous code is the same SDK."""

from __future__ import annotations

import inspect
import threading
from pathlib import Path

import pytest
from support.shop import Shop
from support.shop_workspace import make_shop_workspace

from sayso.audit.entry import Actor, ActorKind
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.sdk.resources.tokens import Scope
from sayso.sdk.sync import SyncSayso

ELSEWHERE = {
    "audit": "the log, by `audit_query`, or `run(sayso.wrapped.audit.verify())`",
    "decide_as": "for surfaces that authenticate people themselves, which are asynchronous",
    "directory": "the same",
    "container": "the same",
    "resolve_as": "the same",
    "policy": "by `run(sayso.wrapped.policy.in_force())`",
    "resume_as": "the same",
    "subjects": "erasing, by `run(sayso.wrapped.subjects.erase(…))`",
    "sync": "it is this",
    "tokens": "by `run(sayso.wrapped.tokens.create(…))`",
    "solutions": "by `sayso.run(sayso.wrapped.solutions.…)`",
    "workspace": "by `sayso.wrapped.workspace`",
}
"""What of the SDK the synchronous front has not, and how it is reached instead."""


def public(kind: type) -> set[str]:
    """The public names of a class."""
    return {name for name in dir(kind) if not name.startswith("_")}


def token_of(sayso: SyncSayso, person: str) -> str:
    """A token by which this person decides."""
    work = sayso.wrapped.tokens.create(
        sayso.wrapped.container.tenant,
        "person",
        person,
        frozenset({Scope.DECIDE}),
        days=1,
        by=Actor(kind=ActorKind.SERVICE, id="test"),
    )
    return sayso.run(work)[1]


@pytest.mark.promise("sdk:sync")
def test_no_call_of_the_sdk_is_forgotten() -> None:
    """A new method of `Sayso` is one of `SyncSayso` too, or stands in the list above with why."""
    assert public(Sayso) - public(SyncSayso) == ELSEWHERE.keys()
    assert public(SyncSayso) - public(Sayso) == {"audit_query", "run", "wrapped"}


@pytest.mark.parametrize("name", sorted((public(Sayso) & public(SyncSayso)) - {"open"}))
def test_each_call_takes_the_same(name: str) -> None:
    """Arguments, defaults and documentation are those of the asynchronous method."""
    ours, theirs = getattr(SyncSayso, name), getattr(Sayso, name)
    assert inspect.signature(ours) == inspect.signature(theirs)
    assert ours.__doc__ == theirs.__doc__


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


@pytest.mark.promise("sdk:sync")
def test_synchronous_code_decides_stops_and_resumes(tmp_path: Path) -> None:
    """The whole life of an action, with what holds it, without a line of asyncio."""
    shop = Shop()
    shop.books.add("o1", "cus_1", Money(20_000, "USD"))
    with open_sync(tmp_path, shop) as sayso:
        maria, noor = token_of(sayso, "maria"), token_of(sayso, "noor")
        assert "shop.refund" in {kind.name for kind in sayso.kinds().kinds}
        asked = sayso.propose("shop.refund", {"order": "o1"}, subject="cus_1")
        assert asked.approval is not None
        card = sayso.approval(asked.approval.id)
        stopped = sayso.stop("action", "shop.refund", reason="INC-7")
        assert [one.id for one in sayso.stops()] == [stopped.id]
        held = sayso.decide(
            card.id, "approve", token=maria, revision=card.revision, digest=card.digest
        )
        assert held.held is not None
        assert sayso.resume(stopped.id, token=maria).status == "resume_asked"
        assert sayso.resume(stopped.id, token=noor).status == "released"
        assert sayso.requests(status="handed_over") == []
