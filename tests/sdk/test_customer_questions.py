"""A person asks the customer before deciding: the answer makes the card anew."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from surfaces.console.served_console import ServedConsole, open_console

from sayso.actions.approvals.decision import MAX_REASON_CHARS
from sayso.errors import Code, RefusedError
from sayso.sdk.views.rows import RequestView
from sayso.sdk.views.solution import SolutionView
from sayso.testing.clock import FakeClock

pytestmark = pytest.mark.promise("solutions:ask-customer")
ASKED = "Which mug came broken, Ben?"


@asynccontextmanager
async def waiting(
    folder: Path, clock: FakeClock | None = None
) -> AsyncGenerator[tuple[ServedConsole, SolutionView, str]]:
    """A solution that waits, and the token of a person who may answer it."""
    async with open_console(folder, clock=clock or FakeClock()) as console:
        yield console, await console.ask(), await console.sign_in("maria")


async def ask(
    console: ServedConsole, view: SolutionView, token: str, question: str = ASKED
) -> SolutionView:
    """Ask the customer about a solution as it is shown."""
    return await console.sayso.solutions.ask_customer(
        view.id, question, token=token, revision=view.revision, digest=view.digest
    )


async def request_of(console: ServedConsole, view: SolutionView) -> RequestView:
    """The request behind it."""
    assert view.request_id is not None
    return await console.sayso.requests.get(view.request_id)


async def answer(console: ServedConsole, view: SolutionView, words: str, number: int = 1) -> None:
    """What the customer says."""
    assert view.request_id is not None
    await console.sayso.requests.answer(view.request_id, words, question=number)


async def say_yes(console: ServedConsole, view: SolutionView, token: str) -> SolutionView:
    """A yes to all of it."""
    return await console.sayso.solutions.answer(
        view.id, "approve", token=token, revision=view.revision, digest=view.digest
    )


async def test_the_answer_makes_the_card_anew(tmp_path: Path) -> None:
    """The customer sees the question; their answer is on the card, under another digest."""
    async with waiting(tmp_path) as (console, before, maria):
        asked = await ask(console, before, maria)
        assert asked.question is not None
        assert (asked.question.by, asked.question.text) == ("maria", ASKED)
        assert (asked.digest, asked.revision) == (before.digest, before.revision)
        request = await request_of(console, before)
        assert (request.status, request.reply) == ("needs_customer", ASKED)
        assert request.question is not None
        assert (request.question.number, request.question.choices) == (1, ())

        await answer(console, before, "The blue one. Here is a photo.")
        after = await console.sayso.solutions.get(before.id)
        assert (after.id, after.status, after.question) == (before.id, "pending", None)
        assert after.revision > before.revision
        assert after.digest != before.digest
        assert "We asked: Which mug came broken, Ben?" in after.lead.quote
        assert "Answered: The blue one. Here is a photo." in after.lead.quote
        assert [step.needs for step in after.steps] == [step.needs for step in before.steps]
        assert (await request_of(console, before)).status == "acting"

        with pytest.raises(RefusedError) as caught:
            await say_yes(console, before, maria)
        assert caught.value.code is Code.STALE_REVISION
        done = await say_yes(console, after, maria)
        assert {step.status for step in done.steps} == {"succeeded"}
        assert (await request_of(console, before)).status == "answered"

        entries = list(reversed(await console.sayso.audit.tail(60)))
        told = [(one.kind, one.actor) for one in entries if one.kind.startswith("request.")]
        assert ("request.questioned", "person:maria") in told
        assert [kind for kind, _ in told] == [
            "request.asked",
            "request.planned",
            "request.questioned",
            "request.continued",
            "request.replied",
        ]
        assert not console.sayso.audit.verify(tenant=console.sayso.tenant).exit_status


@pytest.mark.parametrize("choice", ["approve", "reject"])
async def test_a_decision_meanwhile_counts(tmp_path: Path, choice: str) -> None:
    """Nobody has to wait for the customer; an answer that comes later finds nothing."""
    async with waiting(tmp_path) as (console, view, maria):
        await ask(console, view, maria)
        decided = await console.sayso.solutions.answer(
            view.id,
            choice,
            token=maria,
            revision=view.revision,
            digest=view.digest,
            reason_code="not_covered" if choice == "reject" else "",
        )
        done = {"approve": "succeeded", "reject": "rejected"}[choice]
        assert {step.status for step in decided.steps} == {done}
        request = await request_of(console, view)
        assert (request.status, request.question) == ("answered", None)
        with pytest.raises(RefusedError) as caught:
            await answer(console, view, "the blue one")
        assert caught.value.code is Code.NOTHING_ASKED


async def test_only_one_question_is_open_and_each_has_a_number(tmp_path: Path) -> None:
    """A second one waits for the first one's answer, and both stand on the card in the end."""
    async with waiting(tmp_path) as (console, view, maria):
        await ask(console, view, maria)
        with pytest.raises(RefusedError) as caught:
            await ask(console, view, await console.sign_in("noor"), "And when?")
        assert caught.value.code is Code.ALREADY_IN_STATE
        await answer(console, view, "the blue one")
        again = await console.sayso.solutions.get(view.id)
        await ask(console, again, maria, "And when?")
        with pytest.raises(RefusedError) as caught:
            await answer(console, view, "yesterday", number=1)
        assert caught.value.code is Code.NOTHING_ASKED
        await answer(console, view, "yesterday", number=2)
        quote = (await console.sayso.solutions.get(view.id)).lead.quote
        assert quote.index("yesterday") < quote.index("the blue one") < quote.index("Before: ")


