"""A process of `bench.log_crash`: writes through the SDK; exports, asks, publishes, seals, prunes.

It takes one job over a pipe and does it over and over, while three callers have refunds made; it
never ends by itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from secrets import token_bytes
from typing import TypeAlias

from support.shop import Shop

from bench.log_crash.old import OldLog
from bench.overhead.sayso import POLICY
from sayso.actions.approvals.decision import Decision, DecisionChoice
from sayso.audit.signed_note.note import Ed25519Signer
from sayso.connectors.vault import new_key
from sayso.errors import OutcomeUnknownError, RefusedError, RetryableError
from sayso.money import Money
from sayso.sdk.audit.publishing import publish_now
from sayso.sdk.client import Sayso
from sayso.sdk.workspace import Workspace, write_secret_file
from sayso.settings import parse_settings

PERSON = "maria"
CALLERS = 3
PAUSE_S = 0.03
"""Between two refunds of a caller, so that the log does not outgrow the exports."""
EXPORTS, PUBLISHED = "exports", "published"
WRITE, PUBLISH, ASK, SEAL, PRUNE = "write", "publish", "ask", "seal", "prune"
FORMATS = ("jsonl", "part of jsonl", "parquet", "ocsf", "cloudevents")
JOBS = (WRITE, PUBLISH, SEAL, PRUNE, ASK, *FORMATS)
_PAID = Money(50_000, "USD")
_QUERY = "name:shop.refund"


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Where a worker works; `store_url` as in sayso.toml."""

    folder: Path
    store_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a caller was told: this action has this status."""

    action_id: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """The job begins once more; an export will have this name."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """An export is done, and has that many entries."""

    name: str
    count: int


Said: TypeAlias = "Told | Begun | Done | str"
Line: TypeAlias = "Connection[Said, str]"


def open_workspace(post: Post, *, create: bool = False) -> Workspace:
    """The workspace of a lane: a shop, a policy, a person, a directory that heads go to."""
    if create:
        for name in ("policy", EXPORTS, PUBLISHED):
            (post.folder / name).mkdir(parents=True)
        (post.folder / "policy" / "shop.cedar").write_text(POLICY, encoding="utf-8")
        key = Ed25519Signer.generate("bench").to_text()
        write_secret_file(post.folder / "keys" / "log.key", key)
        write_secret_file(post.folder / "keys" / "vault.key", new_key(token_bytes).reveal())
    values: dict[str, object] = {
        "workspace": {"name": "bench"},
        "store": {"url": post.store_url},
        "policy": {"files": ["policy/*.cedar"]},
        "people": [{"id": PERSON, "roles": ["support_manager"]}],
        "publishing": {"places": [{"name": "outside", "directory": PUBLISHED}]},
    }
    settings = parse_settings(values, "sayso.toml")
    return Workspace(folder=post.folder.absolute(), settings=settings, environment={})


class Worker:
    """Callers, and one job."""

    def __init__(self, sayso: Sayso, shop: Shop, post: Post, name: str, line: Line) -> None:
        self._sayso = sayso
        self._shop = shop
        self._post = post
        self._name = name
        self._line = line
        self._numbers = count()

    async def work(self) -> None:
        """Until the process is killed."""
        self._line.send("ready")
        job = await asyncio.to_thread(self._line.recv)
        async with asyncio.TaskGroup() as group:
            for at in range(CALLERS):
                group.create_task(self._call(asks=at == 0))
            group.create_task(self._repeat(job))

    async def _call(self, *, asks: bool) -> None:
        while True:
            order = f"{self._name}-{next(self._numbers)}"
            self._shop.books.add(order, f"cus_{order}", _PAID)
            await asyncio.sleep(PAUSE_S)
            try:
                await self._refund(order, 20_000 if asks else 2_000)
            except (RetryableError, OutcomeUnknownError):
                continue  # another process had the lock for too long, or the server is away

    async def _refund(self, order: str, amount: int) -> None:
        view = await self._sayso.propose(
            "shop.refund",
            {"order": order, "amount": {"amount_minor": amount, "currency": "USD"}},
            subject=f"cus_{order}",
            idempotency_key=order,
            reason="it arrived broken",
        )
        self._line.send(Told(action_id=view.id, status=view.status))
        if view.approval is None:
            return
        decided = await self._sayso.approvals.decide_as(
            Decision(
                tenant=self._sayso.container.tenant,
                approval_id=view.approval.id,
                revision=view.approval.revision,
                digest=view.approval.digest,
                choice=DecisionChoice.APPROVE,
                person=PERSON,
                via="bench",
                credential="host",
            )
        )
        self._line.send(Told(action_id=decided.action.id, status=decided.action.status))

    async def _repeat(self, job: str) -> None:
        for number in count():
            name = f"{self._name}-{number}"
            self._line.send(Begun(name=name))
            try:
                done = await self._job(job, name)()
            except (RetryableError, OutcomeUnknownError):
                continue
            except RefusedError:
                done = 0  # nothing to export yet
            if done:
                self._line.send(Done(name=name, count=done))

    def _job(self, job: str, name: str) -> Callable[[], Awaitable[int]]:
        audit, folder = self._sayso.audit, self._post.folder / EXPORTS

        async def publish() -> int:
            await publish_now(self._sayso)
            return 0

        async def ask() -> int:
            await audit.query(_QUERY, verified=True)
            return 0

        old = OldLog(self._sayso, self._post.folder)

        async def seal() -> int:
            await old.enter()
            await old.seal()
            return 0

        async def prune() -> int:
            await seal()
            await old.prune()
            return 0

        async def write() -> int:
            await asyncio.sleep(0.01)
            return 0

        async def export() -> int:
            words = _QUERY if job.startswith("part") else ""
            return await audit.export(folder / name, words, format=job.removeprefix("part of "))

        known = {WRITE: write, PUBLISH: publish, ASK: ask, SEAL: seal, PRUNE: prune}
        return known.get(job, export)


async def finish_old(post: Post) -> tuple[int, int, list[str]]:
    """Seal and prune the old log once more after the last death; see `OldLog.finish`."""
    async with Sayso(open_workspace(post), connectors=[Shop()], mode="decide") as sayso:
        return await OldLog(sayso, post.folder).finish()


async def _work(post: Post, name: str, line: Line) -> None:
    logging.getLogger("sayso").setLevel(logging.CRITICAL)
    shop = Shop()
    async with Sayso(open_workspace(post), connectors=[shop]) as sayso:
        await Worker(sayso, shop, post, name, line).work()


def work(post: Post, name: str, line: Line) -> None:
    """The target of a process."""
    asyncio.run(_work(post, name, line))
