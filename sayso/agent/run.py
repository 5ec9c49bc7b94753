"""What one run of a request works with, and what its checkpoint holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

from sayso.actions.engine.proposals import Proposals
from sayso.actions.model.definition import Action, plannable
from sayso.actions.model.ports import ActionRegistry
from sayso.agent.base import Asking, Handles, Message, Planner, Records, Spending
from sayso.agent.prompts import Prompts
from sayso.agent.request_row import RequestRow
from sayso.agent.requests import Requests
from sayso.agent.understanding import Knowledge, language_of
from sayso.settings.planner import ConfirmWhen
from sayso.store.base import Store
from sayso.telemetry import Telemetry


class RunState(TypedDict, total=False):
    """What the checkpoint holds: plain JSON, nothing personal."""

    problems: list[str]
    tries: int
    plan: dict[str, Any] | None
    question: dict[str, Any] | None
    confirmed: bool
    code: str
    planner: str
    prompt: str
    tokens: int
    cost_micro_usd: int


@dataclass(kw_only=True)
class RunContext:
    """What a run works with; passed beside the state, so that it is in no checkpoint."""

    row: RequestRow
    messages: Sequence[Message]
    give_up: bool
    store: Store
    requests: Requests
    proposals: Proposals
    registry: ActionRegistry
    records: Records
    planner: Planner
    knowledge: Knowledge
    confirm: ConfirmWhen
    telemetry: Telemetry
    region: str | None = None
    prompts: Prompts | None = None
    spending: Spending | None = None
    handles: Handles | None = field(default=None)
    reason: str = "no reason was given"
    """Why a person has to take it; it may quote the customer, so that it is in no checkpoint."""

    async def known(self) -> Handles:
        """The subject's objects under this run's handles; looked up once a run."""
        if self.handles is None:
            self.handles = Handles(await self.records.list_records(self.row.subject))
        return self.handles

    @property
    def actions(self) -> Mapping[str, Action]:
        """What can be planned, by name."""
        return {action.name: action for action in plannable(self.registry.actions)}

    @property
    def language(self) -> str:
        """The customer's language."""
        return language_of(self.messages, self.knowledge)

    @property
    def asking(self) -> Asking:
        """What a planner that costs something is told of the request."""
        return Asking(
            key=self.row.id, region=self.region, prompts=self.prompts, spending=self.spending
        )

    @property
    def asked(self) -> int:
        """How many questions the conversation holds that Sayso asked."""
        return sum(turn.question is not None for turn in self.messages)
