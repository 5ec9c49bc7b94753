"""The seat: a thread of your help desk beside its ticket, in 360 pixels.

The same parts as in the console: who writes, what waits, what was decided and told, what a planner
has drafted, and composing; what somebody says goes through the desk's own actions, as theirs.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from starlette.responses import Response

from sayso.actions.customers.proof import VERIFIED_WORDS
from sayso.agent.draft_proposal import DraftProposal
from sayso.errors import Code, RefusedError
from sayso.sdk.desk.seat import MOST_TEXT_CHARS, SeatView, Words, why_unsaid
from sayso.sdk.resources.customers import MAX_REASON_CHARS
from sayso.sdk.resources.work import WorkView
from sayso.sdk.views.customer import CustomerSummaryView
from sayso.sdk.views.rows import ActionView, RequestView
from sayso.surfaces.console.compose import Composing, propose_form, read_composing, value_of
from sayso.surfaces.console.edge import Form, read_form
from sayso.surfaces.console.render import Times
from sayso.surfaces.console.visit import Visit
from sayso.surfaces.console.work import lowered, work_of
from sayso.text import plain

_ENDED = frozenset({"succeeded", "failed", "refused", "rejected", "expired", "withdrawn"})
_MOST_EARLIER = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadStanding:
    """How it stands, as the first note of the page. `kind`: `wait`, `ok`, `past` or `no`."""

    kind: Literal["wait", "ok", "past", "no"]
    title: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """What the page says.

    Attributes:
        view: the thread. who: its customer; None where nobody knows that they write.
        request: the newest; earlier: those before, newest first.
        done: what somebody has just sent, and came of it.
    """

    desk: str
    thread: str
    view: SeatView | None = None
    who: CustomerSummaryView | None = None
    request: RequestView | None = None
    earlier: Sequence[RequestView] = ()
    work: WorkView | None = None
    standing: ThreadStanding | None = None
    done: ActionView | None = None
    key: str = ""

    @property
    def query(self) -> str:
        """Of the page's address."""
        return f"desk={quote(self.desk, safe='')}&thread={quote(self.thread, safe='')}"

    @property
    def mark(self) -> str:
        """Differs when what stands above the forms differs."""
        if self.view is None or self.request is None:
            return "none"
        states = [(one.id, one.status) for one in self.request.actions]
        said = (self.view.requests, self.request.status, states, self.view.silent)
        notes = 0 if self.work is None else len(self.work.notes)
        return repr((said, self.request.reply, notes, self.view.unknown_writer))


async def show_seat(visit: Visit) -> Response:
    """The page of a thread."""
    query = visit.request.query_params
    return await _show(visit, query.get("desk", ""), query.get("thread", ""), Form({}))


async def judge(visit: Visit) -> Response:
    """The same, with what the form composes judged; nothing is stored."""
    form = await read_form(visit.request)
    return await _show(visit, form.one("desk"), form.one("thread"), form)


async def say(visit: Visit) -> Response:
    """Do what somebody wants done in the thread; then look at it again."""
    form = await read_form(visit.request)
    desk, thread = form.one("desk"), form.one("thread")
    where = f"seat?desk={quote(desk, safe='')}&thread={quote(thread, safe='')}"
    did: ActionView | None = None
    try:
        match form.one("do"):
            case "reply" | "note" | "hand_over" as kind:
                did = await _speak(visit, desk, thread, kind, form)
            case "vouch":
                await _vouch(visit, desk, thread, form)
            case "draft":
                await _propose_draft(visit, desk, thread, form)
            case "propose":
                did = await propose_form(visit, await _ours(visit, desk, thread, form))
            case _:
                pass
    except RefusedError as error:
        if error.code is Code.DIGEST_MISMATCH and form.one("do") == "propose":
            return await _show(visit, desk, thread, form, again=True, status=409)
        return await _show(visit, desk, thread, form, problem=error, status=409)
    return visit.see(f"{where}&did={did.id}" if did is not None else where)


async def _request(visit: Visit, desk: str, thread: str) -> str:
    """The newest request of a thread.

    Raises:
        RefusedError: `not_found`.
    """
    view = await visit.sayso.desks.seat(desk, thread, by=visit.session.token)
    if not view.requests:
        raise RefusedError(
            Code.NOT_FOUND, "nothing of this ticket has come in", next_step="look at it again"
        )
    return view.requests[-1]


async def _ours(visit: Visit, desk: str, thread: str, form: Form) -> Form:
    """The form, for the customer who writes in this very thread, whatever it says."""
    return form.with_one("customer", await _request(visit, desk, thread))


