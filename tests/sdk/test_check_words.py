"""What a workspace's own language and actions lack is noted by `sayso check`."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest
from support.workspace import ENVIRONMENT, make_workspace

from sayso.actions.model.act import ActUse
from sayso.agent.understanding.checklist import lacking_acts
from sayso.connectors.stripe.actions import REFUND
from sayso.sdk.setup.check import CheckProblem, check_workspace

SWEDISH = """
language = "sv"
[lists]
wish = ["vill ha"]
[numbers]
en = 1
"""


async def _notes(folder: Path, place: str) -> list[CheckProblem]:
    _, problems = await check_workspace(folder, ENVIRONMENT)
    return [one for one in problems if one.place == place]


@pytest.mark.promise("cli:check")
async def test_what_a_new_language_lacks_is_noted_list_by_list(tmp_path: Path) -> None:
    """Its lists, its days, what is said in it, and each act that is connected here."""
    make_workspace(tmp_path)
    (tmp_path / "languages").mkdir()
    (tmp_path / "languages" / "sv.toml").write_text(SWEDISH, "utf-8")
    notes = await _notes(tmp_path, "languages/sv.toml")
    told = "\n".join(one.message for one in notes)
    assert all(one.warning and one.next_step for one in notes)
    for said in (
        "`lists` has no `function`",
        "no day is understood",
        "nothing is said in `sv`",
        "the act `refund` has no words in `sv`",
    ):
        assert said in told
    assert "`change_address`" not in told  # nothing here carries it out
    assert "number words" not in told


@pytest.mark.promise("cli:check")
async def test_a_copy_of_a_shipped_language_lacks_nothing(tmp_path: Path) -> None:
    """A workspace that adds a word to its German has no note for it."""
    make_workspace(tmp_path)
    shipped = (resources.files("sayso.agent") / "languages" / "de.toml").read_text("utf-8")
    (tmp_path / "languages").mkdir()
    (tmp_path / "languages" / "de.toml").write_text(shipped, "utf-8")
    assert await _notes(tmp_path, "languages/de.toml") == []


@pytest.mark.promise("cli:check")
def test_an_action_of_an_act_that_there_is_not_is_noted() -> None:
    """No customer's words reach it; one that ships is reached."""
    own = replace(REFUND, name="box.hold", act=ActUse(name="pauze"))
    assert list(lacking_acts([REFUND, own])) == [("box.hold", "there is no act `pauze`")]
