"""The solution's page: read in five seconds, answered once, and true about what came of it."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from starlette.responses import Response

from sayso.actions.approvals.answer import SolutionDecision
from sayso.actions.approvals.repository import ApprovalStatus, DecisionChoice
from sayso.actions.model.status import Status
from sayso.money import Money
from sayso.sdk.resources.customers import MAX_REASON_CHARS
from sayso.sdk.resources.passkeys import ToSign
from sayso.sdk.views.solution import SolutionView, StepView, is_unverified
from sayso.sdk.words.no_reasons import NO_REASONS
from sayso.sdk.words.quoted import who_wrote
from sayso.sdk.words.solution import first_name, join, number_word
from sayso.sdk.words.solution_outcome import counting_votes, is_struck, title_of
from sayso.surfaces.console.changed import ShownChange
from sayso.surfaces.console.passkeys import new_nonce, on_button
from sayso.surfaces.console.queue import (
    Link,
    came_from,
    card_path,
    last_answer,
    near_of,
)
from sayso.surfaces.console.render import Times
from sayso.surfaces.console.visit import Visit, outside, sandboxes
from sayso.surfaces.console.work import people_of

_DONE = frozenset({Status.SUCCEEDED, Status.COMPENSATED})
_ENDED_BADLY = frozenset({Status.FAILED, Status.UNKNOWN})
_NOT_DONE = frozenset({Status.REFUSED, Status.REJECTED, Status.EXPIRED, Status.WITHDRAWN})
Signing: TypeAlias = Callable[[SolutionDecision, Callable[[], str]], Awaitable[ToSign | None]]
"""What a passkey has to sign of an answer, with a nonce; None where it need not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusSentence:
    """A sentence and what it means. `kind` is the note's colour."""

    title: str
    text: str = ""
    kind: str = "past"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lower:
    """A step whose amount may be lowered."""

    id: str
    label: str
    amount: str
    plain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Agrees:
    """One of the people who have to agree."""

    who: str
    text: str
    said: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallerForm:
    """A smaller yes that is shown: the amounts that it lowers, by step."""

    lower: Mapping[str, Money]


@dataclass(frozen=True, slots=True, kw_only=True)
class CardPage:
    """What the page says around the solution, for one viewer.

    Attributes:
        asks: whether this person can answer now.
        take_back: whether they can take back the yes that was said.
        passkey: what their passkey has to sign for this yes; empty where it need not.
        passkey_missing: why they cannot say this yes, in words, though they may.
        titles: what each step does, or that it is not done. struck: whose amount does not move.
        lines: what stands under each step. marks: the sign beside each.
    """

    asks: bool
    note: StatusSentence | None
    said: StatusSentence
    news: str
    steps_title: str
    total_label: str
    yes: str
    who_wrote: str
    first_name: str
    on_yes: str
    on_no: str
    titles: Mapping[str, str]
    struck: frozenset[str]
    lines: Mapping[str, str]
    marks: Mapping[str, str]
    people: tuple[Agrees, ...] = ()
    changes: tuple[ShownChange, ...] = ()
    lower: tuple[Lower, ...] = ()
    after: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    warning: str = ""
    may_untick: bool = False
    may_ask: bool = False
    may_vouch: bool = False
    take_back: bool = False
    asked: StatusSentence | None = None
    passkey: str = ""
    passkey_missing: str = ""
    smaller: SmallerForm | None = None
    key: str = ""


async def show_solution(visit: Visit) -> Response:
    """The page."""
    view = await visit.sayso.solutions.get(visit.request.path_params["id"])
    return await page_of(visit, view)


async def page_of(
    visit: Visit,
    view: SolutionView,
    *,
    note: StatusSentence | None = None,
    changes: Sequence[ShownChange] = (),
    status: int = 200,
    dead: bool = False,
    smaller: SmallerForm | None = None,
    to_sign: Signing | None = None,
) -> Response:
    """The page of a solution; `to_sign` tells what a passkey has to sign of another card."""
    talk = await visit.sayso.solutions.conversation(view)
    told = await _reply(visit, view)
    card = card_of(visit, view, note=note, changes=changes, dead=dead, smaller=smaller)
    if card.asks:
        card = await _with_passkey(visit, view, card, to_sign or visit.sayso.solutions.to_sign)
    if view.votes:
        card = replace(card, after=(*await _words(visit, view), *card.after))
    page = visit.page(view.lead.headline, "", live=view.id)
    near = await near_of(visit, view)
    return visit.show(
        "solution.html",
        page,
        status=status,
        view=view,
        card=card,
        talk=talk,
        told=told,
        near=near,
        reasons=NO_REASONS,
        practice=is_practice(sandboxes(visit.sayso), view),
        here=card_path(view.id, came_from(visit)),
        list=came_from(visit).link,
        before=await last_answer(visit),
        longest=MAX_REASON_CHARS,
        people=await people_of(visit),
        outside=await outside(visit, [step.action_id for step in view.steps]),
    )


