"""`sayso connector list|check|review|test|try|record|new`, and `draft openapi|graphql|mcp|docs`."""

from __future__ import annotations

import getpass
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from sayso.errors import RefusedError
from sayso.ids import SystemClock
from sayso.json import JsonObject
from sayso.sdk.connectors.drafts import (
    checked_name,
    docs_model,
    draft_docs_page,
    draft_graphql_file,
    draft_mcp_server,
    draft_openapi_file,
    new_connector,
    questions_in,
    read_page,
    write_draft,
)
from sayso.sdk.connectors.manifests import (
    changes_since_review,
    check_manifest,
    list_manifests,
    review_manifest,
    try_manifest,
)
from sayso.sdk.connectors.recording import record_action
from sayso.sdk.connectors.sighting import Sighting, read_amount
from sayso.sdk.connectors.trial import hosts_of, try_reads
from sayso.sdk.workspace import Workspace
from sayso.surfaces.cli.command import Here, command
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.problem import FAILED, OK, USAGE, usage
from sayso.surfaces.cli.words import one_line
from sayso.surfaces.cli.workspace import read_json_object, run

if TYPE_CHECKING:
    from sayso.connectors.draft import DraftedManifest
    from sayso.sdk.connectors.manifests import (
        ManifestReport,
    )
    from sayso.sdk.connectors.sighting import RecordedPayment
    from sayso.sdk.connectors.trial import TrialResult

app = typer.Typer(help="Connectors: list, draft, check, review, test, try, record, new.")
drafts = typer.Typer(help="Draft a manifest from what a provider publishes.")
app.add_typer(drafts, name="draft")
_SHOWN_QUESTIONS = 12
Name = Annotated[str, typer.Argument(metavar="NAME", help="The connector, such as chargebee.")]


@command(app, "list")
def list_(here: Here) -> None:
    """List the manifests of this workspace and those that ship."""
    out = here.out
    reports = list(list_manifests(here.folder))
    if out.as_json:
        out.document({"items": [_document(report) for report in reports]})
        return
    for report in reports:
        where = "ships" if report.ships else report.path.name
        out.line(
            f"{report.name:<14} {_state(report):<12} {where:<24} {len(report.actions)} actions"
        )


@command(app)
def check(
    here: Here,
    name: Name,
    spec: Annotated[
        list[Path] | None,
        typer.Option(
            "--spec",
            metavar="FILE",
            help="The provider's OpenAPI document or GraphQL schema; may be given repeatedly.",
        ),
    ] = None,
) -> int:
    """List what is wrong with a manifest, and what each of its actions is worth."""
    out = here.out
    folder = here.folder
    questions = questions_in(folder, name)
    if not out.as_json:
        for line, question in questions[:_SHOWN_QUESTIONS]:
            out.line(f"line {line} asks: {one_line(question, limit=200)}")
        if len(questions) > _SHOWN_QUESTIONS:
            out.line(f"and {len(questions) - _SHOWN_QUESTIONS} more")
    report = check_manifest(folder, name, spec or ())
    if out.as_json:
        out.document(_document(report))
    else:
        _print(out, report)
        if not report.mistakes and not report.is_reviewed:
            out.line()
            out.line(f"next: sayso connector review {name}")
    return USAGE if report.mistakes else OK


@command(app)
def review(
    here: Here,
    name: Name,
    by: Annotated[
        str | None, typer.Option("--by", metavar="WHO", help="Who reviews; you, unless said.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask; for scripts.")] = False,
) -> int:
    """Show what changed since the last review, and record that you have looked at it."""
    out = here.out
    folder = here.folder
    report = check_manifest(folder, name)
    if not out.as_json:
        for line in changes_since_review(folder, name):
            out.line(line)
        out.line()
        _print(out, report)
        out.line()
    if not yes:
        if out.as_json or not sys.stdin.isatty():
            raise usage("nobody is there to ask", "read the difference, then give --yes")
        question = f"Does {report.path.name} do what it says, and nothing else? [y/N] "
        if not _is_yes(input(question)):
            out.warn("Not reviewed; it doesn't load.")
            return FAILED
    found = review_manifest(folder, name, by=by or getpass.getuser(), now=datetime.now(UTC))
    if out.as_json:
        out.document(_document(check_manifest(folder, name)))
    else:
        out.line(f"Reviewed by {found.by}: {found.digest[:19]}… Keep connectors/ in git.")
    return OK


