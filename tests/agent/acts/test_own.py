"""An action in Python says its act, and its words where they are not the act's."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from sayso.actions.model.customer_words import CustomerWords
from sayso.actions.model.definition import Args, Subject, at_most_once
from sayso.actions.model.plan import Plan, Step
from sayso.actions.model.snapshot import Call, Receipt, Record, Resolved
from sayso.agent.base import Handles, Message
from sayso.agent.calling import called
from sayso.agent.intent import find_unasked
from sayso.agent.understanding.act_file import read_shipped_acts
from sayso.agent.understanding.planner import load_knowledge
from sayso.agent.understanding.vocabulary import unfilled
from sayso.connectors.define import OwnConnector, action


class PauseArgs(Args):
    """Which delivery, and until when."""

    delivery: str
    until: str | None = None


class Box(OwnConnector):
    """A delivery box."""

    name = "box"

    @action(
        summary="Pause a delivery",
        guarantee=at_most_once(),
        act="pause",
        on="delivery",
        words={"de": CustomerWords(thing="die Lieferpause[ bis {until}]", done="")},
    )
    async def pause(self, args: PauseArgs, subject: Subject) -> Resolved:
        """The delivery."""
        return self.resolved(args, subject, kind="delivery", account="box", payee="the customer")

    @pause.calls
    async def _pause(self, call: Call) -> Receipt:
        return Receipt(id=call.action_id, status="paused")


def test_an_own_action_is_called_as_its_act_is_or_as_it_says() -> None:
    """In a language that it says nothing about, its act's words are its own."""
    (pause,) = Box().actions
    assert unfilled(pause, read_shipped_acts()) is None
    assert pause.act is not None
    assert pause.act.fills == {"delivery": "object", "until": "until"}
    english, german = called(pause, "en"), called(pause, "de")
    assert english is not None
    assert english.thing == read_shipped_acts()["pause"].says["en"].thing
    assert german is None or german.thing == "die Lieferpause[ bis {until}]"


HANDLES = Handles(
    [
        Record(
            kind="delivery",
            id="dlv_1",
            title="Tea box",
            facts={"status": "active", "created": "2026-01-01T00:00:00Z"},
        )
    ]
)


@pytest.mark.promise("agent:intent-by-argument")
@pytest.mark.parametrize(
    ("words", "until", "against"),
    [
        ("Please pause my tea box until 2030-12-15", "2030-12-15", None),
        ("Please pause my tea box until 2030-12-15", "2031-12-15", True),
        ("Please pause my tea box until 2030-12-15", None, True),
        ("Please pause my tea box", "2030-12-15", False),
    ],
)
def test_a_day_that_a_model_plans_is_held_against_the_words(
    words: str, until: str | None, *, against: bool | None
) -> None:
    """Another one is not even restated; one that nobody said is, and is a person's then."""
    args = {"delivery": "delivery#1", **({} if until is None else {"until": until})}
    step = Step(id="s1", action="box.pause", args=args)
    said = [Message(role="customer", content=words)]
    known = replace(load_knowledge(actions=Box().actions), today=lambda: date(2030, 6, 1))
    found = find_unasked(Plan(steps=(step,), planner="model:x"), said, HANDLES, known)
    assert [one.against for one in found] == ([] if against is None else [against]), found
