"""Who plans, when a customer confirms a plan, and what models may take: `[planner]`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, RootModel

from sayso.settings.base import Name, Reference, Section, Url

_Micro = Annotated[int, Field(ge=0)]


When = Literal["always", "uncertain", "named", "never"]


class ConfirmWhen(RootModel[Mapping[str, When]]):
    """Whether a plan is restated to the customer before anything is asked for, by action.

    `uncertain` (the default): unless their words leave nothing open, or name act, object and amount
    and a person decides anyway, or it can be taken back. `named`: unless they name act, object and
    amount, so that what your policy caps goes by it. `default` names all actions that are not named
    themselves; the strictest of a plan's actions counts.
    """

    root: Mapping[str, When] = {}

    def of(self, action: str) -> When:
        """What holds for an action."""
        return self.root.get(action, self.root.get("default", "uncertain"))


class ModelSection(Section):
    """A language model and what one request may take of it.

    Attributes:
        model: `provider:name` as LangChain's `init_chat_model` takes it.
        base_url: for servers with an OpenAI-compatible interface.
        api_key: of the model's provider.
        timeout_s: for all calls of one request together.
        max_calls: of the model for one request; then the next model or a person takes over.
        max_output_tokens: of one answer.
        region: where the provider keeps what it is sent; needed where `[workspace] region` is set.
        micro_usd_per_million_in: millionths of a dollar for a million tokens asked ($2.50 is
            2500000); as the list of `genai-prices` says unless said here.
        micro_usd_per_million_out: and answered.
        micro_usd_per_million_cached: and asked that the provider had kept of an earlier call.
        cache: have the provider keep the rules of the prompt, where its interface asks to be told.
    """

    model: str | None = None
    base_url: Url | None = None
    api_key: Reference | None = None
    timeout_s: Annotated[float, Field(gt=0, le=15)] = 15.0
    max_calls: Annotated[int, Field(ge=1, le=20)] = 3
    max_output_tokens: Annotated[int, Field(ge=100, le=32_000)] = 2_000
    region: Name | None = None
    micro_usd_per_million_in: _Micro | None = None
    micro_usd_per_million_out: _Micro | None = None
    micro_usd_per_million_cached: _Micro | None = None
    cache: bool = True


class BudgetSection(Section):
    """What models may cost, in millionths of a US dollar; set aside before a model is asked.

    Attributes:
        request: for one request.
        customer_day: for all requests of one customer in a day (UTC).
        day: for all requests of one tenant in a day (UTC).
    """

    request: _Micro | None = None
    customer_day: _Micro | None = None
    day: _Micro | None = None


class PlannerSection(ModelSection):
    """Who plans: playbooks always, then a model where one is named, then those of `then`.

    Attributes:
        playbooks: folder of the workspace's own playbooks.
        confirm: which plans the customer has to say yes to first.
        then: further models, each asked where those before it did not plan.
        budget: what all of them may cost together.
    """

    playbooks: str = "playbooks"
    confirm: ConfirmWhen = ConfirmWhen()
    then: tuple[ModelSection, ...] = ()
    budget: BudgetSection = BudgetSection()

    @property
    def models(self) -> tuple[ModelSection, ...]:
        """Every model that is named, in the order in which they are asked."""
        return tuple(one for one in (self, *self.then) if one.model is not None)
