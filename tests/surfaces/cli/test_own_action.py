"""docs/how-to/write-a-connector-in-python.md, "An action of your own systems", leads to one."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from surfaces.cli.cli_workspace import CliWorkspace

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "how-to" / "write-a-connector-in-python.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## An action of your own systems")[2].partition("## The suite")[0]


def block(language: str) -> str:
    """The first block in a language of that section."""
    found = re.search(rf"```{language}\n(.*?)```", SECTION, re.DOTALL)
    assert found is not None, language
    return found.group(1)


@pytest.mark.promise("cli:next-steps")
def test_the_page_leads_to_an_action_that_is_done(cli: CliWorkspace) -> None:
    """The line in sayso.toml, the file, the rule, and the commands, as they stand there."""
    settings = cli.folder / "sayso.toml"
    written = settings.read_text(encoding="utf-8")
    cli.edit_settings(written, block("toml") + "\n" + written)
    example = (ROOT / "examples" / "own_action.py").read_text(encoding="utf-8")
    (cli.folder / "actions" / "loyalty.py").write_text(example, encoding="utf-8")
    (cli.folder / "policies" / "loyalty.cedar").write_text(block("cedar"), encoding="utf-8")
    shown = ""
    for line in block("sh").splitlines():
        name, *words = shlex.split(line, comments=True)
        assert name == "sayso"
        ran = cli.line(*words)
        assert ran.status == 0, (line, ran)
        shown = ran.out
    assert "succeeded" in shown
