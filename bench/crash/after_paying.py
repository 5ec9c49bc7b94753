"""A shop that fails after it has paid, in ten ways, and a worker that is killed meanwhile.

`python -m bench.crash --after-paying` kills a process of ours at each of so many payments, for each
way, on SQLite and on PostgreSQL. The shop is a double of our own, in a process that nobody kills,
and its acquirer's books are apart from what it has written down; a real shop is in tests/real.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import random
import threading
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import httpx
from support.paying_shop import PayingShop
from support.shop import Shop
from support.shop_workspace import ShopWorkspace, make_shop_workspace, open_shop

from bench.crash.lane import StoreKind, Stores
from bench.report import Report, Row, show_progress
from sayso.actions.model.definition import Action, Args, Guarantee, Subject, idempotent, verifiable
from sayso.actions.model.snapshot import Absence, Call, Finality, Receipt, Resolved
from sayso.errors import Code, OutcomeUnknownError, RetryableError
from sayso.ids import Tenant
from sayso.money import Money
from sayso.testing.clock import FileClock
from sayso.testing.faults.paying import PayingFault

KILLS = 60
HELD_S, JOIN_S = 20.0, 30.0
DECLARED: Guarantee = verifiable(settle_after_s=120)
"""What the shop's connector claims, which a shop that pays first does not keep."""
KEYED: Guarantee = idempotent(hours=24, settle_after_s=120)
"""What it claims where its key is what it ignores."""
POLICY = """
@id("all") @explain("for the bench")
permit (principal, action == Action::"shop.refund", resource);
"""
_DAY_S = (1, 5, 30, 60, 100, 200, 300, 400, 900, *[3600] * 6)


@dataclass(slots=True, kw_only=True)
class Way:
    """What one way of failing came to.

    Attributes:
        double: payments made more than once. untrue: told otherwise than the books say.
        alone: outcomes that nobody can know and that no person was given.
    """

    fault: PayingFault
    store: StoreKind = "sqlite"
    killed: int = 0
    paid: int = 0
    double: int = 0
    untrue: int = 0
    alone: int = 0
    statuses: Counter[str] = field(default_factory=Counter[str])

    @property
    def ok(self) -> bool:
        return not (self.double or self.untrue or self.alone)


class _Provider(ThreadingHTTPServer):
    """The shop over HTTP; `held` keeps each answer after the payment."""

    daemon_threads = True

    def __init__(self, shop: PayingShop) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.shop = shop
        self.held = threading.Event()
        self.paid = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        provider = cast("_Provider", self.server)
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        work = provider.shop.call if self.path == "/call" else provider.shop.look_up
        try:
            found: object = asyncio.run(_ran(work, _call(body)))
        except OutcomeUnknownError as error:
            found = {"unknown": error.message, "answered": error.answered}
        if self.path == "/call":
            provider.paid.set()
            until = time.monotonic() + HELD_S
            while provider.held.is_set() and time.monotonic() < until:
                time.sleep(0.005)
        raw = json.dumps(found).encode()
        with contextlib.suppress(ConnectionError):  # who asked was killed meanwhile
            self.send_response(200)
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (as the base has it)
        pass


async def _ran(work: Callable[[Call], Any], call: Call) -> object:
    found = await work(call)
    if not isinstance(found, Receipt):
        return {"absent": str(found)}
    assert found.amount is not None
    told = {"id": found.id, "status": found.status, "finality": found.finality.value}
    return {**told, "minor": found.amount.amount_minor}


def _call(body: Mapping[str, Any]) -> Call:
    resolved = Resolved(
        args={},
        object_kind="order",
        object_id=body["order"],
        owner="cus_1",
        owner_proof="order.customer",
        account="shop-1",
        payee="the card",
        amount=Money(body["minor"], "USD"),
    )
    return Call(
        tenant="main",
        action_id=body["action"],
        action="shop.refund",
        subject_id="cus_1",
        resolved=resolved,
        idempotency_key=body["key"],
    )


class RemoteShop(Shop):
    """The shop's connector, in whichever process."""

    def __init__(self, url: str, declared: Guarantee) -> None:
        super().__init__(declared, as_declared=True)
        self._url = url

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        """An order that is always there; what it has left changes as nobody looks."""
        order = str(args.model_dump()["order"])
        if order not in self.books.orders:
            self.books.add(order, "cus_1", Money(100_000, "USD"))
        return replace(await super().resolve(action, args, subject), preconditions={})

    async def call(self, call: Call) -> Receipt:
        found = await self._ask("/call", call)
        assert isinstance(found, Receipt)
        return found

    async def look_up(self, call: Call) -> Receipt | Absence:
        return await self._ask("/look_up", call)

    async def _ask(self, path: str, call: Call) -> Receipt | Absence:
        amount = call.resolved.amount
        assert amount is not None
        body = {
            "action": call.action_id,
            "key": call.idempotency_key,
            "order": call.resolved.object_id,
            "minor": amount.amount_minor,
        }
        try:
            async with httpx.AsyncClient(timeout=60.0, trust_env=False) as client:
                found = (await client.post(self._url + path, json=body)).json()
        except httpx.ConnectError as error:
            raise RetryableError(Code.PROVIDER_UNAVAILABLE, "closed", sent=False) from error
        except httpx.HTTPError as error:
            raise OutcomeUnknownError(Code.OUTCOME_UNKNOWN, "no answer") from error
        if "unknown" in found:
            raise OutcomeUnknownError(
                Code.OUTCOME_UNKNOWN, found["unknown"], answered=found["answered"]
            )
        if "absent" in found:
            return Absence(found["absent"])
        return Receipt(
            id=found["id"],
            status=found["status"],
            amount=Money(found["minor"], "USD"),
            finality=Finality(found["finality"]),
        )


