"""`sayso privacy erase|erasures|subject|hold|holds|release|sweep|rewrap`: owed to customers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from sayso.audit.atomic_files import new_file
from sayso.sdk.privacy.access import counts_of_all
from sayso.surfaces.cli.command import Here, command
from sayso.surfaces.cli.confirm import check_somebody_is_there, confirm
from sayso.surfaces.cli.options import (
    AfterOption,
    KeyOption,
    LimitOption,
    YesOption,
)
from sayso.surfaces.cli.output import Out, local_time
from sayso.surfaces.cli.pages import read_page, show_page
from sayso.surfaces.cli.problem import FAILED, OK
from sayso.surfaces.cli.words import counted

if TYPE_CHECKING:
    from sayso.sdk.privacy.views import ErasureView, HeldAgainView, HoldView

CustomerArgument = Annotated[
    str, typer.Argument(metavar="CUSTOMER", help="The customer's id at the provider.")
]
ReasonOption = Annotated[
    str,
    typer.Option("--reason", metavar="CODE", help="Why: small letters and _, in the log for good."),
]


_SINGULAR = {
    "requests": "request",
    "actions": "action",
    "approvals": "approval",
    "stops": "stop",
    "links": "link",
    "texts": "text",
    "entries": "entry",
}


app = typer.Typer(help="What is owed to customers: erase, subject, hold, sweep.")


@command(app)
def erase(
    here: Here,
    customer: CustomerArgument,
    reason: ReasonOption = "subject_request",
    yes: YesOption = False,
    rewrite: Annotated[
        bool,
        typer.Option(
            "--rewrite", help="SQLite: write the whole file anew as well.", show_default=False
        ),
    ] = False,
    only: Annotated[
        bool,
        typer.Option(
            "--only",
            help="This one account, and none that is linked to it, as where a link is wrong.",
            show_default=False,
        ),
    ] = False,
    key: KeyOption = None,
) -> None:
    """Erase a customer with every account, for good; the log still verifies, and says so."""
    out = here.out
    if not yes:
        check_somebody_is_there(out, "whether to erase")
        named = customer if only else _accounts_of(here, customer)
        question = f"Erase everything of {named} for good? It cannot be undone. [y/N] "
        confirm(question, "nothing was erased")

    found = here.read_as_person(
        lambda sayso, by: sayso.privacy.erase(
            customer, reason=reason, by=by, key=key, rewrite=rewrite, only=only, via="cli"
        )
    )
    if out.as_json:
        out.document(found)
        return
    for one in (found, *found.beside):
        out.pairs(
            [
                ("erasure", one.id),
                *([] if one.account is None else [("account", one.account)]),
                ("status", one.status),
                ("customer", one.subject),
                ("entries", f"{one.begun_seq} and {one.done_seq}"),
            ]
        )
    files = "hold nothing of it" if found.scrubbed else "see docs/how-to/erase-a-customer.md"
    out.pairs([("files", files)])


def _accounts_of(here: Here, customer: str) -> str:
    """Every account that an erasure takes, in words."""

    return " and ".join(
        here.read_as_person(lambda sayso, by: sayso.privacy.accounts_of(customer, by=by))
    )


@command(app)
def erasures(here: Here, limit: LimitOption = 50, after: AfterOption = None) -> None:
    """List who was erased, by pseudonym, newest first."""
    read = read_page(
        here,
        lambda sayso, n, last: sayso.privacy.erasures(limit=n, after=last),
        limit,
        after,
    )
    show_page(
        here,
        "privacy erasures",
        read,
        columns=["id", "status", "customer", "reason", "by", "at"],
        row=_erasure_row,
        nothing=["Nobody was erased."],
        options={"-n": limit},
    )


def _erasure_row(one: ErasureView) -> list[str]:
    return [one.id, one.status, one.subject, one.reason, one.by, local_time(one.begun_at)[:16]]


@command(app)
def subject(
    here: Here,
    customer: CustomerArgument,
    path: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="A new file, such as ana.json.")
    ],
) -> None:
    """Write all that is held about a customer, for their own request to see it."""
    out = here.out

    found = here.read_as_person(lambda sayso, by: sayso.privacy.export(customer, by=by))
    with new_file(path, mode=0o600) as file:
        file.write(orjson.dumps(found, option=orjson.OPT_INDENT_2) + b"\n")
    counts = counts_of_all(found)
    if out.as_json:
        out.document({"path": str(path.absolute()), "counts": counts})
    else:
        told = ", ".join(counted(count, _SINGULAR[name]) for name, count in counts.items())
        out.line(f"{told} are in {path}, in clear; hand it over by a safe way.")


@command(app)
def hold(here: Here, customer: CustomerArgument, reason: ReasonOption) -> None:
    """Keep everything of a customer until two people release it."""
    here.show(
        here.read_as_person(
            lambda sayso, by: sayso.privacy.hold(customer, reason=reason, by=by, via="cli")
        ),
        _show_hold,
    )


@command(app)
def release(
    here: Here, hold_id: Annotated[str, typer.Argument(metavar="HOLD", help="The hold, hld_….")]
) -> None:
    """Let a legal hold end: one asks, another confirms."""
    here.show(
        here.read_as_person(lambda sayso, by: sayso.privacy.release(hold_id, by=by, via="cli")),
        _show_hold,
    )


@command(app)
def holds(
    here: Here,
    ended: Annotated[
        bool, typer.Option("--ended", help="Those that were released, too.", show_default=False)
    ] = False,
    limit: LimitOption = 50,
    after: AfterOption = None,
) -> None:
    """List the legal holds in force, newest first."""
    read = read_page(
        here,
        lambda sayso, n, last: sayso.privacy.holds(released=ended, limit=n, after=last),
        limit,
        after,
    )
    show_page(
        here,
        "privacy holds",
        read,
        columns=["id", "status", "customer", "reason", "by"],
        row=lambda one: [one.id, one.status, one.subject, one.reason, one.placed_by],
        nothing=["Nothing is held."],
        options={"--ended": ended, "-n": limit},
    )


@command(app)
def sweep(here: Here) -> int:
    """Blank now what is older than [retention] of sayso.toml says; servers do it by themselves."""
    out = here.out
    found = here.read(lambda sayso: sayso.privacy.sweep())
    again = found.restored
    _show_restored(out, again)
    if out.as_json:
        out.document(found.model_dump(mode="json"))
    elif found.before is None:
        out.line("Everything is kept for good; set `[retention] requests` in sayso.toml.")
    else:
        out.line(
            f"From before {local_time(found.before)[:16]}: {counted(found.actions, 'action')},"
            f" {counted(found.requests, 'request')} and the keys of"
            f" {counted(found.subjects, 'customer')} are gone."
        )
    if found.put_off and not out.as_json:
        out.line("More is as old by the clock alone, and goes once the log has said so for a day.")
    return FAILED if again.left else OK


@command(app)
def rewrap(here: Here) -> None:
    """Wrap customers' keys under the newest `vault.key`; no text is rewritten."""
    out = here.out
    found = here.read(lambda sayso: sayso.privacy.rewrap())
    if out.as_json:
        out.document(found)
        return
    out.line(f"{found.wrapped:,} keys wrapped anew; {found.current:,} were already.")
    if found.tokens_until is not None:
        until = local_time(found.tokens_until)[:16]
        out.line(
            f"{found.tokens:,} tokens still need an older key: keep it in `vault.older_keys` until"
            f" {until}, or make them anew."
        )
    else:
        out.line("No token needs an older key of the vault.")


def _show_restored(out: Out, again: HeldAgainView) -> None:
    if again.erased:
        out.line(f"Back from a backup, and erased again: {again.erased}.")
    for pseudonym, why in again.left:
        out.warn(f"{pseudonym} is back from a backup, and cannot be erased again now: {why}")


def _show_hold(out: Out, found: HoldView) -> None:
    for one in (found, *found.beside):
        out.pairs(
            [
                ("hold", one.id),
                *([] if one.account is None else [("account", one.account)]),
                ("status", one.status),
                ("customer", one.subject),
                ("reason", one.reason),
                ("by", f"{one.placed_by}, {local_time(one.placed_at)}"),
                ("asked by", one.asked_by or ""),
                ("released by", one.released_by or ""),
            ]
        )
    if found.beside:
        out.line("Each account has a hold of its own, and each is released by itself.")
    if found.status == "release_asked":
        out.line(f"next: another person runs sayso privacy release {found.id}")
    elif found.status == "in_force":
        out.line(f"next: two people run sayso privacy release {found.id}, one after the other")
