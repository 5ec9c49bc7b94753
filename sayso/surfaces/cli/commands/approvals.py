"""`sayso approvals list|show|approve|reject|edit|ask|plan`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from sayso.errors import SaysoError
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.sdk.words.approval_outcome import outcome_of
from sayso.surfaces.cli.command import Here, command
from sayso.surfaces.cli.commands.plan import plan
from sayso.surfaces.cli.confirm import check_somebody_is_there, confirm
from sayso.surfaces.cli.options import (
    AfterOption,
    LimitOption,
    YesOption,
)
from sayso.surfaces.cli.output import local_time
from sayso.surfaces.cli.pages import read_page, show_page
from sayso.surfaces.cli.problem import usage
from sayso.surfaces.cli.show import show_action, status_of, warn_lapsed, warn_refused
from sayso.surfaces.cli.solution import needs, read_card, show_solution
from sayso.surfaces.cli.unfinished import (
    left_of,
    problem_of_action,
    show_left,
    telling,
    warn_unfinished,
    with_left,
)
from sayso.surfaces.cli.words import one_line

if TYPE_CHECKING:
    from sayso.sdk.views.rows import ActionView, ApprovalView
    from sayso.sdk.views.solution import SolutionView

app = typer.Typer(
    help="Decide what waits: list, show, approve, reject, and so on.",
)

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The approval, apr_….")]
DigestOption = Annotated[
    str | None,
    typer.Option(
        "--digest",
        metavar="HEX",
        help="Insist on this card: at least 12 digits of its digest. Else it is the one shown now.",
    ),
]
ReasonOption = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why, in words; kept beside the log.")
]


@command(app, "list")
def list_approvals(
    here: Here,
    status: Annotated[
        str,
        typer.Option("--status", metavar="STATUS", help="pending, or any other; `all` for all."),
    ] = "pending",
    limit: LimitOption = 50,
    after: AfterOption = None,
) -> None:
    """List what waits for a decision, oldest first."""
    out = here.out
    wanted = None if status == "all" else status
    read = read_page(
        here,
        lambda sayso, n, last: sayso.approvals.list(status=wanted, limit=n, after=last),
        limit,
        after,
    )
    status_given = None if status == "pending" else status
    show_page(
        here,
        "approvals list",
        read,
        columns=["id", "status", "what", "amount", "needs", "answer by"],
        row=_row,
        nothing=[
            "Nothing waits for a decision.",
            "See what was done with `sayso actions list`, or all with `--status all`.",
        ],
        options={"--status": status_given, "-n": limit},
    )
    if read.rows and not out.as_json:
        out.line(f"next: sayso approvals show {read.rows[0].id}")


def _row(approval: ApprovalView) -> list[str]:
    card = read_card(approval)
    amount = "" if card.amount is None else str(card.amount)
    by = local_time(approval.expires_at)[:16]
    return [approval.id, approval.status, card.title, amount, needs(approval), by]


@command(app)
def show(here: Here, approval_id: IdArgument) -> None:
    """Show one card, exactly as it would be decided about, with the whole plan that it is of."""
    out = here.out

    async def read(sayso: Sayso) -> tuple[ApprovalView, ActionView, SolutionView]:
        found, solution = await _read(sayso, approval_id)
        return found, await sayso.actions.get(found.action_id), solution

    approval, action, solution = here.read(read)
    if out.as_json:
        out.document(approval)
        return
    show_solution(out, solution)
    if approval.status == "pending" and sum(step.asks for step in solution.steps) > 1:
        out.line(f"all:  sayso approvals plan {solution.request_id} --yes all")
        out.line(f"part: sayso approvals plan {solution.request_id} --no {action.step} --yes all")
    elif approval.status == "pending":
        out.line(f"yes:  sayso approvals approve {approval.id}")
        out.line(f"no:   sayso approvals reject {approval.id} --reason-code not_covered")
        if read_card(approval).may_lower:
            out.line(f"less: sayso approvals edit {approval.id} --amount …")
    else:
        outcome = outcome_of(approval, action)
        out.line(f"{outcome.lead}{one_line(outcome.text)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Say:
    """What is to be decided, as the options say it."""

    approval_id: str
    choice: str
    digest: str | None
    reason_code: str = ""
    reason: str = ""
    amount: str | None = None


@command(app)
def approve(
    here: Here,
    approval_id: IdArgument,
    digest: DigestOption = None,
    reason: ReasonOption = "",
    yes: YesOption = False,
) -> int:
    """Say yes to the card that is shown, once; it is done at once, or after `hold`."""
    say = _Say(approval_id=approval_id, choice="approve", digest=digest, reason=reason)
    return _decide(here, say, asks=not yes)


@command(app)
def reject(
    here: Here,
    approval_id: IdArgument,
    reason_code: Annotated[
        str,
        typer.Option(
            "--reason-code", metavar="CODE", help="Why, as a word for the log, such as not_covered."
        ),
    ],
    digest: DigestOption = None,
    reason: ReasonOption = "",
) -> int:
    """Say no to the card that is shown."""
    say = _Say(
        approval_id=approval_id,
        choice="reject",
        digest=digest,
        reason_code=reason_code,
        reason=reason,
    )
    return _decide(here, say)


@command(app)
def edit(
    here: Here,
    approval_id: IdArgument,
    amount: Annotated[
        str, typer.Option("--amount", metavar="AMOUNT", help="Less than asked, such as 50.00.")
    ],
    digest: DigestOption = None,
    reason: ReasonOption = "",
    yes: YesOption = False,
) -> int:
    """Say yes to less: a new revision, judged again, with your yes on it."""
    say = _Say(approval_id=approval_id, choice="edit", digest=digest, reason=reason, amount=amount)
    return _decide(here, say, asks=not yes)


@command(app, "take-back")
def take_back(here: Here, approval_id: IdArgument) -> None:
    """Take back a yes before anything of it starts; its cards are made anew."""
    view = here.act(
        lambda sayso: sayso.solutions.take_back(approval_id, token=here.token, via="cli")
    )
    here.show(view, f"Taken back. Nothing moved. It asks again: sayso approvals show {view.id}")


@command(app)
def ask(
    here: Here,
    approval_id: IdArgument,
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="What the customer reads.")],
) -> None:
    """Ask the customer something before you decide; the answer makes the card anew."""
    out = here.out

    async def work(sayso: Sayso) -> SolutionView:
        shown = await sayso.solutions.get(approval_id)
        return await sayso.solutions.ask_customer(
            shown.id,
            question,
            token=here.token,
            revision=shown.revision,
            digest=shown.digest,
            via="cli",
        )

    view = here.act(work)
    if out.as_json:
        out.document(view)
        return
    out.line(f"{one_line(view.customer.name)} is asked: {one_line(question)}")
    out.line(f"What they answer stands on the card then: sayso approvals show {view.id}")


@command(app)
def give(
    here: Here,
    approval_id: IdArgument,
    person: Annotated[
        str, typer.Argument(metavar="[PERSON]", help="Whom to give it to; nobody without.")
    ] = "",
) -> None:
    """Give it to somebody to look at; it decides nothing, and who may answer stays as it was."""
    view = here.act(
        lambda sayso: sayso.solutions.assign(
            approval_id, person or None, token=here.token, via="cli"
        )
    )
    here.show(view, f"{one_line(view.assignee or 'nobody')} has it")


@command(app, "note")
def note_solution(
    here: Here,
    approval_id: IdArgument,
    note: Annotated[str, typer.Argument(metavar="TEXT", help="What your colleagues should know.")],
) -> None:
    """Note something about it for your colleagues; it decides nothing."""
    out = here.out

    async def work(sayso: Sayso) -> SolutionView:
        return await sayso.solutions.note(approval_id, note, token=here.token, via="cli")

    view = here.act(work)
    if out.as_json:
        out.document(view)
        return
    for one in view.notes:
        out.line(f"{one_line(one.person)}: {one_line(one.text) or '(nothing is left of it)'}")


def _decide(here: Here, say: _Say, *, asks: bool = False) -> int:
    out, token = here.out, here.token
    seen = _ask(here, say) if asks else None

    async def work(sayso: Sayso) -> tuple[ApprovalView, ActionView, SaysoError | None]:
        holder = await sayso.authentication.person(token, via="cli")
        shown = seen
        if shown is None:
            shown, solution = await _read(sayso, say.approval_id)
            show_solution(out, solution)
        async with telling(
            out,
            lambda: sayso.actions.get(shown.action_id, tenant=holder.tenant, timeline=False),
        ):
            decided = await sayso.approvals.decide(
                shown.id,
                say.choice,
                token=token,
                revision=shown.revision,
                # An empty one, as of a variable that is not set, insists on what there is not.
                digest=shown.digest if say.digest is None else say.digest,
                via="cli",
                reason_code=say.reason_code,
                reason=say.reason,
                amount=_lowered(shown, say.amount),
            )
        action = await sayso.actions.get(decided.id, tenant=holder.tenant)
        return shown, action, problem_of_action(sayso, holder.tenant, action)

    shown, action, problem = here.act(work)
    left = left_of(action)
    if out.as_json:
        out.document(with_left(action, left))
    else:
        out.line()
        show_action(out, action)
        warn_lapsed(out, action, say.choice, shown.revision)
        show_left(out, left if problem is None else ())
    warn_refused(out, action)
    return status_of(action) if problem is None else warn_unfinished(out, problem)


def _ask(here: Here, say: _Say) -> ApprovalView:
    """Show the card and ask once more; what was shown, and is decided about.

    Raises:
        ConfigError: `invalid_input` without a yes, or where nobody can be asked.
    """
    check_somebody_is_there(here.out, "whether to do it")
    shown, solution = here.read(lambda sayso: _read(sayso, say.approval_id))
    show_solution(here.out, solution)
    card = read_card(shown)
    amount = _lowered(shown, say.amount) or card.amount
    step = next((one for one in solution.steps if one.approval_id == shown.id), None)
    one = f" {step.id}:" if step is not None and len(solution.steps) > 1 else ""
    money = "" if amount is None else f" {amount}"
    if shown.status == "pending":  # else whoever decides is told by the refusal
        confirm(f"Approve{one}{money}? [y/N] ", "nothing was decided")
    return shown


async def _read(sayso: Sayso, approval_id: str) -> tuple[ApprovalView, SolutionView]:
    """The approval, and the whole solution that it is of."""
    shown = await sayso.approvals.get(approval_id)
    return shown, await sayso.solutions.get(shown.id)


def _lowered(shown: ApprovalView, amount: str | None) -> Money | None:
    """The lowered amount, in the card's currency."""
    if amount is None:
        return None
    card = read_card(shown)
    if card.amount is None or not card.may_lower:
        raise usage("this card has no amount to lower", "approve or reject it")
    return Money.parse(amount, card.amount.currency)


app.command()(plan)
