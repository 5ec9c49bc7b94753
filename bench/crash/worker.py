"""A worker of the crash campaign and of the soak: one process with the workspace open.

It does what a `sayso serve` does (asks, decides, and dispatches whatever is due), but takes its
orders over a pipe, so that a bench can have many and kill any of them.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from secrets import token_bytes
from typing import Literal, TypeAlias

from bench.crash.connector import POLICY, BankConnector
from bench.crash.plan import Wish
from sayso.actions.approvals.decision import Decision, DecisionChoice
from sayso.actions.context import EngineSettings
from sayso.actions.controls.manual_resolution import ManualSettlement
from sayso.actions.engine.engine import Boundary
from sayso.audit.signed_note.note import Ed25519Signer
from sayso.audit.verifier.verification import Verdict
from sayso.connectors.vault import new_key
from sayso.errors import RefusedError, SaysoError
from sayso.sdk.background.worker import work as carry_out
from sayso.sdk.client import Sayso
from sayso.sdk.views.rows import ActionView
from sayso.sdk.workspace import Workspace, write_secret_file
from sayso.settings import parse_settings

PERSON = "maria"


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Where a worker works.

    Attributes:
        store_url: as `store.url` in sayso.toml.
        bank_url: of the provider.
        lease_s: None leaves the engine's own.
        settle_after_s: of the actions that can be looked up.
        work: False only asks and decides, and leaves what is due to others.
        dispatch: as `dispatch.engine` in sayso.toml.
    """

    folder: Path
    store_url: str
    bank_url: str
    lease_s: float | None
    settle_after_s: int
    work: bool = True
    dispatch: Literal["embedded", "fleet"] = "embedded"


# ---- what a bench says -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Propose a refund."""

    wish: Wish


@dataclass(frozen=True, slots=True, kw_only=True)
class Yes:
    """Approve the card that was shown."""

    key: str
    approval_id: str
    revision: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle:
    """A person has looked at the bank. `receipt_id` is empty when nothing is there."""

    action_id: str
    receipt_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """Die at that passing of the boundary, counted from now."""

    boundary: Boundary
    passing: int


Order: TypeAlias = Ask | Yes | Settle | Arm | None
"""None ends the worker."""


# ---- what a worker says ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a caller was told; `card` is set while a yes is missing."""

    key: str
    action_id: str
    status: str
    card: Yes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """What was asked could not be done now. `final`: asking again will not help."""

    key: str
    code: str
    final: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Calling:
    """A call leaves (`calling`), or its answer is there (`called`)."""

    moment: Literal["calling", "called"] | str
    action_id: str


Said: TypeAlias = Told | Failed | Calling | Literal["ready"]
Line: TypeAlias = "Connection[Said, Order]"


def open_bank_workspace(post: Post, *, create: bool = False) -> Workspace:
    """The workspace of a lane, with the policy of `crash_connector`."""
    if create:
        (post.folder / "policy").mkdir(parents=True)
        (post.folder / "policy" / "bank.cedar").write_text(POLICY, encoding="utf-8")
        key = Ed25519Signer.generate("bench").to_text()
        write_secret_file(post.folder / "keys" / "log.key", key)
        write_secret_file(post.folder / "keys" / "vault.key", new_key(token_bytes).reveal())
    values: dict[str, object] = {
        "workspace": {"name": "bench"},
        "store": {"url": post.store_url},
        "policy": {"files": ["policy/*.cedar"]},
        "dispatch": {"engine": post.dispatch},
        "people": [{"id": PERSON, "roles": ["support_manager"]}],
    }
    settings = parse_settings(values, "sayso.toml")
    return Workspace(folder=post.folder.absolute(), settings=settings, environment={})


class Trap:
    """Kills this process at a boundary, once armed."""

    def __init__(self) -> None:
        self._armed: Arm | None = None
        self._seen = 0

    def arm(self, order: Arm) -> None:
        """Count from now."""
        self._armed, self._seen = order, 0

    def pass_by(self, here: Boundary) -> None:
        """The engine passes a boundary."""
        if self._armed is None or here is not self._armed.boundary:
            return
        self._seen += 1
        if self._seen == self._armed.passing:
            os.kill(os.getpid(), signal.SIGKILL)


