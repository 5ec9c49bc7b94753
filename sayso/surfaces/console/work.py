"""Taking what machines leave to people, and what they note: forms on the pages it is about."""

from __future__ import annotations

from starlette.responses import Response

from sayso.errors import Code, RefusedError
from sayso.money import Money
from sayso.sdk.chat.work import page_of
from sayso.sdk.desk.seat import Words, why_unsaid
from sayso.sdk.resources.work import WorkView
from sayso.surfaces.console.edge import Form, read_form
from sayso.surfaces.console.visit import Visit


async def work_of(visit: Visit, about: str) -> WorkView | None:
    """What people have to do about a request or an action; None when it is nobody's work."""
    try:
        return await visit.sayso.work.get(about)
    except RefusedError as error:
        if error.code is not Code.NOT_FOUND:
            raise
        return None


async def say(visit: Visit) -> Response:
    """Take it, give it away, note something, end it, or propose it; then look at it again."""
    form = await read_form(visit.request)
    about = visit.request.path_params["id"]
    secret = visit.request.cookies.get(visit.site.cookie, "")
    work, via, note = visit.sayso.work, "console", form.one("note").strip()
    match form.one("do"):
        case "take":
            await work.take(about, token=secret, via=via)
        case "give":
            await work.take(about, token=secret, person=form.one("person").strip(), via=via)
        case "note":
            await work.note(about, note, token=secret, via=via)
        case "end":
            await work.end(about, note, token=secret, via=via)
        case "answer" | "answer-end" as do:
            return await _answer(visit, about, form, ends=do == "answer-end")
        case "propose":
            await work.propose(
                about,
                token=secret,
                digest=form.one("digest"),
                steps=form.all("step"),
                lower=await lowered(visit, about, form),
                via=via,
            )
        case _:
            return visit.note("Nothing was changed", "Choose what to do.", status=422)
    return visit.see(page_of(about))


async def _answer(visit: Visit, about: str, form: Form, *, ends: bool) -> Response:
    """Answer the customer in their thread, as whoever has signed in; end the work if they say so.

    Raises:
        RefusedError: as `DeskResource.speak`; `wrong_state` for what came in at no desk.
    """
    found = await visit.sayso.desks.thread_of(about)
    if found is None:
        raise RefusedError(
            Code.WRONG_STATE,
            "the customer did not write at a desk of yours",
            next_step="answer them where they wrote, and end it with a note",
        )
    text, by = form.one("text").strip(), visit.session.token
    said = Words(kind="reply", text=text, key=form.one("key"), via="console")
    done = await visit.sayso.desks.speak(*found, said, by=by)
    if why := why_unsaid(done):
        said_so = f"{why} You still have it. Your words are not lost: go back."
        return visit.note("Not answered yet", said_so, status=409)
    work, note = visit.sayso.work, text[:2000]
    await work.answered_as(about, note, by, action=done.id, via="console")
    if ends:
        await work.end_as(about, "Answered the customer.", by, via="console")
    return visit.see(page_of(about))


async def note_down(visit: Visit) -> Response:
    """Note something about it; it decides nothing."""
    form = await read_form(visit.request)
    approval_id = visit.request.path_params["id"]
    try:
        await visit.sayso.solutions.note_as(
            approval_id,
            form.one("note").strip(),
            tenant=visit.session.token.tenant,
            person=visit.person.id,
            via="console",
        )
    except RefusedError as error:
        if error.code not in {Code.INVALID_INPUT, Code.MESSAGE_TOO_LONG}:
            raise
        return visit.note("Nothing was noted", error.message, error.next_step, status=422)
    return visit.see(f"solution/{approval_id}")


async def give(visit: Visit) -> Response:
    """Give a card to somebody to look at, or to nobody; it decides nothing."""
    form = await read_form(visit.request)
    approval_id = visit.request.path_params["id"]
    await visit.sayso.solutions.assign_as(
        approval_id,
        form.one("person").strip() or None,
        tenant=visit.session.token.tenant,
        by=visit.person.id,
        via="console",
    )
    return visit.see(f"solution/{approval_id}#notes")


async def lowered(visit: Visit, about: str, form: Form) -> dict[str, Money]:
    """The lower amounts of a form, in the currencies of what is drafted.

    Raises:
        RefusedError: `invalid_money`, `not_found`.
    """
    said = {step: text.strip() for step, text in form.named("lower.").items() if text.strip()}
    draft = (await visit.sayso.work.get(about)).draft if said else None
    amounts = {step.id: step.amount for step in draft.steps} if draft is not None else {}
    return {
        step: Money.parse(text, amount.currency)
        for step, text in said.items()
        if step in form.all("step") and (amount := amounts.get(step)) is not None
    }


async def show_work(visit: Visit) -> Response:
    """The page of what was done outside Sayso; everything else has a page of its own."""
    work = await visit.sayso.work.get(visit.request.path_params["id"])
    if work.kind not in ("elsewhere", "thread"):
        return visit.see(page_of(work.about))
    title = "Left to you at a desk" if work.kind == "thread" else "Done outside Sayso"
    page = visit.page(title, "-")
    return visit.show("elsewhere.html", page, work=work, people=await people_of(visit))


async def people_of(visit: Visit) -> list[str]:
    """Whom work can be given to, by the log."""
    return [one.id for one in await visit.sayso.people.list(visit.sayso.tenant) if one.active]
