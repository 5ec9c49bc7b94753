"""What killed exports leave beside the folder that they were writing, and who takes it away."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sayso.audit.atomic_files import new_folder
from sayso.errors import ConfigError

_EXPORT = """
import sys
from pathlib import Path
from sayso.audit.atomic_files import new_folder

with new_folder(Path(sys.argv[1])) as unseen:
    (unseen / "entries.jsonl").write_text("half")
    print(unseen, flush=True)
    sys.stdin.read()
"""


@contextmanager
def exporting(path: Path) -> Generator[Path]:
    """Another process that has begun to export, and is killed at the end of the block."""
    words = [sys.executable, "-c", _EXPORT, str(path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as one:
        assert one.stdout is not None
        try:
            yield Path(one.stdout.readline().strip())
        finally:
            one.kill()


def export(path: Path) -> None:
    """A whole one."""
    with new_folder(path) as unseen:
        (unseen / "entries.jsonl").write_text("whole")


@pytest.mark.promise("audit:whole-exports")
def test_what_a_killed_export_left_is_gone_with_the_next_one(tmp_path: Path) -> None:
    """It stayed for ever, hidden, with the log in it; and of one that still runs nothing is taken
    away, whoever exports to the same path meanwhile."""
    with exporting(tmp_path / "out") as killed:
        pass
    assert (killed / "entries.jsonl").read_text() == "half"
    with exporting(tmp_path / "out") as alive:
        assert not killed.exists()
        export(tmp_path / "out")
        assert (alive / "entries.jsonl").read_text() == "half"
    assert {path.name for path in tmp_path.iterdir()} == {"out", alive.name}
    assert (tmp_path / "out" / "entries.jsonl").read_text() == "whole"


def test_nothing_is_taken_away_that_no_export_made(tmp_path: Path) -> None:
    """Names that are alike: another path's, one more letter, a file, what a link points at."""
    others = [".out.0123456", ".out.0123456g", ".other.01234567", ".out.012345678"]
    for name in (*others, "elsewhere"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "kept").touch()
    (tmp_path / ".out.aaaaaaaa").touch()
    (tmp_path / ".out.bbbbbbbb").symlink_to(tmp_path / "elsewhere")
    before = {path.name for path in tmp_path.iterdir()}
    export(tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == before | {"out"}
    assert all((tmp_path / name / "kept").exists() for name in (*others, "elsewhere"))


def test_two_exports_to_one_path_leave_one_whole_folder(tmp_path: Path) -> None:
    """The second one hears of it, and leaves nothing."""

    def export_late() -> None:
        with new_folder(tmp_path / "out") as late:
            (late / "entries.jsonl").write_text("late")
            export(tmp_path / "out")

    with pytest.raises(ConfigError, match="cannot be written"):
        export_late()
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]
    assert (tmp_path / "out" / "entries.jsonl").read_text() == "whole"
