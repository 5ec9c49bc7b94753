"""Who plans, and when a customer confirms a plan: `[planner]`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, RootModel

from sayso.settings.base import Reference, Section


class ConfirmWhen(RootModel[Mapping[str, Literal["always", "uncertain", "never"]]]):
    """Whether a plan is restated to the customer before anything is asked for, by action.

    `uncertain` (the default): unless their words leave nothing open. `default` names all actions
    that are not named themselves; the strictest of a plan's actions counts.
    """

    root: Mapping[str, Literal["always", "uncertain", "never"]] = {}

    def of(self, action: str) -> Literal["always", "uncertain", "never"]:
        """What holds for an action."""
        return self.root.get(action, self.root.get("default", "uncertain"))


class PlannerSection(Section):
    """Who plans: playbooks always, then a model where one is named.

    Attributes:
        playbooks: folder of the workspace's own playbooks.
        confirm: which plans the customer has to say yes to first.
        model: `provider:name` as LangChain's `init_chat_model` takes it.
        base_url: for servers with an OpenAI-compatible interface.
        api_key: of the model's provider.
        timeout_s: for one call of the model.
        max_calls: of the model for one request; then a person takes over.
        micro_usd_per_million_in: millionths of a dollar for a million tokens asked ($2.50 is
            2500000); 0 when it is not to be counted.
        micro_usd_per_million_out: and answered.
    """

    playbooks: str = "playbooks"
    confirm: ConfirmWhen = ConfirmWhen()
    model: str | None = None
    base_url: str | None = None
    api_key: Reference | None = None
    timeout_s: Annotated[float, Field(gt=0, le=300)] = 30.0
    max_calls: Annotated[int, Field(ge=1, le=20)] = 3
    micro_usd_per_million_in: Annotated[int, Field(ge=0)] = 0
    micro_usd_per_million_out: Annotated[int, Field(ge=0)] = 0
