"""A served workspace in a thread, with the shop and the Stripe sandbox behind it."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable, Coroutine, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
from fastapi import FastAPI
from support.shop import RefundArgs, Shop
from support.shop_workspace import POLICY
from support.workspace import PEOPLE, make_workspace

from sayso.actions.model.definition import Action, Args, Subject
from sayso.actions.model.snapshot import Resolved
from sayso.actions.policy.cedar import read_default_policy
from sayso.agent.base import Planner
from sayso.audit.authority.by import By
from sayso.audit.entry import Actor, ActorKind
from sayso.errors import Code, RetryableError
from sayso.ids import Tenant
from sayso.money import Money
from sayso.sandbox import Sandbox
from sayso.sdk.client import Sayso
from sayso.sdk.resources.tokens import Kind, Scope, Token, Tokens
from sayso.sdk.setup.scaffold_tables import template
from sayso.sdk.workspace import Workspace
from sayso.surfaces.http.app import create_app
from sayso.surfaces.http.server import serve
from sayso.testing.clock import START, FakeClock

T = TypeVar("T")
Json = dict[str, Any]

TIMEOUT_S = 60.0
OPERATOR = Actor(kind=ActorKind.SYSTEM, id="test")
SECRET_TEXT = "the card of Mrs Quux ends in 4242"
"""What the broken shop's error says, and nobody may read."""

PERSON = frozenset({Scope.DECIDE, Scope.READ})
HOLDERS: Mapping[str, tuple[Kind, frozenset[Scope]]] = {
    "bot": ("service", frozenset({Scope.PROPOSE, Scope.READ, Scope.AUDIT})),
    "otherbot": ("service", frozenset({Scope.PROPOSE, Scope.READ})),
    "proposer": ("service", frozenset({Scope.PROPOSE})),
    "reader": ("service", frozenset({Scope.READ})),
    "auditor": ("service", frozenset({Scope.AUDIT})),
    "maria": ("person", PERSON | {Scope.PROPOSE}),
    "noor": ("person", frozenset({Scope.DECIDE})),
    "finn": ("person", PERSON),
    "idle": ("person", PERSON),
    "stranger": ("person", PERSON),
    "lister": ("person", frozenset({Scope.READ})),
}


class MoodyShop(Shop):
    """A shop where some orders break the connector; its customers are Stripe's."""

    customers_of = "stripe"

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        assert isinstance(args, RefundArgs)
        if args.order == "breaks":
            raise ZeroDivisionError(SECRET_TEXT)
        if args.order == "busy":
            raise RetryableError(
                Code.PROVIDER_RATE_LIMITED, "the shop asks for a pause", retry_after_s=6.2
            )
        return await super().resolve(action, args, subject)


@dataclass(kw_only=True)
class ApiServer:
    """A running server, its workspace, and everybody's tokens."""

    url: str
    sayso: Sayso
    shop: Shop
    loop: asyncio.AbstractEventLoop
    http: httpx.Client
    stop: Callable[[], object]
    secrets: dict[str, str] = field(default_factory=dict[str, str])
    numbers: Iterable[int] = field(default_factory=lambda: itertools.count(1))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something in the server's event loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(TIMEOUT_S)

    def new(self, word: str) -> str:
        """A name that nobody has used."""
        return f"{word}{next(iter(self.numbers))}"

    def order(self, amount_minor: int = 12_900) -> tuple[str, str]:
        """A new order of a new customer; returns both ids."""
        order, customer = self.new("order"), self.new("cus_")
        self.shop.books.add(order, customer, Money(amount_minor, "USD"))
        return order, customer

    def headers(self, holder: str | None, key: str | None = None) -> dict[str, str]:
        """The headers of a call by a holder."""
        found = {} if holder is None else {"Authorization": f"Bearer {self.secrets[holder]}"}
        return found if key is None else {**found, "Idempotency-Key": key}

    def get(self, path: str, by: str | None = "bot") -> httpx.Response:
        """A GET."""
        return self.http.get(path, headers=self.headers(by))

    def post(
        self, path: str, body: object, by: str | None = "bot", key: str | None = None
    ) -> httpx.Response:
        """A POST of JSON, with a new key unless one is given."""
        headers = self.headers(by, key or self.new("key-"))
        return self.http.post(path, json=body, headers=headers)

    def send(self, path: str, content: bytes, by: str = "bot", **more: str) -> httpx.Response:
        """A POST of raw bytes, marked as JSON."""
        headers = {"Content-Type": "application/json", **self.headers(by, self.new("key-")), **more}
        return self.http.post(path, content=content, headers=headers)

    def propose(
        self, amount_minor: int = 12_900, *, by: str = "bot", key: str | None = None
    ) -> Json:
        """Propose the refund of a new order: over 50 USD waits for a support manager."""
        answer = self.post("/v1/actions", refund(*self.order(amount_minor)), by=by, key=key)
        assert answer.status_code == 201, answer.text
        return as_json(answer)

    def decide(
        self, approval: Json, decision: str, *, by: str, key: str | None = None, **more: object
    ) -> httpx.Response:
        """Decide about the card that `approval` shows."""
        body = {
            "decision": decision,
            "revision": approval["revision"],
            "digest": approval["digest"],
            **more,
        }
        return self.post(f"/v1/approvals/{approval['id']}/decision", body, by=by, key=key)


