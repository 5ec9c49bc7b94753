"""Alerts and the dashboard read figures that a server shows, by labels that it has."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from actions.limits.limit_work import limited
from actions.steps import propose
from deploy.files import DEPLOY, program, read_yaml
from deploy.test_compose import SERVERS
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from tree import ROOT

from sayso.actions.model.status import Status
from sayso.agent.request_row import RequestStatus
from sayso.money import Money
from sayso.sdk.resources.tokens import Scope
from sayso.sdk.wiring.tracing import process_registry
from sayso.settings.surfaces import HttpSection
from sayso.surfaces.http.app import create_app
from sayso.telemetry import Telemetry

pytestmark = pytest.mark.promise("deploy:watched")
ALERTS = DEPLOY / "prometheus" / "alerts.yml"
OF_PROMETHEUS = {"up": {"job", "instance"}}
LABELS = {"sayso_action", "sayso_status"}
"""What begins as a metric does."""
LIMITS = """
[[limit]]
id = "day"
say = "At most 500 a day"
of = "workspace"
action = "shop.refund"
sum = { USD = 500 }
per = "day"
counts = "automatic"
"""


def rules() -> list[dict[str, Any]]:
    """The alerts, in order."""
    (group,) = read_yaml(ALERTS)["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def expressions() -> Iterator[str]:
    """All that is asked of Prometheus."""
    yield from (one["expr"] for one in rules())
    dashboard = json.loads((DEPLOY / "grafana" / "sayso.json").read_text(encoding="utf-8"))
    yield from (target["expr"] for panel in dashboard["panels"] for target in panel["targets"])


async def shown(folder: Path) -> list[Sample]:
    """The figures of a server that has counted and timed everything once."""
    reader = PrometheusMetricReader(
        disable_target_info=True, scope_info_enabled=False, registry=process_registry()
    )
    provider = MeterProvider([reader], shutdown_on_exit=False)
    try:
        telemetry = Telemetry(meters=provider)
        telemetry.time_decision("shop.refund", 1.0, "approve")
        telemetry.time_call("shop.refund", 1.0)
        telemetry.time_settlement("shop.refund", 1.0, "succeeded")
        for count in (telemetry.count_left, telemetry.count_late, telemetry.count_failed_later):
            count("shop.refund")
        async with limited(folder, LIMITS) as workspace:
            workspace.shop.books.add("o1", "cus_1", Money(90_000, "USD"))
            await propose(workspace, 4_000)
            await propose(workspace, 60_000, key="second")
            workspace.clock.advance(minutes=10)
            app = create_app(workspace.sayso)
            transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
                text = (await http.get("/metrics")).text
    finally:
        provider.shutdown()
    families = text_string_to_metric_families(text)
    return [sample for family in families for sample in family.samples]


async def test_every_figure_that_is_asked_for_is_shown(tmp_path: Path) -> None:
    """By its name, and each label that chooses or adds up; and what waits and is used is told."""
    samples = await shown(tmp_path)
    labels: dict[str, set[str]] = {name: {*found} for name, found in OF_PROMETHEUS.items()}
    for one in samples:
        labels.setdefault(one.name, set()).update(one.labels)
    asked = list(expressions())
    assert len(asked) > 25
    for expression in asked:
        wanted = set(re.findall(r"\b(?:sayso_\w+|up)\b", expression)) - LABELS
        assert wanted, expression
        assert wanted <= labels.keys(), expression
        chosen = re.findall(r"(\w+)(?:=~?|!~?)\"", expression)
        for by in re.findall(r"by \(([^)]*)\)", expression):
            chosen += by.split(", ")
        for name in wanted:
            assert set(chosen) <= labels[name], expression
    values = {one.name: one.value for one in samples}
    assert values["sayso_approvals_oldest_seconds"] == 600
    assert values["sayso_limits_fill"] == pytest.approx(0.08)


def test_every_status_that_is_chosen_is_one_that_there_is() -> None:
    """A misspelt status would be an alert that never rings."""
    known = {*map(str, Status), *map(str, RequestStatus)}
    chosen = [one for text in expressions() for one in re.findall(r'status=~?"([^"]+)"', text)]
    assert len(chosen) > 4
    assert [one for text in chosen for one in text.split("|") if one not in known] == []


def test_each_alert_says_what_is_wrong_and_where_it_is_explained() -> None:
    """A summary for a person who has just been woken; a page that there is."""
    names = [one["alert"] for one in rules()]
    assert len(names) == len(set(names)) > 9
    for one in rules():
        assert one["labels"]["severity"] in ("page", "ticket")
        assert len(one["annotations"]["summary"]) > 20
        page = one["annotations"].get("runbook", ALERTS.relative_to(ROOT))
        assert (ROOT / page).is_file(), page


def test_prometheus_scrapes_the_servers_of_compose_with_a_token_that_opens_it() -> None:
    """Which is a service's, with one scope."""
    text = (DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8")
    servers, collector = read_yaml(DEPLOY / "prometheus" / "prometheus.yml")["scrape_configs"]
    targets = set(servers["static_configs"][0]["targets"])
    assert targets == {f"{name}:{HttpSection().port}" for name in SERVERS}
    endpoint = read_yaml(DEPLOY / "otel.yaml")["exporters"]["prometheus"]["endpoint"]
    assert collector["static_configs"][0]["targets"] == [endpoint.replace("0.0.0.0", "collector")]
    assert f"--scope {Scope.READ}" in text
    jobs = {one for text in expressions() for one in re.findall(r'job="([^"]+)"', text)}
    assert jobs == {servers["job_name"]}


def test_promtool_takes_the_rules_and_they_ring_when_they_should(tmp_path: Path) -> None:
    """Prometheus' own judge and its unit tests, where it is installed."""
    promtool = program("promtool")
    for file in (ALERTS, Path(__file__).with_name("alerts.test.yml")):
        shutil.copy2(file, tmp_path)
    config = str(DEPLOY / "prometheus" / "prometheus.yml")
    for words in (
        ["check", "rules", ALERTS.name],
        ["test", "rules", "alerts.test.yml"],
        ["check", "config", "--syntax-only", config],
    ):
        command = [promtool, *words]
        ran = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
