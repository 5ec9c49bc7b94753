"""A test card's page: like any solution's until it is answered, and then what it was."""

from __future__ import annotations

from starlette.responses import Response

from sayso.actions.approvals.answer import SolutionDecision
from sayso.actions.approvals.repository import DecisionChoice
from sayso.errors import Code, RefusedError
from sayso.sdk.resources.canaries import CanaryView
from sayso.sdk.views.solution import SolutionView
from sayso.surfaces.console import answers, solution
from sayso.surfaces.console.edge import Form, read_form
from sayso.surfaces.console.passkeys import signature_in
from sayso.surfaces.console.queue import came_from, card_path, near_of
from sayso.surfaces.console.solution import SmallerForm, StatusSentence
from sayso.surfaces.console.visit import Visit


async def show(visit: Visit) -> Response:
    """The page of a solution, or of a test card."""
    found = await visit.sayso.canaries.find(visit.request.path_params["id"])
    if found is None:
        return await solution.show_solution(visit)
    return await _page(visit, found)


async def show_smaller(visit: Visit) -> Response:
    """The card as a smaller yes would leave it."""
    found = await visit.sayso.canaries.find(visit.request.path_params["id"])
    if found is None:
        return await answers.show_smaller(visit)
    view, query = found.solution, visit.request.query_params
    if found.status != "open" or view is None:
        return visit.see(card_path(found.id, came_from(visit)))
    if (query.get("digest", ""), query.get("revision", "")) != (view.digest, str(view.revision)):
        return visit.see(card_path(found.id, came_from(visit)))
    fields = {name: (value,) for name, value in query.items()}
    try:
        lower = answers.lowered(Form(fields), view)
        names = tuple(query.getlist("step"))
        less = await visit.sayso.canaries.smaller(found.id, steps=names or None, lower=lower)
    except RefusedError as error:
        return await _open_page(visit, view, note=answers.nothing_decided(error), status=422)
    changed = any(step.left_out for step in less.steps) or bool(lower)
    return await _open_page(visit, less, smaller=SmallerForm(lower=lower) if changed else None)


async def decide(visit: Visit) -> Response:
    """Take the answer of a form, to a solution or to a test card."""
    found = await visit.sayso.canaries.find(visit.request.path_params["id"])
    if found is None:
        return await answers.decide(visit)
    form, view = await read_form(visit.request), found.solution
    said = form.one("decision")
    if found.status != "open" or view is None:
        return visit.see(card_path(found.id, came_from(visit)))
    if said not in {"yes", "no", "ask"}:
        note = StatusSentence(title="Nothing was decided", text="Choose yes or no.", kind="no")
        return await _open_page(visit, view, note=note, status=422)
    waiting = {step.id for step in view.steps if step.asks}
    whole = set(form.all("step")) in (set(), waiting)
    if said == "yes" and not whole and not form.one("smaller"):
        return visit.see(answers.smaller_path(visit, found.id, form))
    try:
        await visit.sayso.canaries.answer_as(_answer(visit, form, view), asks=said == "ask")
    except RefusedError as error:
        if error.code is not Code.ALREADY_DECIDED:
            return await _open_page(visit, view, note=answers.nothing_decided(error), status=422)
    return visit.see(card_path(found.id, came_from(visit)))


def _answer(visit: Visit, form: Form, view: SolutionView) -> SolutionDecision:
    yes = form.one("decision") == "yes"
    lower = answers.lowered(form, view) if yes and form.one("smaller") else {}
    choice = DecisionChoice.EDIT if lower else DecisionChoice.APPROVE
    if form.one("decision") == "no":
        choice = DecisionChoice.REJECT
    return SolutionDecision(
        tenant=visit.session.token.tenant,
        approval_id=view.id,
        revision=form.integer("revision"),
        digest=form.one("digest"),
        choice=choice,
        person=visit.person.id,
        via="console",
        credential=visit.session.token.id,
        reason_code="" if yes else form.one("reason_code"),
        reason=form.one("yes_reason" if yes else "reason"),
        steps=(tuple(form.all("step")) or None) if yes else None,
        lower=lower,
        passkey=signature_in(visit, form) if yes else None,
    )


async def _page(visit: Visit, found: CanaryView) -> Response:
    if found.status == "open" and found.solution is not None:
        return await _open_page(visit, found.solution)
    near = None if found.solution is None else await near_of(visit, found.solution)
    page = visit.page("A test card", "")
    return visit.show(
        "canary.html", page, found=found, said=revealed(found, visit.person.id), near=near
    )


async def _open_page(
    visit: Visit,
    view: SolutionView,
    *,
    note: StatusSentence | None = None,
    status: int = 200,
    smaller: SmallerForm | None = None,
) -> Response:
    return await solution.page_of(
        visit, view, note=note, status=status, smaller=smaller, to_sign=visit.sayso.canaries.to_sign
    )


def revealed(found: CanaryView, person: str) -> StatusSentence:
    """What the card was, to one person; how somebody else did is nobody's business here."""
    mistake = f"The mistake: {found.reveal}." if found.reveal else "What it showed is gone."
    nothing = "Nothing was done, and the customer has heard nothing."
    if found.person == person and found.status == "caught":
        words = {"asked": "You wanted to ask first", "less": "You put it right"}
        title = f"{words.get(found.answer or '', 'You said no')}: you caught it"
        return StatusSentence(
            title=f"{title}. This was a test card.", text=f"{mistake} {nothing}", kind="ok"
        )
    if found.person == person:
        said = "wanted less of the wrong thing" if found.answer == "less" else "said yes"
        title = f"This was a test card, and you {said}"
        return StatusSentence(title=f"{title}.", text=f"{mistake} {nothing}", kind="wait")
    ends = {
        "unanswered": "Nobody answered it in time.",
        "withdrawn": "It was taken back.",
    }.get(found.status, "Somebody has answered it.")
    return StatusSentence(title=f"This was a test card. {ends}", text=f"{mistake} {nothing}")
