"""What understanding one conversation costs by itself, with every word of every act loaded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import cast

from bench.understanding.dialogue import Json
from bench.understanding.doubles import Books, doubles
from bench.understanding.world import World
from sayso.actions.model.definition import Subject
from sayso.agent.base import Handles, Message
from sayso.agent.understanding.planner import PlaybookPlanner, load_knowledge


def measure(world: World, items: Sequence[Json]) -> list[float]:
    """Milliseconds of processor time for each conversation, sorted; nothing is stored or sent."""
    return asyncio.run(_measure(world, items))


async def _measure(world: World, items: Sequence[Json]) -> list[float]:
    books = Books(world=world)
    providers = doubles(books)
    knowledge = load_knowledge(actions=[action for one in providers for action in one.actions])
    knowledge.prepare()
    planner = PlaybookPlanner(knowledge=knowledge)
    actions = [action.name for one in providers for action in one.actions]
    taken: list[float] = []
    for place, item in enumerate(items):
        subject = Subject(id=books.open(str(item["customer"]), str(place), live=False))
        found = [record for one in providers for record in await one.list_records(subject)]
        thread = cast("list[Json]", item["thread"])
        messages = [
            Message(
                role="agent" if turn["role"] == "agent" else "customer", content=str(turn["text"])
            )
            for turn in thread
            if turn["role"] != "event"
        ]
        handles = Handles(found)
        began = time.process_time_ns()
        planner.plan_now(messages, handles, actions)
        taken.append((time.process_time_ns() - began) / 1e6)
    return sorted(taken)
