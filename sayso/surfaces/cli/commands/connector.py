"""`sayso connector list|check|review|test`."""

from __future__ import annotations

import getpass
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from sayso.sdk.manifests import (
    ManifestReport,
    changes_since_review,
    check_manifest,
    list_manifests,
    review_manifest,
    try_manifest,
)
from sayso.surfaces.cli.options import JsonOption, WorkspaceOption
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.problem import FAILED, OK, USAGE, usage
from sayso.surfaces.cli.words import one_line
from sayso.surfaces.cli.workspace import find_workspace

app = typer.Typer(help="Manifests of providers: list, check, review, test.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="The connector, such as chargebee.")]


@app.command("list")
def list_(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """List the manifests of this workspace and those that ship."""
    out = Out(as_json=as_json)
    reports = list(list_manifests(find_workspace(workspace)))
    if as_json:
        out.document({"items": [_document(report) for report in reports]})
        return OK
    for report in reports:
        where = "ships" if report.ships else report.path.name
        out.line(
            f"{report.name:<14} {_state(report):<12} {where:<24} {len(report.actions)} actions"
        )
    return OK


@app.command()
def check(
    name: Name,
    spec: Annotated[
        list[Path] | None,
        typer.Option(
            "--spec",
            metavar="FILE",
            help="The provider's OpenAPI document or GraphQL schema; may be given repeatedly.",
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """List what is wrong with a manifest, and what each of its actions is worth."""
    out = Out(as_json=as_json)
    report = check_manifest(find_workspace(workspace), name, spec or ())
    if as_json:
        out.document(_document(report))
    else:
        _print(out, report)
        if not report.mistakes and not report.is_reviewed:
            out.line()
            out.line(f"next: sayso connector review {name}")
    return USAGE if report.mistakes else OK


@app.command()
def review(
    name: Name,
    by: Annotated[
        str | None, typer.Option("--by", metavar="WHO", help="Who reviews; you, unless said.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask; for scripts.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show what changed since the last review, and record that you have looked at it."""
    out = Out(as_json=as_json)
    folder = find_workspace(workspace)
    report = check_manifest(folder, name)
    if not as_json:
        for line in changes_since_review(folder, name):
            out.line(line)
        out.line()
        _print(out, report)
        out.line()
    if not yes:
        if as_json or not sys.stdin.isatty():
            raise usage("nobody is there to ask", "read the difference, then give --yes")
        question = f"Does {report.path.name} do what it says, and nothing else? [y/N] "
        if input(question).strip().lower() not in {"y", "yes"}:
            out.warn("Not reviewed; it doesn't load.")
            return FAILED
    found = review_manifest(folder, name, by=by or getpass.getuser(), now=datetime.now(UTC))
    if as_json:
        out.document(_document(check_manifest(folder, name)))
    else:
        out.line(f"Reviewed by {found.by}: {found.digest[:19]}… Keep connectors/ in git.")
    return OK


@app.command("test")
def try_(name: Name, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """Judge a manifest by its cases, on a provider that is built from it, with faults."""
    out = Out(as_json=as_json)
    judged = 0
    failed: list[dict[str, object]] = []
    for one in try_manifest(find_workspace(workspace), name):
        judged += 1
        if not one["ok"]:
            failed.append(one)
        if not as_json and not one["ok"]:
            out.warn(f"broken: {one['what']}")
            out.warn(f"        {one_line(str(one['why']), limit=400)}")
    if as_json:
        out.document({"ok": not failed, "judged": judged, "broken": failed})
    elif not failed:
        out.line(f"{judged} kept, none broken.")
    else:
        out.line(f"{judged - len(failed)} kept, {len(failed)} broken.")
    return FAILED if failed else OK


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
