"""Dialogues of several turns in one thread, judged by the provider's books and by every reply.

A file holds the dialogues of one language, as `dialogues/en.txt` says at its top. After each line
every request of the thread is read again, and what it says is held against the books.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from actions.steps import say
from support.workspace import make_workspace

from sayso.actions.approvals.decision import DecisionChoice
from sayso.agent.phrases import LANGUAGES, Phrases, phrases_of
from sayso.errors import RefusedError
from sayso.sandbox import JournalEffect, Sandbox
from sayso.sandbox.seed import DemoCharge, DemoCustomer, customer_rows
from sayso.sdk.client import Sayso
from sayso.sdk.views.rows import RequestView
from sayso.testing.clock import FakeClock

HERE = Path(__file__).parent / "dialogues"
CHARGES = (
    DemoCharge(amount=12_900, currency="usd", days_ago=9, order="Order 1042: blue mug, set of six"),
    DemoCharge(amount=4_500, currency="usd", days_ago=20, order="Order 0977: tea towels"),
    DemoCharge(amount=1_200, currency="usd", days_ago=12, order="Order 0811: soap"),
)
MORE = """
[planner.confirm]
default = "never"
"""
PHRASES = {
    "waits": ("pending",),
    "stopped": ("withdrawn", "withdrawn_request"),
    "declined": ("rejected",),
    "expired": ("expired",),
    "person": ("hand_over",),
}


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One dialogue: its name, and its lines as `(mark, text)`."""

    name: str
    lines: tuple[tuple[str, str], ...]


def read_dialogues(language: str) -> Iterator[Dialogue]:
    """The dialogues of a language's file."""
    path = HERE / f"{language}.txt"
    for part in path.read_text("utf-8").split("\n## ")[1:]:
        name, *lines = part.strip().splitlines()
        marked = [(line[0], line[1:].strip()) for line in lines if line.strip()]
        yield Dialogue(name, tuple(marked))


@dataclass(kw_only=True)
class Thread:
    """One dialogue on its way."""

    sayso: Sayso
    sandbox: Sandbox
    customer: str
    phrases: Phrases
    clock: FakeClock
    seen: list[str]

    async def play(self, dialogue: Dialogue) -> None:
        """Go through all lines."""
        for mark, text in dialogue.lines:
            match mark:
                case ">":
                    self.clock.advance(seconds=20)
                    asked = await self.sayso.ask(self.customer, text, conversation=self.customer)
                    if asked.id not in self.seen:
                        self.seen.append(asked.id)
                    self.newest = asked.id
                case "!":
                    await self.decide(text)
                case "=":
                    self.expect(await self.sayso.requests.get(self.newest), text)
                case "$":
                    paid = sum(one.amount for one in self.effects())
                    assert paid == int(text), f"{paid} of {text} was paid"
                case "~":
                    self.clock.advance(days=int(text))
                case _:
                    pytest.fail(f"{mark} is no mark")
            await self.sayso.container.dispatcher.drain()
            for request_id in self.seen:
                self.judge(await self.sayso.requests.get(request_id))

    def effects(self) -> list[JournalEffect]:
        """What the provider's books hold for the customer."""
        return [one for one in self.sandbox.books().effects if one.customer == self.customer]

    async def decide(self, text: str) -> None:
        """A manager's word about what waits; about every card ever shown, where none is taken.

        `old` is a yes to the cards of earlier requests.
        """
        word, _, expected = text.partition(" ")
        choice = DecisionChoice.REJECT if word == "no" else DecisionChoice.APPROVE
        cards = [
            action.approval
            for one in (self.seen[:-1] if word == "old" else self.seen)
            for action in (await self.sayso.requests.get(one)).actions
            if action.approval is not None and (expected or action.status == "pending_approval")
        ]
        assert cards, "there is no such card"
        for card in cards:
            try:
                decision = say(card, choice=choice, reason_code="not_covered" * (word == "no"))
                await self.sayso.approvals.decide_as(decision)
                code = ""
            except RefusedError as error:
                code = error.code.value
            assert code == expected, f"the {word} came to {code or 'a decision'}"

    def expect(self, view: RequestView, state: str) -> None:
        """The newest request is told as this."""
        match state:
            case "done":
                assert any(one.id in view.reply for one in self.effects()), view.reply
            case "asks":
                assert view.status == "needs_customer", (view.status, view.reply)
            case _:
                texts = [getattr(self.phrases, name) for name in PHRASES[state]]
                assert any(_says(text, view.reply) for text in texts), (view.status, view.reply)

    def judge(self, view: RequestView) -> None:
        """What a request says is so, by the books, now."""
        assert view.reply
        own = {one.id for one in view.actions}
        effects = self.effects()
        receipts = [one.receipt.id for one in view.actions if one.receipt is not None]
        done = [one for one in effects if one.id in receipts]
        if _says(self.phrases.unchanged, view.reply):
            assert not effects, f"something was changed: {view.reply}"
        for denial in (self.phrases.not_yet, self.phrases.not_done):
            if len(own) == 1 and _says(denial, view.reply):
                assert not done, f"something was done: {view.reply}"
        assert len(receipts) == len(done), f"{receipts}, and the books hold {done}"
        assert all(one in view.reply for one in receipts), view.reply


def _says(template: str, reply: str) -> bool:
    """Whether a reply holds the words of a sentence, whatever stands in its gaps."""
    parts = [part.strip(" .:;") for part in re.split(r"\{\w+\}", template)]
    return all(part.casefold() in reply.casefold() for part in parts if len(part) > 3)


@pytest.mark.promise("agent:thread")
@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_thread_is_told_the_truth_at_every_turn(tmp_path: Path, language: str) -> None:
    """Every dialogue of a language: the books are as expected, and no reply is ever untrue."""
    wrong: list[str] = []
    with Sandbox.start(seed="demo") as sandbox:
        workspace = make_workspace(tmp_path, stripe_url=sandbox.url, more=MORE)
        now = int(sandbox.now().timestamp())
        clock = FakeClock(sandbox.now())
        async with Sayso(workspace, mode="decide", clock=clock) as sayso:
            for number, dialogue in enumerate(read_dialogues(language)):
                who = DemoCustomer(
                    who=f"t{number}",
                    name=f"T {number}",
                    days=400,
                    brand="visa",
                    last4="4242",
                    charges=CHARGES,
                    plan="plus",
                )
                sandbox.add(*customer_rows(who, now))
                thread = Thread(
                    sayso=sayso,
                    sandbox=sandbox,
                    customer=who.customer_id,
                    phrases=phrases_of(language),
                    clock=clock,
                    seen=[],
                )
                try:
                    await thread.play(dialogue)
                except AssertionError as error:
                    wrong.append(f"{dialogue.name}: {str(error)[:300]}")
    assert not wrong, "\n".join(wrong)
