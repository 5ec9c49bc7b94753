"""`sayso policy`: what is in force, what the files say, and who changed it when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress

from sayso.sdk.client import Sayso
from sayso.sdk.resources.policy import (
    ActivationView,
)
from sayso.sdk.views.backtest import OUTCOMES, as_csv, as_svg
from sayso.surfaces.cli.options import JsonOption, LimitOption, WorkspaceOption
from sayso.surfaces.cli.output import Out, local_time
from sayso.surfaces.cli.problem import FAILED, OK, usage
from sayso.surfaces.cli.words import one_line
from sayso.surfaces.cli.workspace import find_workspace, person_token, read_workspace, run

if TYPE_CHECKING:
    from sayso.sdk.resources.analysis import ChangeView
    from sayso.sdk.resources.backtesting import BacktestView
    from sayso.sdk.resources.policy import (
        PolicyChangeView,
        PolicyDraftView,
        PolicyTextView,
        PolicyVersionView,
    )
    from sayso.sdk.resources.suggestions import SuggestionResource
    from sayso.sdk.views.suggestion import SuggestionView

app = typer.Typer(help="The policy: what is in force, drafts, who changed it.")

NoteOption = Annotated[
    str, typer.Option("--note", metavar="TEXT", help="Why, for whoever looks; stands in the log.")
]
NONE_YET = "No version is in force yet: what the files say becomes the first with `policy activate`"


@app.command()
def show(
    version: Annotated[
        int | None, typer.Option("--version", metavar="N", help="Another one than is in force.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show what is in force: who put it there, and what it says."""
    out = Out(as_json=as_json)
    folder = find_workspace(workspace)
    found = read_workspace(
        folder,
        lambda sayso: sayso.policy.in_force() if version is None else sayso.policy.version(version),
    )
    if as_json:
        out.document(found)
    elif found is None:
        out.line(f"{NONE_YET}.")
    else:
        _show_text(out, found)
    return OK


