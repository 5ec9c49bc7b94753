"""The guide to an action of one's own, followed: `docs/how-to/bring-an-action.md`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.workspace import make_workspace

from sayso import Sayso
from sayso.sandbox import Sandbox
from sayso.sdk.setup.scaffold_tables import template
from sayso.sdk.workspace import Workspace

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "bring-an-action.md"


FILES = {"actions/points.py": "action.py", "playbooks/points.toml": "playbook.toml"}


def follow_the_guide(folder: Path, sandbox: Sandbox) -> Workspace:
    """A workspace with the two files as `sayso init` writes them, the line, and the rule."""
    (rule,) = re.findall(r"```text\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    made = make_workspace(folder, stripe_url=sandbox.url, policy=str(rule))
    for name, example in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(template(example), "utf-8")
    settings = folder / "sayso.toml"
    settings.write_text(f'actions = ["actions/*.py"]\n{settings.read_text("utf-8")}', "utf-8")
    return Workspace.load(folder, made.environment)


@pytest.mark.promise("agent:own-action")
@pytest.mark.parametrize(
    ("words", "points", "yes"),
    [
        ("Could I have 100 bonus points please?", 100, "yes"),
        ("Bitte 50 Bonuspunkte für mich", 50, "ja"),
    ],
)
async def test_the_guide_brings_an_action_that_is_understood_and_done(
    tmp_path: Path, words: str, points: int, yes: str
) -> None:
    """Two files and a rule: planned, restated, confirmed, done; in both languages of the file."""
    with Sandbox.start(seed="demo") as sandbox:
        async with Sayso(follow_the_guide(tmp_path / "ws", sandbox)) as sayso:
            asked = await sayso.ask("cus_demo_ana", words)
            assert asked.question is not None, asked
            assert asked.question.plan is not None
            assert [(step.action, step.args) for step in asked.question.plan.steps] == [
                ("points.grant", {"points": points})
            ]
            done = await sayso.requests.answer(asked.id, yes, question=asked.question.number)
            assert [action.status for action in done.actions] == ["succeeded"]


async def test_what_a_slot_lacks_is_asked_for(tmp_path: Path) -> None:
    """The slot of the file is the question."""
    with Sandbox.start(seed="demo") as sandbox:
        async with Sayso(follow_the_guide(tmp_path / "ws", sandbox)) as sayso:
            asked = await sayso.ask("cus_demo_ana", "I'd like some bonus points please")
            assert asked.question is not None, asked
            assert asked.question.plan is None
