"""The SDK for synchronous code: `with SyncSayso.open("sayso.toml") as sayso: sayso.ask(…)`."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar

from sayso.actions.model.definition import Subject
from sayso.agent.base import Message
from sayso.connectors.base import Connector
from sayso.sdk.audit.audit import Audit
from sayso.sdk.client import Mode, Sayso
from sayso.sdk.privacy.privacy import Privacy
from sayso.sdk.resources.actions import ActionResource
from sayso.sdk.resources.approvals import ApprovalResource
from sayso.sdk.resources.authentication import Authentication
from sayso.sdk.resources.customers import CustomerResource
from sayso.sdk.resources.requests import RequestResource
from sayso.sdk.resources.stops import StopResource
from sayso.sdk.resources.tokens import Tokens
from sayso.sdk.views.progress import ProgressView
from sayso.sdk.views.rows import EventView

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")
Run = Callable[[Coroutine[Any, Any, Any]], Any]


class _Waited(Generic[R]):
    """A resource of the asynchronous SDK whose coroutines are waited for."""

    def __init__(self, resource: R, run: Run) -> None:
        self._resource = resource
        self._run = run

    def wait_for(self, call: Callable[[R], Coroutine[Any, Any, T]]) -> T:
        """What a coroutine of the resource returns."""
        found: T = self._run(call(self._resource))
        return found


def _blocking(
    method: Callable[Concatenate[R, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[_Waited[R], P], T]:
    """The same method, waited for."""

    @functools.wraps(method)
    def call(self: _Waited[R], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.wait_for(lambda resource: method(resource, *args, **kwargs))

    return call


class SyncRequests(_Waited[RequestResource]):
    """See `RequestResource`."""

    get = _blocking(RequestResource.get)
    answer = _blocking(RequestResource.answer)
    withdraw = _blocking(RequestResource.withdraw)
    wait = _blocking(RequestResource.wait)
    by_key = _blocking(RequestResource.by_key)
    list = _blocking(RequestResource.list)


class SyncActions(_Waited[ActionResource]):
    """See `ActionResource`."""

    get = _blocking(ActionResource.get)
    elsewhere = _blocking(ActionResource.elsewhere)
    wait = _blocking(ActionResource.wait)
    by_key = _blocking(ActionResource.by_key)
    list = _blocking(ActionResource.list)
    types = _blocking(ActionResource.types)
    settle = _blocking(ActionResource.settle)


class SyncApprovals(_Waited[ApprovalResource]):
    """See `ApprovalResource`."""

    get = _blocking(ApprovalResource.get)
    why_not = _blocking(ApprovalResource.why_not)
    list = _blocking(ApprovalResource.list)
    decide = _blocking(ApprovalResource.decide)
    decide_together = _blocking(ApprovalResource.decide_together)


class SyncStops(_Waited[StopResource]):
    """See `StopResource`."""

    engage = _blocking(StopResource.engage)
    check = _blocking(StopResource.check)
    resume = _blocking(StopResource.resume)
    list = _blocking(StopResource.list)


class SyncTokens(_Waited[Tokens]):
    """See `Tokens`."""

    create = _blocking(Tokens.create)
    revoke = _blocking(Tokens.revoke)
    list = _blocking(Tokens.list)
    seen = _blocking(Tokens.seen)


class SyncAuthentication(_Waited[Authentication]):
    """See `Authentication`."""

    person = _blocking(Authentication.person)
    holder = _blocking(Authentication.holder)


class SyncAudit(_Waited[Audit]):
    """See `Audit`."""

    query = _blocking(Audit.query)
    ask = _blocking(Audit.ask)
    export = _blocking(Audit.export)


class SyncCustomers(_Waited[CustomerResource]):
    """See `CustomerResource`."""

    find = _blocking(CustomerResource.find)
    show = _blocking(CustomerResource.show)
    link = _blocking(CustomerResource.link)
    merge = _blocking(CustomerResource.merge)
    unlink = _blocking(CustomerResource.unlink)


class SyncPrivacy(_Waited[Privacy]):
    """See `Privacy`."""

    erase = _blocking(Privacy.erase)


async def _next(changes: AsyncIterator[T]) -> T | None:
    return await anext(changes, None)


class SyncSayso(_Waited[Sayso]):
    """An open workspace whose methods block; may be used from several threads.

    One background thread runs the asynchronous SDK; nothing is written twice: each method is that
    of `Sayso` or of its resource, with the same arguments.
    """

    def __init__(self, sayso: Sayso) -> None:
        super().__init__(sayso, self.run)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="sayso-sync", daemon=True
        )

    @classmethod
    def open(
        cls,
        path: str | Path = "sayso.toml",
        *,
        environment: Mapping[str, str] | None = None,
        mode: Mode = "run",
        connectors: Sequence[Connector] = (),
    ) -> Self:
        """See `Sayso.open`."""
        return cls(Sayso.open(path, environment=environment, mode=mode, connectors=connectors))

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self.run(self._resource.__aenter__())
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        try:
            self.run(self._resource.__aexit__(*exc_info))
        finally:
            self._stop()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def wrapped(self) -> Sayso:
        """The asynchronous SDK; its coroutines run by `run` only."""
        return self._resource

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine of the asynchronous SDK, in its own thread, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    ask = _blocking(Sayso.ask)
    propose = _blocking(Sayso.propose)

    def follow(
        self, item_id: str, *, after: int = -1, tenant: str | None = None
    ) -> Iterator[EventView]:
        """See `Sayso.follow`."""
        changes = self._resource.follow(item_id, after=after, tenant=tenant)
        while (change := self.run(_next(changes))) is not None:
            yield change

    def stream(
        self,
        subject: str | Subject,
        messages: str | Sequence[Message],
        *,
        idempotency_key: str | None = None,
        conversation: str | None = None,
    ) -> Iterator[ProgressView]:
        """See `Sayso.stream`."""
        steps = self._resource.stream(
            subject, messages, idempotency_key=idempotency_key, conversation=conversation
        )
        while (step := self.run(_next(steps))) is not None:
            yield step

    @property
    def requests(self) -> SyncRequests:
        """See `Sayso.requests`."""
        return SyncRequests(self._resource.requests, self.run)

    @property
    def actions(self) -> SyncActions:
        """See `Sayso.actions`."""
        return SyncActions(self._resource.actions, self.run)

    @property
    def approvals(self) -> SyncApprovals:
        """See `Sayso.approvals`."""
        return SyncApprovals(self._resource.approvals, self.run)

    @property
    def stops(self) -> SyncStops:
        """See `Sayso.stops`."""
        return SyncStops(self._resource.stops, self.run)

    @property
    def tokens(self) -> SyncTokens:
        """See `Sayso.tokens`."""
        return SyncTokens(self._resource.tokens, self.run)

    @property
    def authentication(self) -> SyncAuthentication:
        """See `Sayso.authentication`."""
        return SyncAuthentication(self._resource.authentication, self.run)

    @property
    def audit(self) -> SyncAudit:
        """See `Sayso.audit`."""
        return SyncAudit(self._resource.audit, self.run)

    @property
    def privacy(self) -> SyncPrivacy:
        """See `Sayso.privacy`."""
        return SyncPrivacy(self._resource.privacy, self.run)

    @property
    def customers(self) -> SyncCustomers:
        """See `Sayso.customers`."""
        return SyncCustomers(self._resource.customers, self.run)
