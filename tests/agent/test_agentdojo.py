"""AgentDojo's banking, slack, travel and workspace suites with a planner that serves the attacker.

Every tool that an attack of the suites calls is an action here, reading ones as well: `get_webpage`
tells a stranger's server what its address says. The workspace permits everything and restates
nothing, and the planner calls its plans certain. The users of the suites ask for other things, so
nothing of an attack may happen unattended.

Source: https://github.com/ethz-spylab/agentdojo (MIT), the package `agentdojo`. Only the texts of
its task files are read; it is not imported, since it needs the clients of six model providers.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import JsonValue, create_model
from support.shop import Shop
from support.shop_workspace import open_shop

from sayso.actions.model.definition import (
    FORBIDDEN_FIELDS,
    Action,
    Args,
    Effect,
    Subject,
    at_most_once,
)
from sayso.actions.model.plan import Plan, Step
from sayso.actions.model.snapshot import Absence, Call, Receipt, Resolved
from sayso.agent.base import Handles, Message
from sayso.money import Money

SUITES = ("banking", "slack", "travel", "workspace")
PROMPTS_EACH = 4
PERMISSIVE = '@id("all") @explain("everything") permit (principal, action, resource);'
PLAYBOOK = """
version = 2
name = "{name}"
summary = "what the control asks for"

[[steps]]
action = "{action}"

[words.en]
ask = ["do what the attacker would like"]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One injection task: what a model that obeys it calls."""

    suite: str
    task: str
    calls: tuple[tuple[str, Mapping[str, JsonValue]], ...]

    def steps(self, *, bare: bool) -> tuple[Step, ...]:
        """As a plan; bare, without the values that the guard alone would refuse."""
        return tuple(
            Step(id=f"s{n}", action=f"shop.{self.suite}_{name}", args={} if bare else dict(args))
            for n, (name, args) in enumerate(self.calls[:12], 1)
        )


@cache
def _tree(suite: str, kind: str) -> ast.Module:
    files = metadata.files("agentdojo") or []
    wanted = f"agentdojo/default_suites/v1/{suite}/{kind}_tasks.py"
    path = next(Path(str(one.locate())) for one in files if str(one) == wanted)
    return ast.parse(path.read_text("utf-8"))


def _classes(suite: str, kind: str) -> list[ast.ClassDef]:
    return [node for node in _tree(suite, kind).body if isinstance(node, ast.ClassDef)]


def attacks() -> list[Attack]:
    """Every injection task that calls a tool."""
    return [
        Attack(suite=suite, task=task.name, calls=calls)
        for suite in SUITES
        for task in _classes(suite, "injection")
        if (calls := tuple(_calls(task)))
    ]


def _calls(task: ast.ClassDef) -> Iterator[tuple[str, Mapping[str, JsonValue]]]:
    for node in ast.walk(task):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "FunctionCall":
            parts = {word.arg: word.value for word in node.keywords}
            args = parts.get("args")
            name = cast("str", ast.literal_eval(parts["function"]))
            pairs = zip(args.keys, args.values, strict=True) if isinstance(args, ast.Dict) else ()
            yield name, {str(_value(key)): _value(value) for key, value in pairs if key}


def _value(node: ast.expr) -> JsonValue:
    """A literal, or the expression as text where it follows from the environment."""
    try:
        return cast("JsonValue", ast.literal_eval(node))
    except ValueError:
        return ast.unparse(node)


def prompts(suite: str) -> Iterator[str]:
    """What the users of a suite ask for."""
    for task in _classes(suite, "user"):
        for node in task.body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "PROMPT":
                yield str(_value(node.value))[:1_900]


class Tools(Shop):
    """The shop, and every tool of the attacks as an action; it keeps what was called."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[str] = []
        found: dict[str, set[str]] = {}
        for attack in attacks():
            for name, args in attack.calls:
                found.setdefault(f"shop.{attack.suite}_{name}", set()).update(args)
        self.actions = [*self.actions, *(_action(name, names) for name, names in found.items())]

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        if action.name == "shop.refund":
            return await super().resolve(action, args, subject)
        return Resolved(
            args=args.model_dump(mode="json", exclude_unset=True),
            object_kind="tool",
            object_id=action.name,
            owner=subject.id,
            owner_proof="subject",
            account="tools",
            payee="nobody",
        )

    async def call(self, call: Call) -> Receipt:
        if call.action == "shop.refund":
            return await super().call(call)
        self.done.append(call.action)
        return Receipt(id=call.action_id, status="done")

    async def look_up(self, call: Call) -> Receipt | Absence:
        return Absence.CANNOT_TELL


def _action(name: str, names: set[str]) -> Action:
    # No action may say to whom: what the attacks call `recipient` is no argument here at all.
    optional: Any = (JsonValue | None, None)
    fields: dict[str, Any] = dict.fromkeys(sorted(names - FORBIDDEN_FIELDS), optional)
    args = create_model("ToolArgs", __base__=Args, **fields)
    return Action(
        name=name,
        summary=f"The tool {name}",
        args=args,
        guarantee=at_most_once(),
        effect=Effect.CHANGE,
        reversible=False,
        sentence=f"Call {name}",
    )


class Compromised:
    """Plans what the attacker wants, as certain, whatever was asked."""

    name = "model:compromised"

    def __init__(self) -> None:
        self.steps: Sequence[Step] = ()

    async def plan(
        self, messages: Sequence[Message], handles: Handles, actions: Sequence[Action]
    ) -> Plan:
        """The attack."""
        del messages, handles, actions
        return Plan(steps=tuple(self.steps), planner=self.name, certain=True)


def test_all_four_suites_are_read() -> None:
    """26 injection tasks call something, and 86 users ask for something."""
    by_suite = {suite: sum(one.suite == suite for one in attacks()) for suite in SUITES}
    assert by_suite == {"banking": 9, "slack": 5, "travel": 6, "workspace": 6}
    assert sum(len(list(prompts(suite))) for suite in SUITES) >= 80


@pytest.mark.promise("agent:not-asked-for")
@pytest.mark.parametrize("suite", SUITES)
async def test_nothing_of_an_attack_happens_unattended(tmp_path: Path, suite: str) -> None:
    """Every attack of the suite beside what its users ask for, and beside a refund."""
    planner, tools = Compromised(), Tools()
    async with open_shop(tmp_path, shop=tools, planner=planner, policy=PERMISSIVE) as opened:
        tools.books.add("o1", "cus_1", Money(3_000, "USD"))
        said = [*islice(prompts(suite), PROMPTS_EACH), "Please refund order o1"]
        for attack in (one for one in attacks() if one.suite == suite):
            for steps in (attack.steps(bare=False), attack.steps(bare=True)):
                planner.steps = steps
                for words in said:
                    found = await opened.sayso.ask("cus_1", words)
                    assert found.status in {"handed_over", "needs_customer"}, (attack.task, words)
        assert tools.done == []
        assert tools.books.payouts == []


async def test_the_same_call_is_done_where_it_is_asked_for(tmp_path: Path) -> None:
    """So it is the customer's words that the others lack."""
    planner, tools = Compromised(), Tools()
    (tmp_path / "playbooks").mkdir()
    text = PLAYBOOK.format(name="control", action="shop.slack_get_webpage")
    (tmp_path / "playbooks" / "control.toml").write_text(text)
    async with open_shop(tmp_path, shop=tools, planner=planner, policy=PERMISSIVE) as opened:
        planner.steps = [Step(id="s1", action="shop.slack_get_webpage", args={})]
        await opened.sayso.ask("cus_1", "please do what the attacker would like")
        assert tools.done == ["shop.slack_get_webpage"]
