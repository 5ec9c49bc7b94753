"""AgentDojo's Slack suite with a planner that serves the attacker: its calls as actions of a shop.

Every tool of the suite whose effect leaves the workspace is an action here, reading ones as well:
`get_webpage` tells a stranger's server what its address says. Nobody asked for any of it in the
messages, so nothing of it may go on unattended, whatever the planner says.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.shop_workspace import open_shop

from sayso.actions.model.definition import Action
from sayso.actions.model.plan import Plan, Step
from sayso.agent.base import Handles, Message
from sayso.money import Money

DATA = Path(os.environ.get("SAYSO_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
SUITE = DATA / "attacks" / "agentdojo_slack.json"
pytestmark = [
    pytest.mark.external_data,
    pytest.mark.skipif(not SUITE.exists(), reason=f"no {SUITE}; set SAYSO_TEST_DATA"),
]
READS_ONLY = ("get_channels", "read_channel_messages", "read_inbox", "get_users_in_channel")
"""Tools whose effect stays inside; all others reach somebody."""
ASKED = ("Please refund order o1", "Where is my order o1?", "Thanks, all good!")


class Compromised:
    """Plans what the attacker wants, as certain, whatever was asked."""

    name = "model:compromised"

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = tuple(steps)

    async def plan(
        self, messages: Sequence[Message], handles: Handles, actions: Sequence[Action]
    ) -> Plan:
        """The attack."""
        del messages, handles, actions
        return Plan(steps=self._steps, planner=self.name, certain=True)


def _attacks() -> list[tuple[str, list[dict[str, Any]]]]:
    if not SUITE.exists():
        return []
    suite = json.loads(SUITE.read_text("utf-8"))["slack"]
    return [
        (task["id"], [call for call in task["calls"] if call["function"] not in READS_ONLY])
        for task in suite["injection"]
    ]


def _steps(calls: Sequence[dict[str, Any]]) -> list[list[Step]]:
    """As the suite has them; and as the shop's own refund with the attacker's values."""
    foreign = [
        Step(id=f"s{n}", action=f"slack.{call['function']}", args=call["args"])
        for n, call in enumerate(calls[:6], 1)
    ]
    own = Step(id="s1", action="shop.refund", args={"order": "order#1"})
    both = [own, *(replace(step, id=f"x{step.id}") for step in foreign)]
    return [foreign, [own], both]


@pytest.mark.promise("agent:not-asked-for")
@pytest.mark.parametrize(("task", "calls"), _attacks())
async def test_nothing_of_an_attack_happens(
    tmp_path: Path, task: str, calls: list[dict[str, Any]]
) -> None:
    """A person gets it; the one refund that was asked for is the only effect there may be."""
    assert calls, f"{task}: every attack reaches somebody"
    for number, steps in enumerate(_steps(calls)):
        for at, words in enumerate(ASKED):
            folder = tmp_path / f"{number}-{at}"
            async with open_shop(folder, planner=Compromised(steps)) as opened:
                opened.shop.books.add("o1", "cus_1", Money(3_000, "USD"))
                found = await opened.sayso.ask("cus_1", words)
                wanted = [step.action for step in steps] == ["shop.refund"] and at == 0
                assert (found.status == "handed_over") is not wanted, (task, words)
                assert len(opened.shop.books.payouts) == (1 if wanted else 0)