def is_practice(places: frozenset[str], view: SolutionView) -> bool:
    """Whether no step that moves money, or else no step, reaches a provider beyond this machine.

    Args:
        places: the connectors whose providers are on it.
    """
    money = [step for step in view.steps if step.amount is not None] or view.steps
    return all(step.action.partition(".")[0] in places for step in money)


async def _words(visit: Visit, view: SolutionView) -> tuple[str, ...]:
    """Why people said what was decided."""
    if view.status == ApprovalStatus.REJECTED:
        no = await visit.sayso.approvals.why_not(view.id)
        if no is None:
            return ()
        code = NO_REASONS.get(no.code, no.code.replace("_", " "))
        return (f"{code}: “{no.words}”" if no.words else f"{code}.",)
    said = await visit.sayso.approvals.why_yes(view.id)
    return tuple(f"{person}: “{words}”" for person, words in said)


async def _reply(visit: Visit, view: SolutionView) -> str:
    """What the customer was told once it was decided; empty while it waits."""
    if view.request_id is None or view.status == ApprovalStatus.PENDING:
        return ""
    return (await visit.sayso.requests.get(view.request_id)).reply


async def _with_passkey(
    visit: Visit, view: SolutionView, card: CardPage, to_sign: Signing
) -> CardPage:
    """The card with what a passkey has to sign, where this yes needs that."""
    lower: Mapping[str, Money] = {} if card.smaller is None else card.smaller.lower
    steps = tuple(step.id for step in view.steps if step.asks and not step.left_out)
    answer = SolutionDecision(
        tenant=visit.session.token.tenant,
        approval_id=view.id,
        revision=view.revision,
        digest=view.digest,
        choice=DecisionChoice.EDIT if lower else DecisionChoice.APPROVE,
        person=visit.person.id,
        via="console",
        credential=visit.session.token.id,
        steps=steps if card.smaller is not None else None,
        lower=lower,
    )
    asked = await to_sign(answer, partial(new_nonce, visit))
    if asked is None:
        return card
    passkey, missing = on_button(visit, asked)
    return replace(card, passkey=passkey, passkey_missing=missing)


def card_of(
    visit: Visit,
    view: SolutionView,
    *,
    note: StatusSentence | None = None,
    changes: Sequence[ShownChange] = (),
    dead: bool = False,
    smaller: SmallerForm | None = None,
) -> CardPage:
    """What the page says for this viewer.

    Args:
        note: what came of a click, in place of what the solution says by itself.
        dead: nothing that decides may stand on this page, since a click came from its place.
        smaller: the page shows a smaller yes than was asked for.
    """
    answered = visit.person.id in view.agreed
    pending = view.status == ApprovalStatus.PENDING
    may = bool(visit.person.roles & set(view.roles)) or (
        view.escalated is not None and view.escalated.role in visit.person.roles
    )
    asks = pending and may and not answered and not dead
    said = status_sentence(visit, view)
    name = first_name(view.customer.name)
    left = len(view.roles) - len(view.agreed) - 1
    waiting = [step for step in view.steps if step.asks]
    return CardPage(
        asks=asks,
        note=note or (None if asks else _note(visit, view, may=may, answered=answered)),
        said=said,
        news=said.title if not pending else f"{view.lead.headline}: this has changed.",
        steps_title=_steps_title(view, asks=asks),
        total_label=_total_label(view, changed=bool(changes)),
        yes=_yes(view),
        who_wrote=f"{who_wrote(view, visit.times.told(view.created_at))} "
        "What it says happened is not checked.",
        titles={step.id: title_of(step) for step in view.steps},
        struck=frozenset(step.id for step in view.steps if is_struck(step)),
        first_name=name,
        on_yes=view.lead.on_yes,
        on_no=view.lead.on_no,
        lines={step.id: _line_of(visit, view, step) for step in view.steps},
        marks={step.id: _mark(step) for step in view.steps},
        people=_people(visit, view),
        changes=tuple(changes),
        lower=tuple(map(_lower, (step for step in waiting if step.may_lower)))
        if asks and smaller is None
        else (),
        smaller=smaller,
        after=_after(view) if not pending else (),
        links=tuple(
            Link(path=f"action/{step.action_id}", text=f"step {place}")
            for place, step in enumerate(view.steps, 1)
        )
        if not pending
        else (),
        warning=""
        if len(view.roles) < 2 or not asks
        else "Yours is the last yes: it starts."
        if left <= 0
        else f"Starts once {number_word(left) + ' more people' if left > 1 else 'one more person'} "
        f"{'agree' if left > 1 else 'agrees'} too.",
        may_untick=len(waiting) > 1 and not view.all_or_nothing and smaller is None,
        may_ask=asks and view.request_id is not None and view.question is None and smaller is None,
        may_vouch=pending and is_unverified(view),
        take_back=may and view.may_take_back and not dead and (answered or not pending),
        asked=_asked(visit, view, name),
        key=_key(view, asks=asks, note=note),
    )


