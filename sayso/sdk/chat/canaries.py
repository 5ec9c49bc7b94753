"""Test cards in a chat: shown like any card, and told apart only once somebody clicked.

A click on any of their buttons is the answer: no form counts, since what somebody wants to say is
plain by then. What the mistake was is told to whoever clicked, and to nobody else.
"""

from __future__ import annotations

from typing import Final

from sayso.actions.approvals.answer import SolutionDecision as Said
from sayso.sdk.chat.fit import Fit
from sayso.sdk.client import Sayso
from sayso.sdk.resources.canaries import CanaryView
from sayso.sdk.words.approval_outcome import CardOutcome

TITLE: Final = "This was a test card"
OVER: Final = "What stood here was of a test card."
"""In the place of what was said below one."""
WAITS: Final = CardOutcome(lead="", asks=True)
"""How one of a single step is shown while it is open."""


def ended_text(found: CanaryView) -> str:
    """What is left of a card; how somebody did is told to nobody else."""
    said = {
        "unanswered": "Nobody answered it in time.",
        "withdrawn": "It was taken back.",
    }.get(found.status, "It was answered, and whoever clicked was told what was wrong with it.")
    return f"{TITLE}: a true case with a mistake in it. {said} Nothing was done."


async def answer_test_card(sayso: Sayso, said: Said, *, asks: bool, fit: Fit) -> str:
    """Take a click on a test card, and say what it was.

    Args:
        said: by whoever clicked; its choice is the button's. asks: it was the one that asks first.
        fit: the chat's.

    Raises:
        RefusedError: `not_found` for what is no test card; as for a true one.
    """
    found = await sayso.canaries.answer_as(said, asks=asks)
    mistake = f" The mistake: {fit(found.reveal, 400)}." if found.reveal else ""
    nothing = "Nothing was done, and the customer has heard nothing."
    if found.status == "caught":
        return f"You caught it: this was a test card.{mistake} {nothing}"
    answer = "wanted less of the wrong thing" if found.answer == "less" else "said yes"
    return f"This was a test card, and you {answer}.{mistake} {nothing}"