@app.command()
def diff(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """Show how the files differ from what is in force, and what that changes, with examples."""
    out = Out(as_json=as_json)
    folder = find_workspace(workspace)
    found = read_workspace(folder, lambda sayso: sayso.policy.draft())
    change = read_workspace(folder, lambda sayso: sayso.analysis.compare())
    if as_json:
        out.document({**found.model_dump(mode="json"), "change": change})
    else:
        _show_draft(out, found, change)
    return OK


@app.command()
def check(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """Find rows of the files that are in vain; ends with 1 if one can hardly be meant so."""
    out = Out(as_json=as_json)
    found = read_workspace(find_workspace(workspace), lambda sayso: sayso.analysis.check())
    status = FAILED if any(one.mistake for one in found) else OK
    if as_json:
        out.document({"items": found})
        return status
    for one in found:
        row = f", row `{one_line(one.rule)}`" if one.rule else ""
        kind = "" if one.mistake else "note: "
        out.line(f"{one_line(one.file)} line {one.line}{row}: {kind}{one_line(one.message)}")
        out.line(f"  next: {one_line(one.next_step)}")
    if not found:
        out.line("Each row of the tables does something that no other rule does.")
    out.line("Looked for among all requests that there can be, whoever says yes.")
    return status


@app.command()
def activate(
    note: NoteOption = "",
    sha256: Annotated[
        str,
        typer.Option("--sha256", metavar="HEX", help="Only this draft, as `policy diff` names it."),
    ] = "",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Put what the files say in force, in every process, from now on."""
    out = Out(as_json=as_json)
    folder = find_workspace(workspace)
    token = person_token(folder)
    done = read_workspace(
        folder,
        lambda sayso: sayso.policy.activate(token=token, note=note, sha256=sha256, via="cli"),
    )
    _show_done(out, done)
    return OK


@app.command()
def confirm(
    change: Annotated[str, typer.Argument(metavar="ID", help="The change, pol_….")],
    sha256: Annotated[
        str, typer.Argument(metavar="SHA256", help="Its digest, or the first 12 digits of it.")
    ],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Put in force what somebody else asked for, as the second person."""
    out = Out(as_json=as_json)
    folder = find_workspace(workspace)
    token = person_token(folder)

    async def work(sayso: Sayso) -> ActivationView:
        version = await sayso.policy.confirm(change, sha256=sha256, token=token, via="cli")
        return ActivationView(version=version, lacking=await sayso.policy.lacking())

    _show_done(out, read_workspace(folder, work))
    return OK


@app.command()
def withdraw(
    change: Annotated[str, typer.Argument(metavar="ID", help="The change, pol_….")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """End a change that waits for a second person."""
    out = Out(as_json=as_json)
    folder = find_workspace(workspace)
    token = person_token(folder)
    found = read_workspace(
        folder, lambda sayso: sayso.policy.withdraw(change, token=token, via="cli")
    )
    if as_json:
        out.document(found)
    else:
        out.line(f"{found.id} is withdrawn; nothing has changed.")
    return OK


@app.command()
def rollback(
    version: Annotated[int, typer.Argument(metavar="N", help="The version whose text comes back.")],
    note: NoteOption = "",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Put an earlier version's text in force again, under a new number."""
    out = Out(as_json=as_json)
    folder = find_workspace(workspace)
    token = person_token(folder)
    done = read_workspace(
        folder, lambda sayso: sayso.policy.rollback(version, token=token, note=note, via="cli")
    )
    _show_done(out, done)
    return OK


@app.command()
def history(
    limit: LimitOption = 50,
    after: Annotated[
        int | None, typer.Option("--after", metavar="N", help="Go on below this version.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """List the versions, newest first, and what waits for a second person."""
    out = Out(as_json=as_json)
    folder = find_workspace(workspace)
    waiting = read_workspace(folder, lambda sayso: sayso.policy.changes())
    found = read_workspace(folder, lambda sayso: sayso.policy.history(limit=limit, after=after))
    if as_json:
        out.document({"items": found, "waiting": waiting})
        return OK
    for change in waiting:
        _show_change(out, change)
    if not found:
        out.line(f"{NONE_YET}.")
        return OK
    out.table(["version", "since", "by", "does", "sha256", "note"], list(map(_row, found)))
    return OK


@app.command("test")
def run_tests(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """Ask what the files say about each test in policies/*.test.toml; ends with 1 if one fails."""
    out = Out(as_json=as_json)
    found = read_workspace(find_workspace(workspace), lambda sayso: sayso.analysis.test())
    failed = [one for one in found if not one.passed]
    status = FAILED if failed else OK
    if as_json:
        out.document({"items": found})
        return status
    if not found:
        out.line("There are no tests.")
        out.line("next: write policies/refunds.test.toml, see docs/how-to/write-a-policy.md")
        return OK
    out.line(f"{len(found) - len(failed)} of {len(found)} as wanted")
    for one in failed:
        out.line(f"{one_line(one.say)}  ({one_line(one.file)})")
        out.line(f"  wanted {one.wanted}, got {one.got}")
        out.line(f"  {one_line(one.question)}")
        for said in one.asked or (f"{', '.join(one.rules) or 'no rule'}: {one.why}",):
            out.line(f"  {one_line(said)}")
    return status


@app.command()
def prove(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """Prove or refute each claim in policies/*.test.toml; ends with 1 if one is false."""
    out = Out(as_json=as_json)
    found = read_workspace(find_workspace(workspace), lambda sayso: sayso.analysis.prove())
    status = FAILED if any(one.verdict == "false" for one in found) else OK
    if as_json:
        out.document({"items": found})
        return status
    if not found:
        out.line("There are no claims.")
        out.line("next: write [[claim]] in policies/refunds.test.toml")
    for one in found:
        by = "" if one.verdict == "unknown" else f" (by {one.by})"
        out.line(f"{one.verdict:<8} {one.id}: {one_line(one.say)}{by}")
        if one.counterexample or one.why:
            out.line(f"         {one_line(one.counterexample or one.why)}")
    if found:
        out.line("For every question with its facts in their ranges; it holds for the policy,")
        out.line("and says nothing about what a connector tells.")
    return status


@app.command()
def suggest(
    write: Annotated[
        str,
        typer.Option("--write", metavar="ID", help="Write this one into policies/, as a draft."),
    ] = "",
    no: Annotated[
        str, typer.Option("--no", metavar="ID", help="Say no: it is not suggested for 90 days.")
    ] = "",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Suggest drafts from what people decided; nothing is in force until somebody activates it."""
    out = Out(as_json=as_json)
    folder = find_workspace(workspace)
    if no:
        token = person_token(folder)
        read_workspace(folder, lambda sayso: sayso.suggestions.decline(no, token=token, via="cli"))
        out.line(f"{one_line(no)} is not suggested for 90 days.")
        return OK
    if write:
        written = read_workspace(folder, lambda sayso: _write_suggestion(sayso, write))
        for name in written:
            out.line(f"{name} is written, and not in force.")
        out.line("next: sayso policy diff, then sayso policy activate")
        return OK
    found = read_workspace(folder, lambda sayso: sayso.suggestions.list())
    if as_json:
        out.document({"items": found})
        return OK
    if not found:
        out.line("Nothing is suggested: there are too few decisions, or they do not agree enough.")
    for one in found:
        _show_suggestion(out, one)
    return OK


async def _write_suggestion(sayso: Sayso, suggestion: str) -> tuple[str, ...]:
    suggestions: SuggestionResource = sayso.suggestions
    return suggestions.write(await suggestions.get(suggestion))


def _show_suggestion(out: Out, found: SuggestionView) -> None:
    out.line(f"{found.direction:<7} {found.kind:<5} {one_line(found.sentence)}")
    for line in found.figures:
        out.line(f"       {one_line(line)}")
    for case in found.counterexamples:
        out.line(f"       {case.said:<5} {case.action}  {one_line(case.question)}")
    for name, content in found.files.items():
        out.line(f"       --- {one_line(name)}")
        for line in content.rstrip("\n").split("\n"):
            out.line(_indented(f"       {line}"))
    out.line(f"       next: {found.next_step}")
    out.line(f"       or say no: sayso policy suggest --no {found.id}")


@app.command()
def explain(
    action: Annotated[str, typer.Argument(metavar="ACTION", help="The action, act_….")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Say why an action was judged as it was, and what the version in force says of it."""
    out = Out(as_json=as_json)
    found = read_workspace(find_workspace(workspace), lambda sayso: sayso.analysis.explain(action))
    if as_json:
        out.document(found)
        return OK
    stage = f", stage {found.stage}" if found.stage else ""
    since = local_time(found.judged_at)[:16]
    out.line(f"{found.outcome}: {one_line(found.explain)}")
    out.line(f"  {found.name}, judged {since} by version {found.version}{stage}")
    out.line(f"  {one_line(found.question)}")
    for asked in found.asked:
        out.line(f"  asked by {one_line(asked)}")
    for step in found.steps:
        said = [f"{rule} ({one_line(words)})" if words else rule for rule, words in step.rules]
        out.line(f"  {step.who:<24} {'yes' if step.allowed else 'no '}  {'; '.join(said)}")
    if found.today:
        out.line(f"today, version {found.today_version}: {found.today}")
    return OK


@app.command()
def backtest(
    since: Annotated[
        str | None, typer.Option("--since", metavar="DAY", help="Such as 2026-08-29; 90 days ago.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write the figures there.")
    ] = None,
    svg: Annotated[
        Path | None, typer.Option("--svg", metavar="FILE", help="Write a picture there.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Play what was judged again, by the files, beside what people had said."""
    out = Out(as_json=as_json)
    folder = find_workspace(workspace)
    start = _day(since)

    async def work() -> BacktestView:
        async with Sayso.open(folder, mode="read") as sayso:
            with Progress(console=out.console, disable=as_json or not out.tty) as bar:
                task = bar.add_task("", total=None)
                return await sayso.analysis.backtest(
                    since=start, progress=lambda count: bar.update(task, completed=count)
                )

    found = run(work())
    if csv is not None:
        csv.write_text(as_csv(found), "utf-8")
    if svg is not None:
        svg.write_text(as_svg(found), "utf-8")
    if as_json:
        out.document(found)
    else:
        _show_backtest(out, found)
    return OK


def _day(since: str | None) -> datetime:
    if since is None:
        return datetime.now(UTC) - timedelta(days=90)
    try:
        return datetime.fromisoformat(since).replace(tzinfo=UTC)
    except ValueError:
        raise usage(f"`{since[:20]}` is no day", "write such as 2026-08-29") from None


def _show_backtest(out: Out, found: BacktestView) -> None:
    if not found.total:
        out.line("Nothing to play again: nothing was judged in that time.")
        out.line("next: `sayso policy test` asks your own cases, `sayso policy diff` shows others")
        return
    out.line(f"{found.total:,} played again")
    rows = [
        [name, f"{getattr(found.was, key):,}", f"{getattr(found.now, key):,}"]
        for name, key in OUTCOMES
        if key != "by_hand" or found.was.by_hand or found.now.by_hand
    ]
    out.table(["", "in force", "files"], rows)
    if found.newly:
        out.line(f"of the {found.newly:,} newly automatic, people had said")
        out.line(
            f"  yes, unchanged {found.newly_yes:,}; less {found.newly_less:,};"
            f" no {found.newly_no:,}; nobody had decided {found.newly_undecided:,}"
        )
    if found.no_longer:
        out.line(f"{found.no_longer:,} are automatic no more")
    if found.newly_refused:
        out.line(f"{found.refused_more:,} are newly refused")
    for one in found.newly_refused:
        rule = f"{one_line(one.rule)}: " if one.rule else ""
        out.line(f"  {one.count:,} by {rule}{one_line(one.say)}")
        if one.had_yes:
            out.line(f"    to {one.had_yes:,} of them people had said yes")
    for case in found.refused_cases[:5]:
        out.line(f"  refused {case.action}  {one_line(case.question)}")
    if found.held:
        out.line("limits and dials ask about, refuse or leave to a person")
        held = [[one.rule, f"{one.was:,}", f"{one.now:,}"] for one in found.held]
        out.table(["", "in force", "files"], held)
    for case in found.cases:
        out.line(f"  {case.said:<5} {case.action}  {one_line(case.question)}")
    out.line(f"{found.checked:,} asked of the policy itself, 0 differences")
    out.line(
        "Limits of approvers and on open cards are not played, and no brake is pulled;"
        " what was refused has no truth to compare with."
    )


def _row(version: PolicyVersionView) -> list[str]:
    since = local_time(version.activated_at)[:16]
    sha256 = version.sha256[:12]
    return [str(version.version), since, _who(version), version.direction, sha256, version.note]


def _who(version: PolicyVersionView) -> str:
    people = [version.asked_by, version.activated_by]
    return " + ".join(one.removeprefix("person:") for one in people if one is not None)


def _show_text(out: Out, found: PolicyTextView) -> None:
    version = found.version
    out.pairs(
        [
            ("version", str(version.version)),
            ("since", local_time(version.activated_at)),
            ("by", _who(version)),
            ("note", version.note),
            ("sha256", version.sha256),
            ("roles", ", ".join(found.roles)),
            ("changed by", ", ".join(found.activate)),
            ("a loosening needs", f"{found.loosening_needs}"),
        ]
    )
    for name, text in sorted(found.files.items()):
        out.line()
        out.line(f"--- {one_line(name)}")
        for line in text.rstrip("\n").split("\n"):
            out.line(_indented(line))


def _show_draft(out: Out, found: PolicyDraftView, change: ChangeView) -> None:
    if found.version is None:
        out.line(f"{NONE_YET}.")
    elif not found.changed:
        out.line(f"The files say what version {found.version} says, which is in force.")
    else:
        out.line(f"draft {found.sha256[:12]} against version {found.version}, which is in force")
        out.line(f"changed: {', '.join(one_line(name) for name in found.changed)}")
        for line in found.text_diff.split("\n"):
            out.line(_indented(line))
        _show_change_of(out, change)
        out.line("next: sayso policy activate")


def _show_change_of(out: Out, change: ChangeView) -> None:
    """What the change does, with examples that the engine has confirmed."""
    out.line()
    for one in change.examples:
        out.line(f"{one.way:<8} {one_line(one.sentence or one.question)}")
        if one.sentence:
            out.line(f"         for example {one_line(one.question)}")
        rules = ", ".join(one.rules) or "no rule"
        card = f", as {one.card} would be" if one.card else ""
        out.line(f"         was {one.was}, now {one.now}, by {rules}{card}")
    for way, said in (("looser", change.loosens), ("tighter", change.tightens)):
        for why in said:
            out.line(f"{way:<8} {one_line(why)}")
    shown = len(change.examples)
    if shown:
        out.line(f"each example was asked of the policy itself: {shown} of {shown} as said")
    if change.asked_again:
        asked = "card is" if change.asked_again == 1 else "cards are"
        out.line(f"{change.asked_again} waiting {asked} asked again")
    decided = "" if change.decided else ", since not all of it could be decided"
    out.line(f"it is {change.direction}{decided}")


def _indented(line: str) -> str:
    """A line of a file without what a terminal would obey, with its blanks in front."""
    bare = line.lstrip(" ")
    return " " * (len(line) - len(bare)) + (one_line(bare, limit=1000) if bare else "")


def _show_done(out: Out, done: ActivationView) -> None:
    for one in done.lacking:
        out.warn(one_line(one.message, limit=1000))
    if out.as_json:
        out.document(done)
        return
    if done.version is not None:
        version = done.version
        out.line(f"Version {version.version} is in force, in every process ({version.direction}).")
    if done.waits is not None:
        _show_change(out, done.waits)


def _show_change(out: Out, change: PolicyChangeView) -> None:
    since = local_time(change.asked_at)[:16]
    out.line(f"{change.id} waits for a second person ({change.asked_by}, {since}).")
    out.line(f"  {change.direction}, {change.sha256[:12]} on version {change.parent}")
    out.line(f"next: {change.next_step}")