async def _speak(
    visit: Visit, desk: str, thread: str, kind: Literal["reply", "note", "hand_over"], form: Form
) -> ActionView:
    said = Words(kind=kind, text=form.one("text").strip(), key=form.one("key"), via="console")
    done = await visit.sayso.desks.speak(desk, thread, said, by=visit.session.token)
    if kind == "reply" and not why_unsaid(done):
        request = await _request(visit, desk, thread)
        work = await work_of(visit, request)
        if work is not None and not work.ended:
            await visit.sayso.work.answered_as(
                request, said.text[:2000], visit.session.token, action=done.id, via="console"
            )
    return done


async def _vouch(visit: Visit, desk: str, thread: str, form: Form) -> None:
    request = await _request(visit, desk, thread)
    by = visit.session.token
    await visit.sayso.customers.vouch(request, reason=form.one("reason"), by=by, via="console")


async def _propose_draft(visit: Visit, desk: str, thread: str, form: Form) -> None:
    request = await _request(visit, desk, thread)
    wanted = DraftProposal(
        digest=form.one("digest"),
        person=visit.person.id,
        via="console",
        credential=visit.session.token.id,
        steps=form.all("step"),
        lower=await lowered(visit, request, form),
    )
    await visit.sayso.work.propose_as(request, wanted, tenant=visit.session.token.tenant)


async def _show(
    visit: Visit,
    desk: str,
    thread: str,
    form: Form,
    *,
    again: bool = False,
    problem: RefusedError | None = None,
    status: int = 200,
) -> Response:
    seat = Seat(desk=desk[:60], thread=thread[:120], key=secrets.token_urlsafe(16))
    said: Composing | None = None
    try:
        seat = await _read(visit, seat) if desk and thread else seat
    except RefusedError as error:
        problem, status = problem or error, 404 if error.code is Code.NOT_FOUND else 409
    if seat.request is not None and seat.who is not None:
        asked = form.with_one("customer", seat.request.id).with_one("do", "")
        said = await read_composing(visit, asked, again=again)
    page = visit.page(
        f"Ticket {plain(seat.thread, limit=40)}" if seat.thread else "No ticket",
        "-",
        live=quote(f"seat {seat.desk} {seat.thread}", safe="") if seat.view else "",
    )
    return visit.show(
        "seat.html",
        page,
        status=status,
        seat=seat,
        said=said,
        problem=problem,
        value_of=value_of,
        known_by=VERIFIED_WORDS,
        longest=MAX_REASON_CHARS,
        longest_text=MOST_TEXT_CHARS,
    )


async def _read(visit: Visit, seat: Seat) -> Seat:
    sayso, by = visit.sayso, visit.session.token
    view = await sayso.desks.seat(seat.desk, seat.thread, by=by)
    requests = [await sayso.requests.get(one) for one in view.requests[-_MOST_EARLIER - 1 :]]
    request = requests[-1] if requests else None
    who = None
    if request is not None and not view.unknown_writer:
        seen = await sayso.customers.find(request.id, by=by, via="console")
        who = next(iter(seen.items), None)
    did = visit.request.query_params.get("did", "")
    return Seat(
        desk=seat.desk,
        thread=seat.thread,
        view=view,
        who=who,
        request=request,
        earlier=requests[-2::-1],
        work=None if request is None else await work_of(visit, request.id),
        standing=None if request is None else standing_of(visit.times, request),
        done=await _did(visit, did) if did.startswith("act_") else None,
        key=seat.key,
    )


async def _did(visit: Visit, action_id: str) -> ActionView | None:
    try:
        return await visit.sayso.actions.get(action_id, timeline=False)
    except RefusedError:
        return None


def standing_of(times: Times, request: RequestView) -> ThreadStanding | None:
    """How a request stands, for whoever answers the customer next."""
    at = times.told(request.updated_at)
    waiting = [one for one in request.actions if one.status == "pending_approval"]
    if waiting and waiting[0].approval is not None:
        roles = " and ".join(one.replace("_", " ") for one in waiting[0].approval.roles)
        left = times.left(waiting[0].approval.expires_at)
        return ThreadStanding(
            kind="wait", title=f"Waits for a {roles}", text=f"{left}. No answer counts as no."
        )
    states = {one.status for one in request.actions}
    match request.status:
        case "withdrawn":
            return ThreadStanding(
                kind="past",
                title=f"The customer withdrew it {at}",
                text="Nobody can say yes to it any more.",
            )
        case "handed_over":
            why = "" if request.error is None else request.error.message
            return ThreadStanding(kind="wait", title="Waits for a person", text=why)
        case "needs_customer":
            return ThreadStanding(kind="wait", title="Waits for the customer's answer")
        case _ if "succeeded" in states and states <= _ENDED:
            return ThreadStanding(kind="ok", title=f"Done {at}")
        case _ if states and states <= _ENDED:
            return ThreadStanding(kind="no", title=f"Nothing was done, {at}")
        case _ if states:
            return ThreadStanding(kind="wait", title="Under way")
        case _:
            return None
