"""Planning with a language model of any provider that LangChain knows, and planners in a row.

A model is asked for a closed form (`sayso.agent.prompts.answer`), its answer passes the same guard
as every plan, and a refused answer goes back to it once with what was wrong. It has no tools, no
credentials and no ids; it causes nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, cast

from sayso.actions.model.definition import Action
from sayso.actions.model.plan import Handoff, Plan
from sayso.agent.base import Handles, Message, Planner, Question
from sayso.agent.grounding import ground_plan
from sayso.agent.prompts import Prompt, load_prompt
from sayso.agent.prompts.answer import AnswerForm, UnreadableError
from sayso.agent.understanding.lexicon import Knowledge
from sayso.connectors.secret import Secret
from sayso.errors import Code, ConfigError, RetryableError
from sayso.extras import install_package, missing_extra
from sayso.money import Money

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

Method = Literal["json_schema", "function_calling", "json_mode"]
METHODS: tuple[Method, ...] = ("json_schema", "function_calling", "json_mode")
"""How a form can be asked for, best first; a provider that refuses one gets the next."""

MAX_TURNS = 20
"""So many of the newest messages are shown to a model."""

_STRICT_PROVIDERS = frozenset({"openai", "azure_openai"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What tokens cost, in millionths of a US dollar per million tokens.

    $2.50 per million tokens is 2_500_000.
    """

    input: int = 0
    output: int = 0

    def of(self, tokens_in: int, tokens_out: int) -> int:
        """The cost in millionths of a US dollar, rounded up."""
        return -(-(tokens_in * self.input + tokens_out * self.output) // 1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """Which model, and how much it may take for one request.

    Attributes:
        model: `provider:name` as `init_chat_model` takes it, such as `openai:gpt-5`.
        base_url: for servers with an OpenAI-compatible interface.
        api_key: None lets the provider's package look for its own.
        timeout_s: seconds for one call, and for all calls of one request together `max_calls`
            times that.
        max_retries: what the provider's package may retry by itself within a call.
        max_calls: calls for one request, corrections and changes of method included.
        max_output_tokens: upper bound of one answer.
    """

    model: str
    base_url: str | None = None
    api_key: Secret | None = None
    timeout_s: float = 30.0
    max_retries: int = 1
    max_calls: int = 3
    max_output_tokens: int = 2_000
    price: Price = field(default_factory=Price)


def open_model(
    settings: ModelSettings, knowledge: Knowledge, prompt: Prompt | None = None
) -> ModelPlanner:
    """A planner over the model that the settings name. Opens no connection yet.

    Raises:
        ConfigError: as `open_chat_model`.
    """
    return ModelPlanner(
        model=open_chat_model(settings),
        name=f"model:{settings.model}",
        settings=settings,
        knowledge=knowledge,
        prompt=prompt or load_prompt(),
        strict=settings.model.partition(":")[0] in _STRICT_PROVIDERS,
    )


def open_chat_model(settings: ModelSettings) -> BaseChatModel:
    """The model that the settings name. Opens no connection yet.

    Raises:
        ConfigError: `missing_extra`, when LangChain or the provider's package is not installed;
            `invalid_setting`, when the provider is unknown or refuses the settings.
    """
    try:
        from langchain.chat_models import init_chat_model  # an optional extra
    except ImportError as error:
        raise missing_extra("models", "planning with a model needs LangChain") from error
    provider = settings.model.partition(":")[0]
    options: dict[str, Any] = {
        "timeout": settings.timeout_s,
        "max_retries": settings.max_retries,
        "max_tokens": settings.max_output_tokens,
        "temperature": 0,
    }
    if settings.base_url is not None:
        options["base_url"] = settings.base_url
    if settings.api_key is not None:
        options["api_key"] = settings.api_key.reveal()
    try:
        # Its overloads are partly untyped; with a name it is a plain chat model.
        return cast("Callable[..., BaseChatModel]", init_chat_model)(settings.model, **options)
    except ImportError as error:
        missing = f"the package for `{provider[:40]}` is not installed"
        if provider == "openai":
            raise missing_extra("openai", missing) from error
        step = install_package(f"langchain-{provider[:40]}")
        raise ConfigError(Code.MISSING_EXTRA, missing, next_step=step) from error
    except Exception as error:  # noqa: BLE001  (each provider's package raises its own kinds)
        raise ConfigError(
            Code.INVALID_SETTING,
            f"the model `{settings.model[:60]}` cannot be set up",
            next_step="check `model` (provider:name), `base_url` and `api_key`",
            detail=type(error).__name__,
        ) from None


@dataclass(slots=True, kw_only=True)
class _Spent:
    """What one request has taken so far."""

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0

    def add(self, raw: object) -> None:
        self.calls += 1
        usage = cast("Mapping[str, object] | None", getattr(raw, "usage_metadata", None)) or {}
        # NOTE: LangChain's cache gives the old usage again, marked with a cost of nothing.
        if usage.get("total_cost") == 0:
            return
        self.tokens_in += _count(usage.get("input_tokens"))
        self.tokens_out += _count(usage.get("output_tokens"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPlanner:
    """Plans with one model.

    Attributes:
        strict: ask the provider to enforce the form; only some know the word.
    """

    model: BaseChatModel
    name: str
    settings: ModelSettings
    knowledge: Knowledge
    prompt: Prompt
    strict: bool = False

    async def plan(
        self, messages: Sequence[Message], handles: Handles, actions: Sequence[Action]
    ) -> Plan | Handoff:
        """Plan the newest request; what the guard refuses goes back to the model once.

        Raises:
            RetryableError: `model_failed`: no answer now.
        """
        form = AnswerForm(actions, handles)
        if not form.actions:
            return Handoff(reason="no action is possible for this customer", planner=self.name)
        spent = _Spent()
        turns = self._opening(messages, handles, form)
        problem = ""
        for _ in range(2):
            answer = await self._ask(turns, form, spent)
            if answer is None:
                break
            read = self._read(answer, form, messages, handles)
            if not isinstance(read, str):
                return self._with_costs(read, spent)
            problem = read
            turns = [*turns, *_sent_back(answer, problem)]
        reason = f"the model gave no plan that passes the checks: {problem or 'calls used up'}"
        return self._with_costs(Handoff(reason=reason[:500], planner=self.name), spent)

    def _opening(
        self, messages: Sequence[Message], handles: Handles, form: AnswerForm
    ) -> list[BaseMessage]:
        from langchain_core.messages import HumanMessage, SystemMessage  # only where a model plans

        values = {
            "actions": "\n".join(f"- {action.name}: {action.summary}" for action in form.actions),
            "objects": _objects(handles),
            "conversation": "\n".join(
                _line({"role": turn.role, "content": turn.content})
                for turn in messages[-MAX_TURNS:]
            ),
        }
        filled = self.prompt.fill(values)
        # The rules stand before the data; some providers weigh a system message higher.
        head, _, tail = filled.partition("\nActions\n")
        return [SystemMessage(head), HumanMessage(f"Actions\n{tail}" if tail else filled)]

    def _read(
        self, answer: _Answer, form: AnswerForm, messages: Sequence[Message], handles: Handles
    ) -> Plan | Handoff | str:
        """The plan over handles, or what is wrong with it."""
        if answer.parsed is None:
            return "- the answer is no JSON object of the given form"
        try:
            plan = form.read(answer.parsed, self.name)
        except UnreadableError as error:
            return f"- {error}"
        if isinstance(plan, Handoff):
            return plan
        grounded = ground_plan(
            plan,
            handles=handles,
            messages=messages,
            actions=form.actions,
            knowledge=self.knowledge,
        )
        return plan if isinstance(grounded, Plan) else grounded.text

    async def _ask(
        self, turns: Sequence[BaseMessage], form: AnswerForm, spent: _Spent
    ) -> _Answer | None:
        """One answer, by the first method that the provider takes; None when calls are used up."""
        for method in METHODS:
            if spent.calls >= self.settings.max_calls:
                return None
            extra = {"strict": True} if self.strict and method == "json_schema" else {}
            try:
                asked = self.model.with_structured_output(
                    form.schema(), include_raw=True, method=method, **extra
                )
                async with asyncio.timeout(self.settings.timeout_s):
                    found = cast("Mapping[str, object]", await asked.ainvoke(list(turns)))
            except Exception as error:  # noqa: BLE001  (each provider's package raises its own)
                spent.calls += 1
                if _refuses_method(error) and method != METHODS[-1]:
                    continue
                raise _failed(self.name, error) from None
            spent.add(found.get("raw"))
            return _Answer(raw=found.get("raw"), parsed=found.get("parsed"))
        return None

    def _with_costs(self, answer: Plan | Handoff, spent: _Spent) -> Plan | Handoff:
        cost = self.settings.price.of(spent.tokens_in, spent.tokens_out)
        tokens = spent.tokens_in + spent.tokens_out
        if isinstance(answer, Handoff):
            return replace(answer, tokens=tokens, cost_micro_usd=cost)
        notes = {
            "prompt": self.prompt.version,
            "prompt_sha256": self.prompt.digest_hex,
            "model": self.settings.model,
            "calls": str(spent.calls),
        }
        return replace(answer, tokens=tokens, cost_micro_usd=cost, notes=notes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    raw: object
    parsed: object


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannerChain:
    """Planners in a row: the first plan wins; if there is none, all reasons are handed over.

    Attributes:
        planners: at least one; playbooks come first, since they cost nothing.
    """

    planners: tuple[Planner, ...]
    name: str = "chain"

    async def plan(
        self, messages: Sequence[Message], handles: Handles, actions: Sequence[Action]
    ) -> Plan | Question | Handoff:
        """Ask one after the other; a question of an earlier one is asked if nobody planned.

        Raises:
            RetryableError: `model_failed`, when a planner gave no answer and no other one planned.
        """
        refusals: list[Handoff] = []
        failed: RetryableError | None = None
        for planner in self.planners:
            try:
                answer = await planner.plan(messages, handles, actions)
            except RetryableError as error:
                failed = error
                continue
            tokens = answer.tokens + sum(refusal.tokens for refusal in refusals)
            cost = answer.cost_micro_usd + sum(refusal.cost_micro_usd for refusal in refusals)
            if not isinstance(answer, Handoff):
                return replace(answer, tokens=tokens, cost_micro_usd=cost)
            refusals.append(answer)
        if failed is not None:
            raise failed
        return Handoff(
            reason="; ".join(f"{one.planner}: {one.reason}" for one in refusals),
            planner="+".join(one.planner for one in refusals) or self.name,
            tokens=sum(one.tokens for one in refusals),
            cost_micro_usd=sum(one.cost_micro_usd for one in refusals),
        )


def _objects(handles: Handles) -> str:
    """One JSON object a line: handle, title, facts. Never an id."""
    lines: list[str] = []
    for handle, record in handles.records.items():
        facts = {
            name: str(value) if isinstance(value, Money) else value
            for name, value in record.facts.items()
        }
        shown = [ref for ref in record.references if "_" not in ref and ref != record.id]
        title = record.title.replace(record.id, handle)
        lines.append(_line({"handle": handle, "title": title, "names": shown, "facts": facts}))
    return "\n".join(lines) or "(none)"


def _line(value: Mapping[str, object]) -> str:
    """One line of JSON in ASCII; no `<` or `>` and no line break, so that data cannot end early."""
    return json.dumps(value).replace("<", "\\u003c").replace(">", "\\u003e")


def _sent_back(answer: _Answer, problem: str) -> list[BaseMessage]:
    from langchain_core.messages import AIMessage, HumanMessage  # only where a model plans

    said = json.dumps(answer.parsed) if answer.parsed is not None else "(no JSON object)"
    asked = f"Your answer was refused:\n{problem}\nAnswer again in the same form, or hand over."
    return [AIMessage(said), HumanMessage(asked)]


def _refuses_method(error: Exception) -> bool:
    """Whether the provider does not know this way of asking, as far as an error can tell."""
    if isinstance(error, (NotImplementedError, TypeError, ValueError)):
        return True
    return getattr(error, "status_code", None) in {400, 404, 422}


def _failed(name: str, error: Exception) -> RetryableError:
    # The provider's own text may quote the key or the customer; only its kind is kept.
    return RetryableError(
        Code.MODEL_FAILED,
        f"`{name}` gave no answer",
        next_step="try again, or check the model's settings",
        detail=type(error).__name__,
    )


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
