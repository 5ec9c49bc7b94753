"""A model that fails now and then, in every way that models fail."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Protocol, cast

from sayso.agent.base import Planner
from sayso.agent.chain import PlannerChain
from sayso.agent.models import ModelPlanner

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

SHARE = 0.5
"""Of the calls that fail."""


class _Asked(Protocol):
    async def ainvoke(self, turns: list[object], /) -> Mapping[str, object]: ...


class _Model(Protocol):
    def with_structured_output(self, schema: Mapping[str, object], **options: object) -> _Asked: ...


@dataclass(frozen=True, slots=True)
class _Failing:
    """Stands in front of a chat model where `Calls` asks it."""

    model: _Model
    dice: random.Random
    asked: _Asked | None = None

    def with_structured_output(self, schema: Mapping[str, object], **options: object) -> _Failing:
        return replace(self, asked=self.model.with_structured_output(schema, **options))

    async def ainvoke(self, turns: list[object], /) -> Mapping[str, object]:
        if self.dice.random() < SHARE:
            match self.dice.randrange(4):
                case 0:
                    raise ConnectionError("injected")
                case 1:
                    raise TimeoutError
                case 2:
                    return {"raw": SimpleNamespace(), "parsed": {"steps": "many"}}
                case _:
                    cut = {"finish_reason": "length"}
                    return {"raw": SimpleNamespace(response_metadata=cut), "parsed": None}
        assert self.asked is not None, "a form is asked for first"
        return await self.asked.ainvoke(turns)


def failing(planner: Planner, seed: int = 0) -> Planner:
    """The same planner over models that fail now and then."""
    if isinstance(planner, PlannerChain):
        return replace(planner, planners=tuple(failing(one, seed) for one in planner.planners))
    if isinstance(planner, ModelPlanner):
        dice = random.Random(seed)  # noqa: S311  (repeatable, no secret)
        model = _Failing(cast("_Model", planner.model), dice)
        return replace(planner, model=cast("BaseChatModel", model))
    return planner
