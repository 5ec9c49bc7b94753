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
from sayso.actions.model.plan import (
    Handoff,
    Plan,
    Step,
)
from sayso.actions.model.snapshot import (
    Absence,
    Call,
    EffectFailedError,
    Finality,
    Receipt,
    Record,
    Resolved,
)
from sayso.agent.base import (
    Message,
)
from sayso.connectors.base import (
    Connector,
)
from sayso.connectors.define import (
    OwnConnector,
    action,
)
from sayso.errors import (
    Code,
    ConfigError,
    IntegrityError,
    OutcomeUnknownError,
    RefusedError,
    RetryableError,
    SaysoError,
)
from sayso.json import (
    JsonValue,
)
from sayso.money import (
    Money,
)
from sayso.sdk.client import (
    Sayso,
)
from sayso.sdk.resources.work import (
    WorkView,
)
from sayso.sdk.sync import (
    SyncSayso,
)
from sayso.sdk.tools.langchain import (
    langchain_tools,
)
from sayso.sdk.tools.openai_agents import (
    openai_agents_tools,
)
from sayso.sdk.tools.pydantic_ai import (
    pydantic_ai_tools,
)
from sayso.sdk.views.rows import (
    ActionView,
    ApprovalView,
    DecisionView,
    EntryView,
    ErrorView,
    EventView,
    QuestionView,
    ReceiptView,
    RequestView,
    StopView,
)
from sayso.sdk.views.solution import (
    SolutionView,
)
from sayso.surfaces.http.app import (
    create_app,
)
from sayso.surfaces.site import (
    open_site,
)

__all__ = [
    "Absence",
    "Action",
    "ActionView",
    "ApprovalView",
    "Args",
    "Assurance",
    "Call",
    "Code",
    "ConfigError",
    "Connector",
    "DecisionView",
    "Effect",
    "EffectFailedError",
    "EntryView",
    "ErrorView",
    "EventView",
    "Finality",
    "Guarantee",
    "Handoff",
    "IntegrityError",
    "JsonValue",
    "Message",
    "Money",
    "OutcomeUnknownError",
    "OwnConnector",
    "Plan",
    "QuestionView",
    "Receipt",
    "ReceiptView",
    "Record",
    "RefusedError",
    "RequestView",
    "Resolved",
    "RetryableError",
    "Sayso",
    "SaysoError",
    "SolutionView",
    "Step",
    "StopView",
    "Subject",
    "SyncSayso",
    "WorkView",
    "action",
    "at_most_once",
    "create_app",
    "idempotent",
    "langchain_tools",
    "open_site",
    "openai_agents_tools",
    "pydantic_ai_tools",
    "verifiable",
]
