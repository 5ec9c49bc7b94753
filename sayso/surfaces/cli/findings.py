"""What `sayso doctor` asks of the outside, and how it tells what it has found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from sayso.errors import SaysoError
from sayso.sdk.chat.finding import DoctorFinding
from sayso.sdk.client import Sayso
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.problem import OK, USAGE, usage
from sayso.surfaces.cli.words import one_line
from sayso.surfaces.cli.workspace import read_workspace, run


def ask_everything(folder: Path) -> list[DoctorFinding]:
    """Every provider, key and address, each chat's other side, and what each said."""
    from sayso.sdk.setup.live import ask_outside
    from sayso.surfaces.site import CHANNELS, examiner_of  # loads the web stack

    async def asked() -> list[DoctorFinding]:
        async with Sayso.open(folder, mode="decide") as sayso:
            found = [one async for one in ask_outside(sayso)]
            settings = sayso.workspace.settings
            wanted = {*settings.channels, *(["slack"] if settings.slack is not None else [])}
            for name in CHANNELS:
                if name in wanted and (examine := examiner_of(name)) is not None:
                    found += [
                        replace(one, what=f"{name}, {one.what}") for one in await examine(sayso)
                    ]
            return found

    try:
        return run(asked())
    except SaysoError as error:
        said = f"it cannot be opened, so nothing was asked: {error.message}"
        return [
            DoctorFinding(what="workspace", said=said, next_step=error.next_step or "see above")
        ]


def tell_findings(found: Sequence[DoctorFinding], out: Out) -> None:
    """A line each, and below it what to do."""
    for one in found:
        out.line(f"{'✓' if one.ok else '✗'} {one.what}: {one_line(one.said, limit=300)}")
        if not one.ok:
            out.line(f"  next: {one_line(one.next_step, limit=300)}")


def look_at_channel(about: str, folder: Path, out: Out) -> int:
    """Ask a channel's other side for everything that cards and clicks need."""
    from sayso.surfaces.site import CHANNELS, examiner_of  # loads the web stack

    examine = examiner_of(about)
    if examine is None:
        names = " or ".join(f"`{name}`" for name in CHANNELS if examiner_of(name) is not None)
        raise usage(
            f"there is nothing to be said of `{about[:40]}` alone", f"say {names}, or nothing"
        )
    found = read_workspace(folder, examine)
    if out.as_json:
        out.document({"ok": all(one.ok for one in found), "items": [asdict(one) for one in found]})
    else:
        tell_findings(found, out)
    return OK if all(one.ok for one in found) else USAGE
