"""`sayso audit …`: the auditor's commands, and those of whoever answers to customers."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sayso.audit.atomic_files import new_file
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.sdk.views.presenters import show_entry
from sayso.surfaces.cli.audit.cases import case
from sayso.surfaces.cli.audit.keys import keys, make_key, rotate_key
from sayso.surfaces.cli.audit.questions import ExportOption, VkeyOption, ask
from sayso.surfaces.cli.audit.repairs import accept, repair
from sayso.surfaces.cli.audit.storage import prune, publish, seal, tiles, timestamps
from sayso.surfaces.cli.audit.verify import verify
from sayso.surfaces.cli.command import Here, command
from sayso.surfaces.cli.output import Out, local_time
from sayso.surfaces.cli.pages import again
from sayso.surfaces.cli.words import counted
from sayso.surfaces.cli.workspace import CLI

if TYPE_CHECKING:
    from sayso.sdk.views.rows import EntryView

app = typer.Typer(
    help="Ask the log, prove it, publish its heads.",
)

BeforeOption = Annotated[
    int | None, typer.Option("--before", metavar="SEQ", help="Go on before this entry.")
]


@command(app)
def tail(
    here: Here,
    limit: Annotated[
        int, typer.Option("--limit", "-n", metavar="N", help="How many, to 1000.")
    ] = 20,
    before: BeforeOption = None,
) -> int:
    """Show the newest entries, newest first."""
    out = here.out

    async def work(sayso: Sayso) -> tuple[list[EntryView], bool, int]:
        audit = sayso.audit
        found = await audit.tail(limit, before=before)
        more = bool(found) and bool(await audit.tail(1, before=found[-1].seq))
        return found, more, await audit.pruned_to()

    found, more, low = here.look(work)
    empty = "The log is empty. Everything that is asked goes here."
    if before is not None:
        empty = f"There is no entry before {before:,}."
    behind = found[-1].seq if more else None
    status = _show_entries(out, found, empty, low, behind)
    if behind is not None:
        options = {"-n": limit, "--before": behind, "--workspace": here.workspace}
        out.line(f"more: {again('audit tail', options)}")
    elif low:
        out.note(_in_segments(low))
    return status


def _in_segments(low: int) -> str:
    return f"entries below {low:,} are in sealed segments only; `sayso audit seal` lists them"


@command(app)
def query(
    here: Here,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="WORDS…",
            help="Such as approver:maria amount:>100USD created:2026-11-01..2026-11-30 disputed.",
        ),
    ],
    limit: Annotated[
        int, typer.Option("--limit", "-n", metavar="N", help="How many, to 1000.")
    ] = 50,
    before: BeforeOption = None,
    segment: Annotated[
        Path | None,
        typer.Option("--segment", metavar="FILE", help="Ask a sealed segment, not the database."),
    ] = None,
    export: ExportOption = None,
    vkey: VkeyOption = None,
    verified: Annotated[
        bool, typer.Option("--verified", help="Prove each entry against the newest signed head.")
    ] = False,
) -> int:
    """Ask the log; the question is an entry itself."""
    out = here.out
    if export is not None:
        return _query_export(out, export, _as_typed(words), limit, before, vkey or [])

    async def work(sayso: Sayso) -> tuple[list[EntryView], int, str]:
        if segment is not None:
            asked = sayso.audit.segments.query
            return await asked(segment, _as_typed(words), limit=limit, by=CLI), 0, ""
        found = await sayso.audit.query(
            _as_typed(words), limit=limit, before=before, verified=verified, by=CLI
        )
        why = "" if found else f": {await sayso.audit.why_nothing(_as_typed(words))}"
        return found, await sayso.audit.pruned_to(), why

    found, low, why = here.look(work)
    if low and len(found) < limit:
        out.note(_in_segments(low))
    empty = f"No entry fits{why}. Loosen the query, or see `audit tail`."
    status = _show_entries(out, found, empty, low, found[-1].seq if found else None)
    if len(found) == limit and segment is None:
        # NOTE: whether there are more is not looked for, since each question is an entry.
        options = {"-n": limit, "--before": found[-1].seq, "--workspace": here.workspace}
        command = f"audit query {shlex.join(words)}"
        out.line(f"there may be more: {again(command, {**options, '--verified': verified})}")
    elif len(found) == limit:
        out.line("there may be more: raise -n")
    return status


def _query_export(
    out: Out, path: Path, words: str, limit: int, before: int | None, vkeys: list[str]
) -> int:
    # Only auditors need the verifier.
    from sayso.audit.questions.exports import query_export
    from sayso.audit.verifier.checks import Trust

    stored, covered = query_export(
        path, words, limit=limit, before=before, trust=Trust.parse(vkeys)
    )
    found = [show_entry(one) for one in stored]
    out.line(f"verified: {covered.words}")
    empty = "No entry fits."
    if not covered.complete:
        empty = f"No entry fits, of {covered.entries:,} of {covered.size:,} that this holds."
    status = _show_entries(out, found, empty, 0, found[-1].seq if found else None)
    if len(found) == limit:
        out.line(f"there may be more: --before {found[-1].seq}")
    return status


def _as_typed(words: list[str]) -> str:
    """The words as one query: one argument is a whole query, several are held together each."""
    if len(words) == 1:
        return words[0]
    return " ".join(f'"{word}"' if " " in word and '"' not in word else word for word in words)


def _show_entries(
    out: Out, found: list[EntryView], empty: str, low: int, before: int | None
) -> int:
    if out.as_json:
        out.document({"items": found, "before": before, "pruned_to": low})
    elif not found:
        out.line(empty)
    else:
        out.table(_COLUMNS, [_row(one) for one in found])
    return 0


_COLUMNS = (
    *("entry", "at", "kind", "amount", "customer", "status", "rule", "by", "yes of", "action"),
    *("about", "says"),
)


def _row(entry: EntryView) -> list[str]:
    body = entry.body
    amount, data = body.get("amount"), body.get("data", {})
    about = next((str(body[key]) for key in ("action", "request") if body.get(key)), "")
    return [
        str(entry.seq),
        local_time(entry.at),
        entry.kind,
        "" if amount is None else str(Money.from_json(amount)),
        *(str(body.get(name, "")) for name in ("subject", "status", "rule")),
        entry.actor,
        ", ".join(map(str, data.get("approvers", []))),
        str(body.get("name", "")),
        about,
        entry.says,
    ]


@command(app)
def export(
    here: Here,
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="A new folder, or a new file: see --format.")
    ],
    words: Annotated[
        str, typer.Option("--query", metavar="WORDS", help="Only the entries that fit.")
    ] = "",
    form: Annotated[
        str,
        typer.Option(
            "--format", metavar="NAME", help="jsonl (a folder), parquet, ocsf or cloudevents."
        ),
    ] = "jsonl",
) -> int:
    """Write the log so that it verifies offline; the export is an entry itself."""
    out = here.out

    async def work(sayso: Sayso) -> tuple[int, str]:
        count = await sayso.audit.export(path, words, format=form, by=CLI)
        return count, await sayso.audit.head_vkey()

    out.note("writing …")
    count, key = here.look(work)
    return _show_written(out, path, count, key)


@command(app)
def evidence(
    here: Here,
    action: Annotated[str, typer.Argument(metavar="ACTION", help="The id, act_….")],
    path: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="A new file, such as pack.html.")
    ],
) -> int:
    """Write all about one action as a page to read, to print, and to verify offline."""

    async def work(sayso: Sayso) -> tuple[int, str]:
        count = await sayso.audit.evidence(action, path, by=CLI)
        return count, await sayso.audit.head_vkey()

    count, key = here.look(work)
    return _show_written(here.out, path, count, key)


@command(app)
def receipt(
    here: Here,
    action: Annotated[str, typer.Argument(metavar="ACTION", help="The id, act_….")],
    path: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="A new file: a page, or with .tlog-proof the bare proof.",
        ),
    ],
) -> int:
    """Write how an action ended, with its proof, for a customer or a court; nothing personal."""

    async def work(sayso: Sayso) -> tuple[bytes, str]:
        found = await sayso.audit.receipt(action, by=CLI)
        bare = path.suffix == ".tlog-proof"
        return found.text().encode() if bare else found.page(), await sayso.audit.head_vkey()

    content, key = here.look(work)
    with new_file(path) as file:
        file.write(content)
    return _show_written(here.out, path, 1, key)


def _show_written(out: Out, path: Path, count: int, key: str) -> int:
    if out.as_json:
        # `folder` is what the path was called when folders were all there was.
        where = str(path.absolute())
        out.document({"path": where, "folder": where, "entries": count, "vkey": key})
    else:
        out.line(f"{counted(count, 'entry')} {'is' if count == 1 else 'are'} in {path}")
        out.line(f"verify anywhere: sayso audit verify {path} --vkey {key}")
    return 0


@command(app)
def checkpoint(here: Here) -> None:
    """Print the newest signed head; kept elsewhere, it proves a later rewrite."""
    out = here.out

    async def work(sayso: Sayso) -> tuple[str, str]:
        return await sayso.audit.checkpoint(), await sayso.audit.head_vkey()

    note, key = here.read(work)
    if out.as_json:
        out.document({"checkpoint": note, "vkey": key})
    else:
        # Exactly the note, so that `> head.txt` keeps what was signed.
        out.line(note.removesuffix("\n"))


app.command("ask")(ask)
command(app, "case")(case)
app.command("verify")(verify)
command(app, "repair")(repair)
command(app, "accept")(accept)
command(app, "publish")(publish)
command(app, "seal")(seal)
command(app, "prune")(prune)
command(app, "tiles")(tiles)
command(app, "timestamps")(timestamps)
app.command("keys")(keys)
app.command("make-key")(make_key)
app.command("rotate-key")(rotate_key)
