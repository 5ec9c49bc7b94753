"""The workspace in which all conversations are had, and having them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from bench.place import make_workspace
from bench.understanding.dialogue import APPROVER, Dialogue, Json
from bench.understanding.doubles import Books, doubles
from bench.understanding.verbs import VERBS
from bench.understanding.world import World
from sayso.sdk.client import Sayso
from sayso.sdk.setup import scaffold

SHOP = Path(scaffold.__file__).with_name("template") / "shop.toml"
"""The words of goods that `sayso init` writes."""
_CHANGES = "stripe"
"""Which provider changes plans."""
Progress = Callable[[int, int], None]


class TodayClock:
    """The day of the conversations, going on as the machine's clock does."""

    def __init__(self, today: str) -> None:
        self._began = datetime.fromisoformat(f"{today}T12:00:00").replace(tzinfo=UTC)
        self._at = time.monotonic()

    def now(self) -> datetime:
        """The time now, aware, in UTC."""
        return self._began + timedelta(seconds=time.monotonic() - self._at)


def policy() -> str:
    """A person decides; in a thread without people small money and harmless things go by alone."""
    rules = [
        """@id("person") @explain("what a support manager agrees to")
permit (principal, action, resource)
when { context.approvedBy.contains("support_manager") };"""
    ]
    for verb in VERBS:
        if not verb.alone:
            continue
        small = (
            ' && ["USD", "EUR", "GBP", "AUD"].contains(context.currency)'
            ' && context.amount.lessThanOrEqual(decimal("50.00"))'
        )
        rules.append(
            f'@id("alone-{verb.act}") @explain("small or harmless")\n'
            f'permit (principal, action == Action::"{verb.name}", resource)\n'
            f"when {{ !context.live{small if verb.money else ''} }};"
        )
    return "\n\n".join(rules)


def shop_of(world: World) -> str:
    """The words of goods, and the plans of the set by their names, as an owner would add them."""
    shop = SHOP.read_text("utf-8")
    if not world.plans:
        return shop
    named = {re.sub(r"[^a-z0-9]+", "_", plan.lower()): plan for plan in world.plans}
    words = [f'{name} = {{ any = ["{plan.lower()}"] }}' for name, plan in named.items()]
    ids = [f'[ids.{name}]\n{_CHANGES} = "{plan}"' for name, plan in named.items()]
    cut = re.sub(r"(?ms)^\[plans\]\n.*?(?=^\[|\Z)", "", shop)
    cut = re.sub(r"(?ms)^\[plans\.[^\n]*\n.*?(?=^\[|\Z)", "", cut)
    return "\n".join([cut, "[plans]", *words, *ids, ""])


@asynccontextmanager
async def open_world(folder: Path, world: World) -> AsyncGenerator[tuple[Sayso, Books]]:
    """A workspace whose only providers are the doubles."""
    (folder / "policies").mkdir(parents=True)
    (folder / "shop.toml").write_text(shop_of(world), "utf-8")
    (folder / "policies" / "bench.cedar").write_text(policy(), "utf-8")
    workspace = make_workspace(
        folder,
        policy={"files": ["policies/*.cedar"]},
        people=[{"id": APPROVER, "roles": ["support_manager"]}],
    )
    books = Books(world=world)
    clock = TodayClock(world.today)
    async with Sayso(workspace, connectors=doubles(books), clock=clock) as sayso:
        yield sayso, books


def read_items(path: Path) -> list[Json]:
    """The conversations of a set."""
    return [cast("Json", json.loads(row)) for row in path.read_text("utf-8").splitlines() if row]


async def have_all(
    folder: Path, world: World, items: Sequence[Json], progress: Progress
) -> list[Json]:
    """Have every conversation, and say what came of each labelled turn."""
    answers: list[Json] = []
    async with open_world(folder, world) as (sayso, books):
        for place, item in enumerate(items):
            progress(place, len(items))
            name = str(item["id"]).replace("-", "_")
            subject = books.open(str(item["customer"]), name, live=item["mode"] == "live")
            dialogue = Dialogue(sayso=sayso, books=books, item=item, subject=subject)
            answers += await dialogue.run()
    return answers
