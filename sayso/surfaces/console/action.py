"""One action as a waterfall: asked, planned, judged, waited, called, told; and every entry."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from starlette.responses import Response

from sayso.actions.customers.proof import VERIFIED_WORDS
from sayso.actions.model.status import FINAL, Status
from sayso.audit.entry import EntryKind
from sayso.errors import RefusedError, RetryableError
from sayso.sdk.resources.customers import MAX_REASON_CHARS
from sayso.sdk.views.customer import CustomerSummaryView
from sayso.sdk.views.rows import ActionView, DecisionView, EntryView, RequestView
from sayso.sdk.words.work import tried
from sayso.surfaces.console import settle as settling
from sayso.surfaces.console.handed_over import standing
from sayso.surfaces.console.render import Times, length, plural
from sayso.surfaces.console.visit import Visit, outside
from sayso.surfaces.console.work import people_of, work_of

_SHARE = 72.0
"""Percent of the width for machine time; the rest is for waits, which are cut."""
_CUT = 10.0
"""Percent of the width that one wait takes, however long it was."""
_LONG_WAIT_S = 5.0
"""A wait that is shorter than this is drawn as it is."""

_NAMES = {
    EntryKind.REQUEST_ASKED: "Asked",
    EntryKind.REQUEST_QUESTIONED: "Asked back",
    EntryKind.REQUEST_CONTINUED: "Waited for the customer",
    EntryKind.REQUEST_PLANNED: "Planned",
    EntryKind.REQUEST_HANDED_OVER: "Handed over",
    EntryKind.REQUEST_PROPOSED: "Proposed by a person",
    EntryKind.REQUEST_REPLIED: "Told",
    EntryKind.REQUEST_WITHDRAWN: "Taken back by the customer",
    EntryKind.ACTION_PROPOSED: "Proposed",
    EntryKind.ACTION_REFUSED: "Refused",
    EntryKind.ACTION_PENDING: "Read and judged",
    EntryKind.ACTION_APPROVED: "Read and judged",
    EntryKind.ACTION_REJECTED: "Waited for a person",
    EntryKind.ACTION_EDITED: "Waited for a person",
    EntryKind.ACTION_EXPIRED: "Nobody answered in time",
    EntryKind.ACTION_WITHDRAWN: "The customer took it back",
    EntryKind.ACTION_STALE: "Changed meanwhile",
    EntryKind.ACTION_HELD: "Blocked",
    EntryKind.ACTION_INTENT: "Checked again",
    EntryKind.ACTION_SUCCEEDED: "Called",
    EntryKind.ACTION_FAILED: "Called",
    EntryKind.ACTION_UNKNOWN: "Called",
    EntryKind.ACTION_RECONCILED: "Looked up",
    EntryKind.ACTION_RESOLVED: "Settled by a person",
    EntryKind.ACTION_COMPENSATED: "Taken back",
    EntryKind.ACTION_ACCEPTED: "Taken by the provider",
    EntryKind.WORK_TAKEN: "A person took it",
    EntryKind.WORK_NOTED: "A person noted something",
    EntryKind.WORK_ENDED: "A person ended it",
    EntryKind.WORK_LATE: "Nobody has answered in time",
}

_BEGIN_WAITS = frozenset(
    {
        EntryKind.REQUEST_QUESTIONED,
        EntryKind.REQUEST_HANDED_OVER,
        EntryKind.ACTION_PENDING,
        EntryKind.ACTION_HELD,
        EntryKind.ACTION_UNKNOWN,
        EntryKind.ACTION_ACCEPTED,
        EntryKind.WORK_TAKEN,
        EntryKind.WORK_NOTED,
        EntryKind.WORK_LATE,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaterfallRow:
    """One row of the waterfall.

    Attributes:
        at, exact: when it ended. took: how long it took, in words.
        x, width: of its bar, in percent. cut: the wait was too long to be drawn as it is.
        body: the entry as it stands in the log.
    """

    name: str
    text: str
    at: str
    exact: str
    took: str
    seq: int
    kind: str
    leaf: str
    body: str
    is_wait: bool = False
    cut: bool = False
    x: float = 0.0
    width: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Waterfall:
    """All of it.

    Attributes:
        title: how long it took in all. machine: how long without the waits.
    """

    title: str
    machine: str
    stages: tuple[WaterfallRow, ...]


async def show_action(visit: Visit, *, typed: settling.Typed = settling.NOTHING) -> Response:
    """The page of one action.

    Args:
        typed: what whoever settles its outcome has typed, and why it did not count.
    """
    sayso = visit.sayso
    action = await sayso.actions.get(visit.request.path_params["id"])
    entries = list(action.timeline)
    if action.request_id is not None:
        about = await sayso.audit.about_request(action.request_id, after=-1)
        known = {entry.seq for entry in entries}
        entries += [
            entry for entry in about if entry.seq not in known and entry.body.get("action") is None
        ]
    fall = waterfall(sorted(entries, key=lambda entry: entry.seq), visit.times)
    page = visit.page(f"{action.action} {action.status}", "-")
    back = action.approval.id if action.approval is not None else ""
    return visit.show(
        "action.html",
        page,
        status=422 if typed.problem else 200,
        done=action.status in (Status.SUCCEEDED, Status.COMPENSATED),
        settle=await settling.pane_of(visit, action, typed),
        action=action,
        fall=fall,
        title=_title(action),
        back=back,
        words=_words(action),
        outside=await outside(visit, [action.id]),
        work=await work_of(visit, action.id),
        people=await people_of(visit),
        receipt=action.status in FINAL,
    )


async def settle(visit: Visit) -> Response:
    """Settle its outcome; what somebody has typed stays where something is missing."""
    said = await settling.say(visit)
    return said if isinstance(said, Response) else await show_action(visit, typed=said)


def _title(action: ActionView) -> str:
    amount = f" {action.amount}" if action.amount is not None else ""
    return f"{action.action}{amount}: {action.status.replace('_', ' ')}"


def _words(action: ActionView) -> dict[str, str]:
    """Short lines for the record."""
    facts = {
        "Action": action.id,
        "What": action.action,
        "Status": action.status.replace("_", " "),
        "Customer": action.subject,
        "Identified": action.assurance.replace("_", " "),
        "Planned by": action.planner,
        "Revision": str(action.revision),
    }
    if action.args:
        facts["Asked for"] = orjson.dumps(action.args).decode()
    if action.amount is not None:
        facts["Amount"] = str(action.amount)
    if action.request_id is not None:
        facts["Request"] = action.request_id
    if action.digest is not None:
        facts["Digest"] = action.digest
    if action.decision is not None:
        decision = action.decision
        facts["Policy said"] = f"{decision.outcome}, by {_whose(decision)}"
        facts["Policy"] = decision.policy_version
    if action.receipt is not None:
        facts["Receipt"] = f"{action.receipt.id} ({action.receipt.status})"
        if action.receipt.details:
            facts["It says"] = orjson.dumps(dict(action.receipt.details)).decode()
    if action.error is not None:
        facts["Why"] = f"{action.error.message} [{action.error.code}]"
    return facts


def _whose(decision: DecisionView) -> str:
    """What asked, of a question; else the rules that decided."""
    return "; ".join(decision.asked_by) or decision.rule or "no rule"


def waterfall(entries: Sequence[EntryView], times: Times) -> Waterfall:
    """The stages between the entries, each drawn from the one before it.

    Args:
        entries: in the order of the log.
    """
    points = [(entry, _seconds(entry)) for entry in entries]
    stages = list(_stages(points, times))
    if not stages:
        return Waterfall(title="Nothing happened yet", machine="", stages=())
    whole = points[-1][1] - points[0][1]
    waits = sum(_length_of(points, place) for place, one in enumerate(stages) if one.is_wait)
    title = f"{length(whole) if whole >= 60 else _exactly(whole)} from the words to the end"
    people = sum(one.is_wait for one in stages)
    machine = (
        f"{_exactly(whole - waits)} of it by machines, the rest waiting"
        if people
        else "by machines alone"
    )
    return Waterfall(title=title, machine=machine, stages=tuple(_placed(stages, points)))


def _stages(points: Sequence[tuple[EntryView, float]], times: Times) -> Iterator[WaterfallRow]:
    judged = waits = False
    for place, (entry, _) in enumerate(points):
        kind = EntryKind(entry.kind)
        by_person = entry.actor.startswith("person:") and judged
        name = _NAMES.get(kind, entry.kind)
        if by_person and kind in {EntryKind.ACTION_APPROVED, EntryKind.ACTION_PENDING}:
            name = "Waited for a person"
        judged = judged or kind in {EntryKind.ACTION_PENDING, EntryKind.ACTION_APPROVED}
        if entry.body.get("data", {}).get("taken_back"):
            name = "The yes was taken back"
        is_wait = waits and kind is not EntryKind.REQUEST_REPLIED
        yield WaterfallRow(
            name=name,
            text=_text(entry, kind, by_person=by_person),
            at=times.seconds(entry.at),
            exact=times.exact(entry.at),
            took=_exactly(_length_of(points, place)),
            seq=entry.seq,
            kind=entry.kind,
            leaf=entry.leaf,
            body=orjson.dumps(entry.body, option=orjson.OPT_INDENT_2).decode(),
            is_wait=is_wait,
            cut=is_wait and _length_of(points, place) > _LONG_WAIT_S,
        )
        # Telling the customer neither begins a wait nor ends one.
        if kind is not EntryKind.REQUEST_REPLIED:
            waits = _waits_after(entry, kind)


def _waits_after(entry: EntryView, kind: EntryKind) -> bool:
    """Whether nothing is worked on from an entry on until the next one: a person, a provider or a
    set time is waited for, or it has ended."""
    held = kind is EntryKind.ACTION_APPROVED and "starts_at" in entry.body.get("data", {})
    status = entry.body.get("status")
    ended = isinstance(status, str) and status in FINAL
    return held or ended or kind in _BEGIN_WAITS


def _placed(
    stages: Sequence[WaterfallRow], points: Sequence[tuple[EntryView, float]]
) -> Iterator[WaterfallRow]:
    """The same with their bars: machine time to scale, long waits cut to one length."""
    cuts = sum(stage.cut for stage in stages)
    drawn = sum(_length_of(points, place) for place, stage in enumerate(stages) if not stage.cut)
    share = min(_SHARE, 100.0 - cuts * _CUT)
    x = 0.0
    for place, stage in enumerate(stages):
        took = _length_of(points, place)
        width = _CUT if stage.cut else share * took / drawn if drawn else 0.0
        yield WaterfallRow(
            name=stage.name,
            text=stage.text,
            at=stage.at,
            exact=stage.exact,
            took=stage.took,
            seq=stage.seq,
            kind=stage.kind,
            leaf=stage.leaf,
            body=stage.body,
            is_wait=stage.is_wait,
            cut=stage.cut,
            x=round(x, 2),
            width=round(max(width, 0.5), 2),
        )
        x += width


def _text(entry: EntryView, kind: EntryKind, *, by_person: bool) -> str:
    data = entry.body.get("data", {})
    rule = entry.body.get("rule") or "no rule"
    match kind:
        case EntryKind.REQUEST_ASKED:
            return f"{plural(int(data.get('messages', 1)), 'message')}, sealed beside the log"
        case EntryKind.REQUEST_PLANNED | EntryKind.REQUEST_PROPOSED:
            steps = plural(len(data.get("steps", [])), "step")
            drafted = "drafted " if kind is EntryKind.REQUEST_PROPOSED else ""
            return f"{steps} {drafted}by {data.get('planner', 'a planner')}"
        case EntryKind.ACTION_PENDING | EntryKind.ACTION_APPROVED if not by_person:
            roles = " and ".join(role.replace("_", " ") for role in data.get("roles", []))
            asked = f"asks {roles}" if kind is EntryKind.ACTION_PENDING and roles else "allowed"
            return f"{asked}, by {rule}"
        case EntryKind.ACTION_APPROVED | EntryKind.ACTION_PENDING:
            return f"{_name(entry.actor)} said yes, by {data.get('via', 'somewhere')}"
        case EntryKind.ACTION_REJECTED:
            return f"{_name(entry.actor)} said no: {data.get('reason_code', '')}"
        case EntryKind.ACTION_EDITED:
            return f"{_name(entry.actor)} said less"
        case EntryKind.ACTION_INTENT:
            again = "once more, under the same key" if data.get("again") else "as it was judged"
            return f"Everything that could have changed, {again}"
        case EntryKind.ACTION_SUCCEEDED | EntryKind.ACTION_RECONCILED | EntryKind.ACTION_RESOLVED:
            return f"Done: {data.get('receipt_id', entry.body.get('status', ''))}"
        case EntryKind.ACTION_FAILED:
            return "The provider said no"
        case EntryKind.ACTION_UNKNOWN:
            return "No answer came; it is looked up, never called again blindly"
        case EntryKind.REQUEST_REPLIED:
            return "The reply was written from what the ledger holds"
        case _:
            return str(data.get("reason", "") or data.get("code", "") or "")


def _name(actor: str) -> str:
    return actor.partition(":")[2]


def _seconds(entry: EntryView) -> float:
    return datetime.fromisoformat(entry.at).timestamp()


def _length_of(points: Sequence[tuple[EntryView, float]], place: int) -> float:
    return 0.0 if place == 0 else max(0.0, points[place][1] - points[place - 1][1])


def _exactly(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 90 else length(seconds)


async def show_request(visit: Visit) -> Response:
    """The page of one request: what was asked, what came of it, and why people have to take it."""
    request: RequestView = await visit.sayso.requests.get(visit.request.path_params["id"])
    turns = await visit.sayso.solutions.turns(request.id)
    page = visit.page(f"Request of {request.subject}", "-")
    work = await work_of(visit, request.id)
    done = {action.id: Status(action.status) for action in request.actions}
    return visit.show(
        "request.html",
        page,
        request=request,
        turns=turns,
        done=done,
        unknown=_is_unknown(visit, request),
        known_by=VERIFIED_WORDS,
        longest=MAX_REASON_CHARS,
        work=work,
        standing="" if work is None else standing(visit.times, work, visit.person.id),
        tried=tried(turns, request, work),
        thread=await visit.sayso.desks.thread_of(request.id),
        who=None if work is None or _is_unknown(visit, request) else await _who(visit, request.id),
        key=secrets.token_urlsafe(16),
        people=await people_of(visit),
    )


async def _who(visit: Visit, request_id: str) -> CustomerSummaryView | None:
    """The customer with their accounts; None where the provider or the viewer's role says no."""
    try:
        found = await visit.sayso.customers.find(request_id, by=visit.session.token, via="console")
    except (RefusedError, RetryableError):
        return None
    return next(iter(found.items), None)


def _is_unknown(visit: Visit, request: RequestView) -> bool:
    """Whether somebody may vouch for the customer here: nobody knows that they write."""
    known = request.verified
    if known is not None and datetime.fromisoformat(known.until) > visit.times.now:
        return False
    asks = request.question is not None and request.question.kind == "verify"
    waits = any(action.status == Status.PENDING_APPROVAL for action in request.actions)
    has_to_wait = request.status == "handed_over" or asks or waits
    return request.assurance == "unverified" and has_to_wait