@command(app, "test")
def try_(here: Here, name: Name) -> int:
    """Judge a manifest by its cases, on a provider that is built from it, with faults."""
    out = here.out
    judged = 0
    failed: list[dict[str, object]] = []
    for one in try_manifest(here.folder, name):
        judged += 1
        if not one["ok"]:
            failed.append(one)
        if not out.as_json and not one["ok"]:
            out.warn(f"broken: {one['what']}")
            out.warn(f"        {one_line(str(one['why']), limit=400)}")
    if out.as_json:
        out.document({"ok": not failed, "judged": judged, "broken": failed})
    elif not failed:
        out.line(f"{judged} kept, none broken.")
    else:
        out.line(f"{judged - len(failed)} kept, {len(failed)} broken.")
    return FAILED if failed else OK


@command(app, "try")
def try_out(
    here: Here,
    name: Name,
    subject: Annotated[
        str, typer.Option("--subject", metavar="ID", help="A customer of the provider's.")
    ],
    args: Annotated[
        str,
        typer.Option(
            "--args", metavar="JSON", help='By action, such as {"refund": {"order": "1"}}.'
        ),
    ] = "{}",
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask; for scripts.")] = False,
) -> int:
    """Run every read at the real provider before review; nothing is written there."""
    out = here.out
    loaded = Workspace.load(here.folder, os.environ)
    given = {
        verb: cast("JsonObject", one) for verb, one in read_json_object(args, "--args").items()
    }
    if not yes:
        hosts = ", ".join(hosts_of(loaded, name))
        if out.as_json or not sys.stdin.isatty():
            raise usage(f"it sends your key to {hosts}, and nobody is there to ask", "give --yes")
        if not _is_yes(input(f"Send your key to {hosts}? [y/N] ")):
            out.warn("Nothing was sent.")
            return FAILED

    async def all_tried() -> list[TrialResult]:
        return [one async for one in try_reads(loaded, SystemClock(), name, subject, given)]

    tried = run(all_tried())
    wrong = [one for one in tried if one.state == "wrong"]
    if out.as_json:
        items = [{"where": one.where, "state": one.state, "what": one.what} for one in tried]
        out.document({"ok": not wrong, "items": items})
        return FAILED if wrong else OK
    for one in tried:
        out.line(f"{one.state:<8} {one.where}: {one_line(one.what, limit=300)}")
    out.line()
    out.line(
        f"{len(wrong)} wrong; correct them, then try again"
        if wrong
        else f"next: sayso connector review {name}"
    )
    return FAILED if wrong else OK


