"""The façade for synchronous code is the same SDK."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from pathlib import Path
from typing import get_type_hints

import pytest
from support.shop import Shop
from support.shop_workspace import make_shop_workspace

from sayso.audit.entry import Actor, ActorKind
from sayso.money import Money
from sayso.sdk.audit.audit import Audit
from sayso.sdk.client import Sayso
from sayso.sdk.privacy.privacy import Privacy
from sayso.sdk.resources.actions import ActionResource
from sayso.sdk.resources.approvals import ApprovalResource
from sayso.sdk.resources.authentication import Authentication
from sayso.sdk.resources.requests import RequestResource
from sayso.sdk.resources.stops import StopResource
from sayso.sdk.resources.tokens import Scope, Tokens
from sayso.sdk.sync import SyncSayso

ELSEWHERE = {
    "accounts": "of the console, which is asynchronous",
    "analysis": "by `sayso.run(sayso.wrapped.analysis.…)`",
    "browsers": "of the console, which is asynchronous",
    "check_ready": "for surfaces, which are asynchronous",
    "compose": "of the console, which is asynchronous",
    "confirmations": "for surfaces, which are asynchronous",
    "container": "the same",
    "desks": "by `sayso.run(sayso.wrapped.desks.…)`",
    "evaluations": "by `sayso.run(sayso.wrapped.evaluations.…)`",
    "events": "by `follow`, and by `sayso.run(sayso.wrapped.events.…)`",
    "figures": "the same",
    "identity": "for surfaces, which are asynchronous",
    "inbound": "for surfaces, which are asynchronous",
    "loaded": "for who watches a server",
    "limits": "by `sayso.run(sayso.wrapped.limits.…)`",
    "now": "the same",
    "oidc": "of the console, which is asynchronous",
    "outbox": "the same",
    "canaries": "for surfaces, which are asynchronous",
    "passkeys": "of the console, which is asynchronous",
    "people": "by `run(sayso.wrapped.people.add(…))`",
    "policy": "by `run(sayso.wrapped.policy.in_force())`",
    "post": "for surfaces, which are asynchronous",
    "problem_with": "the same",
    "processes": "by `sayso.run(sayso.wrapped.processes.…)`",
    "prompts": "by `sayso.run(sayso.wrapped.prompts.…)`",
    "rejected_calls": "the same",
    "repairs": "two people's, on the command line; else by `sayso.run(sayso.wrapped.repairs.…)`",
    "report": "by `sayso.run(sayso.wrapped.report(…))`",
    "send_report": "for surfaces, which are asynchronous",
    "rollout": "by `sayso.run(sayso.wrapped.rollout.…)`",
    "sessions": "of the console, which is asynchronous",
    "account_links": "for surfaces, which are asynchronous",
    "solutions": "by `sayso.run(sayso.wrapped.solutions.…)`",
    "staff": "of the console, which is asynchronous",
    "statistics": "of the console, which is asynchronous",
    "suggestions": "by `sayso.run(sayso.wrapped.suggestions.…)`",
    "tenant": "by `sayso.wrapped.tenant`",
    "unverified": "by `sayso.wrapped.unverified`",
    "version": "for surfaces, which are asynchronous",
    "warm": "for surfaces, which are asynchronous",
    "warm_as_used": "for surfaces, which are asynchronous",
    "warm_up": "by `sayso.wrapped.warm_up()`",
    "webhooks": "by `sayso.run(sayso.wrapped.webhooks.…)`",
    "work": "by `sayso.run(sayso.wrapped.work.…)`",
    "workspace": "by `sayso.wrapped.workspace`",
}
"""What of the SDK the synchronous front has not, and how it is reached instead."""

RESOURCES = {
    "actions": {"settle_as"},
    "approvals": {"decide_as", "show_again", "why_yes"},
    "audit": None,
    "authentication": set[str](),
    "privacy": None,
    "requests": set[str](),
    "stops": {"resume_as"},
    "tokens": {"check", "exchange"},
}
"""The nouns, and what of them is for surfaces; None where only some of it is offered."""


NOUNS = (
    ActionResource,
    ApprovalResource,
    Audit,
    Authentication,
    Privacy,
    RequestResource,
    StopResource,
    Tokens,
)


def public(kind: type) -> set[str]:
    """The public names of a class."""
    return {name for name in dir(kind) if not name.startswith("_")}


def type_of(kind: type, noun: str) -> type:
    """The class of a resource."""
    # NOTE: named, since nouns are loaded where they are first asked for.
    lazy = {one.__name__: one for one in NOUNS}
    found = get_type_hints(getattr(kind, noun).fget, localns=lazy)["return"]
    assert isinstance(found, type)
    return found


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
    """A new name of `Sayso` is one of `SyncSayso` too, or stands in the list above with why."""
    assert public(Sayso) - public(SyncSayso) == ELSEWHERE.keys()
    assert public(SyncSayso) - public(Sayso) == {"run", "wait_for", "wrapped"}


@pytest.mark.parametrize("noun", sorted(RESOURCES))
def test_each_noun_takes_the_same(noun: str) -> None:
    """Arguments, defaults and documentation are those of the asynchronous resource."""
    ours, theirs = type_of(SyncSayso, noun), type_of(Sayso, noun)
    left_out = RESOURCES[noun]
    assert public(ours) - {"wait_for"} <= public(theirs)
    assert left_out is None or public(theirs) - public(ours) == left_out
    for name in public(ours) - {"wait_for"}:
        assert_same(getattr(ours, name), getattr(theirs, name))


@pytest.mark.parametrize("verb", ["ask", "propose"])
def test_each_verb_takes_the_same(verb: str) -> None:
    """The same for what is no noun."""
    assert_same(getattr(SyncSayso, verb), getattr(Sayso, verb))


def assert_same(ours: Callable[..., object], theirs: Callable[..., object]) -> None:
    """Whether one is the other, waited for."""
    assert inspect.signature(ours) == inspect.signature(theirs)
    assert ours.__doc__ == theirs.__doc__


def open_sync(folder: Path, shop: Shop) -> SyncSayso:
    """A synchronous workspace with the shop."""
    workspace = make_shop_workspace(folder)
    return SyncSayso(Sayso(workspace, mode="decide", connectors=[shop]))


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
        assert sayso.actions.get(done.id).status == "succeeded"
        assert [waiting.action_id for waiting in sayso.approvals.list()] == [asked.id]
        assert sayso.audit.query("kind:action.succeeded")


@pytest.mark.promise("sdk:sync")
def test_synchronous_code_pages_and_filters(tmp_path: Path) -> None:
    """All that there is can be listed, page by page, and narrowed as in the SDK."""
    shop = Shop()
    with open_sync(tmp_path, shop) as sayso:
        for order in ("o1", "o2", "o3"):
            shop.books.add(order, "cus_1", Money(20_000, "USD"))
            sayso.propose("shop.refund", {"order": order}, subject="cus_1")
        found = [one.id for one in sayso.approvals.list()]
        page = sayso.approvals.list(limit=2)
        assert [one.id for one in [*page, *sayso.approvals.list(after=page[-1].id)]] == found
        newest = sayso.actions.list(subject="cus_1", action="shop.refund", limit=1)[0]
        assert len(sayso.actions.list(after=newest.id)) == 2
        assert sayso.actions.list(subject="cus_2") == []


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
        assert "shop.refund" in {kind.name for kind in sayso.actions.types().items}
        asked = sayso.propose("shop.refund", {"order": "o1"}, subject="cus_1")
        assert asked.approval is not None
        card = sayso.approvals.get(asked.approval.id)
        stopped = sayso.stops.engage("action", "shop.refund", reason="INC-7")
        assert [one.id for one in sayso.stops.list()] == [stopped.id]
        held = sayso.approvals.decide(
            card.id, "approve", token=maria, revision=card.revision, digest=card.digest
        )
        assert held.held is not None
        assert sayso.stops.resume(stopped.id, token=maria).status == "resume_asked"
        assert sayso.stops.resume(stopped.id, token=noor).status == "released"
        assert sayso.requests.list(status="handed_over") == []
