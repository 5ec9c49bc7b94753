"""OpenTelemetry spans of an action's life, joined by one trace across the wait for a person.

Exporters are chosen by the standard environment variables, read at the surface that starts the
process; without one, spans cost next to nothing. Nothing personal is ever an attribute.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar

from opentelemetry import metrics, trace
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import (
    INVALID_SPAN,
    NoOpTracerProvider,
    ProxyTracerProvider,
    Span,
    Status,
    StatusCode,
    TracerProvider,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from sayso.errors import SaysoError
from sayso.ids import monotonic_s

_PROPAGATOR = TraceContextTextMapPropagator()
_FIELD = "traceparent"
_DEAF = (ProxyTracerProvider, NoOpTracerProvider)
_ASK_EVERY_S = 1.0
_CALLS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0)
_PEOPLES_S = (60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0, 604_800.0)
"""Bounds of histograms; OpenTelemetry's own are made for milliseconds."""
_NOTHING = nullcontext(INVALID_SPAN)
_ABOUT: ContextVar[Mapping[str, str]] = ContextVar("sayso about", default={})  # noqa: B039


@contextmanager
def about(**ids: str) -> Generator[None]:
    """Have spans and lines of the log, while the block runs, say what they are about.

    Args:
        ids: such as `tenant`, `action_id`, `request_id`, `call_id`; nothing personal.
    """
    before = _ABOUT.set({**_ABOUT.get(), **ids})
    try:
        yield
    finally:
        _ABOUT.reset(before)


def ids_now() -> Mapping[str, str]:
    """What the running work is about, by the names of `about`."""
    return _ABOUT.get()


class Telemetry:
    """Makes spans, counts and times; with the global providers unless a test passes its own.

    Args:
        entropy: so many random bytes, of which the name of a trace is made that nobody gave.
    """

    def __init__(
        self,
        provider: TracerProvider | None = None,
        meters: MeterProvider | None = None,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._provider = provider
        self._entropy = entropy
        self._heard = False
        self._ask_at = 0.0
        self._tracer = trace.get_tracer("sayso", tracer_provider=provider)
        meter = metrics.get_meter("sayso", meter_provider=meters)
        self._left = meter.create_counter(
            "sayso.actions.left", description="actions whose outcome was left to a person"
        )
        self._late = meter.create_counter(
            "sayso.actions.late", description="actions that were done after all, and told otherwise"
        )
        self._failed_later = meter.create_counter(
            "sayso.actions.failed_later",
            description="actions whose effect failed at the provider after it had been told",
        )

        self._decide, self._call, self._settle = (
            meter.create_histogram(
                f"sayso.{name}.duration",
                unit="s",
                description=text,
                explicit_bucket_boundaries_advisory=bounds,
            )
            for name, text, bounds in (
                ("decide", "from the question to people until a decision", _PEOPLES_S),
                ("call", "of one call of a connector", _CALLS_S),
                ("settle", "from the call until what came of it is known", _CALLS_S + _PEOPLES_S),
            )
        )

    @property
    def records(self) -> bool:
        """Whether anybody may hear of the spans; a global provider is noticed within a second."""
        # OpenTelemetry looks into the environment whenever it is asked, which took longer than all
        # that a span costs which nobody hears.
        now = monotonic_s()
        if not self._heard and now >= self._ask_at:
            self._ask_at = now + _ASK_EVERY_S
            self._heard = not isinstance(self._provider or trace.get_tracer_provider(), _DEAF)
        return self._heard

    def span(
        self, name: str, traceparent: str | None, attributes: Mapping[str, str | int | bool]
    ) -> AbstractContextManager[Span]:
        """A span under the running one, or under the stored `traceparent` where none is running.

        One of another trace that happens to run is left for the stored one: a refund is one trace,
        whoever asks, decides or carries it out.

        Args:
            name: such as `sayso.judge`.
            traceparent: W3C trace context stored with the action.
            attributes: ids, names and states only.
        """
        if not self.records:
            return _NOTHING
        return self._span(name, traceparent, attributes)

    @contextmanager
    def _span(
        self, name: str, traceparent: str | None, attributes: Mapping[str, str | int | bool]
    ) -> Generator[Span]:
        context = None
        if traceparent:
            stored = _PROPAGATOR.extract({_FIELD: traceparent})
            its_trace = trace.get_current_span(stored).get_span_context().trace_id
            if its_trace != trace.get_current_span().get_span_context().trace_id:
                context = stored
        with self._tracer.start_as_current_span(
            name,
            context=context,
            attributes={**{f"sayso.{name}": one for name, one in ids_now().items()}, **attributes},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except Exception as error:
                # INVARIANT: by its code only: a message may quote a customer or a provider.
                said = error.code.value if isinstance(error, SaysoError) else type(error).__name__
                span.set_status(Status(StatusCode.ERROR, said))
                raise

    @contextmanager
    def intake(self, name: str, given: str | None) -> Generator[str]:
        """The span under which all stands that comes of what is asked; gives what is to be stored.

        Args:
            given: W3C trace context of the caller; one is made up where there is none, so that
                whichever process goes on with it tells of one trace.
        """
        with self.span(name, given, {}):
            yield self.traceparent() or given or self._made_up()

    def _made_up(self) -> str:
        return f"00-{self._entropy(16).hex()}-{self._entropy(8).hex()}-01"

    def time_decision(self, action: str, seconds: float, decision: str) -> None:
        """How long people took for a decision about an action of that name."""
        self._decide.record(seconds, {"sayso.action": action, "sayso.decision": decision})

    def time_call(self, action: str, seconds: float) -> None:
        """How long a call of a connector took."""
        self._call.record(seconds, {"sayso.action": action})

    def time_settlement(self, action: str, seconds: float, status: str) -> None:
        """How long after its call it was known what came of an action."""
        self._settle.record(seconds, {"sayso.action": action, "sayso.status": status})

    def count_left(self, action: str) -> None:
        """Count an action, by its name, whose outcome only a person can still find out."""
        self._left.add(1, {"sayso.action": action})

    def count_late(self, action: str) -> None:
        """Count an action, by its name, whose effect turned up after it had ended without one."""
        self._late.add(1, {"sayso.action": action})

    def count_failed_later(self, action: str) -> None:
        """Count an action, by its name, whose effect failed after the provider had taken it on."""
        self._failed_later.add(1, {"sayso.action": action})

    def traceparent(self) -> str | None:
        """The W3C trace context of the running span, to be stored; None outside of one."""
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier)
        return carrier.get(_FIELD)
