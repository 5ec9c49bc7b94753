"""What `from sayso import …` offers, for type checkers; `__init__` finds it at run time."""

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
