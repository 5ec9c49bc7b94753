"""The shop over real HTTP: a small provider on a loopback port, and a connector that reaches it.

The provider keeps exactly the guarantee that it is given, so that every guarantee can be judged
under every fault of the network between (`sayso.testing.faults`).
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from pydantic import TypeAdapter
from support.http_double import Asked, HttpDouble
from support.shop import Books, Order, Payout, RefundArgs, Shop

from sayso.actions.model.definition import Action, Args, Guarantee, Subject, idempotent
from sayso.actions.model.snapshot import Absence, Call, Receipt, Record, Resolved
from sayso.errors import Code, OutcomeUnknownError, RefusedError, RetryableError
from sayso.json import JsonValue
from sayso.money import Money

_OBJECT = TypeAdapter(dict[str, Any])
_RATE_LIMITED = 429
_DONE = (200, 201)


class ShopServer(HttpDouble):
    """The provider, in background threads of this process.

    Args:
        guarantee: which promise it keeps: `idempotent` drops repeated keys, the others do not.

    Attributes:
        books: what really happened.
    """

    def __init__(self, guarantee: Guarantee | None = None) -> None:
        super().__init__()
        self.books = Books()
        self.guarantee = guarantee or idempotent(hours=24, settle_after_s=60)
        self._by_key: dict[str, Payout] = {}
        self._lost: set[str] = set()
        self._lock = threading.Lock()

    def reply(self, asked: Asked) -> tuple[int, JsonValue]:
        """Status and body for a request."""
        address = urlsplit(asked.target)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        with self._lock:
            match asked.method, address.path:
                case "POST", "/payouts":
                    key = asked.headers.get("Idempotency-Key", "")
                    return self._pay(key, json.loads(asked.raw))
                case "GET", "/payouts":
                    written = [p for p in self.books.payouts if p.id not in self._lost]
                    found = [p for p in written if p.reference == query["reference"]]
                    return 200, {"data": [_payout_json(payout) for payout in found]}
                case "GET", "/orders":
                    orders = self.books.orders.values()
                    mine = [one for one in orders if one.customer == query["customer"]]
                    return 200, {"data": [_order_json(order) for order in mine]}
                case "GET", path if path.startswith("/orders/"):
                    order = self.books.orders.get(path.removeprefix("/orders/"))
                    return (404, {}) if order is None else (200, _order_json(order))
                case _:
                    return 404, {}

    def roll_back(self) -> None:
        """Lose the record of the newest payout, and its key; it stays paid."""
        with self._lock:
            self._lost |= {payout.id for payout in self.books.payouts[-1:]}
            self._by_key.clear()

    def _pay(self, key: str, body: Mapping[str, Any]) -> tuple[int, JsonValue]:
        self.books.calls.append(key)
        known = self._by_key.get(key)
        if known is not None and self.guarantee.kind == "idempotent":
            return 200, _payout_json(known)
        order = self.books.orders[body["order"]]
        amount = Money.from_json(body["amount"])
        if order.refunded_minor + amount.amount_minor > order.paid.amount_minor:
            return 422, {"error": "more than is left"}
        order.refunded_minor += amount.amount_minor
        number = len(self.books.payouts) + 1
        payout = Payout(f"pay_{number}", order.id, amount, body["reference"])
        self.books.payouts.append(payout)
        self._by_key[key] = payout
        return 201, _payout_json(payout)


def _payout_json(payout: Payout) -> dict[str, JsonValue]:
    return {"id": payout.id, "amount": payout.amount.to_json()}


def _order_json(order: Order) -> dict[str, JsonValue]:
    return {
        "id": order.id,
        "customer": order.customer,
        "paid": order.paid.to_json(),
        "refunded_minor": order.refunded_minor,
    }


class HttpShop(Shop):
    """The connector. Its one action is `shop.refund`, as with `Shop`.

    Args:
        url: of a `ShopServer`, or of what stands before it.
        guarantee: what it promises; the server's.
        timeout_s: for one request, all in all.
    """

    def __init__(
        self,
        url: str,
        guarantee: Guarantee | None = None,
        *,
        timeout_s: float = 30,
        as_declared: bool = False,
    ) -> None:
        super().__init__(guarantee, as_declared=as_declared)
        # NOTE: no certificates are loaded, which takes longer than all the rest: it is loopback.
        self._client = httpx.AsyncClient(base_url=url, timeout=timeout_s, verify=False)
        self._timeout_s = timeout_s

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        assert isinstance(args, RefundArgs)
        self._keep(await self._read(f"/orders/{args.order}"))
        return await super().resolve(action, args, subject)

    async def call(self, call: Call) -> Receipt:
        amount = call.resolved.amount
        assert amount is not None
        body = {
            "order": call.resolved.object_id,
            "amount": amount.to_json(),
            "reference": call.action_id,
        }
        key = {"Idempotency-Key": call.idempotency_key}
        return _receipt(await self._send("POST", "/payouts", json=body, headers=key))

    async def look_up(self, call: Call) -> Receipt | Absence:
        if self.actions[0].guarantee.kind == "at_most_once":
            return Absence.CANNOT_TELL
        found = (await self._read(f"/payouts?reference={call.action_id}"))["data"]
        return _receipt(found[0]) if found else Absence.ABSENT

    async def list_records(self, subject: Subject) -> Sequence[Record]:
        self.books.orders.clear()
        for order in (await self._read(f"/orders?customer={subject.id}"))["data"]:
            self._keep(order)
        return await super().list_records(subject)

    async def close(self) -> None:
        await self._client.aclose()

    def _keep(self, order: Mapping[str, Any]) -> None:
        known = self.books.add(order["id"], order["customer"], Money.from_json(order["paid"]))
        known.refunded_minor = order["refunded_minor"]

    async def _read(self, path: str) -> Mapping[str, Any]:
        """A read changes nothing, so whatever goes wrong with it did nothing."""
        try:
            return await self._send("GET", path)
        except OutcomeUnknownError as error:
            raise RetryableError(Code.PROVIDER_UNAVAILABLE, error.message) from error

    async def _send(self, method: str, path: str, **parts: Any) -> Mapping[str, Any]:
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._client.request(method, path, **parts)
        except httpx.ConnectError as error:
            said = "the shop is closed"
            raise RetryableError(Code.PROVIDER_UNAVAILABLE, said, sent=False) from error
        except (httpx.HTTPError, TimeoutError) as error:
            raise _unknown("no answer came") from error
        if answer.status_code == _RATE_LIMITED:
            raise RetryableError(Code.PROVIDER_RATE_LIMITED, "the shop is busy")
        if httpx.codes.is_client_error(answer.status_code):
            raise RefusedError(Code.PROVIDER_REFUSED, "the shop said no")
        try:
            if answer.status_code in _DONE:
                return _OBJECT.validate_json(answer.content)
        except ValueError as error:
            raise _unknown("the answer cannot be read") from error
        raise _unknown("the shop does not say what it did")


def _receipt(payout: Mapping[str, Any]) -> Receipt:
    return Receipt(id=payout["id"], status="paid", amount=Money.from_json(payout["amount"]))


def _unknown(problem: str) -> OutcomeUnknownError:
    return OutcomeUnknownError(Code.OUTCOME_UNKNOWN, problem)
