"""What is counted: workspaces of each size, and each operation in them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from support.shop import Shop

from bench.growth.counting import counted, counting
from bench.place import open_workspace
from bench.policy import ACTIONS, anew, refund
from bench.report import show_progress
from bench.throughput import sayso as peer
from bench.throughput.copies import FIRST, add
from bench.throughput.flow import Place
from sayso.actions.policy.cedar import DEFAULT_ROLES, CedarPolicy, read_default_policy
from sayso.connectors.base import Connector
from sayso.ids import Tenant
from sayso.sdk.audit.log_judge import JudgeProgress, LogJudge
from sayso.sdk.client import Sayso

AFTER = 20_000_000
"""The number of the first action that is counted; none of the copies has it."""
WARM = 3
"""Actions that are not counted, since the first of a process load modules and fill caches."""
TIMES = 3
"""So many actions are counted; the fewest of them count."""
AT_ONCE = 64
WHOLE_UP_TO = 1_000
"""A whole judgement is counted up to so many; it is linear, and 100,000 take minutes."""

Counts: TypeAlias = "dict[str, tuple[float, float]]"
"""By operation: thousands of calls, and of steps."""


class Another(Shop):
    """A shop of a name of its own."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

        self.actions = tuple(
            replace(one, name=one.name.replace("shop.", f"{self.name}.")) for one in self.actions
        )

    @property
    def name(self) -> str:
        return f"shop{self._number}"


async def _operations(
    place: Place, *, judged: bool = False, whole: bool = False, others: Sequence[Connector] = ()
) -> Counts:
    """Each operation in a workspace that is there."""
    found: Counts = {}
    shop = Shop()
    workspace = open_workspace(
        place.folder,
        policy={"files": ["policy/*.cedar"]},
        people=[{"id": peer.PERSON, "roles": ["support_manager"]}],
        customers={"default": "shop"},  # whose an id is, where there are several connectors
    )
    async with Sayso(workspace, connectors=[shop, *others]) as sayso:
        opened = peer.SaysoPeer(sayso, shop, await peer.person_token(sayso))
        for number in range(WARM):
            await opened.approve(await opened.propose(AFTER + number))
        acted: list[tuple[float, float]] = []
        for number in range(TIMES):
            with counted() as took:
                await opened.approve(await opened.propose(AFTER + WARM + number))
            acted.append((took[0], took[1]))
        found["an action, proposed to done"] = min(acted)
        await sayso.approvals.list(limit=50)
        with counted() as took:
            await sayso.approvals.list(limit=50)
        found["a page of 50 that wait"] = (took[0], took[1])
        if judged:
            found.update(await _judged(opened, whole=whole))
    async with Sayso(workspace, connectors=[shop, *others], mode="decide"):
        pass
    with counted() as took:
        async with Sayso(workspace, connectors=[shop, *others], mode="decide"):
            pass
    found["opening the workspace"] = (took[0], took[1])
    return found


async def _judged(opened: peer.SaysoPeer, *, whole: bool) -> Counts:
    found: Counts = {}
    container = opened.sayso.container
    judge = LogJudge(container.log, container.keyring, container.tenant)
    progress = JudgeProgress.BEHIND
    with counted() as took:
        while progress is not (JudgeProgress.OVER if whole else JudgeProgress.ON):
            progress = await container.store.read(judge.step)
    if whole:
        found["a judgement of the whole log"] = (took[0], took[1])
    await opened.approve(await opened.propose(AFTER + 100))
    with counted() as took:
        await container.store.read(judge.step)
    assert not judge.findings.kept, judge.findings.kept
    found["a judgement of what is new"] = (took[0], took[1])
    return found


def by_waiting(folder: Path, size: int) -> Counts:
    """With so many actions that wait, of two entries each."""
    place = Place(store="sqlite", folder=folder / f"waiting-{size}")
    peer.new_workspace(place)
    add(place, size, settled=False, first=FIRST)
    with counting():
        return asyncio.run(_operations(place, judged=True, whole=size <= WHOLE_UP_TO))


def by_tenants(folder: Path, size: int) -> Counts:
    """With so many tenants, each with an action that waits."""
    place = Place(store="sqlite", folder=folder / f"tenants-{size}")
    peer.new_workspace(place)
    asyncio.run(_fill_tenants(place, size - 1))
    with counting():
        return asyncio.run(_operations(place))


async def _fill_tenants(place: Place, tenants: int) -> None:
    async with peer.open_async_peer(place) as opened:

        async def one(number: int) -> None:
            alone = peer.SaysoPeer(opened.sayso, opened.shop, "")
            alone.tenant = Tenant(f"t{number}")
            await alone.propose(number)

        for first in range(0, tenants, AT_ONCE):
            show_progress(f"{first} of {tenants} tenants")
            await asyncio.gather(*map(one, range(first, min(first + AT_ONCE, tenants))))


def by_connectors(folder: Path, size: int) -> Counts:
    """With so many connectors."""
    place = Place(store="sqlite", folder=folder / f"connectors-{size}")
    peer.new_workspace(place)
    others = [Another(number) for number in range(size - 1)]
    with counting():
        return asyncio.run(_operations(place, others=others))


def by_rules(size: int, calls: int) -> None:
    """Judge so many questions by so many rules, all but three of which name an action of their own;
    for whoever counts this process.
    """
    texts = read_default_policy(["stripe"])
    others = "\n".join(
        f'@id("credit-{number}") @explain("of another action")\n'
        'forbid (principal, action == Action::"stripe.credit", resource)\n'
        f"when {{ context.tenure_days == {number + 10_000} }};"
        for number in range(size - 3)
    )
    policy = CedarPolicy({**texts, "others.cedar": others}, ACTIONS, DEFAULT_ROLES)
    questions = anew(refund(18_50))
    for _ in range(calls):
        policy.judge(next(questions))


BY: Mapping[str, tuple[tuple[int, ...], Callable[[Path, int], Counts]]] = {
    "waiting": ((10, 1_000, 100_000), by_waiting),
    "tenants": ((1, 100, 10_000), by_tenants),
    "connectors": ((3, 30), by_connectors),
}
"""Of what there is more and more, the sizes, and who counts."""
