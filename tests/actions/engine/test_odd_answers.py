"""Odd answers of connectors: an effect stays told, and what is not known goes to a person."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from actions.steps import (
    ASKED,
    USD,
    advance,
    assert_verified,
    bodies,
    code_of,
    decide,
    propose,
    run_due,
    say,
    settle,
    shown,
    stock,
    usd,
)
from support.shop import Shop, ShopFault
from support.shop_workspace import open_shop

from sayso.actions.approvals.decision import DecisionChoice
from sayso.actions.engine.reconcile import MAX_LOOKS
from sayso.actions.model.attempt import look_up, outcome_of
from sayso.actions.model.definition import Action, Args, Subject, at_most_once, verifiable
from sayso.actions.model.snapshot import Absence, Call, Receipt, Resolved
from sayso.connectors.registry import Connectors
from sayso.errors import (
    Code,
    OutcomeUnknownError,
    RefusedError,
    RetryableError,
    SaysoError,
)
from sayso.json import JsonValue
from sayso.money import Money

ODD_TEXT = "\ud800 \0 \u202e " + "x" * 100_000
DETAILS = cast("dict[str, JsonValue]", {"at": object(), "\ud800": 2**70})
ODD: dict[str, Callable[[Receipt], object]] = {
    "id": lambda receipt: replace(receipt, id=ODD_TEXT),
    "number": lambda receipt: replace(receipt, id=cast("str", 7)),
    "status": lambda receipt: replace(receipt, status=ODD_TEXT),
    "details": lambda receipt: replace(receipt, details=DETAILS),
}


class Odd(Shop):
    """Does what it is asked and answers in its own way.

    Args:
        change: what becomes of each receipt.
    """

    def __init__(self, change: Callable[[Receipt], object]) -> None:
        super().__init__(verifiable(settle_after_s=60))
        self._change = change

    async def call(self, call: Call) -> Receipt:
        return cast("Receipt", self._change(await super().call(call)))

    async def look_up(self, call: Call) -> Receipt | Absence:
        found = await super().look_up(call)
        return found if isinstance(found, Absence) else cast("Receipt", self._change(found))


@pytest.mark.parametrize("lost", [False, True], ids=["answered", "looked-up"])
@pytest.mark.parametrize("case", ODD)
async def test_an_effect_with_an_odd_receipt_is_still_told(
    tmp_path: Path, case: str, lost: bool
) -> None:
    """It happened, so it is written as done, with as much as can be kept."""
    shop = Odd(ODD[case])
    async with open_shop(tmp_path, shop=shop) as workspace:
        stock(workspace)
        shop.faults += [ShopFault.LOST_AFTER] if lost else []
        view = await settle(workspace, await propose(workspace, 2000), tries=3)
        assert view.status == "succeeded"
        assert view.receipt is not None
        assert view.receipt.amount == Money(2000, "USD")
        assert len(shop.books.payouts) == 1
        assert_verified(workspace)


async def test_no_receipt_at_all_is_an_unknown_outcome(tmp_path: Path) -> None:
    """It may have done it; only what can be looked up says so."""
    shop = Odd(lambda receipt: None)
    async with open_shop(tmp_path, shop=shop) as workspace:
        stock(workspace)
        view = await propose(workspace, 2000)
        assert view.status == "unknown"
        assert (await settle(workspace, view)).status == "unknown"
        assert len(shop.books.calls) == 1


class Broken(Shop):
    """Its look-up fails with whatever it is told to."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(verifiable(settle_after_s=60))
        self._error = error
        self.looks = 0

    async def look_up(self, call: Call) -> Receipt | Absence:
        self.looks += 1
        raise self._error


