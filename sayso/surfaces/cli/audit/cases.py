"""`sayso audit case`: found by a customer's name, and all that the log proves of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sayso.surfaces.cli.command import Here
from sayso.surfaces.cli.output import Out, local_time
from sayso.surfaces.cli.words import one_line

if TYPE_CHECKING:
    from sayso.sdk.audit.cases import CasesFoundView, CaseView

_IDS = ("req_", "act_")


def case(
    here: Here,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="WORDS...",
            help="Name, order, amount, who decided, month; or the id of one: req_… or act_….",
        ),
    ],
) -> None:
    """Find who decided about what for whom, or show all that is proven of one; both are entries."""
    if len(words) == 1 and words[0].startswith(_IDS):
        here.show(
            here.look_as_person(lambda sayso, token: sayso.audit.cases.show(words[0], by=token)),
            _show,
        )
        return
    here.show(
        here.look_as_person(
            lambda sayso, token: sayso.audit.cases.find(" ".join(words), by=token, via="cli")
        ),
        _list,
    )


def _list(out: Out, found: CasesFoundView) -> None:
    out.line(f"looked for: {one_line(', '.join(found.chips), limit=200)}")
    if not found.items:
        out.line(f"Nothing fits, of {found.looked_at:,} actions.")
    else:
        rows = [
            [
                one.about,
                one_line(one.customer),
                ", ".join(map(str, one.totals)) or "no money",
                one_line(" and ".join(one.by)) or "nobody was asked",
                local_time(one.at),
                ", ".join(one.statuses),
            ]
            for one in found.items
        ]
        out.table(["case", "customer", "in all", "decided by", "when", "status"], rows)
        out.line(f"open one: sayso audit case {found.items[0].about}")
    if found.more:
        out.line("not all were looked at; name a month, or fewer days")


def _show(out: Out, found: CaseView) -> None:
    from sayso.audit.queries.sentence import title_of

    out.line(f"{found.about}: {len(found.entries):,} entries, each proven against {found.size:,}")
    rows = [
        [
            str(entry.seq),
            local_time(entry.at),
            one_line(entry.actor),
            one_line(": ".join(filter(None, (title_of(entry.kind), entry.says))), limit=160),
        ]
        for entry in found.entries
    ]
    out.table(["entry", "at", "who", "what it says"], rows)
    for person, entry in found.people.items():
        out.line(f"{one_line(person)} had their role by entry {entry.seq}")
    if found.policy is not None:
        out.line(f"judged by a version that entry {found.policy.seq} put in force")
    if found.erased is not None:
        out.line(f"the customer was erased by entry {found.erased.seq}; what moved is still proven")
