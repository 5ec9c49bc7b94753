"""Calls of one model for one request: counted, timed and billed, whatever goes wrong.

INVARIANT: no fault of a provider or its package leads to more than `max_calls` calls, or to more
than `timeout_s` seconds. The package repeats nothing by itself, and what a call may have cost is
counted even where no answer came of it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from sayso.secret import Secret

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

Method = Literal["json_schema", "function_calling", "json_mode"]
METHODS: tuple[Method, ...] = ("json_schema", "function_calling", "json_mode")
"""How a form can be asked for, best first; a provider that refuses one gets the next."""

_PAUSE_S = 0.25
_CHARS_PER_TOKEN = 3
"""A cautious guess for what no usage is known of; English has about four."""
_CUT_OFF = frozenset({"length", "max_tokens", "MAX_TOKENS"})
_FILTERED = frozenset({"content_filter", "refusal", "safety", "SAFETY"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPrice:
    """What tokens cost, in millionths of a US dollar per million tokens.

    $2.50 per million tokens is 2_500_000.

    Attributes:
        cached: of what the provider had kept of an earlier call; None where it costs the same.
    """

    input: int = 0
    output: int = 0
    cached: int | None = None

    def of(self, tokens_in: int, tokens_out: int, cached: int = 0) -> int:
        """The cost in millionths of a US dollar, rounded up; `cached` are part of `tokens_in`."""
        kept = self.input if self.cached is None else self.cached
        total = (tokens_in - cached) * self.input + cached * kept + tokens_out * self.output
        return -(-total // 1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """Which model, and how much it may take for one request.

    Attributes:
        model: `provider:name` as `init_chat_model` takes it, such as `openai:gpt-5`.
        base_url: for servers with an OpenAI-compatible interface.
        api_key: None lets the provider's package look for its own.
        timeout_s: seconds for all calls of one request together.
        max_calls: calls for one request; corrections, repetitions and changes of method included.
        max_output_tokens: upper bound of one answer.
        region: where its provider keeps and reads what it is sent; None when nobody says.
        cache: mark the rules, which are the same for every request, to be kept by the provider.
    """

    model: str
    base_url: str | None = None
    api_key: Secret | None = None
    timeout_s: float = 15.0
    max_calls: int = 3
    max_output_tokens: int = 2_000
    price: TokenPrice = field(default_factory=TokenPrice)
    region: str | None = None
    cache: bool = True


class Usage(NamedTuple):
    """The tokens of one call.

    Attributes:
        cached: of those in, what the provider had kept of an earlier call.
        kept: of those in, what it keeps from now on.
    """

    tokens_in: int
    tokens_out: int
    cached: int = 0
    kept: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAnswer:
    """What came of asking.

    Attributes:
        parsed: the JSON that the model wrote; None for what is none.
        ended: why there is no answer and will be none; empty where there is one.
        down: the provider did not answer at all.
    """

    parsed: object = None
    ended: str = ""
    down: bool = False


@dataclass(slots=True, kw_only=True)
class Calls:
    """What one request has taken of a model so far, and what it may still take.

    Attributes:
        deadline: when the last call has to be over, in the event loop's time.
        made: calls that went out.
        cached, kept: see `Usage`.
        estimated: calls whose tokens are a cautious guess, since no usage came back.
    """

    settings: ModelSettings
    deadline: float
    made: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cached: int = 0
    kept: int = 0
    estimated: int = 0
    _method: int = 0

    @property
    def cost(self) -> int:
        """In millionths of a US dollar.

        SOURCE: Anthropic docs: Prompt caching: what is kept costs a quarter more, once.
        """
        price = self.settings.price
        return price.of(self.tokens_in, self.tokens_out, self.cached) + price.of(self.kept, 0) // 4

    async def ask(
        self,
        model: BaseChatModel,
        turns: Sequence[BaseMessage],
        schema: Mapping[str, Any],
        *,
        strict: bool,
    ) -> ModelAnswer:
        """One answer in the given form, by the first method that the provider takes."""
        why = "its calls are used up"
        while self.made < self.settings.max_calls:
            left = self.deadline - asyncio.get_running_loop().time()
            if left <= 0:
                return ModelAnswer(ended=f"it took {self.settings.timeout_s:g} s", down=True)
            method = METHODS[self._method]
            extra = {"strict": True} if strict and method == "json_schema" else {}
            self.made += 1
            try:
                asked = model.with_structured_output(
                    dict(schema), include_raw=True, method=method, **extra
                )
                async with asyncio.timeout(left):
                    found = cast("Mapping[str, object]", await asked.ainvoke(list(turns)))
            except Exception as error:  # noqa: BLE001  (each provider's package raises its own)
                answer = self._failed(error, turns, schema)
                if answer is not None:
                    return answer
                why = f"no answer ({type(error).__name__})"
                if not _refuses_method(error):
                    await asyncio.sleep(min(_PAUSE_S * self.made, max(0.0, left)))
                continue
            raw = found.get("raw")
            self._bill(_usage_of(raw), turns, schema)
            ended = _ending_of(raw)
            return ModelAnswer(ended=ended) if ended else ModelAnswer(parsed=found.get("parsed"))
        return ModelAnswer(ended=why, down=why.startswith("no answer"))

    def _failed(
        self, error: Exception, turns: Sequence[BaseMessage], schema: Mapping[str, Any]
    ) -> ModelAnswer | None:
        """What an error means; None when it is worth another call."""
        if (completion := getattr(error, "completion", None)) is not None or "FinishReason" in type(
            error
        ).__name__:
            # Not parsed by the provider's package, but an answer, and billed.
            self._bill(_usage_of(completion), turns, schema)
            cut = "Length" in type(error).__name__
            return ModelAnswer(ended="its answer was cut off" if cut else "its answer was filtered")
        if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
            self._bill(None, turns, schema)
            return ModelAnswer(ended="no answer in time", down=True)
        if _refuses_method(error) and self._method + 1 < len(METHODS):
            self._method += 1
            if getattr(error, "status_code", None) is None:
                self.made -= 1  # refused by the package itself: nothing went out
            return None
        status = getattr(error, "status_code", None)
        if isinstance(status, int) and status < 500 and status not in (408, 409, 429):
            return ModelAnswer(ended=f"no answer ({type(error).__name__})", down=True)
        return None

    def _bill(
        self,
        usage: Usage | None,
        turns: Sequence[BaseMessage],
        schema: Mapping[str, Any],
    ) -> None:
        """Add what a call took, or at most took where nobody says."""
        if usage is None:
            self.estimated += 1
            chars = sum(len(str(turn)) for turn in turns) + len(json.dumps(schema))
            usage = Usage(chars // _CHARS_PER_TOKEN, self.settings.max_output_tokens)
        self.tokens_in += usage.tokens_in
        self.tokens_out += usage.tokens_out
        self.cached += min(usage.tokens_in, usage.cached)
        self.kept += usage.kept


def most_tokens(chars: int, settings: ModelSettings) -> tuple[int, int]:
    """The most that one request may take of a model: in and out, over all its calls."""
    calls = settings.max_calls
    each = chars // _CHARS_PER_TOKEN + settings.max_output_tokens  # a correction repeats the answer
    return calls * each, calls * settings.max_output_tokens


def _usage_of(raw: object) -> Usage | None:
    """What LangChain or the provider's package says; None when neither does."""
    told = getattr(raw, "usage_metadata", None)
    if isinstance(told, Mapping):
        usage = cast("Mapping[str, object]", told)
        # NOTE: LangChain's cache gives the old usage again, marked with a cost of nothing.
        if usage.get("total_cost") == 0:
            return Usage(0, 0)
        details = cast("Mapping[str, object]", usage.get("input_token_details") or {})
        return Usage(
            _count(usage.get("input_tokens")),
            _count(usage.get("output_tokens")),
            _count(details.get("cache_read")),
            _count(details.get("cache_creation")),
        )
    plain: object = getattr(raw, "usage", None)
    if plain is None:
        return None
    return Usage(
        _count(getattr(plain, "prompt_tokens", None)),
        _count(getattr(plain, "completion_tokens", None)),
        _count(getattr(getattr(plain, "prompt_tokens_details", None), "cached_tokens", None)),
    )


def _ending_of(raw: object) -> str:
    """Why an answer is none, where the provider says so."""
    told = cast("Mapping[str, object]", getattr(raw, "response_metadata", None) or {})
    more = cast("Mapping[str, object]", getattr(raw, "additional_kwargs", None) or {})
    reason = told.get("finish_reason") or told.get("stop_reason")
    if reason in _CUT_OFF:
        return "its answer was cut off"
    if reason in _FILTERED or more.get("refusal"):
        return "it refused to answer" if more.get("refusal") else "its answer was filtered"
    return ""


def _refuses_method(error: Exception) -> bool:
    """Whether the provider does not know this way of asking, as far as an error can tell."""
    if isinstance(error, (NotImplementedError, TypeError, ValueError)):
        return True
    return getattr(error, "status_code", None) in {400, 404, 422}


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
