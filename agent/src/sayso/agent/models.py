"""Planning with a language model of any provider that LangChain knows.

A model is asked for a closed form (`sayso.agent.prompts.answer`), its answer passes the same guard
as every plan, and a refused answer goes back to it once with what was wrong. It has no tools, no
credentials and no ids; it causes nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import httpx
from opentelemetry import trace

from sayso.actions.model.definition import Action
from sayso.actions.model.plan import Handoff, Plan
from sayso.agent.base import Asking, Handles, Message, Question
from sayso.agent.grounding import ground_plan
from sayso.agent.intent import find_unasked, with_own_values
from sayso.agent.model_calls import Calls, ModelAnswer, ModelSettings, most_tokens
from sayso.agent.prompts import Prompt, Prompts
from sayso.agent.prompts.answer import AnswerForm, UnreadableAnswerError
from sayso.agent.understanding.lexicon import Knowledge
from sayso.errors import Code, ConfigError
from sayso.extras import install_package, missing_extra
from sayso.money import Money
from sayso.network import quieten
from sayso.text import without_hidden

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

MAX_TURNS = 20
"""So many of the newest messages are shown to a model."""

_MARKED_CACHES = frozenset({"anthropic"})
"""Providers that keep what is marked; others keep long beginnings by themselves, or nothing."""
_STRICT_PROVIDERS = frozenset({"openai", "azure_openai"})


def open_model(
    settings: ModelSettings, knowledge: Knowledge, prompts: Prompts | None = None
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
        prompts=prompts or Prompts.shipped(),
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
    quieten("openai", "anthropic", "langchain_openai", "langchain_anthropic")
    options: dict[str, Any] = {
        "timeout": settings.timeout_s,
        "max_retries": 0,  # INVARIANT: see `Calls`
        "max_tokens": settings.max_output_tokens,
        "temperature": 0,
    }
    if settings.base_url is not None:
        options["base_url"] = settings.base_url
    if settings.api_key is not None:
        options["api_key"] = settings.api_key.reveal()
    if provider in _STRICT_PROVIDERS:
        # NOTE: its package shares one client for every model of an address and time limit, over
        # all event loops; a limit that has no hash gives the model its own, which can be closed.
        options["timeout"] = httpx.Timeout(settings.timeout_s)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPlanner:
    """Plans with one model.

    Attributes:
        prompts: which one a request gets.
        strict: ask the provider to enforce the form; only some know the word.
    """

    model: BaseChatModel
    name: str
    settings: ModelSettings
    knowledge: Knowledge
    prompts: Prompts
    strict: bool = False

    async def close(self) -> None:
        """Close the model's own connections, where its package has some to close."""
        client = getattr(self.model, "root_async_client", None)
        if client is not None:
            await client.close()

    async def plan(
        self, messages: Sequence[Message], handles: Handles, actions: Sequence[Action]
    ) -> Plan | Question | Handoff:
        """Plan the newest request, with nothing known of it but the words."""
        return await self.plan_for(messages, handles, actions, Asking())

    async def plan_for(
        self,
        messages: Sequence[Message],
        handles: Handles,
        actions: Sequence[Action],
        asking: Asking,
    ) -> Plan | Question | Handoff:
        """Plan the newest request; what the guard refuses goes back to the model once.

        Guarantees: it ends within `timeout_s` and `max_calls`; a model that gives no answer, a part
        of one, or a refusal is a hand-over with what it took.
        """
        form = AnswerForm(actions, handles)
        if not form.actions:
            return self._no_plan("no action is possible for this customer")
        if asking.region is not None and self.settings.region != asking.region:
            where = self.settings.region or "an unknown region"
            why = f"this customer's data stays in {asking.region}, and the model is in {where}"
            return self._no_plan(why, Code.REGION_MISMATCH)
        prompt = (asking.prompts or self.prompts).of(asking.key)
        turns = self._opening(messages, handles, form, prompt)
        schema = form.schema(strict=self.strict)
        chars = len(json.dumps(schema)) + sum(len(str(turn)) for turn in turns)
        most = most_tokens(chars, self.settings)
        if asking.spending is not None:
            against = await asking.spending.reserve(sum(most), self.settings.price.of(*most))
            if against is not None:
                return self._no_plan(against, Code.BUDGET_USED_UP)
        deadline = asyncio.get_running_loop().time() + self.settings.timeout_s
        if asking.deadline is not None:
            deadline = min(deadline, asking.deadline)
        calls = Calls(settings=self.settings, deadline=deadline)
        try:
            found = await self._plan(turns, form, calls, schema, messages, handles)
        finally:
            if asking.spending is not None:
                await asking.spending.settle(calls.tokens_in + calls.tokens_out, calls.cost)
        notes = {
            "prompt": prompt.version,
            "prompt_sha256": prompt.digest_hex,
            "prompt_for": prompt.variant_of(self.settings.model)[1],
            "model": self.settings.model,
            "calls": str(calls.made),
            **({"estimated_calls": str(calls.estimated)} if calls.estimated else {}),
            **({"cached_tokens": str(calls.cached)} if calls.cached else {}),
        }
        # SOURCE: OpenTelemetry, semantic conventions for generative AI; no word of anybody.
        provider, _, model = self.settings.model.partition(":")
        trace.get_current_span().set_attributes(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": provider,
                "gen_ai.request.model": model,
                "gen_ai.usage.input_tokens": calls.tokens_in,
                "gen_ai.usage.cache_read.input_tokens": calls.cached,
                "gen_ai.usage.output_tokens": calls.tokens_out,
            }
        )
        tokens = calls.tokens_in + calls.tokens_out
        if isinstance(found, Question):
            return replace(found, tokens=tokens, cost_micro_usd=calls.cost)
        return replace(found, tokens=tokens, cost_micro_usd=calls.cost, notes=notes)

    async def _plan(
        self,
        turns: list[BaseMessage],
        form: AnswerForm,
        calls: Calls,
        schema: Mapping[str, Any],
        messages: Sequence[Message],
        handles: Handles,
    ) -> Plan | Question | Handoff:
        problem = ""
        for _ in range(2):
            answer = await calls.ask(self.model, turns, schema, strict=self.strict)
            if answer.ended:
                code = Code.MODEL_FAILED if answer.down else Code.NOT_UNDERSTOOD
                told = f"{answer.ended}; {problem}" if problem else answer.ended
                return self._no_plan(f"the model gave no plan: {told}", code)
            read = self._read(answer, form, messages, handles)
            if not isinstance(read, str):
                return read
            problem = read
            turns = [*turns, *_sent_back(answer, problem)]
        return self._no_plan(f"the model gave no plan that passes the checks: {problem}")

    def _no_plan(self, reason: str, code: Code = Code.NOT_UNDERSTOOD) -> Handoff:
        return Handoff(reason=reason[:500], planner=self.name, code=code)

    def _opening(
        self, messages: Sequence[Message], handles: Handles, form: AnswerForm, prompt: Prompt
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
        filled = prompt.fill(values, self.settings.model)
        # The rules stand before the data; some providers weigh a system message higher.
        head, _, tail = filled.partition("\nActions\n")
        rules = SystemMessage(head)
        if self.settings.cache and self.settings.model.partition(":")[0] in _MARKED_CACHES:
            block = {"type": "text", "text": head, "cache_control": {"type": "ephemeral"}}
            rules = SystemMessage([block])
        return [rules, HumanMessage(f"Actions\n{tail}" if tail else filled)]

    def _read(
        self, answer: ModelAnswer, form: AnswerForm, messages: Sequence[Message], handles: Handles
    ) -> Plan | Question | Handoff | str:
        """The plan or the question over handles, or what is wrong with it."""
        if answer.parsed is None:
            return "- the answer is no JSON object of the given form"
        try:
            plan = form.read(answer.parsed, self.name)
        except UnreadableAnswerError as error:
            return f"- {error}"
        if not isinstance(plan, Plan):
            return plan
        grounded = ground_plan(
            plan,
            handles=handles,
            messages=messages,
            actions=form.actions,
            knowledge=self.knowledge,
        )
        if not isinstance(grounded, Plan):
            return grounded.text
        own = with_own_values(plan, self.knowledge)
        unasked = find_unasked(own, messages, handles, self.knowledge)
        against = [one for one in unasked if one.against]
        return "\n".join(f"- step {one.step}: {one.why}" for one in against) or plan


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
    return json.dumps(_seen(value)).replace("<", "\\u003c").replace(">", "\\u003e")


def _seen(value: object) -> object:
    """The value with all its texts as a person would see them.

    INVARIANT: nobody gives a model orders in what nobody sees.
    """
    match value:
        case str():
            return without_hidden(value)
        case Mapping():
            named = cast("Mapping[str, object]", value)
            return {name: _seen(one) for name, one in named.items()}
        case list() | tuple():
            return [_seen(one) for one in cast("Sequence[object]", value)]
        case _:
            return value


def _sent_back(answer: ModelAnswer, problem: str) -> list[BaseMessage]:
    from langchain_core.messages import AIMessage, HumanMessage  # only where a model plans

    said = json.dumps(answer.parsed) if answer.parsed is not None else "(no JSON object)"
    asked = f"Your answer was refused:\n{problem}\nAnswer again in the same form, or hand over."
    return [AIMessage(said), HumanMessage(asked)]
