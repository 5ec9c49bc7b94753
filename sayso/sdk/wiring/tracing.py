"""Exporting spans and metrics, chosen by OpenTelemetry's standard environment variables.

Metrics for Prometheus are kept in the process; `GET /metrics` shows them.

Called by the command line only: a bot that embeds the SDK sets up its own tracer provider.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from sayso.errors import Code, ConfigError
from sayso.extras import NAME, installed_version, missing_extra

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricExporter, MetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace.export import SpanExporter
    from prometheus_client import CollectorRegistry

_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def start_exporting(environment: Mapping[str, str]) -> Callable[[], None]:
    """Export spans and metrics if the variables ask for it; returns what flushes and stops it.

    Args:
        environment: `OTEL_TRACES_EXPORTER` and `OTEL_METRICS_EXPORTER` name `console`, `otlp` or
            `none`, with commas between, metrics also `prometheus`; an OTLP endpoint alone means
            `otlp`. The SDK reads all
            other `OTEL_*` itself.

    Raises:
        ConfigError: `invalid_setting` for another exporter, `missing_extra` when OTLP is asked for
            and its package is not installed.

    Source: OpenTelemetry, "Environment Variable Specification".
    """
    stops = [
        start(names)
        for signal, start in (("TRACES", _start_spans), ("METRICS", _start_metrics))
        if (names := _chosen(environment, signal))
    ]

    def stop() -> None:
        for one in stops:
            one()

    return stop


def _start_spans(names: list[str]) -> Callable[[], None]:
    # Loaded only where somebody exports: the SDK costs 70 ms to import.
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=_resource())
    for name in names:
        provider.add_span_processor(BatchSpanProcessor(_span_exporter(name)))
    trace.set_tracer_provider(provider)
    return provider.shutdown


def _start_metrics(names: list[str]) -> Callable[[], None]:
    from opentelemetry import metrics  # as above
    from opentelemetry.sdk.metrics import MeterProvider

    readers = [_metric_reader(name) for name in names]
    provider = MeterProvider(metric_readers=readers, resource=_resource())
    metrics.set_meter_provider(provider)
    return provider.shutdown


def _resource() -> Resource:
    """Who exports; `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` of the operator go first."""
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # as above

    own = Resource.create({"service.name": NAME, "service.version": installed_version()})
    return own.merge(OTELResourceDetector().detect())


def service_of(environment: Mapping[str, str]) -> dict[str, str]:
    """Who writes a line of the log, by the words of a span's resource."""
    name = environment.get("OTEL_SERVICE_NAME", "").strip() or NAME
    return {"service.name": name, "service.version": installed_version()}


def _chosen(environment: Mapping[str, str], signal: str) -> list[str]:
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return []
    endpoints = (_ENDPOINT, f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
    default = "otlp" if any(environment.get(name) for name in endpoints) else ""
    names = environment.get(f"OTEL_{signal}_EXPORTER") or default
    return [name for part in names.split(",") if (name := part.strip()) and name.lower() != "none"]


def _span_exporter(name: str) -> SpanExporter:
    if name == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        return ConsoleSpanExporter(out=sys.stderr)  # stdout belongs to the command's own output
    if name == "otlp":
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        except ImportError as error:
            raise _no_otlp() from error
        return OTLPSpanExporter()
    raise _no_exporter(name, "TRACES")


@cache
def process_registry() -> CollectorRegistry:
    """What this process has counted and timed for Prometheus; empty where nobody asked for it."""
    from prometheus_client import CollectorRegistry  # only for who scrapes

    return CollectorRegistry()


def _metric_reader(name: str) -> MetricReader:
    if name == "prometheus":
        from opentelemetry.exporter.prometheus import PrometheusMetricReader

        return PrometheusMetricReader(
            disable_target_info=True, scope_info_enabled=False, registry=process_registry()
        )
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    return PeriodicExportingMetricReader(_metric_exporter(name))


def _metric_exporter(name: str) -> MetricExporter:
    if name == "console":
        from opentelemetry.sdk.metrics.export import ConsoleMetricExporter

        return ConsoleMetricExporter(out=sys.stderr)
    if name == "otlp":
        try:
            from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        except ImportError as error:
            raise _no_otlp() from error
        return OTLPMetricExporter()
    raise _no_exporter(name, "METRICS")


def _no_otlp() -> ConfigError:
    return missing_extra("otlp", "exporting over OTLP needs its package")


def _no_exporter(name: str, signal: str) -> ConfigError:
    known = "console, otlp or none" if signal == "TRACES" else "console, otlp, prometheus or none"
    return ConfigError(
        Code.INVALID_SETTING,
        f"`{name[:40]}` is no exporter of {signal.lower()}",
        next_step=f"set OTEL_{signal}_EXPORTER to {known}",
    )
