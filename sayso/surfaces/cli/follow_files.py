"""Having the workspace's own files say what is in force, where they said what was before."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sayso.surfaces.cli.workspace import read_workspace


@contextmanager
def follow_files(folder: Path) -> Generator[None]:
    """Write what a change of the policy in force has changed into files that said the same before.

    Files that people have changed since stay as they are: they are a draft.
    """
    was = read_workspace(folder, lambda sayso: sayso.policy.in_force())
    yield
    now = read_workspace(folder, lambda sayso: sayso.policy.in_force())
    if was is None or now is None:
        return
    before: Mapping[str, str] = was.files
    for name, text in now.files.items():
        file = folder / name
        same = file.is_file() and file.read_text("utf-8") == before.get(name)
        if before.get(name) != text and same:
            file.write_text(text, "utf-8")
