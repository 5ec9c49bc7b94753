"""Files of a log, written into a folder that a command names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from sayso.audit.unwritten import writing_to
from sayso.sdk.app import Sayso
from sayso.surfaces.cli.looking import look
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.place import find_workspace


def write_folder(
    out: Out,
    workspace: Path | None,
    folder: Path,
    work: Callable[[Sayso], Awaitable[int]],
    *,
    noun: str,
    words: str,
) -> int:
    """Write the files, say how many there are, and give the command's exit status.

    Args:
        work: writes them, and says how many.
        noun: the count's field in JSON.
        words: what was written, in the plural.

    Raises:
        ConfigError: `store_full`, `invalid_setting`, when the folder cannot be written.
    """
    place = find_workspace(workspace)
    with writing_to(folder):
        count = look(place, work)
    if out.as_json:
        out.document({"folder": str(folder.absolute()), noun: count})
    else:
        out.line(f"{count} {words} were written to {folder}")
    return 0
