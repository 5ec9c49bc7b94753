"""Proposals come in once, and whatever is malformed is refused and recorded."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from actions.steps import (
    ASKED,
    MAIN,
    advance,
    assert_verified,
    bodies,
    decide,
    propose,
    run_due,
    say,
    shown,
    stock,
    submit_plan,
    usd,
)
from support.shop_workspace import POLICY, ShopWorkspace, open_shop

from sayso.actions.approvals.decision import DecisionChoice
from sayso.actions.engine.proposals import Proposal
from sayso.actions.model.definition import Subject
from sayso.actions.model.plan import Step
from sayso.audit.entry import Actor, ActorKind
from sayso.errors import RefusedError
from sayso.json import JsonValue

SDK = Actor(kind=ActorKind.SERVICE, id="sdk")


def count_of(opened: ShopWorkspace, table: str) -> int:
    """How many rows a table has."""
    connection = sqlite3.connect(opened.workspace.store_path)
    try:
        (count,) = connection.execute(f"select count(*) from {table}").fetchone()
    finally:
        connection.close()
    return int(count)


def deep(levels: int) -> JsonValue:
    """A list in a list in a list."""
    value: JsonValue = "x"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.promise("engine:same-key")
@pytest.mark.parametrize("minor", [2000, ASKED])
async def test_two_proposals_with_one_key_at_once_are_one_action(
    tmp_path: Path, minor: int
) -> None:
    """Both callers get the same row; one judgement, one card, one effect."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        views = await asyncio.gather(*(propose(opened, minor, key="k1") for _ in range(10)))
        assert len({view.id for view in views}) == 1
        assert count_of(opened, "action") == 1
        assert count_of(opened, "approval") == (minor == ASKED)
        assert len(opened.shop.books.payouts) == (minor == 2000)
        assert_verified(opened)


@pytest.mark.promise("engine:same-key")
async def test_two_proposals_with_one_key_and_other_content_at_once_are_one_and_a_refusal(
    tmp_path: Path,
) -> None:
    """Whoever comes second hears of it."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        answers = await asyncio.gather(
            propose(opened, 2000, key="k1"),
            propose(opened, 2001, key="k1"),
            return_exceptions=True,
        )
        refused = [answer for answer in answers if isinstance(answer, RefusedError)]
        assert [error.code for error in refused] == ["idempotency_conflict"]
        assert len(opened.shop.books.payouts) == 1


AMOUNT: dict[str, JsonValue] = {"amount_minor": 100, "currency": "USD"}
MALFORMED: dict[str, object] = {
    "float": {"order": "o1", "amount": {"amount_minor": 99.5, "currency": "USD"}},
    "whole-float": {"order": "o1", "amount": {"amount_minor": 100.0, "currency": "USD"}},
    "nan": {"order": "o1", "amount": {"amount_minor": float("nan"), "currency": "USD"}},
    "float-elsewhere": {"order": "o1", "note": 0.1},
    "2**63": {"order": "o1", "amount": {"amount_minor": 2**63, "currency": "USD"}},
    "2**64": {"order": "o1", "amount": {"amount_minor": 2**64, "currency": "USD"}},
    "2**2000": {"order": "o1", "amount": {"amount_minor": 2**2000, "currency": "USD"}},
    "negative": {"order": "o1", "amount": {"amount_minor": -(2**63) - 1, "currency": "USD"}},
    "boolean": {"order": "o1", "amount": {"amount_minor": True, "currency": "USD"}},
    "surrogate": {"order": "\ud800"},
    "surrogate-key": {"order": "o1", "\udfff": 1},
    "deep": {"order": "o1", "note": deep(200)},
    "very-deep": {"order": "o1", "note": deep(100_000)},
    "huge": {"order": "x" * 3_000_000},
    "huge-note": {"order": "o1", "note": "x" * 3_000_000},
    "many": {"order": "o1", **{f"n{number}": number for number in range(20_000)}},
    "bytes": {"order": b"o1"},
    "no-text-key": {"order": "o1", 7: 1},
    "unknown": {"order": "o1", "customer": "cus_2"},
    "payee": {"order": "o1", "amount": {**AMOUNT, "payee": "me"}},
    "empty": {},
    "null": {"order": None},
    "no-currency": {"order": "o1", "amount": {"amount_minor": 100, "currency": "usd"}},
}


@pytest.mark.promise("refusals:recorded")
@pytest.mark.parametrize("case", list(MALFORMED))
async def test_malformed_arguments_are_refused_and_recorded(tmp_path: Path, case: str) -> None:
    """Invariant 7: with the code, without a row, and without a word of what was sent."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        with pytest.raises(RefusedError) as refused:
            await opened.sayso.propose(
                "shop.refund",
                cast("Mapping[str, JsonValue]", MALFORMED[case]),
                subject="cus_1",
                reason="a secret reason",
            )
        assert refused.value.code in {"invalid_input", "invalid_money"}
        (entry,) = bodies(opened)
        assert entry["kind"] == "action.refused"
        assert entry["data"] == {"code": refused.value.code.value, "asked_name": "shop.refund"}
        assert count_of(opened, "action") == 0
        assert opened.shop.books.calls == []
        assert_verified(opened)


