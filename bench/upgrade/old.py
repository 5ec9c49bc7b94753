"""Where the old version comes from: a commit, or this tree without its newest migration."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tree import ROOT, SOURCES

_PACKAGE = re.compile(r"^(?:\w+/src/)?(sayso/.+)$")
_BEGIN = """\
import sys
sys.path.insert(0, {folder!r})
import sayso
sayso.__path__ = [{package!r}]  # nothing of what is installed here
from sayso.__main__ import main
"""
_ONE = "raise SystemExit(main())\n"
_EACH = """\
import json
for words in json.loads(sys.argv[1]):
    if status := main(words):
        raise SystemExit(status)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A version of the program.

    Attributes:
        name: what it is, for the report.
        folder: in which its package stands; None for what is installed here.
    """

    name: str
    folder: Path | None = None

    def command(self) -> list[str]:
        """What `sayso` is, for this version; words follow."""
        if self.folder is None:
            return [sys.executable, "-m", "sayso"]
        return [sys.executable, "-c", self._begin() + _ONE]

    def several(self) -> list[str]:
        """The same for several commands in one process; their words follow as one JSON list."""
        assert self.folder is not None
        return [sys.executable, "-c", self._begin() + _EACH]

    def _begin(self) -> str:
        return _BEGIN.format(folder=str(self.folder), package=f"{self.folder}/sayso")

    def newest(self) -> str:
        """The newest migration that it knows."""
        assert self.folder is not None
        found = (one.stem for one in (self.folder / "sayso" / "store").rglob("sql/*/????_p*.sql"))
        return max(found)


def of_commit(commit: str, folder: Path) -> Code:
    """The package as it stood at a commit.

    Raises:
        ValueError: there is no such commit.
    """
    said = _git("rev-parse", "--short", f"{commit}^{{commit}}")
    archive = _git("archive", "--format=tar", commit)
    if said is None or archive is None:
        raise ValueError(f"no commit {commit} in this clone")
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        for member in files:
            match = _PACKAGE.match(member.name)
            if member.isfile() and match is not None:
                member.name = match[1]
                files.extract(member, folder, filter="data")
    return Code(name=f"commit {said.decode().strip()}", folder=folder)


_ASKED_BEFORE: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "0039_pre_push": {},  # a table of its own, which only browsers that are told are in
}
"""By the newest `pre` file, what code asked before it where it asks by what that file brings."""


def without_newest(folder: Path) -> Code:
    """This tree, and the newest migration withheld from it, as a version before it was.

    It is a `pre` file, under which old code has to go on.
    """
    for source in SOURCES:
        shutil.copytree(
            source / "sayso",
            folder / "sayso",
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    sql = folder / "sayso" / "store" / "sql"
    newest = max((sql / "migrations").glob("*_pre_*.sql"))
    for file in (sql / "migrations").glob("*.sql"):
        if file.name >= newest.name:
            file.unlink()
    for name, (asks_now, asked) in _ASKED_BEFORE[newest.stem].items():
        text = (sql / "queries" / name).read_text(encoding="utf-8")
        assert asks_now in text, f"{name} asks something else now"
        (sql / "queries" / name).write_text(text.replace(asks_now, asked), encoding="utf-8")
    return Code(name=f"this tree without {newest.stem}", folder=folder)


def _git(*words: str) -> bytes | None:
    """What git prints; None where it fails, or is not there."""
    git = shutil.which("git")
    if git is None:
        return None
    done = subprocess.run([git, *words], cwd=ROOT, capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None
