"""airlock-sdk as its README shows: a guarded function that a policy gates, resumed with a yes.

Its SQLite store sets `synchronous=NORMAL` (its store/sqlite.py says so): a commit is not synced. On
PostgreSQL it is as durable as the server.
"""

from __future__ import annotations

import contextvars
import io
from collections.abc import Generator
from contextlib import contextmanager

import airlock
from airlock import Decision, Effect, HumanDecision, Money, Policy, Reversibility, Rule
from airlock.store import from_url
from airlock.transport.console import ConsoleApprovalTransport

from bench.throughput.flow import Place


class Silent(io.StringIO):
    """Keeps nothing of what the console transport prints."""

    def write(self, text: str, /) -> int:
        """Forget it."""
        return len(text)


class AirlockPeer:
    """One guarded refund. `airlock.init` speaks to its own context, which each call gets."""

    def __init__(self, place: Place) -> None:
        self._payouts: list[tuple[str, int]] = []
        url = place.url or f"sqlite:///{place.folder / 'airlock.db'}"
        self.store = from_url(url)
        ensure = getattr(self.store, "ensure_schema", None)
        if ensure is not None:
            ensure()
        self._app = airlock.init(
            store=self.store,
            policy=Policy(rules=[Rule(match="payment.*", decision=Decision.GATE)]),
            transport=ConsoleApprovalTransport(place.folder / "approvals.jsonl", out=Silent()),
            gate_wait=False,
        )
        self._context = contextvars.copy_context()

        @airlock.guard(
            "payment.refund",
            cost=Money(amount="200.00", currency="USD"),
            reversibility=Reversibility.IRREVERSIBLE,
            effect=Effect(key_param="idempotency_key"),
        )
        def refund(
            order: str, amount_minor: int, reason: str, *, idempotency_key: str | None = None
        ) -> dict[str, str]:
            assert idempotency_key
            self._payouts.append((order, amount_minor))
            return {"payout": f"pay_{len(self._payouts)}"}

        self._refund = refund

    def propose(self, number: int) -> str:
        """Pause the run durably."""
        return self._context.copy().run(self._pause, number)

    def _pause(self, number: int) -> str:
        try:
            self._refund(f"o{number}", 20_000, "it arrived broken")
        except airlock.ActionPending as pending:
            return str(pending.approval_ref)
        raise AssertionError("it was not gated")

    def approve(self, handle: str) -> None:
        """Resume it with a yes, which commits it."""
        self._context.copy().run(self._app.resume, handle, HumanDecision.APPROVED)

    @property
    def effects(self) -> int:
        """How many refunds were done."""
        return len(self._payouts)


@contextmanager
def open_peer(place: Place) -> Generator[AirlockPeer]:
    """On a new SQLite file, or on the PostgreSQL database."""
    place.folder.mkdir(parents=True)
    peer = AirlockPeer(place)
    try:
        yield peer
    finally:
        peer.store.close()
