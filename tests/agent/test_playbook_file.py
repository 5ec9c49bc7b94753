"""Playbook files: what they may say, and how mistakes in them are told."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from agent.shop import ACTIONS, HANDLES

from sayso.actions.model.definition import Action, Args, Effect, at_most_once
from sayso.actions.model.plan import Plan
from sayso.agent.playbooks import PlaybookPlanner, load_playbooks, read_playbook, read_shipped
from sayso.errors import Code, ConfigError
from sayso.settings import parse_settings

GOOD = """
version = 1
name = "pause"
summary = "the customer wants a break"
match = ['\\bpause\\b']
asks = ["pause my plan", "please pause my subscription", "I want to pause my plan"]
none = ["how do I pause my plan"]
[slots.subscription]
type = "object"
kind = "subscription"
[[steps]]
action = "shop.pause"
args = { subscription = "{subscription}" }
"""


class _PauseArgs(Args):
    subscription: str


PAUSE = Action(
    name="shop.pause",
    summary="Pause a subscription",
    args=_PauseArgs,
    guarantee=at_most_once(),
    effect=Effect.CHANGE,
    reversible=True,
    sentence="Pause {subscription}",
)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('name = "pause"', "name = pause", "it is no TOML"),
        ("version = 1", "version = 2", "version"),
        ('name = "pause"', 'name = "Pause it"', "name"),
        ("summary =", "sumary =", "summary"),
        ("'\\bpause\\b'", "'(pause'", "is no regular expression"),
        ('"{subscription}"', '"{subscriptoin}"', "no fitting slot"),
        ('"pause my plan", ', "", "at least three `asks`"),
        ('type = "object"', 'type = "thing"', "slots.subscription"),
        ('action = "shop.pause"', 'action = "pause"', "steps.0.action"),
        ('action = "shop.pause"', 'action = "shop.pause"\nafter = [1]', "waits for no earlier"),
        ('action = "shop.pause"', 'action = "shop.pause"\nif = "subscription"', "no fitting slot"),
    ],
)
def test_a_mistake_in_a_file_is_named(old: str, new: str, says: str) -> None:
    """Each mistake is refused at load, with the file, the place and what is wrong there."""
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        read_playbook(GOOD.replace(old, new), source="pause.toml")
    assert caught.value.code is Code.INVALID_PLAYBOOK
    assert "pause.toml" in caught.value.message
    assert says in caught.value.message


def test_a_workspace_adds_its_own_playbook(tmp_path: Path) -> None:
    """A file in the folder is learned beside the shipped ones and plans its own action."""
    (tmp_path / "pause.toml").write_text(GOOD, "utf-8")
    planner = load_playbooks(tmp_path)
    found = planner.plan_text("please pause my subscription", HANDLES, [*ACTIONS, PAUSE])
    assert isinstance(found, Plan)
    assert found.steps[0].args == {"subscription": "subscription#1"}
    assert isinstance(planner.plan_text("refund order 1042", HANDLES, ACTIONS), Plan)


def test_a_workspace_replaces_a_shipped_playbook_by_its_name(tmp_path: Path) -> None:
    """The same name means: instead of the shipped one."""
    (tmp_path / "own.toml").write_text(GOOD.replace('"pause"', '"refund"', 1), "utf-8")
    planner = load_playbooks(tmp_path)
    assert not isinstance(planner.plan_text("refund order 1042", HANDLES, ACTIONS), Plan)


def test_two_playbooks_of_one_name_are_refused(tmp_path: Path) -> None:
    """Which of two would be meant is not guessed."""
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text(GOOD, "utf-8")
    with pytest.raises(ConfigError, match="two are called `pause`"):
        load_playbooks(tmp_path)


def test_a_folder_that_is_not_there_counts_as_empty(tmp_path: Path) -> None:
    """A workspace needs no folder of its own."""
    assert load_playbooks(tmp_path / "none").playbooks == load_playbooks().playbooks


def test_without_any_step_there_is_no_planner() -> None:
    """A planner that can plan nothing is a mistake in the workspace."""
    with pytest.raises(ConfigError, match="there is none with steps"):
        PlaybookPlanner(playbooks=())


def test_shipped_arguments_exist_in_the_actions() -> None:
    """Every argument of a shipped playbook is one that the action's model has."""
    fields = {action.name: set(action.args.model_fields) for action in ACTIONS}
    for book in read_shipped():
        for step in book.steps:
            assert set(step.args) <= fields[step.action], book.name


def test_each_shipped_playbook_knows_its_own_sentences() -> None:
    """What the files call asking is understood, and what they call not asking never is."""
    planner = load_playbooks()
    for book in planner.playbooks:
        for sentence in book.none:
            asks = planner.read_asks(sentence)
            assert not isinstance(asks, tuple), sentence
        understood = [s for s in book.asks if isinstance(planner.read_asks(s), tuple)]
        assert len(understood) >= 0.9 * len(book.asks), book.name


def test_the_example_in_the_docs_is_a_playbook(tmp_path: Path) -> None:
    """The example of docs/explanation/planning.md loads and plans what it says."""
    page = (Path(__file__).parents[2] / "docs" / "explanation" / "planning.md").read_text("utf-8")
    example, model = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    workspace = '[workspace]\nname = "shop"\n'
    for text in (model, model.replace("\n# ", "\n")):  # as it stands, and with all that is left out
        section = parse_settings(tomllib.loads(workspace + text), "sayso.toml").planner
        assert section.model == "openai:gpt-5"
    assert tomllib.loads(example)["name"] == "pause"
    (tmp_path / "pause.toml").write_text(example, "utf-8")
    planner = load_playbooks(tmp_path)
    found = planner.plan_text("Please pause my plan for a while", HANDLES, [*ACTIONS, PAUSE])
    assert isinstance(found, Plan)
    assert found.planner == "playbook:pause"