@command(app)
def record(
    here: Here,
    name: Name,
    action: Annotated[str, typer.Argument(metavar="ACTION", help="Such as refund.")],
    subject: Annotated[str, typer.Option("--subject", metavar="ID", help="A test customer.")],
    args: Annotated[str, typer.Option("--args", metavar="JSON", help="Its arguments.")] = "{}",
    do_it: Annotated[
        bool, typer.Option("--do-it", help="Make the call too; it has its effect there.")
    ] = False,
    saw: Annotated[
        str | None,
        typer.Option(
            "--saw",
            metavar="AMOUNT",
            help="What the account itself shows of the payment, such as '1.00 USD'; for scripts.",
        ),
    ] = None,
    holds: Annotated[
        bool,
        typer.Option(
            "--holds-the-money", help="You have read that the provider has nobody else pay."
        ),
    ] = False,
) -> int:
    """Try an action at a test account of the provider's, and keep what was sent and answered.

    Of a payment you say what the account itself shows, since no trial can compare that.
    """
    out = here.out
    if saw is not None:
        read_amount(saw)

    async def ask(payment: RecordedPayment) -> Sighting | None:
        if saw is not None:
            return Sighting(amount=saw, holds_the_money=holds)
        return None if out.as_json or not sys.stdin.isatty() else _asked(out, payment, holds=holds)

    found = run(
        record_action(
            Workspace.load(here.folder, os.environ),
            SystemClock(),
            name,
            action,
            read_json_object(args, "--args"),
            subject,
            do_it=do_it,
            by=getpass.getuser(),
            ask=ask,
        )
    )
    if out.as_json:
        out.document(
            {
                "action": found.action,
                "account": found.account,
                "receipt": None if found.receipt is None else found.receipt.id,
                "found": found.found,
                "problem": found.problem,
                "proven": None if found.proof is None else found.proof.model_dump(mode="json"),
                "exchanges": found.exchanges,
                "file": str(found.path),
                "verified": found.is_verified,
            }
        )
        return FAILED if found.problem else OK
    out.line(f"{found.action} at {found.account}: {found.exchanges} exchanges in {found.path.name}")
    if found.receipt is not None:
        out.line(f"done: {found.receipt.id} ({found.receipt.status})")
    if found.problem:
        out.warn(f"{found.problem}; it stays claimed. Compare the exchanges with the manifest")
        return FAILED
    if found.proof is not None:
        key = "the same key, sent twice, had one effect; " if found.proof.key else ""
        lost = f"found again {found.proof.shown_after_s} s after its answer was dropped; "
        out.line(
            f"proven on {found.proof.on}: {key}{lost if found.proof.found else ''}"
            f"absence counts from {found.proof.absent_after_s} s"
        )
    if found.is_verified:
        out.line("Every action was tried; none asks for a person for want of that any more.")
    elif not do_it:
        out.line("It was only read. Add --do-it to make the call at this account.")
    return OK


def _asked(out: Out, payment: RecordedPayment, *, holds: bool) -> Sighting:
    out.line(f"Look at {payment.account} itself, and not at what Sayso says: {payment.id}.")
    while True:
        saw = input("How much does it show? (such as 1.00 USD) ")
        try:
            read_amount(saw)
            break
        except RefusedError as error:
            out.warn(f"{error.message}; {error.next_step}")
    went = input(f"Did it go to {one_line(payment.payee, limit=120)}, and nowhere else? [y/N] ")
    if not holds:
        said = input(
            "Does the provider hold this money itself, with no bank or payment provider that pays"
            " for it? Then a lost payment may be repeated once. [y/N] "
        )
        holds = _is_yes(said)
    return Sighting(amount=saw, is_payee=_is_yes(went), holds_the_money=holds)


def _is_yes(said: str) -> bool:
    return said.strip().lower() in {"y", "yes"}


@command(app)
def new(here: Here, name: Name) -> None:
    """Start a connector in Python: one action over HTTP, and the suite that judges it."""
    out = here.out
    folder = here.folder
    made = [str(path.relative_to(folder)) for path in new_connector(folder, name)]
    if out.as_json:
        out.document({"files": made})
        return
    for path in made:
        out.line(path)
    out.line()
    out.line(f"next: replace its paths and fields, then pytest {made[-1]}")


DraftName = Annotated[str, typer.Option("--name", metavar="NAME", help="The connector's name.")]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="OPERATION", help="Take this one; may be given repeatedly."),
]
SpecFile = Annotated[Path, typer.Argument(metavar="FILE", help="The provider's own description.")]


