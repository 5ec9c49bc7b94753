"""Answering a card: yes, no, less or a question, each from the page that showed it."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.responses import Response

from sayso.actions.approvals.repository import ApprovalStatus
from sayso.errors import Code, RefusedError
from sayso.money import Money
from sayso.sdk.views.solution import SolutionView
from sayso.sdk.words.solution_outcome import counting_votes
from sayso.surfaces.console.changed import changes_in
from sayso.surfaces.console.edge import Form, read_form
from sayso.surfaces.console.passkeys import signature_in
from sayso.surfaces.console.queue import came_from, card_path, inbox_path, near_of
from sayso.surfaces.console.solution import (
    SmallerForm,
    StatusSentence,
    page_of,
    status_sentence,
)
from sayso.surfaces.console.visit import Visit

_LOST = frozenset({Code.ALREADY_DECIDED, Code.APPROVAL_EXPIRED, Code.WITHDRAWN})
_CHANGED = frozenset({Code.STALE_REVISION, Code.DIGEST_MISMATCH})


async def show_smaller(visit: Visit) -> Response:
    """The card as a smaller yes would leave it; nothing starts by looking at it."""
    query = visit.request.query_params
    whole = await visit.sayso.solutions.get(visit.request.path_params["id"])
    if (query.get("digest", ""), query.get("revision", "")) != (whole.digest, str(whole.revision)):
        return visit.see(card_path(whole.id, came_from(visit)))
    names = tuple(query.getlist("step"))
    fields = {name: (value,) for name, value in query.items()}
    try:
        lower = lowered(Form(fields), whole)
        view = await visit.sayso.solutions.smaller(whole.id, steps=names or None, lower=lower)
    except RefusedError as error:
        return await page_of(visit, whole, note=nothing_decided(error), status=422)
    if not any(step.asks for step in view.steps):
        note = StatusSentence(title="Nothing is left", text="A yes to no step is a no.", kind="no")
        return await page_of(visit, whole, note=note, status=422)
    changed = any(step.left_out for step in view.steps) or bool(lower)
    return await page_of(visit, view, smaller=SmallerForm(lower=lower) if changed else None)


async def decide(visit: Visit) -> Response:
    """Take the answer of a form, and go and look at what came of it."""
    form = await read_form(visit.request)
    before = await visit.sayso.solutions.get(visit.request.path_params["id"])
    try:
        match form.one("decision"):
            case "no":
                await _answer(visit, form, "reject", before)
            case "ask":
                await _ask(visit, form)
            case "yes":
                waiting = {step.id for step in before.steps if step.asks}
                whole = set(form.all("step")) in (set(), waiting)
                if waiting and not whole and not form.one("smaller"):
                    # A browser that cannot hide the button of the whole: it decides nothing else
                    # than what it names.
                    return visit.see(smaller_path(visit, before.id, form))
                await _answer(visit, form, "yes", before)
            case _:
                note = StatusSentence(
                    title="Nothing was decided", text="Choose yes or no.", kind="no"
                )
                return await page_of(visit, before, status=422, note=note)
    except RefusedError as error:
        return await _refused(visit, form, error)
    return await go_on(visit, form, before)


async def go_on(visit: Visit, form: Form, answered: SolutionView) -> Response:
    """See what came of an answer; who answered by keys comes to the next card, and reads it there.

    NOTE: never after a click, since the next yes would stand where one has just clicked.
    """
    query = came_from(visit)
    if form.one("then") != "next":
        return visit.see(card_path(answered.id, query))
    near = await near_of(visit, answered)
    if near.next is None:
        return visit.see(inbox_path(query, answered.id))
    return visit.see(f"{near.next.path}{'&' if '?' in near.next.path else '?'}said={answered.id}")


async def take_back(visit: Visit) -> Response:
    """Take back the yes to a card, as long as nothing of it has begun."""
    await read_form(visit.request)
    name = visit.request.path_params["id"]
    secret = visit.request.cookies.get(visit.site.cookie, "")
    try:
        await visit.sayso.solutions.take_back(name, token=secret, via="console")
    except RefusedError as error:
        if error.code is Code.NOT_FOUND:
            raise
        view = await visit.sayso.solutions.get(name)
        steps = f" Next: {error.next_step}."
        note = StatusSentence(
            title="Nothing was taken back",
            text=f"{error.message[:1].upper()}{error.message[1:]}.{steps}",
            kind="no",
        )
        return await page_of(visit, view, note=note, status=409)
    view = await visit.sayso.solutions.get(name)
    note = StatusSentence(
        title="Taken back. Nothing moved.", text="This is the card as it waits now.", kind="ok"
    )
    return await page_of(visit, view, note=note)


async def _ask(visit: Visit, form: Form) -> None:
    """Ask the customer what the form says; sent twice, it is one question."""
    view = await visit.sayso.solutions.get(visit.request.path_params["id"])
    text = form.one("question")
    if view.question is not None and view.question.text == text.strip():
        return
    await visit.sayso.solutions.ask_customer(
        view.id,
        text,
        token=visit.request.cookies.get(visit.site.cookie, ""),
        revision=form.integer("revision"),
        digest=form.one("digest"),
        via="console",
    )


def smaller_path(visit: Visit, card_id: str, form: Form) -> str:
    """The page that shows the smaller card of what a form ticks."""
    said = [("revision", form.one("revision")), ("digest", form.one("digest"))]
    names = [("step", step) for step in form.all("step")]
    query = urlencode([*names, *said, ("in", came_from(visit).link)])
    return f"solution/{card_id}/smaller?{query}"


async def _answer(visit: Visit, form: Form, choice: str, before: SolutionView) -> None:
    yes = choice == "yes"
    # INVARIANT: amounts count only from the page that has shown what they come to.
    lower = lowered(form, before) if yes and form.one("smaller") else {}
    await visit.sayso.solutions.answer(
        visit.request.path_params["id"],
        ("edit" if lower else "approve") if yes else choice,
        token=visit.request.cookies.get(visit.site.cookie, ""),
        revision=form.integer("revision"),
        digest=form.one("digest"),
        steps=(form.all("step") or None) if yes else None,
        lower=lower,
        via="console",
        reason_code="" if yes else form.one("reason_code"),
        reason=form.one("yes_reason" if yes else "reason"),
        passkey=signature_in(visit, form) if yes else None,
    )


def lowered(form: Form, view: SolutionView) -> dict[str, Money]:
    """The amounts that a form lowers, by step.

    Raises:
        RefusedError: `invalid_money`, `edit_not_allowed`.
    """
    steps = {step.id: step for step in view.steps}
    found: dict[str, Money] = {}
    for name, said in form.named("lower.").items():
        words = said.strip()
        if not words:
            continue
        step = steps.get(name)
        if step is None or step.amount is None or not step.may_lower:
            raise RefusedError(Code.EDIT_NOT_ALLOWED, "this amount cannot be lowered")
        found[name] = Money.parse(words.removeprefix(_symbol(step.amount)), step.amount.currency)
    return found


def _symbol(amount: Money) -> str:
    text = str(amount)
    return text[0] if not text[0].isdigit() else ""


async def _refused(visit: Visit, form: Form, error: RefusedError) -> Response:
    """What a click came to that was not counted; nothing that decides stands on the page."""
    view = await visit.sayso.solutions.get(visit.request.path_params["id"])
    if error.code in _LOST:
        mine = any(vote.person == visit.person.id for vote in counting_votes(view))
        if mine and view.status not in {ApprovalStatus.EXPIRED, ApprovalStatus.WITHDRAWN}:
            # The same click, sent again since the first answer was lost on its way.
            return visit.see(f"solution/{view.id}")
        who = status_sentence(visit, view)
        note = StatusSentence(
            title=f"{who.title} {who.text}. Your click was not counted.", text="", kind="no"
        )
        return await page_of(visit, view, note=note, status=409, dead=True)
    if error.code in _CHANGED:
        note = StatusSentence(
            title="Your answer was not counted: something changed while you read.",
            text="Nothing was done. This is the card as it stands now.",
            kind="no",
        )
        return await page_of(
            visit, view, note=note, changes=changes_in(form, view), status=409, dead=True
        )
    if error.code is Code.PASSKEY_REQUIRED:
        note = StatusSentence(
            title="Nothing was decided: a yes to this amount needs your passkey.",
            text="Allow JavaScript on this page, and use your passkey when your browser asks.",
            kind="no",
        )
        return await page_of(visit, view, note=note, status=403)
    return await page_of(visit, view, note=nothing_decided(error), status=422)


def nothing_decided(error: RefusedError) -> StatusSentence:
    """A refusal after which everything is as it was."""
    steps = "" if error.next_step in {"", "nothing"} else f" Next: {error.next_step}."
    text = f"{error.message[:1].upper()}{error.message[1:]}.{steps}"
    return StatusSentence(title="Nothing was decided", text=text, kind="no")