class Worker:
    """Takes orders and answers, many at once."""

    def __init__(self, sayso: Sayso, line: Line, trap: Trap) -> None:
        self._sayso = sayso
        self._line = line
        self._trap = trap
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Until the bench says so, or is gone."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._line.fileno(), self._read)
        self._line.send("ready")
        await self._ended.wait()
        loop.remove_reader(self._line.fileno())
        await asyncio.gather(*self._tasks)

    def _read(self) -> None:
        try:
            while self._line.poll():
                order = self._line.recv()
                if order is None:
                    self._ended.set()
                elif isinstance(order, Arm):
                    self._trap.arm(order)
                else:
                    task = asyncio.create_task(self._take(order))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
        except (EOFError, OSError):
            self._ended.set()

    async def _take(self, order: Ask | Yes | Settle) -> None:
        try:
            said: Said = await self._do(order)
        except SaysoError as error:
            final = isinstance(error, RefusedError)
            said = Failed(key=_key_of(order), code=error.code.value, final=final)
        except Exception:  # noqa: BLE001
            # A bug is no refusal: the worker ends, and the bench counts that against us.
            traceback.print_exc()
            os._exit(1)
        self._line.send(said)

    async def _do(self, order: Ask | Yes | Settle) -> Told:
        match order:
            case Ask(wish=wish):
                view = await self._sayso.propose(
                    f"bank.{wish.guarantee}",
                    {
                        "order": wish.key,
                        "amount": {"amount_minor": wish.amount, "currency": "USD"},
                    },
                    subject=wish.customer,
                    idempotency_key=wish.key,
                    reason="I would like my money back, please",
                )
                return await self._tell(wish.key, view)
            case Yes(key=key):
                decided = await self._sayso.approvals.decide_as(
                    Decision(
                        tenant=self._sayso.container.tenant,
                        approval_id=order.approval_id,
                        revision=order.revision,
                        digest=order.digest,
                        choice=DecisionChoice.APPROVE,
                        person=PERSON,
                        via="bench",
                        credential="host",
                    )
                )
                return await self._tell(key, await self._sayso.actions.get(decided.action.id))
            case Settle():
                row = await self._sayso.container.settlements.settle(
                    ManualSettlement(
                        tenant=self._sayso.container.tenant,
                        action_id=order.action_id,
                        outcome="succeeded" if order.receipt_id else "failed",
                        evidence="looked at the bank",
                        person=PERSON,
                        via="bench",
                        credential="host",
                        receipt_id=order.receipt_id,
                    )
                )
                return Told(key=row.id, action_id=row.id, status=row.status)

    async def _tell(self, key: str, view: ActionView) -> Told:
        card = None
        if view.status == "pending_approval":
            shown = (await self._sayso.actions.get(view.id)).approval
            if shown is not None:
                card = Yes(
                    key=key,
                    approval_id=shown.id,
                    revision=shown.revision,
                    digest=shown.digest,
                )
        return Told(key=key, action_id=view.id, status=view.status, card=card)


def _key_of(order: Ask | Yes | Settle) -> str:
    match order:
        case Ask(wish=wish):
            return wish.key
        case Yes(key=key):
            return key
        case Settle(action_id=action_id):
            return action_id


def _quieten() -> None:
    # Take-overs, a busy database and unknown outcomes are what is wanted here; what is broken
    # still shows.
    logging.getLogger("sayso.dispatch").setLevel(logging.ERROR)
    logging.getLogger("sayso.engine").setLevel(logging.CRITICAL)


def _open(post: Post, name: str, line: Line, trap: Trap, *, work: bool) -> Sayso:
    _quieten()

    def on_call(moment: str, action_id: str) -> None:
        line.send(Calling(moment=moment, action_id=action_id))

    settings = None if post.lease_s is None else EngineSettings(lease_s=post.lease_s)
    return Sayso(
        open_bank_workspace(post),
        mode="run" if work else "decide",
        connectors=[BankConnector(post.bank_url, name, post.settle_after_s, on_call)],
        engine_settings=settings,
        passing=trap.pass_by,
    )


async def _work(post: Post, name: str, line: Line) -> None:
    trap = Trap()
    async with _open(post, name, line, trap, work=post.work) as sayso:
        await Worker(sayso, line, trap).serve()


def work(post: Post, name: str, line: Line) -> None:
    """Be a worker that also asks and decides; the target of its process."""
    asyncio.run(_work(post, name, line))


async def _work_in_fleet(post: Post, name: str, line: Line) -> None:
    stop = asyncio.Event()

    def told() -> None:
        # The bench says only one thing to it; and a line that ends means the same.
        stop.set()

    asyncio.get_running_loop().add_reader(line.fileno(), told)
    async with _open(post, name, line, Trap(), work=False) as sayso:
        await carry_out(sayso, stop, ready=lambda engine: line.send("ready"))


def work_in_fleet(post: Post, name: str, line: Line) -> None:
    """Be what `sayso worker` is; the target of its process."""
    asyncio.run(_work_in_fleet(post, name, line))


def verify_log(post: Post, heads: Sequence[bytes], line: Connection[str, str]) -> None:
    """Verify the log deeply; sends what is wrong, or nothing. The target of a process."""

    async def verify() -> str:
        async with Sayso(open_bank_workspace(post), mode="read") as sayso:
            found = sayso.audit.verify(checkpoints=heads, deep=True)
        if found.verdict is Verdict.VERIFIED:
            return ""
        findings = [*found.findings, *(one for log in found.logs for one in log.findings)]
        words = "; ".join(finding.message for finding in findings)
        return f"{found.verdict}: {words[:400]}"

    line.send(asyncio.run(verify()))
