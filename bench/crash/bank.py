"""A small, instant provider over real HTTP: `python -m bench.crash.bank` prints its URL.

It pays orders back and keeps its own books, in a process that nobody kills, so that effects are
counted where they happen. A call with an `Idempotency-Key` is done once; one without is done every
time. `BankControl` is the bench's side of it.

| call | what |
|---|---|
| POST /orders `{"orders": [{"id", "customer", "paid"}]}` | put orders in |
| GET /orders/ID | an order with what was refunded |
| POST /refunds `{"order", "amount", "reference"}` | pay back; `X-Worker` says who asks |
| GET /refunds?reference=R | the refunds with our reference |
| GET /books | every refund, and how many calls came |
| POST /faults `{"worker", "when", "seconds"}` | hold that worker's next refund; do all `twice` |
| POST /forget `{"worker"}` | forget the keys of what that worker did, as after a day or so |
| POST /held `{"worker", "timeout_s"}` | wait until that worker's refund is held |
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import orjson

from sayso.sandbox.wire import Request, Response, Transmission, Wire

When = Literal["before", "after", "twice"]
_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order that can be paid back. `paid` is in minor units of US dollars."""

    id: str
    customer: str
    paid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """One effect. `reference` is the caller's own, `key` the idempotency key or empty."""

    id: str
    order: str
    amount: int
    reference: str
    key: str
    worker: str


@dataclass(slots=True)
class _State:
    delay_s: float
    orders: dict[str, Order] = field(default_factory=dict[str, Order])
    refunded: dict[str, int] = field(default_factory=dict[str, int])
    refunds: list[Refund] = field(default_factory=list[Refund])
    by_reference: dict[str, list[Refund]] = field(default_factory=dict[str, list[Refund]])
    keys: dict[str, Refund | None] = field(default_factory=dict[str, Refund | None])
    faults: dict[str, tuple[str, float]] = field(default_factory=dict[str, tuple[str, float]])
    held: dict[str, asyncio.Event] = field(default_factory=dict[str, asyncio.Event])
    twice: bool = False
    calls: int = 0


class Bank:
    """The provider.

    Args:
        delay_s: how long every refund takes before it is done, and again before it is answered.
    """

    def __init__(self, delay_s: float = 0.0) -> None:
        self._state = _State(delay_s)

    async def serve(self, request: Request) -> Transmission:
        """Answer a request."""
        body: Any = orjson.loads(request.body) if request.body else {}
        match request.method, request.path.split("/")[1:]:
            case "POST", ["orders"]:
                return _answer(self._add(body["orders"]))
            case "GET", ["orders", order_id]:
                return self._order(order_id)
            case "POST", ["refunds"]:
                return await self._refund(request, body)
            case "GET", ["refunds"]:
                return self._find(parse_qs(request.query).get("reference", [""])[0])
            case "GET", ["books"]:
                refunds = [_as_json(refund) for refund in self._state.refunds]
                return _answer({"refunds": refunds, "calls": self._state.calls})
            case "POST", ["faults"]:
                return _answer(self._fault(body))
            case "POST", ["forget"]:
                return _answer(self._forget(body["worker"]))
            case "POST", ["held"]:
                return _answer({"held": await self._held(body["worker"], body["timeout_s"])})
            case _:
                return _answer({"error": "no such path"}, 404)

    def _add(self, orders: Sequence[Mapping[str, Any]]) -> object:
        for order in orders:
            self._state.orders[order["id"]] = Order(**order)
        return {"orders": len(orders)}

    def _order(self, order_id: str) -> Transmission:
        order = self._state.orders.get(order_id)
        if order is None:
            return _answer({"error": "no such order"}, 404)
        refunded = self._state.refunded.get(order_id, 0)
        return _answer(
            {
                "id": order.id,
                "customer": order.customer,
                "paid": order.paid,
                "refunded": refunded,
            }
        )

    def _find(self, reference: str) -> Transmission:
        found = self._state.by_reference.get(reference, [])
        return _answer({"refunds": [_as_json(refund) for refund in found]})

    def _fault(self, body: Mapping[str, Any]) -> object:
        if body["when"] == "twice":
            self._state.twice = True
        else:
            self._state.faults[body["worker"]] = (body["when"], body["seconds"])
            self._state.held[body["worker"]] = asyncio.Event()
        return {}

    def _forget(self, worker: str) -> object:
        # Not everybody's: a provider keeps a key while calls with it are still being repeated.
        keys = self._state.keys
        old = [key for key, done in keys.items() if done is not None and done.worker == worker]
        for key in old:
            del keys[key]
        return {"forgotten": len(old)}

    async def _held(self, worker: str, timeout_s: float) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                await self._state.held.setdefault(worker, asyncio.Event()).wait()
        except TimeoutError:
            return False
        return True

    async def _refund(self, request: Request, body: Mapping[str, Any]) -> Transmission:
        state = self._state
        state.calls += 1
        worker = request.headers.get("x-worker", "")
        when, seconds = state.faults.pop(worker, ("", 0.0))
        if when:
            state.held[worker].set()
        key = request.idempotency_key
        if key in state.keys and key:
            known = state.keys[key]
            if known is None:
                return _answer({"error": "a call with this key is under way"}, 409)
            return _answer(_as_json(known))
        order = state.orders.get(body["order"])
        if order is None or state.refunded.get(order.id, 0) + body["amount"] > order.paid:
            return _answer({"error": "nothing is left of it"}, 402)
        if key:
            state.keys[key] = None
        await asyncio.sleep(state.delay_s + (seconds if when == "before" else 0.0))
        refund = self._pay(body, key, worker)
        if state.twice:
            self._pay(body, "", worker)
        await asyncio.sleep(state.delay_s + (seconds if when == "after" else 0.0))
        return _answer(_as_json(refund))

    def _pay(self, body: Mapping[str, Any], key: str, worker: str) -> Refund:
        state = self._state
        refund = Refund(
            id=f"re_{len(state.refunds) + 1}",
            order=body["order"],
            amount=body["amount"],
            reference=body["reference"],
            key=key,
            worker=worker,
        )
        state.refunds.append(refund)
        state.refunded[refund.order] = state.refunded.get(refund.order, 0) + refund.amount
        state.by_reference.setdefault(refund.reference, []).append(refund)
        if key:
            state.keys[key] = refund
        return refund