@command(drafts, "openapi")
def draft_openapi(here: Here, spec: SpecFile, name: DraftName, only: Only = None) -> None:
    """Draft from an OpenAPI document (JSON or YAML); what isn't sure is asked, not guessed."""
    drafted = draft_openapi_file(spec, checked_name(name), only or ())
    _drafted(here, name, drafted, spec)


@command(drafts, "graphql")
def draft_graphql(here: Here, schema: SpecFile, name: DraftName, only: Only = None) -> None:
    """Draft from a GraphQL schema, or the answer to an introspection."""
    drafted = draft_graphql_file(schema, checked_name(name), only or ())
    _drafted(here, name, drafted, schema)


@command(drafts, "mcp")
def draft_mcp(
    here: Here,
    server: Annotated[
        list[str], typer.Argument(metavar="SERVER", help="Its address, or a program and its words.")
    ],
    name: DraftName,
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="REFERENCE", help="Of a bearer, such as env:ACME_KEY."),
    ] = None,
    only: Only = None,
) -> None:
    """Draft from the tools of an MCP server; each becomes an action that a person decides."""
    secret = None if key is None else Workspace.load(here.folder, os.environ).secret(key)
    drafted = run(draft_mcp_server(server, checked_name(name), only or (), secret))
    _drafted(here, name, drafted, None)


@command(drafts, "docs")
def draft_docs(
    here: Here,
    page: Annotated[Path, typer.Argument(metavar="FILE", help="A page as text or Markdown.")],
    name: DraftName,
) -> None:
    """Draft from a provider's prose, read by the model of [planner]; answers quote the page."""
    model = docs_model(Workspace.load(here.folder, os.environ))
    drafted = run(draft_docs_page(model, read_page(page), checked_name(name), page.name))
    _drafted(here, name, drafted, None)


def _drafted(here: Here, name: str, drafted: DraftedManifest, spec: Path | None) -> None:
    out = here.out
    path = write_draft(here.folder, name, drafted)
    if out.as_json:
        out.document(
            {
                "file": str(path),
                "actions": dict(drafted.actions),
                "left": list(drafted.left),
                "filled": drafted.filled,
                "asked": drafted.asked,
            }
        )
        return
    for verb, source in drafted.actions.items():
        out.line(f"{name}.{verb}: {one_line(source, limit=120)}")
    if drafted.left:
        out.line(f"left out, take them by --only: {one_line(', '.join(drafted.left), limit=300)}")
    out.line(f"{drafted.filled} keys are filled in, and {drafted.asked} questions are left.")
    given = f" --spec {spec}" if spec is not None else ""
    out.line(f"next: answer each `# ASK` in {path}, then sayso connector check {name}{given}")


def _state(report: ManifestReport) -> str:
    if report.is_draft:
        return "draft"
    if report.mistakes:
        return "wrong"
    return "reviewed" if report.is_reviewed else "not reviewed"


def _print(out: Out, report: ManifestReport) -> None:
    for mistake in report.mistakes:
        out.warn(f"error: {report.path.name}, {mistake}")
    for action in report.actions:
        out.line(f"{action.name}: {action.guarantee}")
        for reason in action.reasons:
            out.line(f"    because {reason}")
        for reason in action.ask:
            out.line(f"    a person always decides: {reason}")


def _document(report: ManifestReport) -> dict[str, object]:
    review = report.review
    return {
        "name": report.name,
        "file": str(report.path),
        "ships": report.ships,
        "digest": report.digest,
        "draft": report.is_draft,
        "loads": report.loads,
        "reviewed": None
        if review is None
        else {"digest": review.digest, "by": review.by, "at": review.at.isoformat()},
        "mistakes": [
            {
                "at": ".".join(map(str, one.at)),
                "line": one.line,
                "problem": one.problem,
                "next_step": one.next_step,
            }
            for one in report.mistakes
        ],
        "actions": [
            {
                "name": one.name,
                "guarantee": one.guarantee,
                "reasons": list(one.reasons),
                "always_ask": list(one.ask),
            }
            for one in report.actions
        ],
    }
