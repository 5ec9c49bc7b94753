"""What the surface answers: the acknowledgement, and what the person who clicked is told."""

from __future__ import annotations

from dataclasses import dataclass

from sayso.actions.approvals import Decided
from sayso.actions.queue import ApprovalStatus
from sayso.errors import Code, SaysoError
from sayso.json import JsonObject
from sayso.surfaces.slack.wording import escape, show_hidden


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to one interaction.

    Attributes:
        status: 200 acknowledges; 503 makes Slack show the person that it did not work.
        body: of the acknowledgement, such as errors per field; None for an empty one.
        tell: what the person is told in the channel, only they see it; empty when `body` tells it.
        refresh: the card that was clicked is out of date and is to be sent again.
    """

    status: int = 200
    body: JsonObject | None = None
    tell: str = ""
    refresh: str | None = None


NOTHING_DECIDED = "Nothing was decided: something we need did not answer. Please click again."
NOT_CONFIRMED = (
    "It is not confirmed that your click was stored. The card shows what is so: if it still has its"
    " buttons in a minute, click again; a second click changes nothing twice."
)

_REFUSALS: dict[Code, str] = {
    Code.NOT_AN_APPROVER: "You may not decide this",
    Code.OWN_REQUEST: "You may not decide this",
    Code.ALREADY_DECIDED: "Too late",
    Code.APPROVAL_EXPIRED: "Too late",
    Code.STALE_REVISION: "It has changed",
    Code.DIGEST_MISMATCH: "It has changed",
    Code.NOT_FOUND: "There is no such card",
    Code.INVALID_INPUT: "That did not work",
}


def refusal_text(error: SaysoError) -> str:
    """A refusal in words for the person: what is the matter, and what to do."""
    lead = _REFUSALS.get(error.code, "That did not work")
    step = f" Next: {error.next_step}." if error.next_step not in {"", "nothing"} else ""
    return f"{lead}: {error.message}.{step} Nothing was changed by your click."


def decided_text(decided: Decided) -> str:
    """What a person's decision did, as the same commit left it."""
    title = decided.approval.card.title
    match decided.approval.status:
        case ApprovalStatus.REJECTED:
            return f"Your no counts: {title} is not done."
        case ApprovalStatus.APPROVED:
            # Only what is committed: the object may have changed, the provider may say no, and a
            # stop may be in force.
            return (
                f"Your yes counts: {title} is tried once, as soon as nothing holds it, such as a"
                " stop. The card says what comes of it."
            )
        case _:
            roles = " and ".join(role.replace("_", " ") for role in decided.approval.roles)
            return f"Your yes is recorded; it still waits for somebody else. It needs {roles}."


def ephemeral_text(text: str) -> str:
    """The text as Slack may show it: what looks like a mention or a link stays text."""
    return escape(show_hidden(text))