async def test_only_who_may_decide_asks_and_about_what_is_shown(tmp_path: Path) -> None:
    """No role, an old digest, no words, too many of them: refused, and nobody is asked."""
    async with waiting(tmp_path) as (console, view, maria):
        solutions = console.sayso.solutions
        for by, digest, text, code in (
            ("finn", view.digest, ASKED, Code.NOT_AN_APPROVER),
            ("maria", "0" * 64, ASKED, Code.DIGEST_MISMATCH),
            ("maria", view.digest, " ", Code.INVALID_INPUT),
            ("maria", view.digest, "x" * (MAX_REASON_CHARS + 1), Code.MESSAGE_TOO_LONG),
        ):
            token = maria if by == "maria" else await console.sign_in(by)
            with pytest.raises(RefusedError) as caught:
                await solutions.ask_customer(
                    view.id, text, token=token, revision=view.revision, digest=digest
                )
            assert caught.value.code is code
        assert (await request_of(console, view)).status == "acting"


async def test_nobody_can_be_asked_about_what_was_not_said_in_words(tmp_path: Path) -> None:
    """An action of a caller's own has no conversation in which to ask."""
    async with waiting(tmp_path) as (console, _, maria):
        action = await console.sayso.propose(
            "shop.refund",
            {"order": "o5", "amount": {"amount_minor": 20_000, "currency": "USD"}},
            subject="cus_5",
        )
        assert action.approval is not None
        view = await console.sayso.solutions.get(action.approval.id)
        with pytest.raises(RefusedError) as caught:
            await ask(console, view, maria)
        assert caught.value.code is Code.INVALID_INPUT


@pytest.mark.parametrize("extends", [True, False])
async def test_the_time_to_decide_is_as_the_settings_say(tmp_path: Path, extends: bool) -> None:
    """The whole time again, or what was left of it; no answer in time counts as no in both."""
    clock = FakeClock()
    section: dict[str, object] = {"answer_extends": extends}
    async with open_console(tmp_path, clock=clock, approvals=section) as console:
        view, maria = await console.ask(), await console.sign_in("maria")
        await ask(console, view, maria)
        clock.advance(hours=2)
        await answer(console, view, "the blue one")
        after = await console.sayso.solutions.get(view.id)
        was, now = (datetime.fromisoformat(one.expires_at) for one in (view, after))
        assert now - was == (timedelta(hours=2) if extends else timedelta())
        assert after.revision > view.revision
        clock.advance(hours=9)
        await console.sayso.container.dispatcher.drain()
        assert (await console.sayso.solutions.get(view.id)).status == "expired"
