"""An action in Python says its act, and its words where they are not the act's."""

from __future__ import annotations

from sayso.actions.model.customer_words import CustomerWords
from sayso.actions.model.definition import Args, Subject, at_most_once
from sayso.actions.model.snapshot import Call, Receipt, Resolved
from sayso.agent.calling import called
from sayso.agent.understanding.act_file import read_shipped_acts
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
