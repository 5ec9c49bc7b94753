"""Support agents that act, on your say-so.

    async with Sayso.open("sayso.toml") as sayso:
        request = await sayso.ask("cus_123", "Please refund order 1042")

Names are imported when they are first used, so that `import sayso` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sayso.actions.action import (
        Action,
        Args,
        Assurance,
        Effect,
        Guarantee,
        Subject,
        at_most_once,
        idempotent,
        verifiable,
    )
    from sayso.actions.plan import HandOver, Plan, Step
    from sayso.actions.snapshot import Absence, Call, Receipt, Record, Resolved
    from sayso.agent.base import Message
    from sayso.connectors.base import Connector
    from sayso.errors import (
        Code,
        ConfigError,
        IntegrityError,
        OutcomeUnknownError,
        RefusedError,
        RetryableError,
        SaysoError,
    )
    from sayso.money import Money
    from sayso.sdk.app import Sayso
    from sayso.sdk.tools.langchain import langchain_tools

__all__ = [
    "Absence",
    "Action",
    "Args",
    "Assurance",
    "Call",
    "Code",
    "ConfigError",
    "Connector",
    "Effect",
    "Guarantee",
    "HandOver",
    "IntegrityError",
    "Message",
    "Money",
    "OutcomeUnknownError",
    "Plan",
    "Receipt",
    "Record",
    "RefusedError",
    "Resolved",
    "RetryableError",
    "Sayso",
    "SaysoError",
    "Step",
    "Subject",
    "at_most_once",
    "idempotent",
    "langchain_tools",
    "verifiable",
]

_HOMES = {
    "Absence": "sayso.actions.snapshot",
    "Action": "sayso.actions.action",
    "Args": "sayso.actions.action",
    "Assurance": "sayso.actions.action",
    "Call": "sayso.actions.snapshot",
    "Code": "sayso.errors",
    "ConfigError": "sayso.errors",
    "Connector": "sayso.connectors.base",
    "Effect": "sayso.actions.action",
    "Guarantee": "sayso.actions.action",
    "HandOver": "sayso.actions.plan",
    "IntegrityError": "sayso.errors",
    "Message": "sayso.agent.base",
    "Money": "sayso.money",
    "OutcomeUnknownError": "sayso.errors",
    "Plan": "sayso.actions.plan",
    "Receipt": "sayso.actions.snapshot",
    "Record": "sayso.actions.snapshot",
    "RefusedError": "sayso.errors",
    "Resolved": "sayso.actions.snapshot",
    "RetryableError": "sayso.errors",
    "Sayso": "sayso.sdk.app",
    "SaysoError": "sayso.errors",
    "Step": "sayso.actions.plan",
    "Subject": "sayso.actions.action",
    "at_most_once": "sayso.actions.action",
    "idempotent": "sayso.actions.action",
    "langchain_tools": "sayso.sdk.tools.langchain",
    "verifiable": "sayso.actions.action",
}


def __getattr__(name: str) -> object:
    # SOURCE: PEP 562.
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module `{__name__}` has no `{name}`")
    found: object = getattr(import_module(home), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
