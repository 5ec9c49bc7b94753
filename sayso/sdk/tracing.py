"""Exporting spans, chosen by OpenTelemetry's standard environment variables.

Called by the command line only: a bot that embeds the SDK sets up its own tracer provider.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from sayso.errors import Code, ConfigError
from sayso.extras import missing_extra

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

_CHOICE = "OTEL_TRACES_EXPORTER"
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def start_exporting(environment: Mapping[str, str]) -> Callable[[], None]:
    """Export spans if the variables ask for it; returns what flushes and stops it.

    Args:
        environment: `OTEL_TRACES_EXPORTER` names `console`, `otlp` or `none`, with commas between;
            an OTLP endpoint alone means `otlp`. The SDK reads all other `OTEL_*` itself.

    Raises:
        ConfigError: `invalid_setting` for another exporter, `missing_extra` when OTLP is asked for
            and its package is not installed.

    Source: OpenTelemetry, "Environment Variable Specification".
    """
    names = _chosen(environment)
    if not names:
        return lambda: None
    # Loaded only where somebody exports: the SDK costs 70 ms to import.
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    for name in names:
        provider.add_span_processor(BatchSpanProcessor(_exporter(name)))
    trace.set_tracer_provider(provider)
    return provider.shutdown


def _chosen(environment: Mapping[str, str]) -> list[str]:
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return []
    default = "otlp" if any(environment.get(name) for name in _ENDPOINTS) else ""
    names = environment.get(_CHOICE) or default
    return [name for part in names.split(",") if (name := part.strip()) and name.lower() != "none"]


def _exporter(name: str) -> SpanExporter:
    if name == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        return ConsoleSpanExporter(out=sys.stderr)  # stdout belongs to the command's own output
    if name == "otlp":
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        except ImportError as error:
            raise missing_extra("otlp", "exporting over OTLP needs its package") from error
        return OTLPSpanExporter()
    raise ConfigError(
        Code.INVALID_SETTING,
        f"`{name[:40]}` is no trace exporter",
        next_step=f"set {_CHOICE} to console, otlp or none",
    )
