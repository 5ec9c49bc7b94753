"""The SDK for synchronous code: `with Sayso.sync("sayso.toml") as sayso: sayso.ask(…)`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

from sayso.actions.action import Subject
from sayso.agent.base import Message
from sayso.connectors.base import Connector
from sayso.json import JsonValue
from sayso.sdk.app import Sayso
from sayso.sdk.views import ActionView, ApprovalView, EntryView, RequestView

T = TypeVar("T")


class SyncSayso:
    """An open workspace whose methods block; may be used from several threads.

    One background thread runs the asynchronous SDK; nothing is written twice.
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
        connectors: Sequence[Connector] = (),
    ) -> Self:
        """See `Sayso.open`."""
        return cls(Sayso.open(path, environment=environment, work=work, connectors=connectors))

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._run(self._sayso.__aenter__())
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        try:
            self._run(self._sayso.__aexit__(*exc_info))
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
        return self._run(work)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def ask(
        self,
        subject: str | Subject,
        messages: str | Sequence[Message],
        *,
        key: str | None = None,
        wait_s: float = 30.0,
    ) -> RequestView:
        """See `Sayso.ask`."""
        return self._run(self._sayso.ask(subject, messages, key=key, wait_s=wait_s))

    def propose(
        self,
        action: str,
        args: Mapping[str, JsonValue],
        *,
        subject: str | Subject,
        reason: str = "",
        key: str | None = None,
        dry_run: bool = False,
    ) -> ActionView:
        """See `Sayso.propose`."""
        return self._run(
            self._sayso.propose(
                action, args, subject=subject, reason=reason, key=key, dry_run=dry_run
            )
        )

    def decide(
        self,
        approval_id: str,
        choice: str,
        *,
        token: str,
        revision: int,
        digest: str,
        reason_code: str = "",
        reason: str = "",
        args: Mapping[str, JsonValue] | None = None,
    ) -> ActionView:
        """See `Sayso.decide`."""
        return self._run(
            self._sayso.decide(
                approval_id,
                choice,
                token=token,
                revision=revision,
                digest=digest,
                reason_code=reason_code,
                reason=reason,
                args=args,
            )
        )

    def request(self, request_id: str) -> RequestView:
        """See `Sayso.request`."""
        return self._run(self._sayso.request(request_id))

    def action(self, action_id: str) -> ActionView:
        """See `Sayso.action`."""
        return self._run(self._sayso.action(action_id))

    def actions(
        self,
        *,
        status: str | None = None,
        subject: str | None = None,
        action: str | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> list[ActionView]:
        """See `Sayso.actions`."""
        return self._run(
            self._sayso.actions(
                status=status, subject=subject, action=action, limit=limit, after=after
            )
        )

    def approvals(
        self, *, status: str | None = "pending", limit: int = 50, after: str | None = None
    ) -> list[ApprovalView]:
        """See `Sayso.approvals`."""
        return self._run(self._sayso.approvals(status=status, limit=limit, after=after))

    def audit_query(self, words: str = "", *, limit: int = 50) -> list[EntryView]:
        """See `Audit.query`."""
        return self._run(self._sayso.audit.query(words, limit=limit))
