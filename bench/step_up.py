"""Who is a customer, by the time that an answer takes: `python -m bench.step_up [--asks N]`.

Somebody whom nobody knows asks for money back over HTTP, by turns in the name of a customer and of
nobody: by an account's id, and by an address that one account, or none, has on file. The provider
answers after the same time whether or not it knows them. Then they answer with a wrong code, and a
customer with the right one. The bar: at p95, who is known and who isn't differ by 5 % at most, or
by no more than two random halves of both do, which is the machine's own noise.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import secrets
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from support.post_office import PostOffice
from support.step_up import PLAYBOOK

from bench.identity.places import OrderArgs, PaymentArgs, Place, action_of
from bench.place import make_workspace, working_folder
from bench.report import Report, Row, print_report
from sayso.actions.customers.contact import CodeMessage
from sayso.actions.model.definition import Effect, Subject
from sayso.actions.model.ledger import SYSTEM
from sayso.actions.model.snapshot import Record
from sayso.connectors.person import Person
from sayso.sdk.client import Sayso
from sayso.sdk.resources.tokens import Scope
from sayso.surfaces.http.app import create_app

BAR = 0.05
POLICY = '@id("all") @explain("all of it") permit (principal, action, resource);'
Asks = Mapping[str, Sequence[float]]
"""Seconds of each call, by what it was."""


@dataclass(slots=True, kw_only=True)
class SlowPlace(Place):
    """A place that answers after the same time, whoever is asked about."""

    latency_s: float

    async def list_records(self, subject: Subject) -> Sequence[Record]:
        """See `Connector.list_records`."""
        await asyncio.sleep(self.latency_s)
        return await Place.list_records(self, subject)

    async def person_of(self, subject: Subject) -> Person:
        """See `PersonBook.person_of`."""
        await asyncio.sleep(self.latency_s)
        return await Place.person_of(self, subject)

    async def find_people(self, email: str) -> Sequence[Person]:
        """See `PersonSearch.find_people`."""
        await asyncio.sleep(self.latency_s)
        return await Place.find_people(self, email)


@dataclass(slots=True)
class SlowPost(PostOffice):
    """Takes its time to deliver."""

    latency_s: float = 0.0

    async def send_code(self, code: CodeMessage) -> None:
        """See `CodeSender.send_code`."""
        await asyncio.sleep(self.latency_s)
        await PostOffice.send_code(self, code)

    async def code_about(self, request_id: str) -> str | None:
        """The code that was sent for a request, if one was."""
        about = [place for place, one in enumerate(self.sent) if one.about == request_id]
        return await self.code(about[-1]) if about else None


def places_of(asks: int, latency_s: float) -> tuple[SlowPlace, SlowPlace]:
    """A help desk where everybody has an account, and payments where every second one has."""
    pay = SlowPlace(
        name="pay",
        kind="payment",
        actions=(action_of("pay.refund", PaymentArgs, Effect.MONEY_OUT, "Refund {payment}"),),
        people={},
        owned={},
        latency_s=latency_s,
    )
    desk = SlowPlace(
        name="desk",
        kind="order",
        actions=(action_of("desk.cancel", OrderArgs, Effect.CANCELLATION, "Cancel {order}"),),
        people={},
        owned={},
        latency_s=latency_s,
    )
    for number in range(asks):
        known, unknown = f"known{number}@example.com", f"other{number}@example.com"
        assert pay.people is not None
        assert desk.people is not None
        assert pay.owned is not None
        pay.people[f"k{number}"] = Person(id=f"k{number}", email=f"own{number}@example.com")
        pay.people[f"a{number}"] = Person(id=f"a{number}", email=known)
        desk.people[f"k{number}"] = Person(id=f"k{number}", email=known)
        desk.people[f"u{number}"] = Person(id=f"u{number}", email=unknown)
        pay.owned |= {f"pk{number}": f"k{number}", f"pa{number}": f"a{number}"}
    return pay, desk


@dataclass(slots=True, kw_only=True)
class Asker:
    """Calls over HTTP, and takes the time of each."""

    client: httpx.AsyncClient
    sayso: Sayso
    post: SlowPost
    taken: dict[str, list[float]] = field(
        default_factory=lambda: defaultdict[str, list[float]](list)
    )

    async def conversation(self, provider: str, number: int, *, known: bool) -> None:
        """A wish, a wrong code, and the right one where there is one."""
        who = "known" if known else "unknown"
        account = f"{provider}:{'k' if known else 'u'}{number}"
        body = {
            "subject": {"id": account, "assurance": "unverified"},
            "messages": [{"role": "customer", "content": "Please refund $20.00 of my payment"}],
        }
        way = "by an id" if provider == "pay" else "by an address"
        asked = await self._call(f"asked {way}, {who}", "/v1/requests?wait=30", body)
        assert asked["status"] == "needs_customer", asked
        await self._rest()
        path = f"/v1/requests/{asked['id']}/answer?wait=30"
        answer = {"question": asked["question"]["number"], "content": "0000 0000"}
        told = await self._call(f"a wrong code {way}, {who}", path, answer)
        assert told["status"] == "needs_customer", told
        await self._rest()
        code = await self.post.code_about(asked["id"])
        assert (code is not None) == known, (provider, number)
        if code is not None:
            await self._call(f"the right code {way}", path, {**answer, "content": code})
            await self._rest()

    async def _call(self, case: str, path: str, body: object) -> dict[str, Any]:
        key = {"Idempotency-Key": secrets.token_hex(16)}
        begin = time.perf_counter()
        answer = await self.client.post(path, json=body, headers=key)
        self.taken[case].append(time.perf_counter() - begin)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    async def _rest(self) -> None:
        """Until nothing of this conversation is on its way, as between any two of one person."""
        await self.sayso.container.agent.sent()


async def measure(folder: Path, asks: int, latency_s: float) -> Asks:
    """The seconds of each call."""
    (folder / "playbooks").mkdir(parents=True)
    (folder / "policy.cedar").write_text(POLICY)
    (folder / "playbooks" / "back.toml").write_text(PLAYBOOK)
    workspace = make_workspace(
        folder,
        policy={"files": ["policy.cedar"], "follow": "files"},
        customers={"default": "pay", "url": "https://help.example.com"},
    )
    post = SlowPost(latency_s=latency_s)
    connectors = (*places_of(asks, latency_s), post)
    async with Sayso(workspace, mode="decide", connectors=connectors) as sayso:
        _, secret = await sayso.tokens.create(
            sayso.tenant, "service", "bench", frozenset({Scope.PROPOSE}), days=1, by=SYSTEM
        )
        await sayso.warm()
        transport = httpx.ASGITransport(create_app(sayso))
        async with httpx.AsyncClient(
            transport=transport,
            base_url="http://bench",
            headers={"Authorization": f"Bearer {secret}"},
            timeout=60,
        ) as client:
            asker = Asker(client=client, sayso=sayso, post=post)
            for number in range(asks):
                for provider in ("pay", "desk"):
                    for known in (True, False) if number % 2 else (False, True):
                        await asker.conversation(provider, number, known=known)
        return asker.taken


def p95(seconds: Sequence[float]) -> float:
    """What 95 of 100 stay below."""
    return statistics.quantiles(seconds, n=20)[18]


def noise_of(seconds: Sequence[float], way: Callable[[Sequence[float]], float]) -> float:
    """By how much two random halves differ, in 95 of 100 cases."""
    pick, half = random.Random(1), len(seconds) // 2
    found: list[float] = []
    for _ in range(400):
        mixed = pick.sample(seconds, len(seconds))
        one, other = way(mixed[:half]), way(mixed[half:])
        found.append(abs(one - other) / other)
    return p95(found)


def rows_of(taken: Asks) -> tuple[list[Row], bool]:
    """The figures, and whether each pair is alike."""
    rows: list[Row] = []
    alike = True
    ways: Sequence[tuple[str, Callable[[Sequence[float]], float]]] = (
        ("p50", statistics.median),
        ("p95", p95),
    )
    for name, way in ways:
        for case, seconds in taken.items():
            rows.append(Row(case=f"{case}, {name}", value=way(seconds) * 1e3, unit="ms"))
        for case in [one for one in taken if one.endswith(", known")]:
            known, other = way(taken[case]), way(taken[case.replace(", known", ", unknown")])
            differ = abs(known - other) / other
            what = case.removesuffix(", known")
            rows.append(Row(case=f"{what}: known differs, {name}", value=differ * 100, unit="%"))
            noise = noise_of([*taken[case], *taken[case.replace(", known", ", unknown")]], way)
            rows.append(Row(case=f"{what}: noise, {name}", value=noise * 100, unit="%"))
            alike &= name != "p95" or differ <= max(BAR, noise)
    return rows, alike


def main(argv: list[str] | None = None) -> int:
    """Run it; the exit status is 0 where nobody can tell."""
    parser = argparse.ArgumentParser(prog="python -m bench.step_up", description=__doc__)
    parser.add_argument("--asks", type=int, default=400, metavar="N", help="of each kind")
    parser.add_argument("--latency", type=float, default=20, metavar="MS", help="of the provider")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(argv)
    with working_folder() as folder:
        taken = asyncio.run(measure(folder, given.asks, given.latency / 1e3))
    rows, alike = rows_of(taken)
    return print_report(Report(name="step_up", rows=rows, ok=alike), as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
