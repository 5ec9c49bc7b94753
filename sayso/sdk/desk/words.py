"""What colleagues read in a thread: notes, written anew from the ledger whenever they are read."""

from __future__ import annotations

from collections.abc import Sequence

from sayso.actions.approvals.repository import ApprovalRow, ApprovalStatus
from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.definition import Assurance, Subject
from sayso.text import plain

_MOST_QUOTED = 400
_KNOWN = {
    Assurance.UNVERIFIED: "nobody knows that they are who they say",
    Assurance.VERIFIED: "verified by the desk",
    Assurance.SIGNED_IN: "signed in",
}
_DECIDED = {
    ApprovalStatus.APPROVED: "was approved",
    ApprovalStatus.REJECTED: "was declined",
    ApprovalStatus.EXPIRED: "was not decided in time",
}
SILENT = {
    "answered": "a colleague has answered",
    "taken": "a colleague has taken the thread",
    "closed": "the thread was closed",
    "too_many": "Sayso had answered too often within an hour",
}
"""Why Sayso says nothing in a thread any more."""


def who(subject: Subject, name: str) -> str:
    """Who the customer is, and how that is known."""
    named = f"{plain(name, limit=60)} ({subject.id})" if name else subject.id
    return f"Customer: {named}; {_KNOWN[subject.assurance]}."


def write_handed_over(
    *,
    words: str,
    subject: Subject,
    name: str,
    reason: str,
    tried: Sequence[ActionRow],
    drafted: bool,
    link: str,
) -> str:
    """The note of a hand-over.

    Args:
        words: what the customer wrote. reason: why a person has to go on.
        tried: the actions of the request. drafted: there is a plan that somebody may propose.
    """
    found = [f"- {plain(sentence_of(one), limit=160)}: {one.status.value}" for one in tried]
    parts = [
        "Sayso hands this over.",
        f"Wants: {plain(' '.join(words.split()), limit=_MOST_QUOTED)}",
        who(subject, name),
        "\n".join(["Tried:", *found]) if found else "Tried: nothing.",
        f"Why you: {plain(reason, limit=300)}.",
    ]
    if drafted:
        parts.append("A plan is drafted; you can propose it.")
    return "\n".join([*parts, *_linked(link)])


def write_waits(actions: Sequence[ActionRow], link: str) -> str:
    """The note while people decide."""
    what = "; ".join(plain(sentence_of(one), limit=160) for one in actions)
    return "\n".join([f"Sayso asks a colleague: {what}", *_linked(link)])


def write_decided(action: ActionRow, approval: ApprovalRow, link: str) -> str | None:
    """The note once people have decided; None while they have not."""
    decided = _DECIDED.get(approval.status)
    if decided is None:
        return None
    what = plain(sentence_of(action), limit=160)
    return "\n".join([f"{what} {decided}.", *_linked(link)])


def write_silent(why: str, link: str) -> str:
    """The note with which Sayso falls silent."""
    said = f"Sayso says nothing more in this thread: {SILENT.get(why, why)}."
    return "\n".join([said, *_linked(link)])


def sentence_of(action: ActionRow) -> str:
    """What an action does, in words for colleagues."""
    amount = f" {action.amount}" if action.amount is not None else ""
    about = ""
    if action.snapshot is not None:
        fields = action.snapshot.resolved.fields
        about = next((f", {value}" for value in fields.values() if value), "")
    return f"{action.name}{amount}{about}"


def _linked(link: str) -> list[str]:
    return [link] if link else []
