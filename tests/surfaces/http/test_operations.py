"""Probes, figures, and what happens when something breaks."""

from __future__ import annotations

import logging

import httpx
import pytest
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope
from surfaces.http.api_server import SECRET_TEXT, ApiServer, as_json, problem, refund, token

from sayso.ids import Tenant
from sayso.sdk.resources.tokens import Scope
from sayso.sdk.wiring.tracing import process_registry
from sayso.surfaces.http.edge import Edge
from sayso.telemetry import Telemetry


def test_alive_and_ready_need_no_token(api: ApiServer) -> None:
    """What a load balancer asks."""
    for path in ("/healthz", "/readyz"):
        answer = api.get(path, by=None)
        assert answer.status_code == 200
        assert as_json(answer)["status"] == "ok"
        alone = api.http.head(path)
        assert (alone.status_code, alone.content) == (200, b"")


def test_ready_and_a_metric_say_what_is_loaded(api: ApiServer) -> None:
    """Servers that differ can be told apart, by digests to strangers and by names to the own."""
    api.propose(100)
    told = as_json(api.get("/readyz", by=None))
    assert told["policy"] == 1
    assert told["not_reloaded"] == ""
    assert {len(told[f"{what}_sha256"]) for what in ("policy", "connectors")} == {12}
    figures = _figures(api)
    assert figures["sayso_loaded_policy"] == 1
    assert figures["sayso_loaded_not_reloaded"] == 0
    assert figures['sayso_loaded_connectors{connector="shop",version="1"}'] == 1


def test_the_figures_follow_what_happens(api: ApiServer) -> None:
    """Actions by status, pending approvals, the log's size, in Prometheus' text format."""
    before = _figures(api)
    api.propose(4_000)
    api.propose(12_900)
    after = _figures(api)
    assert after["sayso_approvals_pending"] == before["sayso_approvals_pending"] + 1
    for status in ("succeeded", "pending_approval"):
        name = f'sayso_actions{{status="{status}"}}'
        assert after[name] == before[name] + 1
    assert after["sayso_log_entries"] > before["sayso_log_entries"]


def test_only_the_own_tenant_hears_of_the_process(api: ApiServer) -> None:
    """What a process counts is of all its tenants; and a scraper gets the form it asks for."""
    made = token(api.sayso, "maria", "person", frozenset({Scope.READ}), tenant=Tenant("other"))
    _, api.secrets["foreign"] = api.run(made)
    reader = PrometheusMetricReader(scope_info_enabled=False, registry=process_registry())
    provider = MeterProvider([reader], shutdown_on_exit=False)
    try:
        Telemetry(meters=provider).count_late("shop.refund")
        own = api.get("/metrics", by=None).text
        assert 'sayso_actions_late_total{sayso_action="shop.refund"} 1.0' in own.splitlines()
        assert "sayso_actions_late" not in api.get("/metrics", by="foreign").text
        wanted = {"Accept": "application/openmetrics-text; version=1.0.0"}
        answer = api.http.get("/metrics", headers={"Host": "localhost", **wanted})
        assert answer.headers["content-type"].startswith("application/openmetrics-text")
        names = [line.split()[2] for line in answer.text.splitlines() if line.startswith("# TYPE")]
        assert len(set(names)) == len(names)
        assert answer.text.endswith("# EOF\n")
    finally:
        provider.shutdown()


def _figures(api: ApiServer) -> dict[str, int]:
    answer = api.get("/metrics", by=None)
    assert answer.headers["content-type"].startswith("text/plain; version=")
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: int(float(value)) for name, _, value in (line.rpartition(" ") for line in lines)}


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "sayso.example.com"},
        {"Host": "127.0.0.1.example.com"},
        {"Host": "sayso.example.com:"},
        {"Host": "127.0.0.1@sayso.example.com"},
        {"Host": "["},
        {"Host": ""},
        {"X-Forwarded-For": "203.0.113.7"},
        {"Forwarded": "for=203.0.113.7"},
        {"Via": "1.1 proxy"},
    ],
)
def test_figures_for_others_need_a_token(api: ApiServer, headers: dict[str, str]) -> None:
    """Behind a proxy, or under a name that a web page made up, loopback proves nothing; nor does a
    name that cannot be read, which stood for the server's own."""
    problem(api.http.get("/metrics", headers=headers), 401, "unauthenticated")
    scoped = api.http.get("/metrics", headers={**headers, **api.headers("reader")})
    assert scoped.status_code == 200
    wrong = api.http.get("/metrics", headers={**headers, **api.headers("auditor")})
    problem(wrong, 403, "forbidden")


async def _breaks(_scope: AsgiScope, _receive: Receive, _send: Send) -> None:
    raise ZeroDivisionError(SECRET_TEXT)


async def test_an_unexpected_error_is_a_problem_with_an_id(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """500 `internal`: no stack and no text of the error; the id leads to it in the log."""
    caplog.set_level(logging.ERROR)
    transport = httpx.ASGITransport(Edge(_breaks))
    async with httpx.AsyncClient(transport=transport, base_url="http://sayso") as client:
        answer = await client.get("/v1/actions")
    found = problem(answer, 500, "internal")
    occurrence = found["instance"].rpartition(":")[2]
    assert occurrence in found["next_step"]
    (line,) = [record for record in caplog.records if occurrence in record.getMessage()]
    assert "ZeroDivisionError" in line.getMessage()
    assert "test_operations.py" in line.getMessage()
    for text in (answer.text, caplog.text):
        assert SECRET_TEXT not in text
    assert "Traceback" not in answer.text
    assert "ZeroDivisionError" not in answer.text


def test_a_connector_that_breaks_off_is_a_problem_that_names_no_words(
    api: ApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    """503 `connector_failed`: nothing was stored; the log names the place in its code."""
    answer = api.post("/v1/actions", refund("breaks", "cus_broken"))
    problem(answer, 503, "connector_failed")
    assert "api_server.py" in caplog.text
    assert "RetryableError connector_failed < ZeroDivisionError" in caplog.text
    for text in (answer.text, caplog.text):
        assert SECRET_TEXT not in text
    assert as_json(api.get("/v1/actions?subject=cus_broken"))["items"] == []


def test_a_pause_that_is_asked_for_is_passed_on(api: ApiServer) -> None:
    """`Retry-After` in whole seconds, never less than was asked for; nothing was stored."""
    answer = api.post("/v1/actions", refund("busy", "cus_busy"))
    problem(answer, 503, "provider_rate_limited")
    assert answer.headers["retry-after"] == "7"
    assert as_json(api.get("/v1/actions?subject=cus_busy"))["items"] == []


def test_each_problem_has_its_own_instance(api: ApiServer) -> None:
    """Two equal refusals are two occurrences."""
    first, second = (problem(api.get("/v1/actions/act_1"), 404, "not_found") for _ in range(2))
    assert first["instance"] != second["instance"]
    assert {**first, "instance": ""} == {**second, "instance": ""}


@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost:8390", "127.0.0.1", "127.8.9.1:1", "[::1]:8"]
)
def test_figures_need_no_token_on_this_machine(api: ApiServer, host: str) -> None:
    """By whichever of its loopback names a scraper on this machine calls it."""
    assert api.http.get("/metrics", headers={"Host": host}).status_code == 200