def refund(order: str, customer: str, **args: object) -> Json:
    """The body that proposes the refund of an order."""
    return {
        "subject": {"id": customer, "assurance": "verified"},
        "action": "shop.refund",
        "args": {"order": order, **args},
    }


def as_json(answer: httpx.Response) -> Json:
    """The answer's object."""
    found: Json = answer.json()
    return found


def problem(answer: httpx.Response, status: int, code: str) -> Json:
    """The answer's problem, checked against RFC 9457 and the expected code."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found = as_json(answer)
    names = {"type", "title", "status", "detail", "code", "next_step", "instance"}
    assert set(found) == names
    assert found["code"] == code
    assert found["status"] == status
    assert found["type"] == f"urn:sayso:error:{code}"
    return found


def full_workspace(
    folder: Path, stripe_url: str, policy_section: str = 'follow = "files"'
) -> Workspace:
    """A workspace whose policy has the default rules and those of the shop."""
    default = read_default_policy(["stripe", "email"])
    policy = "\n".join([*default.values(), POLICY])
    nobody = tuple[str, ...]()
    people = {**PEOPLE, "stranger": nobody, "lister": nobody}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "shop.toml").write_text(template("shop.toml"), "utf-8")
    return make_workspace(
        folder, stripe_url=stripe_url, policy=policy, people=people, policy_section=policy_section
    )


@contextmanager
def serving(
    folder: Path,
    sandbox: Sandbox,
    clock: FakeClock,
    make_app: Callable[[Sayso], FastAPI] = create_app,
    policy_section: str = 'follow = "files"',
    planner: Planner | None = None,
) -> Generator[ApiServer]:
    """Serve a new workspace until the block ends."""
    workspace = full_workspace(folder, sandbox.url, policy_section)
    started = threading.Event()
    found: list[tuple[ApiServer, asyncio.Task[None]]] = []

    async def main() -> None:
        shop = MoodyShop()
        async with Sayso(workspace, connectors=[shop], clock=clock, planner=planner) as sayso:
            secrets = {
                name: (await token(sayso, name, kind, scopes))[1]
                for name, (kind, scopes) in HOLDERS.items()
            }
            loop = asyncio.get_running_loop()
            urls: asyncio.Future[str] = loop.create_future()
            app = make_app(sayso)
            task = asyncio.create_task(serve(sayso, port=0, ready=urls.set_result, app=app))
            url = await urls
            with httpx.Client(base_url=url, timeout=TIMEOUT_S) as http:
                api = ApiServer(
                    url=url,
                    sayso=sayso,
                    shop=shop,
                    loop=loop,
                    http=http,
                    secrets=secrets,
                    stop=task.cancel,
                )
                found.append((api, task))
                started.set()
                await asyncio.wait([task])

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    assert started.wait(TIMEOUT_S), "the server did not start"
    api, task = found[0]
    try:
        yield api
    finally:
        api.loop.call_soon_threadsafe(task.cancel)
        thread.join(TIMEOUT_S)
        assert not thread.is_alive(), "the server did not end"


async def token(
    sayso: Sayso,
    holder: str,
    kind: Kind = "service",
    scopes: frozenset[Scope] = frozenset({Scope.READ}),
    *,
    tenant: Tenant | None = None,
    days_ago: int = 0,
) -> tuple[Token, str]:
    """A new token of one day, as if made some days ago; of somebody who has left, if they have."""
    opened = sayso.container
    past = FakeClock(START - timedelta(days=days_ago))
    tokens = Tokens(
        store=opened.store,
        log=opened.log,
        clock=past,
        ids=opened.ids,
        directory=opened.directory,
        keyring=opened.keyring,
        home=opened.tenant,
    )
    home, by = tenant or opened.tenant, By(actor=OPERATOR)
    present = {person.id for person in sayso.workspace.settings.people if person.active}
    left = kind == "person" and holder not in present
    if left:
        await sayso.people.add(home, holder, (), by=by)
    made = await tokens.create(home, kind, holder, scopes, days=1, by=OPERATOR)
    if left:
        await sayso.people.deactivate(home, holder, by=by)
    return made