def _key(view: SolutionView, *, asks: bool, note: StatusSentence | None) -> str:
    shown = [(step.id, step.status, step.revision) for step in view.steps]
    held = view.may_take_back
    said = repr((view.digest, view.status, view.agreed, shown, asks, note, view.question, held))
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _asked(visit: Visit, view: SolutionView, name: str) -> StatusSentence | None:
    """What the customer was asked and has not answered yet."""
    if view.question is None:
        return None
    by = "You have" if view.question.by == visit.person.id else f"{view.question.by} has"
    when = visit.times.told(view.question.asked_at)
    return StatusSentence(
        title=f"{by} asked {name} {when}: “{view.question.text}”",
        text="The answer will stand here, on a card of its own. A yes or no counts also without.",
        kind="wait",
    )


def _yes(view: SolutionView) -> str:
    money = " + ".join(map(str, view.totals))
    return f"Yes, {money}" if money else "Yes, do it"


def _steps_title(view: SolutionView, *, asks: bool) -> str:
    if not asks and view.status != ApprovalStatus.PENDING:
        return "What happened" if view.status == ApprovalStatus.APPROVED else "What was proposed"
    return "What the last yes does" if len(view.roles) > 1 else "What a yes does"


def _total_label(view: SolutionView, *, changed: bool) -> str:
    if changed:
        return "In all, now"
    done = {Status(step.status) for step in view.steps if step.amount is not None}
    return "Moved" if done and done <= _DONE else "In all"


def _line(step: StepView, times: Times, *, pending: bool) -> str:
    status = Status(step.status)
    if status in _DONE:
        receipt = f" {step.receipt.id}" if step.receipt is not None else ""
        undone = " It was taken back later." if status is Status.COMPENSATED else ""
        nobody = " Needed nobody." if step.needs == "nobody" else ""
        return f"Done {times.told(step.updated_at)}.{receipt}{undone}{nobody}"
    if status in _NOT_DONE or status in _ENDED_BADLY:
        why = "" if step.error is None else f": {step.error.message}"
        words = {
            Status.REJECTED: "Not done, a person said no",
            Status.EXPIRED: "Not done, nobody answered in time",
            Status.WITHDRAWN: "Not done, the customer took it back",
            Status.REFUSED: f"Not done{why}",
            Status.FAILED: f"It did not work{why}",
            Status.UNKNOWN: "Nobody knows yet; it is looked up, and never done twice blindly",
        }
        return f"{words[status]}."
    if step.left_out:
        return "Left out: it does not happen."
    if step.asks or pending:
        alone = "Needs nobody. " if step.needs == "nobody" else ""
        return f"{alone}{step.consequence}"
    where = " at the provider" if status is Status.ACCEPTED else ""
    return f"Under way{where} since {times.told(step.updated_at)}."


def _line_of(visit: Visit, view: SolutionView, step: StepView) -> str:
    """What stands under a step: that it has not begun, where a yes can still be taken back."""
    if view.may_take_back and step.status == Status.APPROVED:
        return "Agreed to, and not started yet."
    return _line(step, visit.times, pending=view.status == ApprovalStatus.PENDING)


