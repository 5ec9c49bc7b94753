"""Spans: one trace from the customer's words to the outcome, and nothing personal in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from actions.steps import decide, propose, say, settle, shown, stock, usd
from agent.test_run import Scripted, plan, refund
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from support.shop import ShopFault
from support.shop_workspace import open_shop

from sayso.actions.approvals.decision import Choice, Decision
from sayso.errors import ConfigError, RefusedError
from sayso.ids import Tenant
from sayso.money import Money
from sayso.sdk.tracing import start_exporting
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
                choice=Choice.APPROVE,
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
        await decide(workspace, say(card, choice=Choice.EDIT, args={"amount": usd(9000)}))
    told = [span.to_json() for span in exporter.get_finished_spans()]
    names = {span.name for span in exporter.get_finished_spans()}
    steps = "request plan resolve judge approve call settle look_up".split()
    assert names >= {f"sayso.{step}" for step in steps}
    assert [span for span in told if "cus_1" in span or "Ana" in span] == []
    assert any('"description": "unknown_object"' in span for span in told)


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
