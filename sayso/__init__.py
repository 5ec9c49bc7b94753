"""Support agents that act, on your say-so.

    async with Sayso.open("sayso.toml") as sayso:
        request = await sayso.ask("cus_123", "Please refund order 1042")

Where to look, from the top: `surfaces` (command line, HTTP, MCP, Slack, console) over the `sdk`;
`dispatch` runs what is due; the `agent` plans; `connectors` reach providers; `actions` is what may
be done, who says yes, and how it is done once; `audit` is the log; `store` is the database.
`sandbox` is a provider to try things with, `testing` is for your own tests. Everywhere: `settings`,
`telemetry`, `errors`, `ids`, `money`, `json`, `text`, `secret`, `reading` (JMESPath), `network`,
`serving`, `extras`, `nesting` (JSON and TOML, to a depth), `verdicts` (what is wrong with a
database, in one wording), `block_kit` (what Slack would refuse).

Names are imported when they are first used, so that `import sayso` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sayso.actions.model.definition import (
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
    from sayso.actions.model.plan import Handoff, Plan, Step
    from sayso.actions.model.snapshot import (
        Absence,
        Call,
        EffectFailedError,
        Finality,
        Receipt,
        Record,
        Resolved,
    )
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
    from sayso.sdk.client import Sayso
    from sayso.sdk.sync import SyncSayso
    from sayso.sdk.tools.langchain import langchain_tools
    from sayso.sdk.tools.openai_agents import openai_agents_tools
    from sayso.sdk.tools.pydantic_ai import pydantic_ai_tools

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
    "EffectFailedError",
    "Finality",
    "Guarantee",
    "Handoff",
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
    "SyncSayso",
    "at_most_once",
    "idempotent",
    "langchain_tools",
    "openai_agents_tools",
    "pydantic_ai_tools",
    "verifiable",
]

_HOMES = {
    "Absence": "sayso.actions.model.snapshot",
    "Action": "sayso.actions.model.definition",
    "Args": "sayso.actions.model.definition",
    "Assurance": "sayso.actions.model.definition",
    "Call": "sayso.actions.model.snapshot",
    "Code": "sayso.errors",
    "ConfigError": "sayso.errors",
    "Connector": "sayso.connectors.base",
    "Effect": "sayso.actions.model.definition",
    "EffectFailedError": "sayso.actions.model.snapshot",
    "Finality": "sayso.actions.model.snapshot",
    "Guarantee": "sayso.actions.model.definition",
    "Handoff": "sayso.actions.model.plan",
    "IntegrityError": "sayso.errors",
    "Message": "sayso.agent.base",
    "Money": "sayso.money",
    "OutcomeUnknownError": "sayso.errors",
    "Plan": "sayso.actions.model.plan",
    "Receipt": "sayso.actions.model.snapshot",
    "Record": "sayso.actions.model.snapshot",
    "RefusedError": "sayso.errors",
    "Resolved": "sayso.actions.model.snapshot",
    "RetryableError": "sayso.errors",
    "Sayso": "sayso.sdk.client",
    "SaysoError": "sayso.errors",
    "Step": "sayso.actions.model.plan",
    "Subject": "sayso.actions.model.definition",
    "SyncSayso": "sayso.sdk.sync",
    "at_most_once": "sayso.actions.model.definition",
    "idempotent": "sayso.actions.model.definition",
    "langchain_tools": "sayso.sdk.tools.langchain",
    "openai_agents_tools": "sayso.sdk.tools.openai_agents",
    "pydantic_ai_tools": "sayso.sdk.tools.pydantic_ai",
    "verifiable": "sayso.actions.model.definition",
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
