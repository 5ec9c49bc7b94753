"""docs/reference/manifests.md: its manifests and cases are whole, and every key of both is told."""

from __future__ import annotations

import re

from surfaces.cli.cli_workspace import CliWorkspace
from tree import ROOT

from sayso.testing.manifests.cases import Cases, CaseTable, PersonCase

PAGE = (ROOT / "docs" / "reference" / "manifests.md").read_text(encoding="utf-8")
MANIFEST, PERSON, CASES = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_cases_of_the_page_are_played_on_its_manifest(cli: CliWorkspace) -> None:
    """As a reader copies them, with the table of who a customer is: every check is kept."""
    folder = cli.folder / "connectors"
    folder.mkdir(exist_ok=True)
    (folder / "acme.toml").write_text(MANIFEST + PERSON, encoding="utf-8")
    (folder / "acme.cases.toml").write_text(CASES, encoding="utf-8")
    assert cli.line("connector", "check", "acme").status == 0
    played = cli.line("connector", "test", "acme")
    assert played.status == 0, played.out
    assert "none broken" in played.out


def test_every_key_of_a_file_of_cases_is_told() -> None:
    """A new one without a word about it fails here."""
    section = PAGE.partition("## Cases")[2].partition("\n## ")[0]
    rows = {
        word
        for row in re.findall(r"^\| (.+?) \|", section, re.MULTILINE)
        for word in re.findall(r"[a-z]+", row)
    }
    assert {*CaseTable.model_fields, *Cases.model_fields, *PersonCase.model_fields} - rows == set()
