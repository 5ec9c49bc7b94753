"""Support agents that act, on your say-so.

    async with Sayso.open("sayso.toml") as sayso:
        request = await sayso.ask("cus_123", "Please refund order 1042")

Where to look, from the top: `surfaces` (command line, HTTP, MCP, Slack, console) over the `sdk`;
`dispatch` runs what is due; the `agent` plans; `connectors` reach providers; `actions` is what may
be done, who says yes, and how it is done once; `audit` is the log; `store` is the database.
`sandbox` is a provider to try things with, `testing` is for your own tests. Everywhere: `settings`,
`telemetry`, `logs`, `errors`, `ids`, `money`, `json`, `text`, `secret`, `reading` (JMESPath),
`network`, `serving`, `extras`, `frozen` (changing frozen values),
`nesting` (JSON and TOML, to a depth), `toml` (files that people write),
`verdicts` (what is wrong with a database, in one wording),
`block_kit` (what Slack would refuse).

Names are imported when they are first used, so that `import sayso` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import extend_path

# Each floor is a distribution of its own, and they share this name, wherever each is installed:
# docs/decisions/0115-a-distribution-for-each-floor.md.
__path__ = extend_path(__path__, __name__)

_HOMES = {
    "Absence": "sayso.actions.model.snapshot",
    "Action": "sayso.actions.model.definition",
    "ActionView": "sayso.sdk.views.rows",
    "ApprovalView": "sayso.sdk.views.rows",
    "Args": "sayso.actions.model.definition",
    "Assurance": "sayso.actions.model.definition",
    "Call": "sayso.actions.model.snapshot",
    "Code": "sayso.errors",
    "ConfigError": "sayso.errors",
    "Connector": "sayso.connectors.base",
    "DecisionView": "sayso.sdk.views.rows",
    "Effect": "sayso.actions.model.definition",
    "EffectFailedError": "sayso.actions.model.snapshot",
    "EntryView": "sayso.sdk.views.rows",
    "ErrorView": "sayso.sdk.views.rows",
    "EventView": "sayso.sdk.views.rows",
    "Finality": "sayso.actions.model.snapshot",
    "Guarantee": "sayso.actions.model.definition",
    "Handoff": "sayso.actions.model.plan",
    "IntegrityError": "sayso.errors",
    "JsonValue": "sayso.json",
    "Message": "sayso.agent.base",
    "Money": "sayso.money",
    "OutcomeUnknownError": "sayso.errors",
    "OwnConnector": "sayso.connectors.define",
    "Plan": "sayso.actions.model.plan",
    "QuestionView": "sayso.sdk.views.rows",
    "Receipt": "sayso.actions.model.snapshot",
    "ReceiptView": "sayso.sdk.views.rows",
    "Record": "sayso.actions.model.snapshot",
    "RefusedError": "sayso.errors",
    "RequestView": "sayso.sdk.views.rows",
    "Resolved": "sayso.actions.model.snapshot",
    "RetryableError": "sayso.errors",
    "Sayso": "sayso.sdk.client",
    "SaysoError": "sayso.errors",
    "SolutionView": "sayso.sdk.views.solution",
    "Step": "sayso.actions.model.plan",
    "StopView": "sayso.sdk.views.rows",
    "Subject": "sayso.actions.model.definition",
    "SyncSayso": "sayso.sdk.sync",
    "WorkView": "sayso.sdk.resources.work",
    "action": "sayso.connectors.define",
    "at_most_once": "sayso.actions.model.definition",
    "create_app": "sayso.surfaces.http.app",
    "idempotent": "sayso.actions.model.definition",
    "langchain_tools": "sayso.sdk.tools.langchain",
    "open_site": "sayso.surfaces.site",
    "openai_agents_tools": "sayso.sdk.tools.openai_agents",
    "pydantic_ai_tools": "sayso.sdk.tools.pydantic_ai",
    "verifiable": "sayso.actions.model.definition",
}
_ROOT = {"sdk", "surfaces"}
__all__ = [*_HOMES]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    # SOURCE: PEP 562.
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module `{__name__}` has no `{name}`")
    try:
        found: object = getattr(import_module(home), name)
    except ModuleNotFoundError as error:
        if not f"{home}.".startswith(f"{error.name}."):
            raise  # what it imports itself is missing
        _, part, *_ = home.split(".")
        missing = "sayso" if part in _ROOT else f"sayso-{part}"
        why = f"`{name}` comes with {missing}, which is not installed: pip install {missing}"
        raise ModuleNotFoundError(why, name=error.name) from error
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
