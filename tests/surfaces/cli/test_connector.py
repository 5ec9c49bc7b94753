"""`sayso connector`: what a manifest is worth, and who has looked at it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from connectors.manifest.stand import changed
from surfaces.cli.cli_workspace import Line


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace with a manifest of its own, not reviewed yet."""
    (tmp_path / "sayso.toml").write_text('[workspace]\nname = "test"\n')
    (tmp_path / "connectors").mkdir()
    (tmp_path / "connectors" / "twilio.toml").write_text(changed("twilio"))
    return tmp_path


def of(line: Line, workspace: Path, *words: str) -> tuple[int, str]:
    """A command's status and all it said."""
    found = line("connector", *words, "--workspace", str(workspace))
    return found.status, found.out + found.err


def test_check_says_what_each_action_is_worth_and_why(line: Line, workspace: Path) -> None:
    """The derivation is printed with its reasons."""
    status, said = of(line, workspace, "check", "twilio")
    assert status == 0
    assert "twilio.reply: done once (verifiable, claimed)" in said
    assert "because our reference is found again at the provider" in said
    assert "because nothing drops a second call, and nothing finds the first one" in said
    assert "a person always decides" in said
    assert re.search(r"next: (SAYSO_WORKSPACE=\S+ )?sayso connector review twilio", said)


def test_check_lists_every_mistake_with_its_line(line: Line, workspace: Path) -> None:
    """And ends with a status that is not 0."""
    path = workspace / "connectors" / "twilio.toml"
    path.write_text(path.read_text().replace('"Answer in {name}"', '"Answer in {nam}"'))
    status, said = of(line, workspace, "check", "twilio")
    assert status == 2
    assert "twilio.toml, line " in said
    assert "there is no `nam` to fill in" in said


def test_a_review_is_recorded_and_a_change_ends_it(line: Line, workspace: Path) -> None:
    """By the digest of the bytes; the next review shows the difference to them."""
    status, said = of(line, workspace, "review", "twilio", "--yes", "--by", "maria")
    assert status == 0
    assert "Reviewed by maria" in said
    assert "twilio         reviewed" in of(line, workspace, "list")[1]
    path = workspace / "connectors" / "twilio.toml"
    path.write_text(path.read_text().replace("max = 1600", "max = 1500"))
    assert "twilio         not reviewed" in of(line, workspace, "list")[1]
    status, said = of(line, workspace, "review", "twilio", "--yes")
    assert '-text = { type = "text", max = 1600' in said
    assert '+text = { type = "text", max = 1500' in said


def test_a_review_without_anybody_to_ask_needs_a_word(line: Line, workspace: Path) -> None:
    """A script says `--yes`."""
    status, said = of(line, workspace, "review", "twilio")
    assert status == 2
    assert "--yes" in said
    assert "not reviewed" in of(line, workspace, "list")[1]


def test_a_draft_and_a_wrong_file_are_not_reviewed(line: Line, workspace: Path) -> None:
    """What would not load has nothing to be said yes to."""
    path = workspace / "connectors" / "twilio.toml"
    whole = path.read_text()
    path.write_text(whole + '\n[draft]\nof = "x"\n')
    assert of(line, workspace, "review", "twilio", "--yes")[0] == 1
    path.write_text(whole.replace('"Answer in {name}"', '"Answer in {nam}"'))
    assert of(line, workspace, "review", "twilio", "--yes")[0] == 1


def test_a_manifest_that_there_is_not_is_told_with_the_nearest(line: Line, workspace: Path) -> None:
    """Shipped ones count."""
    status, said = of(line, workspace, "check", "chargebe")
    assert status == 2
    assert "did you mean `chargebee`?" in said


def test_test_judges_a_manifest_by_its_cases(line: Line, workspace: Path) -> None:
    """Without pytest; what is missing is said."""
    status, said = of(line, workspace, "test", "twilio")
    assert status == 1
    assert "there is no such file" in said
