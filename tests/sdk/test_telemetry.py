"""Spans: one trace from the customer's words to the outcome, and nothing personal in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from actions.steps import ASKED, decide, propose, say, settle, shown, stock, usd
from agent.test_run import Scripted, plan, refund
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import Histogram, InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NoOpTracerProvider
from support.shop import ShopFault
from support.shop_workspace import open_shop

from sayso.actions.approvals.decision import Decision, DecisionChoice
from sayso.actions.model.definition import Subject
from sayso.agent.base import Message
from sayso.agent.incoming import Ask
from sayso.errors import ConfigError, RefusedError
from sayso.extras import installed_version
from sayso.ids import Tenant
from sayso.money import Money
from sayso.sdk.resources.base import SDK
from sayso.sdk.wiring.tracing import start_exporting
from sayso.telemetry import Telemetry


def collect() -> tuple[Telemetry, InMemorySpanExporter, TracerProvider]:
    """Telemetry that keeps its spans in memory."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return Telemetry(provider), exporter, provider


@pytest.mark.promise("telemetry:one-trace")
async def test_one_trace_joins_what_happens_before_and_after_the_wait(tmp_path: Path) -> None:
    """propose in one task, approve in another: resolve, judge, approve, call, settle, one trace."""
    telemetry, exporter, provider = collect()
    async with open_shop(tmp_path, telemetry=telemetry) as workspace:
        workspace.shop.books.add("o1", "cus_1", Money(20_000, "USD"))
        with provider.get_tracer("bot").start_as_current_span("bot"):
            view = await workspace.sayso.propose(
                "shop.refund", {"order": "o1"}, subject="cus_1", reason="secret words"
            )
        shown = view.approval
        assert shown is not None
        await workspace.sayso.approvals.decide_as(
            Decision(
                tenant=Tenant("main"),
                approval_id=shown.id,
                revision=shown.revision,
                digest=shown.digest,
                choice=DecisionChoice.APPROVE,
                person="maria",
                via="test",
                credential="host",
            )
        )
    spans = [span for span in exporter.get_finished_spans() if span.name.startswith("sayso.")]
    names = [span.name for span in spans]
    for name in ("resolve", "judge", "approve", "call", "settle"):
        assert f"sayso.{name}" in names
    assert len({_trace_of(span) for span in spans}) == 1
    told = repr([dict(span.attributes or {}) for span in spans])
    assert "secret words" not in told
    assert "cus_1" not in told


@pytest.mark.promise("telemetry:one-trace")
async def test_no_span_of_any_kind_says_anything_personal(tmp_path: Path) -> None:
    """Invariant 6: whatever is asked, goes wrong, is looked up or lowered; errors by code only."""
    telemetry, exporter, _ = collect()
    planner = Scripted(plan(refund(2000)))
    async with open_shop(tmp_path, telemetry=telemetry, planner=planner) as workspace:
        stock(workspace, "o1", customer="cus_1")
        await workspace.sayso.ask("cus_1", "please refund $20 of order o1, says Ana")
        with pytest.raises(RefusedError):
            await workspace.sayso.propose(
                "shop.refund", {"order": "Ana"}, subject="Ana", dry_run=True
            )
        workspace.shop.faults += [ShopFault.LOST_AFTER]
        await settle(workspace, await propose(workspace, 1000), tries=2)
        card = await shown(workspace, await propose(workspace))
        workspace.clock.advance(seconds=30)
        await decide(workspace, say(card, choice=DecisionChoice.EDIT, args={"amount": usd(9000)}))
    told = [span.to_json() for span in exporter.get_finished_spans()]
    names = {span.name for span in exporter.get_finished_spans()}
    steps = "request plan resolve judge approve call settle look_up".split()
    assert names >= {f"sayso.{step}" for step in steps}
    assert [span for span in told if "cus_1" in span or "Ana" in span] == []
    assert any('"description": "unknown_object"' in span for span in told)


@pytest.mark.promise("telemetry:one-trace")
@pytest.mark.parametrize("heard", [True, False], ids=["from the start", "by the worker alone"])
async def test_a_refund_without_a_callers_trace_is_one(tmp_path: Path, *, heard: bool) -> None:
    """It was eight: the trace begins where it is asked for, and is stored with the request."""
    telemetry, exporter, provider = collect()
    planner = Scripted(plan(refund(ASKED)))
    first = telemetry if heard else Telemetry(NoOpTracerProvider())
    async with open_shop(tmp_path, telemetry=first, planner=planner) as workspace:
        stock(workspace)
        request = await workspace.sayso.container.requests.ask(
            Ask(
                tenant=Tenant("main"),
                requester=SDK,
                subject=Subject.of("cus_1"),
                messages=(
                    Message(role="customer", content=f"refund {Money(ASKED, 'USD')} please"),
                ),
                key="k",
            )
        )
    async with open_shop(tmp_path, telemetry=telemetry, planner=planner) as workspace:
        stock(workspace)
        with provider.get_tracer("clock").start_as_current_span("every minute"):
            await workspace.sayso.container.dispatcher.drain()
        (action,) = (await workspace.sayso.requests.get(request.id)).actions
        with provider.get_tracer("slack").start_as_current_span("a click"):
            await decide(workspace, say(await shown(workspace, action)))
        await workspace.sayso.container.dispatcher.drain()
        assert (await workspace.sayso.actions.get(action.id)).status == "succeeded"
    spans = [span for span in exporter.get_finished_spans() if span.name.startswith("sayso.")]
    names = {span.name.removeprefix("sayso.") for span in spans}
    assert names >= {"request", "plan", "resolve", "judge", "approve", "call", "settle"}
    assert ("ask" in names) is heard
    assert len({_trace_of(span) for span in spans}) == 1


