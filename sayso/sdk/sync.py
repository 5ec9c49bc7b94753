"""The SDK for synchronous code: `with Sayso.sync("sayso.toml") as sayso: sayso.ask(…)`."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from sayso.connectors.base import Connector
from sayso.sdk.client import Sayso
from sayso.sdk.views import EntryView

P = ParamSpec("P")
T = TypeVar("T")


def _blocking(
    method: Callable[Concatenate[Sayso, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[SyncSayso, P], T]:
    """The same method, waited for."""

    @functools.wraps(method)
    def call(self: SyncSayso, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.run(method(self.wrapped, *args, **kwargs))

    return call


class SyncSayso:
    """An open workspace whose methods block; may be used from several threads.

    One background thread runs the asynchronous SDK; nothing is written twice: each method is that
    of `Sayso` with the same arguments.
    """

    def __init__(self, sayso: Sayso) -> None:
        self._sayso = sayso
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
        work: bool = True,
        act: bool = True,
        connectors: Sequence[Connector] = (),
    ) -> Self:
        """See `Sayso.open`."""
        return cls(
            Sayso.open(path, environment=environment, work=work, act=act, connectors=connectors)
        )

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self.run(self._sayso.__aenter__())
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        try:
            self.run(self._sayso.__aexit__(*exc_info))
        finally:
            self._stop()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def wrapped(self) -> Sayso:
        """The asynchronous SDK; its coroutines run by `run` only."""
        return self._sayso

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine of the asynchronous SDK, in its own thread, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    ask = _blocking(Sayso.ask)
    request = _blocking(Sayso.request)
    requests = _blocking(Sayso.requests)
    propose = _blocking(Sayso.propose)
    kinds = _blocking(Sayso.kinds)
    action = _blocking(Sayso.action)
    actions = _blocking(Sayso.actions)
    approval = _blocking(Sayso.approval)
    approvals = _blocking(Sayso.approvals)
    decide = _blocking(Sayso.decide)
    decide_plan = _blocking(Sayso.decide_plan)
    person_of = _blocking(Sayso.person_of)
    token_of = _blocking(Sayso.token_of)
    resolve = _blocking(Sayso.resolve)
    stop = _blocking(Sayso.stop)
    check_stop = _blocking(Sayso.check_stop)
    stops = _blocking(Sayso.stops)
    resume = _blocking(Sayso.resume)

    def audit_query(self, words: str = "", *, limit: int = 50) -> list[EntryView]:
        """See `Audit.query`."""
        return self.run(self._sayso.audit.query(words, limit=limit))
