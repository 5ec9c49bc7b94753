"""A Stripe connector on a sandbox, with the words that its tests are written in."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from connectors.benches import ANA, LONG_S, ONCE, stripe_on

from sayso.actions.model.definition import Subject
from sayso.actions.model.snapshot import Absence, Call, Receipt, Resolved
from sayso.connectors.registry import Connectors
from sayso.connectors.retry import RetryPolicy
from sayso.errors import SaysoError
from sayso.json import JsonObject
from sayso.sandbox import Sandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeAccount:
    """The registry with Stripe in it, and the sandbox behind."""

    sandbox: Sandbox
    connectors: Connectors

    async def resolve(self, action: str, args: JsonObject, subject: Subject = ANA) -> Resolved:
        """The snapshot, as the engine would get it."""
        read = self.connectors.validate_args(action, args)
        return await self.connectors.resolve(self.connectors.action(action), read, subject)

    async def plan(
        self, action: str, args: JsonObject, subject: Subject = ANA, *, number: int = 1
    ) -> Call:
        """A call that is ready to be made."""
        return Call(
            tenant="main",
            action_id=f"act_{number:026d}",
            action=action,
            subject_id=subject.id,
            resolved=await self.resolve(action, args, subject),
            idempotency_key=f"{number:064x}",
        )

    async def outcome(self, call: Call) -> Receipt | SaysoError:
        """What the engine would see of the call."""
        try:
            return await self.connectors.call(call)
        except SaysoError as error:
            return error

    async def look_up(self, call: Call) -> Receipt | Absence:
        """The look-up."""
        return await self.connectors.look_up(call)


@asynccontextmanager
async def open_account(
    *,
    timeout_s: float = LONG_S,
    retry: RetryPolicy = ONCE,
    restricted: frozenset[str] | None = None,
    api_key: str | None = None,
) -> AsyncGenerator[StripeAccount, None]:
    """A desk on a fresh sandbox with the demo's customers.

    Args:
        timeout_s, retry: of the connector.
        restricted: permissions of the connector's key; None for all of them.
        api_key: another key than the sandbox's.
    """
    keys = {} if restricted is None else {"rk_test_few": restricted}
    with Sandbox.start(seed="demo", restricted_keys=keys) as sandbox:
        key = api_key or ("rk_test_few" if restricted is not None else sandbox.api_key)
        stripe = stripe_on(sandbox.url, key, timeout_s=timeout_s, retry=retry)
        try:
            yield StripeAccount(sandbox=sandbox, connectors=Connectors([stripe]))
        finally:
            await stripe.close()