@pytest.mark.parametrize(
    "error",
    [
        ZeroDivisionError("a bug"),
        RetryableError(Code.PROVIDER_UNAVAILABLE, ODD_TEXT),
        RefusedError(Code.PROVIDER_REFUSED, ODD_TEXT),
        OutcomeUnknownError(Code.OUTCOME_UNKNOWN, ODD_TEXT),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_look_up_that_always_fails_is_left_to_a_person_in_the_end(
    tmp_path: Path, error: BaseException
) -> None:
    """Looked for with longer and longer pauses, then never again; and called only once."""
    shop = Broken(error)
    async with open_shop(tmp_path, shop=shop) as workspace:
        stock(workspace)
        shop.faults.append(ShopFault.LOST_AFTER)
        view = await settle(workspace, await propose(workspace, 2000), tries=MAX_LOOKS + 5)
        assert view.status == "unknown"
        assert view.error is not None
        assert "a person has to look" in view.error.message
        assert shop.looks == MAX_LOOKS
        assert len(shop.books.calls) == 1
        assert_verified(workspace)


class Says(Shop):
    """Answers each call, or each question about an order, with one error."""

    def __init__(self, error: SaysoError, *, reading: bool) -> None:
        super().__init__(at_most_once())
        self._error = error
        if reading:
            self.resolve = self._fail  # type: ignore[method-assign,assignment]
        else:
            self.call = self._fail  # type: ignore[method-assign,assignment]

    async def _fail(self, *asked: object) -> Receipt:
        raise self._error


@pytest.mark.parametrize(
    ("error", "reading", "status"),
    [
        (RefusedError(Code.PROVIDER_REFUSED, ODD_TEXT, next_step=ODD_TEXT), False, "failed"),
        (RetryableError(Code.PROVIDER_UNAVAILABLE, ODD_TEXT), False, "failed"),
        (OutcomeUnknownError(Code.OUTCOME_UNKNOWN, ODD_TEXT), False, "unknown"),
        (RefusedError(Code.UNKNOWN_OBJECT, ODD_TEXT, next_step=ODD_TEXT), True, "refused"),
    ],
    ids=["no", "not now", "unknown", "not to be read"],
)
async def test_a_providers_words_never_keep_an_outcome_from_being_written(
    tmp_path: Path, error: SaysoError, reading: bool, status: str
) -> None:
    """Invariant 7: whatever text comes with a no, the no stands in the row and in the log."""
    async with open_shop(tmp_path, shop=Says(error, reading=reading)) as workspace:
        stock(workspace)
        view = await settle(workspace, await propose(workspace, 2000))
        assert view.status == status
        assert view.error is not None
        assert len(view.error.message) <= 600
        assert_verified(workspace)


class Hangs(Shop):
    """Never answers."""

    async def call(self, call: Call) -> Receipt:
        await asyncio.Event().wait()
        raise AssertionError

    async def look_up(self, call: Call) -> Receipt | Absence:
        await asyncio.Event().wait()
        raise AssertionError


async def test_a_provider_that_never_answers_is_not_waited_for_without_end(tmp_path: Path) -> None:
    """A call becomes unknown, a look-up is tried again later."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace)
        caught: list[Call] = []

        async def catch(call: Call) -> None:
            caught.append(call)

        workspace.shop.on_call = catch
        await propose(workspace, 2000)
        registry = Connectors([Hangs()])
        called = await outcome_of(registry, caught[0], timeout_s=0.01)
        assert isinstance(called, OutcomeUnknownError)
        looked = await look_up(registry, caught[0], timeout_s=0.01)
        assert isinstance(looked, RetryableError)


class Quoting(Shop):
    """Whatever it refuses or cannot do, it says whose it was."""

    WORDS = "no such customer: Ana Quispe"

    def __init__(self) -> None:
        super().__init__(verifiable(settle_after_s=60))
        self.resolves = self.looks_up = True

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        if not self.resolves:
            raise RefusedError(Code.PROVIDER_REFUSED, self.WORDS)
        return await super().resolve(action, args, subject)

    async def call(self, call: Call) -> Receipt:
        if not self.looks_up:
            raise OutcomeUnknownError(Code.OUTCOME_UNKNOWN, self.WORDS)
        return await super().call(call)

    async def look_up(self, call: Call) -> Receipt | Absence:
        if not self.looks_up:
            raise RetryableError(Code.PROVIDER_UNAVAILABLE, self.WORDS)
        return await super().look_up(call)


class OtherAmount(Shop):
    """Finds an amount of its own where less than the whole order is asked for.

    Args:
        found: what it resolves in place of what was asked; None is no amount at all.
    """

    def __init__(self, found: Money | None) -> None:
        super().__init__()
        self._found = found

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        resolved = await super().resolve(action, args, subject)
        if resolved.amount == Money(ASKED, USD):
            return resolved
        found = None if self._found is None else self._found.to_json()
        return replace(resolved, amount=self._found, args={**resolved.args, "amount": found})


@pytest.mark.promise("approvals:less")
@pytest.mark.parametrize(
    "found",
    [Money(6_001, USD), Money(5_999, USD), Money(100, USD), Money(ASKED, USD), None],
    ids=str,
)
async def test_an_edit_is_a_yes_to_no_amount_but_the_one_that_was_asked_for(
    tmp_path: Path, found: Money | None
) -> None:
    """The editor said 60.00; a connector that rounds makes it neither more nor less."""
    async with open_shop(tmp_path, shop=OtherAmount(found)) as workspace:
        stock(workspace)
        view = await propose(workspace)
        card = await shown(workspace, view)
        less = say(card, choice=DecisionChoice.EDIT, args={"amount": usd(6_000)})
        assert await code_of(workspace, less) == "stale_revision"
        assert await shown(workspace, view) == card
        await run_due(workspace)
        assert workspace.shop.books.payouts == []
        assert_verified(workspace)


@pytest.mark.promise("agent:nothing-personal")
async def test_what_a_provider_says_is_in_the_row_and_not_in_the_log(tmp_path: Path) -> None:
    """Invariant 8: the row is blanked with the customer, an entry never is."""
    shop = Quoting()
    async with open_shop(tmp_path, shop=shop) as workspace:
        stock(workspace)
        asked = await propose(workspace)
        await decide(workspace, say(await shown(workspace, asked)), wait=False)
        shop.resolves = False
        workspace.clock.advance(seconds=30)
        gone = await advance(workspace, asked)
        assert gone.status == "refused"
        assert gone.error is not None
        assert "Quispe" in gone.error.message
        shop.resolves, shop.looks_up = True, False
        lost = await propose(workspace, 2000)
        workspace.clock.advance(seconds=30)
        lost = await advance(workspace, lost)
        assert lost.status == "unknown"
        assert lost.error is not None
        assert "Quispe" in lost.error.message
        kinds = [body["kind"] for body in bodies(workspace)]
        assert {"action.stale", "action.refused", "action.unknown"} <= set(kinds)
        assert "Quispe" not in str(bodies(workspace))
        assert_verified(workspace)