@pytest.mark.promise("refusals:recorded")
@pytest.mark.parametrize(
    "change",
    [
        {"key": ""},
        {"key": "k" * 201},
        {"key": "\ud800"},
        {"key": "a\x00b"},
        {"reason": "x" * 20_001},
        {"reason": "\udc00"},
        {"action": "\ud800"},
        {"action": "x" * 100_000},
        {"action": ""},
        {"action": "shop.steal"},
    ],
    ids=lambda change: "{}={!r:.12}".format(*next(iter(change.items()))),
)
async def test_a_malformed_proposal_is_refused_and_recorded(
    tmp_path: Path, change: dict[str, str]
) -> None:
    """Invariant 7: a key, a reason or a name that cannot be stored is no way around the record."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        values: dict[str, Any] = {"action": "shop.refund", "key": "k", "reason": "", **change}
        proposal = Proposal(
            tenant=MAIN,
            requester=SDK,
            subject=Subject(id="cus_1"),
            args={"order": "o1", "amount": AMOUNT},
            **values,
        )
        with pytest.raises(RefusedError):
            await opened.sayso.container.proposals.propose(proposal)
        assert [entry["kind"] for entry in bodies(opened)] == ["action.refused"]
        assert count_of(opened, "action") == 0
        assert_verified(opened)


async def test_nul_in_an_argument_is_text_like_any_other(tmp_path: Path) -> None:
    """There is no such order; the refusal is stored as a row."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        view = await opened.sayso.propose("shop.refund", {"order": "o1\x00"}, subject="cus_1")
        assert (view.status, view.error and view.error.code) == ("refused", "unknown_object")


async def test_no_words_and_no_name_reach_the_log(tmp_path: Path) -> None:
    """Invariants 6 and 8: searched in the raw bodies, through refusals, edits and a success."""
    customer = "cus_SECRET-7f3"
    words = "my-secret-reason"
    async with open_shop(tmp_path) as opened:
        stock(opened, "o1", customer=customer)
        stock(opened, "o2")
        for order, minor in (("o1", 2000), ("o1", 12_900), ("o1", 15_000), ("o2", 100)):
            await opened.sayso.propose(
                "shop.refund",
                {"order": order, "amount": {"amount_minor": minor, "currency": "USD"}},
                subject=customer,
                reason=f"{words} ann@example.com",
            )
        waiting = await opened.sayso.approvals.list()
        for card, choice in zip(waiting, (DecisionChoice.EDIT, DecisionChoice.REJECT), strict=True):
            decision = say(card, choice=choice, args={"amount": {**AMOUNT, "amount_minor": 9000}})
            await decide(opened, decision)
        raw = str(bodies(opened)).lower()
        for secret in (words, "ann@example", customer, f"customer {customer}", "the card that"):
            assert secret.lower() not in raw
        assert len(opened.shop.books.payouts) >= 2
        assert_verified(opened)


@pytest.mark.parametrize("minor", [2000, ASKED, 90_000])
async def test_a_dry_run_stores_nothing(tmp_path: Path, minor: int) -> None:
    """Neither a row nor an entry, whatever the answer is."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        await propose(opened, 100)
        tables = ("action", "approval", "vote", "log_entry", "subject", "personal", "outbox")
        before = [count_of(opened, table) for table in tables]
        view = await opened.sayso.propose(
            "shop.refund",
            {"order": "o1", "amount": {"amount_minor": minor, "currency": "USD"}},
            subject="cus_1",
            reason="only asking",
            dry_run=True,
        )
        assert view.status == ("approved" if minor == 2000 else "pending_approval")
        with pytest.raises(RefusedError):
            await opened.sayso.propose(
                "shop.refund", {"order": "o1"}, subject="cus_2", dry_run=True
            )
        assert [count_of(opened, table) for table in tables] == before
        assert len(opened.shop.books.calls) == 1


def _step(name: str, minor: int, *after: str) -> Step:
    amount: JsonValue = {"amount_minor": minor, "currency": "USD"}
    args: dict[str, JsonValue] = {"order": "o1", "amount": amount}
    return Step(id=name, action="shop.refund", args=args, after=after)


async def test_a_step_that_waits_for_one_that_is_not_there_does_not_run(tmp_path: Path) -> None:
    """Invariant 10: a guard that cannot be evaluated lets nothing pass."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        (late,) = await submit_plan(opened, _step("s2", 100, "s1"))
        await opened.sayso.container.engine.advance(MAIN, late.id)
        view = await opened.sayso.actions.get(late.id)
        assert (view.status, view.error and view.error.code) == ("refused", "dependency_failed")
        assert opened.shop.books.calls == []