@contextmanager
def _serving(shop: PayingShop) -> Generator[_Provider]:
    provider = _Provider(shop)
    thread = threading.Thread(target=provider.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield provider
    finally:
        provider.held.clear()
        provider.shutdown()
        thread.join()
        provider.server_close()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a way is tried, for each process of it.

    Attributes:
        store: URL of the database. url: of the shop.
    """

    folder: Path
    store: str
    url: str
    fault: PayingFault

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[ShopWorkspace]:
        """The workspace, with the shop behind its address."""
        async with open_shop(
            self.folder,
            shop=RemoteShop(self.url, declared_of(self.fault)),
            clock=FileClock(self.folder / "clock"),
            policy=POLICY,
            store={"url": self.store},
        ) as opened:
            yield opened


def declared_of(fault: PayingFault) -> Guarantee:
    """What the shop's connector claims."""
    return KEYED if fault is PayingFault.KEY_IGNORED else DECLARED


def _work(place: _Place, number: int) -> None:
    async def run() -> None:
        async with place.opened() as opened:
            await opened.sayso.propose(
                "shop.refund",
                {"order": f"o{number}", "amount": {"amount_minor": 1999, "currency": "USD"}},
                subject="cus_1",
                reason="it broke",
                idempotency_key=f"k{number}",
            )

    asyncio.run(run())


def run_way(
    folder: Path,
    fault: PayingFault,
    kills: int,
    seed: int,
    store: StoreKind = "sqlite",
    stores: Stores | None = None,
) -> Way:
    """Kill so many processes that pay at a shop which fails so, then see what is left."""
    folder.mkdir(parents=True)
    database, _ = (stores or Stores(None)).make(folder, store, f"after_paying_{fault.value}")
    make_shop_workspace(folder, POLICY, store={"url": database})
    clock = FileClock(folder / "clock")
    shop = PayingShop(declared_of(fault), fault, clock)
    for number in range(kills):
        shop.books.add(f"o{number}", "cus_1", Money(100_000, "USD"))
    way, drawn = Way(fault=fault, store=store), random.Random(f"{seed}/{fault}")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bench.crash.after_paying"])
    with _serving(shop) as provider:
        place = _Place(folder=folder, store=database, url=provider.url, fault=fault)
        for number in range(kills):
            provider.paid.clear()
            held = number % 3 != 0
            provider.held.set() if held else provider.held.clear()
            worker = context.Process(target=_work, args=(place, number))
            worker.start()
            if held:  # it is killed while the shop has paid and not answered, or just after
                provider.paid.wait(JOIN_S)
                if number % 3 == 2:
                    provider.held.clear()
                    time.sleep(drawn.uniform(0.0, 0.02))
            else:
                time.sleep(drawn.uniform(0.05, 0.6))
            worker.kill()
            worker.join(JOIN_S)
            way.killed += 1
        provider.held.clear()
        asyncio.run(_judge(place, clock, shop, way))
    return way


async def _judge(place: _Place, clock: FileClock, shop: PayingShop, way: Way) -> None:
    async with place.opened() as opened:
        sayso = opened.sayso
        views = await sayso.actions.list(limit=200)
        for seconds in _DAY_S:
            clock.advance(seconds=seconds)
            for view in views:
                await sayso.container.engine.advance(Tenant("main"), view.id)
        given = {one.about for one in await sayso.work.list(limit=200)}
        paid = Counter(payout.reference for payout in shop.books.payouts)
        amounts = {payout.reference: payout.amount for payout in shop.books.payouts}
        for view in await sayso.actions.list(limit=200):
            way.statuses[view.status] += 1
            way.paid += paid[view.id] > 0
            way.double += paid[view.id] > 1
            if view.status == "succeeded":
                told = view.receipt.amount if view.receipt is not None else None
                way.untrue += told != amounts.get(view.id)
                way.alone += told != view.amount and view.id not in given
            elif view.status in {"unknown", "accepted"}:
                way.alone += view.id not in given
            else:
                way.untrue += paid[view.id] > 0
        way.untrue += sayso.audit.verify(deep=True).verdict != "verified"


def run_ways(
    folder: Path, kills: int, seed: int, kinds: Sequence[StoreKind], stores: Stores
) -> list[Way]:
    """Every way of failing after paying, on each store."""
    ways: list[Way] = []
    for store in kinds:
        for fault in PayingFault:
            of = len(PayingFault) * len(kinds)
            show_progress(f"{len(ways)} of {of} ways; {fault}, {kills} kills, {store}")
            place = folder / f"{store}_{fault.value}"
            ways.append(run_way(place, fault, kills, seed, store, stores))
    show_progress("")
    return ways


def report_of(ways: list[Way]) -> Report:
    """The figures; each of `double`, `untrue` and `alone` must be 0."""
    rows = [
        Row(
            case=f"{way.store}, {way.fault}, {way.killed} kills, {way.paid} paid: {name}",
            value=value,
            unit="",
        )
        for way in ways
        for name, value in (
            ("double", way.double),
            ("untrue", way.untrue),
            ("alone", way.alone),
            ("left to a person", way.statuses["unknown"] + way.statuses["accepted"]),
        )
    ]
    return Report(name="crash_after_paying", rows=rows, ok=all(way.ok for way in ways))
