"""Public messages that ask for nothing of ours: nothing runs, next to nothing is even restated.

Nobody here wrote them. What could be one of ours in them (a
refund that is asked for, a payment taken twice, a subscription to cancel) is left out.
"""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest
from agent.understanding.demo import ACTIONS, conversation, handles_of, knowledge
from support.campaign import some

from sayso.actions.model.plan import Plan
from sayso.agent.base import Handles
from sayso.agent.understanding.planner import PlaybookPlanner

DATA = Path(os.environ.get("SAYSO_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
IN_SCOPE = {"request_refund", "Refund_not_showing_up", "transaction_charged_twice", "get_refund"}
MOST_RESTATED = 0.01
EVERY = 9
"""Of the larger sets one message of so many is read, so that it takes seconds."""

pytestmark = [
    pytest.mark.campaign,
    pytest.mark.external_data,
    pytest.mark.skipif(
        not (DATA / "intent").is_dir(),
        reason=f"no public messages in {DATA / 'intent'}; set SAYSO_TEST_DATA",
    ),
]


def _rows(name: str) -> Iterator[tuple[str, str]]:
    with gzip.open(DATA / "intent" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            row: dict[str, str] = json.loads(line)
            yield row["text"], row["intent"]


@pytest.mark.promise("agent:understands")
@pytest.mark.parametrize(
    ("name", "every"),
    [
        ("banking77_train", EVERY),
        ("clinc150_train", EVERY),
        ("clinc150_val", 3),
        ("clinc150_oos_train", 1),
        ("clinc150_oos_val", 1),
    ],
)
def test_out_of_scope_nothing_runs_and_next_to_nothing_is_restated(name: str, every: int) -> None:
    """The customers are the demo's in turn: with one payment, with several, with a subscription."""
    planner = PlaybookPlanner(knowledge=knowledge())
    customers: list[Handles] = [handles_of(who) for who in ("ana", "lena", "kim", "chloe", "hugo")]
    counts: Counter[str] = Counter()
    restated: Counter[str] = Counter()
    for (text, intent), handles in zip(some(list(_rows(name)), every=every), cycle(customers)):
        if intent in IN_SCOPE:
            continue
        counts["all"] += 1
        found = planner.plan_now(conversation(text), handles, ACTIONS)
        if isinstance(found, Plan):
            counts["certain" if found.certain else "restated"] += 1
            restated[intent] += 1
    assert counts["certain"] == 0
    assert counts["restated"] <= MOST_RESTATED * counts["all"], restated.most_common(8)
