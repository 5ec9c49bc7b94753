"""What SECURITY.md and the threat model say is tried by a test, line by line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from promises import PROMISES

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests"
MODEL = (ROOT / "docs" / "explanation" / "threat-model.md").read_text("utf-8")
SECURITY = (ROOT / "SECURITY.md").read_text("utf-8")


def rows(text: str, heading: str) -> list[list[str]]:
    """The cells of the lines of the table that stands below a heading."""
    below = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in below.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


THIEVES = rows(MODEL, "What each thief gets")


@pytest.mark.parametrize("line", THIEVES, ids=[line[1][:60] for line in THIEVES])
def test_what_a_thief_gets_names_the_test_that_tries_it(line: list[str]) -> None:
    """It is there, by its file and its name."""
    named = re.findall(r"`([\w/]+)::(test_\w+)`", line[-1])
    assert named, line
    for file, name in named:
        source = (TESTS / f"{file}.py").read_text("utf-8")
        assert re.search(rf"^(async )?def {name}\(", source, re.MULTILINE), f"{file}::{name}"


@pytest.mark.parametrize("heading", ["Who is not trusted", "What stops what"])
def test_each_line_of_the_security_page_names_its_promises(heading: str) -> None:
    """A promise is proven by tests: see test_promises."""
    found = rows(SECURITY, heading)
    assert found
    for line in found:
        named = re.findall(r"`([a-z-]+:[a-z:-]+)`", " ".join(line))
        assert named, line
        assert [one for one in named if one not in PROMISES] == []


PAPERS = sorted((ROOT / "docs" / "papers").glob("*.md"))


@pytest.mark.parametrize("paper", PAPERS, ids=[paper.stem for paper in PAPERS])
def test_what_a_paper_says_of_sayso_is_promised_or_shown(paper: Path) -> None:
    """Each promise exists; a line of a table whose last cell says by what it is shown names one,
    or a page, unless its answer is yours to fill in."""
    text = paper.read_text("utf-8")
    named = re.findall(r"`([a-z-]+:[a-z:-]+)`", text)
    assert [one for one in named if one not in PROMISES] == []
    for table in re.findall(r"^\|.*shown by \|\n(?:\|.*\n)+", text, re.MULTILINE):
        for line in table.splitlines()[2:]:
            *said, shown = (cell.strip() for cell in line.strip("|").split("|"))
            assert shown or "⟨" in "".join(said), line
