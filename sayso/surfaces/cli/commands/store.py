"""`sayso store …`: the database as a whole."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from sayso.errors import SaysoError
from sayso.ids import SystemClock
from sayso.sdk.client import Sayso
from sayso.sdk.setup.store_copy import check_can_move, copy_rows, with_store
from sayso.sdk.wiring.database import store_name
from sayso.sdk.workspace import Workspace
from sayso.surfaces.cli.command import Here, command
from sayso.surfaces.cli.commands.doctor import examine
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.problem import OK, USAGE, problem_text
from sayso.surfaces.cli.workspace import run

if TYPE_CHECKING:
    from sayso.audit.verifier.verification import Verification
    from sayso.store.transfer import Transferred

app = typer.Typer(help="The database: copy moves it to another store.")
_SAID_EVERY = 10_000


@app.callback()
def store() -> None:
    """The database: copy moves it to another store."""


@command(app)
def copy(
    here: Here,
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="URL", help="An empty database: sqlite:///FILE, or env:NAME of a URL."
        ),
    ],
) -> int:
    """Copy all rows to an empty database, on either store, and verify them there."""
    out = here.out
    loaded = Workspace.load(here.folder, os.environ)
    target = with_store(loaded, to)
    run(check_can_move(loaded, target, SystemClock()))

    def tell(done: int, total: int) -> None:
        if done % _SAID_EVERY == 0 or done == total:
            out.note(f"{done:,} of {total:,} rows copied …")

    moved = copy_rows(loaded, target, tell)
    out.note("looking at the new database …")
    facts: list[tuple[str, str]] = []
    wrong: list[SaysoError] = []
    try:
        examine(target, facts, wrong, out)
    except SaysoError as error:
        wrong.append(error)
    found = run(_verify(target, out))
    _show(out, target, to, moved, wrong, found)
    for one in wrong:
        out.warn(problem_text(one))
    return USAGE if wrong else found.exit_status


async def _verify(target: Workspace, out: Out) -> Verification:
    def tell(done: int, total: int) -> None:
        if done % _SAID_EVERY == 0:
            out.note(f"{done:,} of {total:,} entries verified …")

    async with Sayso(target, mode="read") as sayso:
        return sayso.audit.verify(progress=tell)


def _show(
    out: Out,
    target: Workspace,
    to: str,
    moved: Transferred,
    wrong: list[SaysoError],
    found: Verification,
) -> None:
    rows = sum(moved.rows.values())
    if out.as_json:
        out.document(
            {
                "to": store_name(target),
                "rows": rows,
                "tables": dict(moved.rows),
                "left_out": list(moved.left_out),
                "ok": not wrong and found.exit_status == OK,
                "problems": [{"code": one.code.value, "detail": one.message} for one in wrong],
                "verification": found.to_json(),
            }
        )
        return
    out.line(f"{rows:,} rows of {len(moved.rows)} tables are in {store_name(target)} now.")
    if moved.left_out:
        out.line(f"left out, since no version of Sayso makes them: {', '.join(moved.left_out)}")
    out.line(f"{found.verdict.replace('_', ' ')}: {store_name(target)}")
    for log in found.logs:
        out.line(f"  {log.origin or log.tenant}: {log.coverage}")
        out.line(f"  root {log.root_hex}")
    if not wrong and found.exit_status == OK:
        out.line(
            f"next: set `[store] url` to `{to}`, keep the database of before apart, start a server"
        )
