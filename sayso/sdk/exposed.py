"""What of a workspace other users of the machine may read, and should not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

from sayso.errors import SaysoError
from sayso.sdk.workspace import Workspace
from sayso.store.private_files import is_open_to_others

_FILE = "file:"


def exposed_files(workspace: Workspace) -> list[Path]:
    """The database, the files beside it, and files of secrets that are open to others."""
    return [path for path in dict.fromkeys(_private(workspace)) if is_open_to_others(path)]


def exposed_text(path: Path) -> tuple[str, str]:
    """What is wrong with such a file, and the next step."""
    return f"`{path.name}` can be read by every user of this machine", f"chmod 600 {path}"


def _private(workspace: Workspace) -> Iterator[Path]:
    for reference in _references(workspace.settings.model_dump()):
        yield workspace.folder / reference.removeprefix(_FILE)
    try:
        database = workspace.store_path
    except SaysoError:
        return  # on a server, or not known
    for ending in ("", "-wal", "-shm"):
        yield database.with_name(database.name + ending)


def _references(value: object) -> Iterator[str]:
    if isinstance(value, str) and value.startswith(_FILE):
        yield value
    elif isinstance(value, Mapping):
        for one in cast("Mapping[str, object]", value).values():
            yield from _references(one)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for one in cast("Sequence[object]", value):
            yield from _references(one)