class BankControl:
    """What the bench and the peers do with a bank in another process.

    Args:
        url: as it printed it.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._address = urlsplit(url).netloc

    def ask(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] = {}
    ) -> Any:
        """One call on a connection of its own; the answer's JSON.

        Raises:
            BankError: for any status but 200.
        """
        connection = http.client.HTTPConnection(self._address, timeout=_TIMEOUT_S)
        try:
            sent = None if body is None else json.dumps(body)
            connection.request(method, path, sent, dict(headers))
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise BankError(answer.status, text.decode(errors="replace"))
        return json.loads(text)

    def add(self, orders: Sequence[Order]) -> None:
        """Put orders in."""
        rows = [{"id": one.id, "customer": one.customer, "paid": one.paid} for one in orders]
        self.ask("POST", "/orders", {"orders": rows})

    def books(self) -> list[Refund]:
        """Every effect, in order."""
        return [Refund(**row) for row in self.ask("GET", "/books")["refunds"]]

    def find(self, reference: str) -> list[Refund]:
        """The effects with that reference."""
        found = self.ask("GET", f"/refunds?reference={reference}")
        return [Refund(**row) for row in found["refunds"]]

    def fault(self, when: When, worker: str = "", seconds: float = 0.0) -> None:
        """Hold the worker's next refund; or do every refund twice from now on."""
        self.ask("POST", "/faults", {"when": when, "worker": worker, "seconds": seconds})

    def forget_keys(self, worker: str = "") -> None:
        """Forget the keys of everything that the worker has done."""
        self.ask("POST", "/forget", {"worker": worker})

    def wait_until_held(self, worker: str, timeout_s: float) -> bool:
        """Wait until the worker's refund is held; False when none came in time."""
        body = {"worker": worker, "timeout_s": timeout_s}
        return bool(self.ask("POST", "/held", body)["held"])

    def refund(self, order: str, amount: int, reference: str, key: str = "") -> str:
        """Pay back as a plain client does; the id of the refund."""
        body = {"order": order, "amount": amount, "reference": reference}
        headers = {"Idempotency-Key": key} if key else {}
        return str(self.ask("POST", "/refunds", body, headers)["id"])


class BankError(Exception):
    """The bank said no.

    Attributes:
        status: HTTP status.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text[:200]}")
        self.status = status


@contextmanager
def run_bank(delay_s: float = 0.0) -> Generator[BankControl]:
    """A bank in a process of its own, until the block ends."""
    command = [sys.executable, "-m", "bench.crash.bank", "--delay-s", str(delay_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield BankControl(process.stdout.readline().strip())
        finally:
            process.terminate()


def _as_json(refund: Refund) -> dict[str, object]:
    return {
        "id": refund.id,
        "order": refund.order,
        "amount": refund.amount,
        "reference": refund.reference,
        "key": refund.key,
        "worker": refund.worker,
    }


def _answer(value: object, status: int = 200) -> Transmission:
    return Transmission(answer=Response(status=status, body=orjson.dumps(value)))


async def _main(delay_s: float) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    parent = os.getppid()
    serving = asyncio.create_task(Wire(Bank(delay_s).serve).run(listener, stop))
    while not stop.is_set() and os.getppid() == parent:
        await asyncio.sleep(0.2)
    stop.set()
    await serving


def main() -> None:
    """Serve until killed, or until who started it is gone."""
    parser = argparse.ArgumentParser(prog="python -m bench.crash.bank", description=__doc__)
    parser.add_argument("--delay-s", type=float, default=0.0)
    asyncio.run(_main(parser.parse_args().delay_s))


if __name__ == "__main__":
    main()
