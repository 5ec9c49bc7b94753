"""An outcome that nobody knows: what is known of it, and the form by which a person settles it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response

from sayso.actions.model.status import Status
from sayso.audit.entry import EntryKind
from sayso.errors import Code, RefusedError
from sayso.ids import rfc3339
from sayso.sdk.views.rows import ActionView, EntryView
from sayso.surfaces.console.edge import read_form
from sayso.surfaces.console.render import plural
from sayso.surfaces.console.visit import Visit

_OPEN = frozenset({Status.UNKNOWN.value, Status.ACCEPTED.value})
_LOOKS = frozenset({EntryKind.ACTION_UNKNOWN.value, EntryKind.ACTION_ACCEPTED.value})
_TO_MEND = frozenset({Code.REASON_REQUIRED, Code.INVALID_INPUT, Code.MESSAGE_TOO_LONG})
"""What whoever typed it can put right on the page itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One thing that is known, and when it was found out."""

    at: str
    what: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What somebody has typed, and why it did not count."""

    receipt: str = ""
    evidence: str = ""
    problem: str = ""
    next_step: str = ""


NOTHING = Typed()


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlePane:
    """What a person is asked.

    Attributes:
        question: the headline. did, didnt: what the buttons say.
        what, payee: what the provider was asked for, as its card said it; empty where none did.
        key: the idempotency key of the call, by which a provider's log can be searched.
        known: by time. next_look: when it is looked up again by itself; empty where that
            is not known. left_to_people: it is looked up no more.
        own: whoever looks has asked for it. may: they have a role.
    """

    question: str
    did: str
    didnt: str
    what: str
    payee: str
    connector: str
    key: str
    known: tuple[Known, ...]
    next_look: str
    left_to_people: bool
    own: bool
    may: bool
    typed: Typed


async def pane_of(visit: Visit, action: ActionView, typed: Typed = NOTHING) -> SettlePane | None:
    """What is asked about an action; None where its outcome is known."""
    if action.status not in _OPEN:
        return None
    what, payee = await _shown(visit, action)
    sum_ = str(action.amount) if action.amount is not None else ""
    question = f"Did {sum_} go to {payee}, or not?" if sum_ and payee else ""
    if not question:
        question = f"Did {sum_} move, or not?" if sum_ else "Was it done, or not?"
    calls = [one for one in action.timeline if one.kind == EntryKind.ACTION_INTENT.value]
    looks = [one for one in action.timeline if one.kind in _LOOKS]
    last: Mapping[str, object] = looks[-1].body.get("data", {}) if looks else {}
    due = last.get("next_look_at")
    return SettlePane(
        question=question,
        did=f"{sum_} did move" if sum_ else "It was done",
        didnt="Nothing moved" if sum_ else "It was not done",
        what=what,
        payee=payee,
        connector=action.action.partition(".")[0],
        key=str(calls[-1].body.get("data", {}).get("call_key") or "") if calls else "",
        known=tuple(_known(calls, looks)),
        next_look=rfc3339(due) if isinstance(due, int) else "",
        left_to_people="next_look_at" in last and due is None,
        own=_is_own(visit, action),
        may=bool(visit.person.roles),
        typed=typed,
    )


async def _shown(visit: Visit, action: ActionView) -> tuple[str, str]:
    """What is done and to whom, as people were shown it; empty where nobody was asked."""
    if action.approval is None:
        return "", ""
    try:
        solution = await visit.sayso.solutions.get(action.approval.id)
    except RefusedError:
        return "", ""
    step = next((one for one in solution.steps if one.action_id == action.id), None)
    return ("", "") if step is None else (step.title, step.payee)


def _is_own(visit: Visit, action: ActionView) -> bool:
    """Whether whoever looks has asked for it, so that somebody else has to settle it."""
    return f"person:{visit.person.id}" in {
        one.actor for one in action.timeline if one.kind == EntryKind.ACTION_PROPOSED.value
    }


def _known(calls: Sequence[EntryView], looks: Sequence[EntryView]) -> Iterator[Known]:
    """The calls, and what was seen of each until the next one: in the order of the log."""
    for place, call in enumerate(calls):
        before = calls[place + 1].seq if place + 1 < len(calls) else None
        mine = [one for one in looks if one.seq > call.seq and (not before or one.seq < before)]
        again = " again, under the same key" if place else ""
        yield Known(at=call.at, what=f"Called{again}.", why="Everything was checked before.")
        if mine:
            first = mine[0]
            took = datetime.fromisoformat(first.at) - datetime.fromisoformat(call.at)
            yield Known(
                at=first.at,
                what=_ended(first),
                why=f"After {took.total_seconds():.1f} s. {_reason(first)}".strip(),
            )
        if len(mine) > 1:
            yield Known(
                at=mine[-1].at,
                what=f"Looked up {plural(len(mine) - 1, 'time')} since then, without finding out.",
                why=_reason(mine[-1]),
            )


def _ended(entry: EntryView) -> str:
    if entry.kind == EntryKind.ACTION_ACCEPTED.value:
        return "The provider has taken it on, and not done it yet."
    return "No answer came that says what was done."


def _reason(entry: EntryView) -> str:
    data = entry.body.get("data", {})
    said = str(data.get("reason") or "")
    return f"{said[:1].upper()}{said[1:]}." if said else ""


async def say(visit: Visit) -> Response | Typed:
    """Settle it as whoever has signed in; what they typed where they can mend it on the page."""
    form, name = await read_form(visit.request), visit.request.path_params["id"]
    evidence, receipt = form.one("evidence").strip(), form.one("receipt").strip()
    try:
        await visit.sayso.actions.settle(
            name,
            form.one("outcome"),
            token=visit.request.cookies.get(visit.site.cookie, ""),
            evidence=evidence,
            receipt_id=receipt,
            via="console",
        )
    except RefusedError as error:
        if error.code not in _TO_MEND | {Code.WRONG_STATE}:
            raise
        if (action := await visit.sayso.actions.get(name)).status not in _OPEN:
            return _known_already(visit, action)
        return Typed(
            receipt=receipt,
            evidence=evidence,
            problem=error.message,
            next_step=error.next_step or "write less, and send it again",
        )
    return visit.see(f"action/{name}")


def _known_already(visit: Visit, action: ActionView) -> Response:
    """Somebody, or a look-up, was faster: say what is known, and that nothing was changed."""
    by = next(
        (
            one.actor.partition(":")[2]
            for one in reversed(action.timeline)
            if one.kind == EntryKind.ACTION_RESOLVED.value
        ),
        "",
    )
    who = f"{by} has settled it" if by else "The outcome is known"
    return visit.note(
        "It is known already",
        f"{who}: {action.status.replace('_', ' ')}. What you wrote was not counted.",
        "look at it; if you found something else, tell an auditor, since what is settled stays",
        status=409,
    )
