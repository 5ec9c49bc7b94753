"""What every part of the engine works with, made once for an open workspace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sayso.actions.customers.accounts import Accounts
from sayso.actions.model.ledger import Ledger
from sayso.actions.model.ports import ActionRegistry
from sayso.actions.policy.evaluator import Evaluator
from sayso.audit.authority.directory import Directory
from sayso.audit.personal import Personal
from sayso.ids import Clock, IdSource, to_micros
from sayso.store.base import Store
from sayso.telemetry import Telemetry


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """Times of the engine.

    Attributes:
        lease_s: after so many seconds without a sign of life another worker takes over.
        call_timeout_s: after so many seconds without an answer a call's outcome is unknown.
        fresh_s: a snapshot younger than this is not read again at the claim.
        yes_reason_from: from which amount on a yes needs a reason, in minor units by currency.
        hold_micros: so long what people agreed to waits before it starts.
    """

    lease_s: float = 5.0
    call_timeout_s: float = 60.0
    fresh_s: float = 5.0
    yes_reason_from: Mapping[str, int] = field(default_factory=dict[str, int])
    hold_micros: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineContext:
    """The parts that the engine, approvals and controls share.

    Attributes:
        store: where units of work run.
        ledger: the only one that changes the rows of actions.
        registry: knows the definitions, and reaches the connectors.
        evaluator: asks the policy.
        directory: who the people are now.
        personal: seals what names or quotes a customer.
        accounts: finds the accounts of a customer at other providers than the one they wrote from.
    """

    store: Store
    ledger: Ledger
    registry: ActionRegistry
    evaluator: Evaluator
    directory: Directory
    personal: Personal
    clock: Clock
    ids: IdSource
    telemetry: Telemetry
    accounts: Accounts
    settings: EngineSettings = field(default_factory=EngineSettings)

    def now(self) -> int:
        """Microseconds since 1970, UTC."""
        return to_micros(self.clock.now())