def _mark(step: StepView) -> str:
    status = Status(step.status)
    if step.left_out:
        return "off"
    if status in _DONE:
        return "done"
    if status in _ENDED_BADLY:
        return "bad"
    return "off" if status in _NOT_DONE else "busy"


def _lower(step: StepView) -> Lower:
    amount = step.amount
    assert amount is not None, "only an amount can be lowered"
    return Lower(id=step.id, label=step.title, amount=str(amount), plain=f"{amount.decimal:f}")


def _people(visit: Visit, view: SolutionView) -> tuple[Agrees, ...]:
    """Who has agreed, and whose yes is still missing."""
    at = {vote.person: vote.at for vote in counting_votes(view) if vote.decision == "approve"}
    found = [
        Agrees(
            who="You" if person == visit.person.id else person,
            text=f" said yes {visit.times.told(at[person])}" if person in at else " said yes",
            said=True,
        )
        for person in view.agreed
    ]
    for role in view.roles[len(found) :]:
        # NOTE: one person is one of them, however many of the roles they have.
        taken = visit.person.id in view.agreed or any(one.who == "You" for one in found)
        mine = role in visit.person.roles and not taken
        words = role.replace("_", " ")
        found.append(
            Agrees(
                who="You" if mine else words.capitalize(),
                text=f", {words}, or somebody else with that role" if mine else "",
                said=False,
            )
        )
    return tuple(found)


def _note(visit: Visit, view: SolutionView, *, may: bool, answered: bool) -> StatusSentence:
    """What the solution says by itself, to somebody who cannot answer it now."""
    if view.status == ApprovalStatus.PENDING:
        roles = join([role.replace("_", " ") for role in view.roles])
        if answered:
            return StatusSentence(
                title="You said yes. It waits for somebody else.",
                text=f"Nothing starts until all have agreed: {roles}.",
                kind="wait",
            )
        if not may:
            return StatusSentence(
                title=f"It waits for {roles}.",
                text="You can read it; somebody with that role answers it.",
            )
    done = [step for step in view.steps if Status(step.status) in _DONE]
    said = status_sentence(visit, view)
    if view.status == ApprovalStatus.APPROVED:
        if view.starts_at is not None:
            at = f"It starts {visit.times.told(view.starts_at)}."
            return StatusSentence(title=f"{said.title} {said.text}.", text=at, kind="wait")
        whole = f"All {number_word(len(done))} steps are done" if len(done) > 1 else "It is done"
        text = (
            f"{whole}."
            if len(done) == len(view.steps)
            else f"{len(done)} of {len(view.steps)} steps are done."
        )
        return StatusSentence(title=f"{said.title} {said.text}.", text=text, kind="ok")
    moved = [str(step.amount) for step in done if step.amount is not None]
    text = f"Moved: {join(moved)}." if moved else "No money moved."
    return StatusSentence(title=f"{said.title} {said.text}".rstrip() + ".", text=text)


def status_sentence(visit: Visit, view: SolutionView) -> StatusSentence:
    """Who answered what; stands where the buttons were."""
    words = {
        ApprovalStatus.APPROVED: ("said yes", "approve"),
        ApprovalStatus.REJECTED: ("said no", "reject"),
    }.get(ApprovalStatus(view.status))
    if words is not None:
        votes = [vote for vote in counting_votes(view) if vote.decision == words[1]]
        people = list(dict.fromkeys(vote.person for vote in votes))
        who = join(["You" if one == visit.person.id else one for one in people]) or "Somebody"
        when = visit.times.told(votes[-1].at) if votes else ""
        return StatusSentence(title=f"{who} {words[0]}", text=when)
    if view.status == ApprovalStatus.EXPIRED:
        until = visit.times.told(view.expires_at)
        return StatusSentence(title="Nobody answered, which counts as no", text=f"until {until}")
    if view.status == ApprovalStatus.WITHDRAWN:
        return StatusSentence(title="Withdrawn by the customer", text="Nobody can say yes any more")
    if view.status == ApprovalStatus.SUPERSEDED:
        return StatusSentence(title="It is no longer asked", text="Something changed meanwhile")
    return StatusSentence(title="It waits for somebody else", text="")


def _after(view: SolutionView) -> tuple[str, ...]:
    """What can be done about it, once it is done."""
    back = [
        f"Was it wrong? “{step.title}” can be taken back, by an action of its own."
        for step in view.steps
        if Status(step.status) is Status.SUCCEEDED and "taken back" in step.consequence
    ]
    return tuple(back)
