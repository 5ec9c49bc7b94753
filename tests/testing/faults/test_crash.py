"""Processes that kill or stop themselves where they are told to."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from support.faults.crash import ChildError, crash_at, paused_at, run_child

from sayso.testing.clock import START, FileClock

WRITE = "testing.faults.children:write_lines"


def test_it_dies_at_the_point_and_does_nothing_after_it(tmp_path: Path) -> None:
    """SIGKILL at the second passing: what came before is done, the rest is not."""
    place = tmp_path / "lines"
    passed = crash_at(WRITE, "a", str(place), "a", "b", "a", "b", nth=2)
    assert passed == ("a", "b", "a")
    assert place.read_text() == "a\nb\n"


def test_it_runs_to_its_end_and_tells_what_came_of_it(tmp_path: Path) -> None:
    """The result and the names of all points."""
    assert run_child(WRITE, str(tmp_path / "lines"), "a", "b") == (2, ("a", "b"))


def test_a_child_that_never_comes_to_its_point_is_an_error(tmp_path: Path) -> None:
    """Otherwise a crash test would pass without a crash."""
    with pytest.raises(ChildError, match="never came to its point"):
        crash_at(WRITE, "nowhere", str(tmp_path / "lines"), "a")


def test_a_child_that_breaks_says_how() -> None:
    """Its traceback is in the error."""
    with pytest.raises(ChildError, match="ZeroDivisionError"):
        run_child("testing.faults.children:fail")


def test_it_stands_still_until_it_is_let_go(tmp_path: Path) -> None:
    """SIGSTOP at the point; time passes without it; SIGCONT, and it goes on."""
    clock = FileClock(tmp_path / "clock")
    with paused_at("testing.faults.children:read_clock", "between", str(tmp_path / "clock")) as it:
        clock.advance(hours=3)
        it.resume()
        before, after = (datetime.fromisoformat(str(one)) for one in as_list(it.result()))
    assert (before, after) == (START, START + timedelta(hours=3))


def as_list(value: object) -> list[object]:
    """The value, which is a list."""
    assert isinstance(value, list)
    return list(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def test_one_that_is_left_standing_is_killed(tmp_path: Path) -> None:
    """Nobody has to clean up."""
    place = tmp_path / "lines"
    with paused_at(WRITE, "b", str(place), "a", "b") as it:
        pass
    with pytest.raises(ChildError, match="dead"):
        it.resume()
    assert place.read_text() == "a\n"


def test_a_module_of_the_same_name_elsewhere_is_another_one(tmp_path: Path) -> None:
    """What is imported once for all children is that of the path that the caller has now."""
    told: list[object] = []
    for place in ("here", "there"):
        folder = tmp_path / place
        folder.mkdir()
        (folder / "told_by.py").write_text(f"def work(points): return {place!r}\n")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "path", [str(folder), *sys.path])
            told.append(run_child("told_by:work")[0])
    assert told == ["here", "there"]