async def test_no_wake_up_between_two_steps_is_lost(tmp_path: Path) -> None:
    """However the two are advanced beside each other, the later one ends up due or done."""
    async with open_shop(
        tmp_path, policy=POLICY.replace("count30d < 3", "count30d < 300")
    ) as opened:
        stock(opened)
        engine = opened.sayso.container.engine
        for number in range(10):
            first, last = f"a{number}", f"b{number}"
            one, two = await submit_plan(opened, _step(first, 100), _step(last, 100, first))
            await asyncio.gather(*(engine.advance(MAIN, each.id) for each in (two, one, two, two)))
            await opened.sayso.container.dispatcher.drain()
            assert (await opened.sayso.actions.get(one.id)).status == "succeeded"
            assert (await opened.sayso.actions.get(two.id)).status == "succeeded"
        assert len(opened.shop.books.payouts) == 20
        assert_verified(opened)


async def test_a_later_step_that_waits_for_people_falls_with_the_earlier_one(
    tmp_path: Path,
) -> None:
    """The earlier one is rejected: the later one's card closes, and a yes to it is too late."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        one, two = await submit_plan(opened, _step("s1", ASKED), _step("s2", ASKED + 1, "s1"))
        await opened.sayso.container.dispatcher.drain()
        first = await shown(opened, await opened.sayso.actions.get(one.id))
        second = await shown(opened, await opened.sayso.actions.get(two.id))
        await opened.sayso.container.approvals.decide(say(second))
        assert (await opened.sayso.actions.get(two.id)).status == "approved"
        await opened.sayso.container.approvals.decide(say(first, choice=DecisionChoice.REJECT))
        await opened.sayso.container.dispatcher.drain()
        assert (await opened.sayso.actions.get(two.id)).status == "refused"
        assert (await opened.sayso.approvals.get(second.id)).status == "superseded"
        assert opened.shop.books.calls == []
        assert_verified(opened)


@pytest.mark.promise("http:pseudonym")
@pytest.mark.parametrize("order", ["for-cus_1", "of cus_1, paid"])
async def test_a_providers_words_about_a_customer_are_not_in_the_log(
    tmp_path: Path, order: str
) -> None:
    """Why something became stale is the connector's text, which may name whom it is about."""
    async with open_shop(tmp_path) as opened:
        stock(opened, order)
        view = await propose(opened, order=order)
        await decide(opened, say(await shown(opened, view)), wait=False)
        del opened.shop.books.orders[order]
        opened.clock.advance(seconds=30)
        after = await advance(opened, view)
        assert after.status == "refused"
        stale = next(body for body in bodies(opened) if body["kind"] == "action.stale")
        assert "unknown_object" in str(stale["data"])
        assert "cus_1" not in str(stale["data"])


OWN = "01kb2m0000000000000000000x"
"""What comes after the prefix of an id."""


@pytest.mark.promise("engine:own-keys")
@pytest.mark.parametrize(
    "key", [f"req_{OWN}/s1", f"req_{OWN}/s1/2", f"act_{OWN}/undo", f"erased_{'0' * 64}"]
)
async def test_a_caller_cannot_use_a_key_of_the_engine(tmp_path: Path, key: str) -> None:
    """A plan's step would find its place taken, and a caller somebody else's step."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        with pytest.raises(RefusedError) as caught:
            await propose(opened, 2000, key=key)
        assert caught.value.code.value == "invalid_input"
        assert "UUID" in caught.value.next_step
        assert opened.shop.books.payouts == []
        (entry,) = await opened.sayso.audit.query("kind:action.refused")
        assert entry.body["data"]["code"] == "invalid_input"
        assert count_of(opened, "action") == 0


@pytest.mark.parametrize("key", ["req_1/s1", "ticket-7/act_1", f"REQ_{OWN}/s1", f"req_{OWN}"])
async def test_a_key_that_only_looks_like_one_of_the_engine_is_a_callers(
    tmp_path: Path, key: str
) -> None:
    """What no step of any plan can have is free."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        assert (await propose(opened, 2000, key=key)).status == "succeeded"


@pytest.mark.promise("engine:own-keys")
async def test_a_step_whose_key_a_caller_had_is_stored_all_the_same(tmp_path: Path) -> None:
    """From before such keys were refused; submitted again, it is still one step."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        callers = await propose(opened, 2000, key="req_1/s1")
        step = Step(id="s1", action="shop.refund", args={"order": "o1", "amount": usd(2000)})
        (stored,) = await submit_plan(opened, step)
        (again,) = await submit_plan(opened, step)
        assert stored.id == again.id != callers.id
        await run_due(opened)
        assert (await opened.sayso.actions.get(stored.id)).status == "succeeded"
        assert len(opened.shop.books.payouts) == 2
        assert_verified(opened)
