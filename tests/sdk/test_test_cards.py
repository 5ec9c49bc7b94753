"""Test cards: made of what was decided, answered like any card, and never carried out."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest
from sdk.customers import MARIA
from support.canaries import CANARIES, MOST, refunds, said, waiting
from support.shop_workspace import open_shop

from sayso.audit.verifier.verification import Verdict
from sayso.errors import Code, ConfigError, RefusedError
from sayso.money import Money
from sayso.sdk.views.solution import SolutionView
from sayso.settings import parse_settings

pytestmark = pytest.mark.promise("canaries:never-done")


def shown(view: SolutionView | None) -> SolutionView:
    """The solution of a card that is still there."""
    assert view is not None
    return view


async def test_one_is_due_within_so_many_answers_and_shows_a_mistake(
    tmp_path: Path, store_url: str
) -> None:
    """Made of a true card, with the sum that would not be right; the share is never less."""
    async with open_shop(tmp_path, approvals=CANARIES) as opened:
        await refunds(opened, 2)
        assert await opened.sayso.canaries.look_after() is None
        await refunds(opened, MOST - 2, begin=3)
        made = await opened.sayso.canaries.look_after()
        assert made is not None
        assert await opened.sayso.canaries.look_after() is None, "one, until more was answered"
        card = await opened.sayso.canaries.get(made)
        view = shown(card.solution)
        assert (card.status, card.mistake, view.id) == ("open", "more_than_paid", made)
        (step,) = view.steps
        assert step.amount is not None
        assert step.amount.amount_minor >= 2 * 129_00
        assert ("Paid", "$129.00") in view.lead.facts
        assert str(step.amount) in view.lead.headline
        assert (step.status, step.asks, view.status) == ("pending_approval", True, "pending")


async def test_nothing_can_carry_a_test_card_out(tmp_path: Path, store_url: str) -> None:
    """No row is its action or its approval, so there is nothing that could be claimed or called.

    A yes, a yes again, a worker that drains, and every way that programs have to decide.
    """
    async with open_shop(tmp_path, approvals=CANARIES) as opened:
        card = await waiting(opened)
        view, sayso = shown(card.solution), opened.sayso
        calls, actions = list(opened.shop.books.calls), (await sayso.figures()).actions
        ids = [card.id, *(step.action_id for step in view.steps)]
        for one in ids:
            with pytest.raises(RefusedError, match="there is no"):
                await sayso.solutions.get(one)
            with pytest.raises(RefusedError, match="there is no"):
                await sayso.actions.get(one)
            await sayso.container.dispatcher.run_now("action", sayso.tenant, one)
        with pytest.raises(RefusedError, match="there is no"):
            await sayso.solutions.answer_as(said(view))
        ended = await sayso.canaries.answer_as(said(view))
        assert (ended.status, ended.person, ended.answer) == ("missed", "maria", "yes")
        await sayso.container.dispatcher.drain()
        opened.clock.advance(hours=9)
        await sayso.container.dispatcher.drain()
        assert opened.shop.books.calls == calls
        assert (await sayso.figures()).actions == actions
        assert sayso.audit.verify().verdict is Verdict.VERIFIED


def test_nothing_but_their_own_queries_reads_test_cards() -> None:
    """By construction: what claims, counts, limits, judges and backtests has no way to them."""
    folder = resources.files("sayso.store") / "sql" / "queries"
    named = {
        (file.name, name)
        for file in folder.iterdir()
        for name, query in re.findall(
            r"^-- name: (\w+)(.*?)(?=^-- name:|\Z)", file.read_text(), re.MULTILINE | re.DOTALL
        )
        if re.search(r"\b(from|join|into|update)\s+canary\b", query)
    }
    assert {file for file, _ in named} == {"canary.sql", "log.sql"}
    assert ("log.sql", "whole_canaries") in named, "the verifier's"
    assert len([one for one in named if one[0] == "log.sql"]) == 1


@pytest.mark.parametrize(
    ("choice", "status", "answer"),
    [("reject", "caught", "no"), ("approve", "missed", "yes"), ("ask", "caught", "asked")],
)
async def test_an_answer_is_caught_or_missed_and_told_by_the_log(
    tmp_path: Path, store_url: str, choice: str, status: str, answer: str
) -> None:
    """Who was tried, when, with which mistake, and what they said."""
    async with open_shop(tmp_path, approvals=CANARIES) as opened:
        card = await waiting(opened)
        view = shown(card.solution)
        asks = choice == "ask"
        ended = await opened.sayso.canaries.answer_as(
            said(view, "approve" if asks else choice), asks=asks
        )
        assert (ended.status, ended.answer, ended.person) == (status, answer, "maria")
        assert "$129.00 was ever paid" in ended.reveal
        entries = [one for one in await opened.sayso.audit.tail(20) if "canary" in one.kind]
        told, answered = sorted(entries, key=lambda one: one.seq)
        assert told.body["data"]["mistake"] == "more_than_paid"
        assert told.body["data"]["roles"] == ["support_manager"]
        assert answered.actor == "person:maria"
        assert answered.body["data"]["canary_status"] == status
        assert answered.body["data"]["canary"] == card.id == told.body["data"]["canary"]
        assert opened.sayso.audit.verify().verdict is Verdict.VERIFIED
        found = await opened.sayso.statistics.read()
        (maria,) = found.approvers
        assert (maria.count, maria.tests, maria.caught) == (MOST, 1, int(status == "caught"))
        assert found.canaries.missed == int(status == "missed")


async def test_a_smaller_yes_sees_a_sum_only_if_it_puts_it_right(
    tmp_path: Path, store_url: str
) -> None:
    """Less, but still more than was paid, is no catch."""
    async with open_shop(tmp_path, approvals=CANARIES) as opened:
        card = await waiting(opened)
        view = shown(card.solution)
        (step,) = view.steps
        right = said(view, "edit", lower={step.id: Money(100_00, "USD")})
        less = await opened.sayso.canaries.smaller(card.id, steps=None, lower=right.lower)
        assert str(less.totals[0]) == "$100.00"
        wrong = said(view, "edit", lower={step.id: Money(130_00, "USD")})
        assert (await opened.sayso.canaries.answer_as(wrong)).status == "missed"
        await refunds(opened, MOST, begin=10)
        made = await opened.sayso.canaries.look_after()
        assert made is not None
        view = shown((await opened.sayso.canaries.get(made)).solution)
        (step,) = view.steps
        right = said(view, "edit", lower={step.id: Money(100_00, "USD")})
        assert (await opened.sayso.canaries.answer_as(right)).status == "caught"


async def test_two_answers_at_once_are_one(tmp_path: Path, store_url: str) -> None:
    """The second is told that it is over, as with a true card."""
    async with open_shop(tmp_path, approvals=CANARIES) as opened:
        view = shown((await waiting(opened)).solution)
        people = ["maria", "noor"] * 4
        found = await asyncio.gather(
            *(opened.sayso.canaries.answer_as(said(view, person=one)) for one in people),
            return_exceptions=True,
        )
        lost = [one for one in found if isinstance(one, RefusedError)]
        assert len(lost) == len(people) - 1
        assert {one.code for one in lost} == {Code.ALREADY_DECIDED}
        kinds = [one.kind for one in await opened.sayso.audit.tail(50)]
        assert kinds.count("canary.answered") == 1


async def test_two_processes_make_one(tmp_path: Path, store_url: str) -> None:
    """Whoever comes second finds that it was made."""
    async with open_shop(tmp_path, approvals=CANARIES) as opened:
        await refunds(opened, MOST)
        made = await asyncio.gather(
            *(opened.sayso.canaries.look_after() for _ in range(4)), return_exceptions=True
        )
        assert len([one for one in made if isinstance(one, str)]) == 1
        assert opened.sayso.audit.verify().verdict is Verdict.VERIFIED


async def test_it_waits_for_nobody_who_may_not_answer(tmp_path: Path, store_url: str) -> None:
    """Finance does not see it, nor may answer; a stale or a forged click counts nothing."""
    async with open_shop(tmp_path, approvals=CANARIES) as opened:
        view = shown((await waiting(opened)).solution)
        people = (await opened.sayso.people.authority(opened.sayso.tenant)).people
        cards = opened.sayso.canaries
        assert [one.id for one in await cards.waiting_for(people["noor"])] == [view.id]
        assert not await cards.waiting_for(people["finn"])
        for answer, code in (
            (said(view, person="finn"), Code.NOT_AN_APPROVER),
            (said(view, person="idle"), Code.NOT_AN_APPROVER),
            (replace(said(view), digest="0" * 64), Code.DIGEST_MISMATCH),
            (replace(said(view), digest=view.digest[:6]), Code.DIGEST_MISMATCH),
            (replace(said(view), revision=2), Code.DIGEST_MISMATCH),
            (replace(said(view), credential="tok_none"), Code.UNAUTHENTICATED),
            (replace(said(view, "reject"), reason_code=""), Code.REASON_REQUIRED),
        ):
            with pytest.raises(RefusedError) as refused:
                await cards.answer_as(answer)
            assert refused.value.code is code
        assert (await cards.get(view.id)).status == "open"


async def test_it_ends_when_nobody_answers_and_survives_a_restart(
    tmp_path: Path, store_url: str
) -> None:
    """By its time, as any card; it is shown as it was by whoever opens the workspace next."""
    async with open_shop(tmp_path, approvals=CANARIES) as opened:
        before = await waiting(opened)
        clock = opened.clock
    async with open_shop(tmp_path, approvals=CANARIES, clock=clock, shop=opened.shop) as opened:
        assert await opened.sayso.canaries.get(before.id) == before
        clock.advance(hours=9)
        with pytest.raises(RefusedError) as late:
            await opened.sayso.canaries.answer_as(said(shown(before.solution)))
        assert late.value.code is Code.APPROVAL_EXPIRED
        await opened.sayso.canaries.look_after()
        assert (await opened.sayso.canaries.get(before.id)).status == "unanswered"
        assert (await opened.sayso.statistics.read()).canaries.unanswered == 1
        assert opened.sayso.audit.verify().verdict is Verdict.VERIFIED


async def test_an_erased_customer_is_on_no_test_card(tmp_path: Path, store_url: str) -> None:
    """It holds nothing of its own: what it was made of is gone, and so is what it showed."""
    async with open_shop(tmp_path, approvals=CANARIES) as opened:
        card = await waiting(opened)
        view = shown(card.solution)
        await opened.sayso.privacy.erase(view.customer.id, reason="subject_request", by=MARIA)
        opened.clock.advance(seconds=1)
        gone = await opened.sayso.canaries.get(card.id)
        assert (gone.status, gone.reveal, gone.solution) == ("withdrawn", "", None)
        people = (await opened.sayso.people.authority(opened.sayso.tenant)).people
        assert not await opened.sayso.canaries.waiting_for(people["noor"])
        await opened.sayso.canaries.look_after()
        assert opened.sayso.audit.verify().verdict is Verdict.VERIFIED
        kinds = [one.kind for one in await opened.sayso.audit.tail(20)]
        assert "canary.ended" in kinds


async def test_none_is_made_unless_the_workspace_says_so(tmp_path: Path) -> None:
    """And none when nobody is left who could be tried."""
    async with open_shop(tmp_path) as opened:
        await refunds(opened, MOST)
        assert await opened.sayso.canaries.look_after() is None


@pytest.mark.parametrize("share", [-0.1, 0.001, 0.21, 1, float("nan"), float("inf")])
def test_a_strange_share_is_refused(share: float) -> None:
    """None, or one in a hundred to one in five."""
    with pytest.raises(ConfigError):
        parse_settings({"workspace": {"name": "x"}, "approvals": {"canaries": share}}, "sayso.toml")


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.parametrize(
    "edit",
    [
        "source_id = 'apr_other'",
        "step = 's9'",
        "mistake = 'other_card'",
        "roles = '[\"finance\"]'",
        "digest = 'x'",
        "status = 'caught'",
        "person = 'noor'",
        "answer = 'no'",
        "via = 'slack'",
        "expires_at = expires_at + 90000000",
    ],
)
async def test_a_row_that_says_something_else_than_the_log_is_found(
    tmp_path: Path, edit: str
) -> None:
    """Nobody looks better afterwards than they were."""
    async with open_shop(tmp_path, approvals=CANARIES) as opened:
        view = shown((await waiting(opened)).solution)
        await opened.sayso.canaries.answer_as(said(view))
        with closing(sqlite3.connect(opened.workspace.store_path)) as database, database:
            assert database.execute(f"update canary set {edit}").rowcount == 1
        assert opened.sayso.audit.verify().verdict is Verdict.TAMPERED
        with closing(sqlite3.connect(opened.workspace.store_path)) as database, database:
            database.execute("delete from canary")
        assert opened.sayso.audit.verify().verdict is Verdict.TAMPERED
