"""Several at once that the same things asked about: one yes, each with its own outcome.

The yes carries a digest over every one of them and the total. What has changed since the page was
made drops out, and the page is shown again with what is left; nothing is decided by that click.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.responses import Response

from sayso.errors import RefusedError
from sayso.sdk.views.bulk import MOST_IN_BULK, SolutionGroup, chosen
from sayso.sdk.views.solution import SolutionView
from sayso.sdk.words.quoted import UNCHECKED, who_wrote
from sayso.sdk.words.solution_outcome import title_of
from sayso.surfaces.console.edge import Form, read_form
from sayso.surfaces.console.render import plural
from sayso.surfaces.console.solution import StatusSentence
from sayso.surfaces.console.visit import Visit


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkLine:
    """One of them, once it was answered. `said` is what came of it."""

    view: SolutionView
    said: str
    kind: str


async def show_bulk(visit: Visit) -> Response:
    """The page: each of them, or those that were ticked, and what they come to."""
    query = visit.request.query_params
    rule, ticked = query.get("rule", "")[:400], set(query.getlist("item"))
    waiting = await visit.sayso.solutions.waiting_for(visit.person, limit=4 * MOST_IN_BULK)
    items = [item for item in waiting.items if not ticked or item.id in ticked]
    return _page(visit, chosen(items, rule), picked=bool(ticked))


async def answer_bulk(visit: Visit) -> Response:
    """Answer each of those that are ticked, if they and their total are still what was shown."""
    form = await read_form(visit.request)
    shown = form.all("item")[:MOST_IN_BULK]
    ticked = await _ticked(visit, form, form.one("rule")[:400], shown)
    if set(form.all("item")) != set(form.all("shown")):
        # A browser that cannot hide the button of the whole: it decides nothing else than it names.
        note = StatusSentence(title="Nothing was decided yet: something is unticked.", kind="wait")
        return _page(visit, ticked, note)
    if not shown or len(ticked.items) != len(shown) or ticked.digest != form.one("digest"):
        note = StatusSentence(
            title="Something changed while you read, and nothing was decided.",
            text="What changed is not among these any more.",
            kind="no",
        )
        return _page(visit, ticked, note, status=409)
    lines = [await _answer(visit, item, ticked.digest) for item in ticked.items]
    done = sum(line.kind == "done" for line in lines)
    title = f"You said yes to {done} of {plural(len(lines), 'solution')}"
    page = visit.page(title, "")
    return visit.show("bulk.html", page, bulk=ticked, lines=lines, title=title)


async def _ticked(visit: Visit, form: Form, rule: str, shown: Sequence[str]) -> SolutionGroup:
    """Those of a form that wait for this person still, exactly as they were shown."""
    said = form.named("digest.")
    waiting = await visit.sayso.solutions.waiting_for(visit.person, limit=4 * MOST_IN_BULK)
    theirs = {item.id: item for item in waiting.items}
    items = [theirs[name] for name in shown if name in theirs]
    return chosen([item for item in items if said.get(item.id) == item.digest], rule)


async def _answer(visit: Visit, item: SolutionView, digest: str) -> BulkLine:
    """Answer one, by the same rules as its own page; the others go on whatever comes of it."""
    try:
        view = await visit.sayso.solutions.answer(
            item.id,
            "approve",
            token=visit.request.cookies.get(visit.site.cookie, ""),
            revision=item.revision,
            digest=item.digest,
            via=f"console/together/{digest[:12]}",
        )
    except RefusedError as error:
        return BulkLine(view=item, said=f"Not counted: {error.message}.", kind="no")
    if view.status == "pending":
        return BulkLine(view=view, said="Your yes counts; it waits for somebody else.", kind="wait")
    if view.starts_at is not None:
        at = visit.times.told(view.starts_at)
        said = f"It starts {at}; until then you can take it back."
        return BulkLine(view=view, said=said, kind="done")
    done = sum(step.status in {"succeeded", "compensated"} for step in view.steps)
    said = f"Yes. {done} of {plural(len(view.steps), 'step')} done."
    return BulkLine(view=view, said=said, kind="done")


def _page(
    visit: Visit,
    bulk: SolutionGroup,
    note: StatusSentence | None = None,
    *,
    status: int = 200,
    picked: bool = False,
) -> Response:
    """The page; with a note nothing on it decides, since a yes was just clicked in its place.

    Args:
        picked: these are what the person has ticked. Else nothing is where the reasons differ.
    """
    count = len(bulk.items)
    title = f"{plural(count, 'solution')} of one kind" if count else "Nothing of that kind waits"
    names = [("item", item.id) for item in bulk.items]
    return visit.show(
        "bulk.html",
        visit.page(title, ""),
        status=status,
        bulk=bulk,
        title=title,
        note=note,
        ticked=picked or bool(bulk.why),
        title_of=title_of,
        who_wrote=who_wrote,
        unchecked=UNCHECKED,
        again=urlencode([("rule", bulk.rule), *names]),
        lines=(),
    )
