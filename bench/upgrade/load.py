"""Customers and a manager who ask the servers without a pause, as a proxy passes them on."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Literal, cast

import httpx

from bench.upgrade.servers import Place
from sayso.sandbox.rows import Charge, Customer

Kind = Literal["by itself", "approved", "rejected", "forbidden"]
WISHES: tuple[tuple[Kind, int, str], ...] = (
    ("by itself", 20_00, "succeeded"),
    ("approved", 200_00, "succeeded"),
    ("rejected", 200_00, "rejected"),
    ("forbidden", 600_00, "refused"),
)
"""What is wanted in turn, how much in minor units, and how it has to end."""
_DAY_S = 86_400
_WAIT_S = 30
_MOST = 20


class Load:
    """So many callers at once; each call is another connection, to the next server.

    Args:
        add: puts rows into the provider.

    Attributes:
        problems: answers that were errors, and actions that ended otherwise than they had to.
        again: calls whose connection broke before an answer, and that were sent again with the
            same key, as the page on deploying says.
        ended: actions by how they ended. by: answers by the version that gave them.
    """

    def __init__(self, place: Place, add: Callable[..., None]) -> None:
        self._place = place
        self._add = add
        self._numbers = itertools.count()
        self._turns = itertools.count()
        self._ending = False
        self._tasks: list[asyncio.Task[None]] = []
        self.problems: list[str] = []
        self.again = 0
        self.ended: Counter[str] = Counter()
        self.by: Counter[str] = Counter()
        self.paid: set[str] = set()
        self.longest_s = 0.0

    def start(self, at_once: int) -> None:
        """Begin; each caller goes on until `end`."""
        self._tasks = [asyncio.create_task(self._go_on()) for _ in range(at_once)]

    async def end(self) -> None:
        """Let each caller end what it has begun."""
        self._ending = True
        await asyncio.gather(*self._tasks)

    async def more(self, actions: int) -> None:
        """Wait until so many more have ended.

        Raises:
            RuntimeError: the callers have given up.
        """
        until = self.ended.total() + actions
        while self.ended.total() < until:
            if any(one.done() for one in self._tasks) or len(self.problems) > _MOST:
                raise RuntimeError(f"the callers gave up: {self.problems[:3]}")
            await asyncio.sleep(0.02)

    async def _go_on(self) -> None:
        limits = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(timeout=60, limits=limits, trust_env=False) as client:
            while not self._ending:
                await self._one(client, next(self._numbers))

    async def _one(self, client: httpx.AsyncClient, number: int) -> None:
        """One wish from its proposal to its end."""
        kind, minor, end = WISHES[number % len(WISHES)]
        charge, customer = f"ch_drill_{number}", f"cus_drill_{number}"
        self._seed(charge, customer)
        body = {
            "action": "stripe.refund",
            "args": {"charge": charge, "amount": {"amount_minor": minor, "currency": "USD"}},
            "subject": {"id": customer, "assurance": "verified"},
            "reason": "it arrived broken",
        }
        bot, path = self._place.bot, "/v1/actions"
        view = await self._call(client, "POST", path, bot, body, f"wish-{number}")
        if view and kind in ("approved", "rejected"):
            card = view["approval"]
            yes = {"revision": card["revision"], "digest": card["digest"], "decision": "approve"}
            no = yes | {"decision": "reject", "reason_code": "other", "reason": "not this time"}
            sent = yes if kind == "approved" else no
            path, key = f"/v1/approvals/{card['id']}/decision", f"word-{number}"
            view = await self._call(client, "POST", path, self._place.person, sent, key)
        if view:
            path = f"/v1/actions/{view['id']}?wait={_WAIT_S}"
            view = await self._call(client, "GET", path, bot)
        if view:
            if view["status"] == "succeeded":
                self.paid.add(charge)
            if view["status"] != end:
                said = json.dumps({name: view[name] for name in ("error", "decision")})
                self.problems.append(f"{kind} ended as {view['status']}: {said[:600]}")
        self.ended[view["status"] if view else "without an answer"] += 1

    def _seed(self, charge: str, customer: str) -> None:
        now = int(time.time())
        self._add(
            Customer(id=customer, created=now - 400 * _DAY_S, name="Kim Run", currency="usd"),
            Charge(
                id=charge,
                created=now - 10 * _DAY_S,
                amount=900_00,
                currency="usd",
                customer=customer,
                description="Order",
            ),
        )

    async def _call(
        self,
        client: httpx.AsyncClient,
        method: str,
        path: str,
        token: str,
        body: dict[str, Any] | None = None,
        key: str = "",
    ) -> dict[str, Any]:
        """The answer; empty where it was an error, which is written down."""
        headers = {"Authorization": f"Bearer {token}"}
        if key:
            headers["Idempotency-Key"] = key
        servers = list(self._place.servers)
        first = next(self._turns)
        for number in range(len(servers)):
            server = servers[(first + number) % len(servers)]
            begun = time.perf_counter()
            try:
                answer = await client.request(method, server.url + path, json=body, headers=headers)
            except httpx.ConnectError:
                continue  # nothing was sent: the next one is asked
            except httpx.TransportError:
                self.again += 1
                continue
            self.longest_s = max(self.longest_s, time.perf_counter() - begun)
            self.by[server.code.name] += 1
            if answer.is_success:
                return cast("dict[str, Any]", answer.json())
            self.problems.append(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
            return {}
        self.problems.append(f"{method} {path}: no server answered")
        return {}