async def test_how_long_people_calls_and_ends_take_is_measured(tmp_path: Path) -> None:
    """Three histograms, by the name of the action."""
    reader = InMemoryMetricReader()
    telemetry = Telemetry(meters=MeterProvider(metric_readers=[reader]))
    async with open_shop(tmp_path, telemetry=telemetry) as workspace:
        stock(workspace)
        card = await shown(workspace, await propose(workspace))
        workspace.clock.advance(minutes=5)
        await decide(workspace, say(card))
    data = reader.get_metrics_data()
    assert data is not None
    found = {
        metric.name: [
            (point.sum, dict(point.attributes or {})) for point in metric.data.data_points
        ]
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if isinstance(metric.data, Histogram)
    }
    action = {"sayso.action": "shop.refund"}
    assert found["sayso.decide.duration"] == [(300.0, action | {"sayso.decision": "approve"})]
    assert [about for _, about in found["sayso.call.duration"]] == [action]
    ends = found["sayso.settle.duration"]
    assert [about for _, about in ends] == [action | {"sayso.status": "succeeded"}]


def test_a_command_exports_metrics_by_the_standard_variables() -> None:
    """Nobody counted before: no provider was set up. In a process of its own, since it stays."""
    program = (
        "import os; from sayso.sdk.wiring.tracing import start_exporting; "
        "stop = start_exporting(os.environ); from sayso.telemetry import Telemetry; "
        "Telemetry().time_call('shop.refund', 0.5); stop()"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "OTEL_METRICS_EXPORTER": "console", "OTEL_SERVICE_NAME": "till"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stderr
    assert '"name": "sayso.call.duration"' in ran.stderr
    assert '"service.name": "till"' in ran.stderr, "what the operator calls it"
    assert f'"service.version": "{installed_version()}"' in ran.stderr
    with pytest.raises(ConfigError, match="no exporter of metrics"):
        start_exporting({"OTEL_METRICS_EXPORTER": "consle"})


def test_a_process_tells_prometheus_what_it_has_timed() -> None:
    """In seconds, by OpenTelemetry's exporter, and only where the standard variable asks for it."""
    program = (
        "import os; from sayso.sdk.wiring.tracing import process_registry, start_exporting; "
        "stop = start_exporting(os.environ); from sayso.telemetry import Telemetry; "
        "Telemetry().time_call('shop.refund', 0.3); Telemetry().count_late('shop.refund'); "
        "from prometheus_client import generate_latest; "
        "print(generate_latest(process_registry()).decode()); stop()"
    )
    told = {
        exporter: subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "OTEL_METRICS_EXPORTER": exporter},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout.strip()
        for exporter in ("prometheus", "none")
    }
    assert told["none"] == ""
    about = 'sayso_action="shop.refund"'
    for line in (
        f'sayso_call_duration_seconds_bucket{{le="0.25",{about}}} 0.0',
        f'sayso_call_duration_seconds_bucket{{le="0.5",{about}}} 1.0',
        f"sayso_actions_late_total{{{about}}} 1.0",
    ):
        assert line in told["prometheus"].splitlines()


async def test_no_span_carries_an_action_that_a_caller_made_up(tmp_path: Path) -> None:
    """A name that no connector has is the caller's text: it may hold anything, of any length."""
    telemetry, exporter, _ = collect()
    made_up = "refund for Ana Quispe, +51 999 " + "x" * 5_000
    async with open_shop(tmp_path, telemetry=telemetry) as workspace:
        with pytest.raises(RefusedError, match="unknown"):
            await workspace.sayso.propose(made_up, {}, subject="cus_1", reason="it broke")
    spans = exporter.get_finished_spans()
    assert [span.name for span in spans] == ["sayso.propose"]
    assert "Quispe" not in str([(span.name, span.attributes, span.status) for span in spans])


def _trace_of(span: ReadableSpan) -> int:
    assert span.context is not None
    return int(span.context.trace_id)


def test_without_the_variables_nothing_is_exported() -> None:
    """No exporter is set up unless somebody asks for it."""
    start_exporting({})()
    start_exporting({"OTEL_TRACES_EXPORTER": "none"})()
    start_exporting({"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "console"})()
    assert not isinstance(trace.get_tracer_provider(), TracerProvider)


def test_an_unknown_exporter_is_refused_with_the_next_step() -> None:
    """A misspelt variable is said, not ignored."""
    with pytest.raises(ConfigError, match="console, otlp or none"):
        start_exporting({"OTEL_TRACES_EXPORTER": "consle"})
