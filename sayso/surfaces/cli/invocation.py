"""How this program was called, so that the commands it prints can be typed as they stand."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shlex
import shutil
import sys
from collections.abc import Generator, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path

from sayso.extras import clone_of

_COMMAND = re.compile(r"(?<![\w./:-])(?<!-m )sayso (?=[a-z])")
_NAME = "sayso"
_OPTION = re.compile(r"(?:--workspace=|-w(?!$))(?P<folder>.+)")
_workspace: ContextVar[str] = ContextVar("workspace", default="")


@contextlib.contextmanager
def typed(words: Sequence[str]) -> Generator[None]:
    """While this command line runs, what it prints names the workspace that it names."""
    named = ""
    for word, value in zip(words, [*words[1:], ""], strict=True):
        if word in {"--workspace", "-w"}:
            named = value
        elif (found := _OPTION.fullmatch(word)) is not None:
            named = found["folder"]
    token = _workspace.set(named)
    try:
        yield
    finally:
        _workspace.reset(token)


def runnable(text: str, here: Path | None = None) -> str:
    """A text for a person in which each `sayso …` begins as it has to be typed.

    Args:
        here: the folder in which it will be typed; the present one unless told otherwise.
    """
    prefix = _prefix(here or Path.cwd())
    if here is None and (named := _workspace.get()) and not _is_nearest(Path(named)):
        # NOTE: it holds for every command, wherever in it an option would have to stand.
        prefix = f"SAYSO_WORKSPACE={shlex.quote(named)} {prefix}"
    return text if prefix == _NAME else _COMMAND.sub(lambda _: f"{prefix} ", text)


def _is_nearest(folder: Path) -> bool:
    """Whether a command that names no workspace works in this one anyway."""
    from sayso.settings import FILE_NAME  # a slow import, which `--help` needs not

    here = Path.cwd()
    nearest = next((one for one in (here, *here.parents) if (one / FILE_NAME).is_file()), None)
    return nearest is not None and nearest == folder.resolve()


@functools.lru_cache(maxsize=8)
def _prefix(here: Path) -> str:
    return prefix_for(os.environ, sys.argv[0], Path(sys.prefix), here)


def prefix_for(environment: Mapping[str, str], called: str, prefix: Path, here: Path) -> str:
    """What stands for `sayso` in a command.

    Args:
        environment: variables of this process. called: its `argv[0]`. prefix: its environment.
        here: the folder in which the command is typed.
    """
    clone = clone_of(prefix)
    if clone is not None and "UV_RUN_RECURSION_DEPTH" in environment:
        # `uv run` puts the program on the PATH of what it runs, and of nothing else.
        inside = here.resolve().is_relative_to(clone.resolve())
        if "SAYSO_RUN" in environment:  # by the clone's `./run`, whose uv nobody else finds
            at_top = here.resolve() == clone.resolve()
            return f"{'./run' if at_top else shlex.quote(str(clone / 'run'))} sayso"
        return "uv run sayso" if inside else f"uv run --project {shlex.quote(str(clone))} sayso"
    if Path(called).name == "__main__.py":
        python = "python" if _is_on_path("python", sys.executable) else shlex.quote(sys.executable)
        return f"{python} -m sayso"
    if Path(called).name == _NAME and not _is_on_path(_NAME, called):
        return shlex.quote(str(Path(called).resolve()))
    return _NAME


def _is_on_path(name: str, program: str) -> bool:
    found = shutil.which(name)
    return found is not None and Path(found).resolve() == Path(program).resolve()
