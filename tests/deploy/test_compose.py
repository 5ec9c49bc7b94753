"""deploy/compose.yaml and what it mounts, held against the specification and against Sayso."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from deploy.files import DEPLOY, instructions, mistakes, program, read_yaml, referred
from support.postgres_server import run_postgres
from tree import ROOT
from typed import parse

import sayso.surfaces.http.metrics as metrics
import sayso.surfaces.http.operations as operations
from sayso.dispatch.fleet.worker import GRACE_S as WORKER_S
from sayso.sdk.wiring.tracing import start_exporting
from sayso.settings.surfaces import HttpSection
from sayso.store.postgres.connection import connect_plainly
from sayso.store.postgres.schema import migrate_postgres
from sayso.surfaces.http.server import GRACE_S

pytestmark = pytest.mark.promise("deploy:compose")
COMPOSE = read_yaml(DEPLOY / "compose.yaml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name for name, one in SERVICES.items() if "SAYSO_IMAGE" in one["image"]}
SERVERS = {name for name in OURS if SERVICES[name]["command"][0] == "serve"}
PORT = HttpSection().port
ROUTES = {
    getattr(route, "path", "") for part in (metrics, operations) for route in part.router.routes
}
CADDY = (DEPLOY / "Caddyfile").read_text(encoding="utf-8")
OTEL = read_yaml(DEPLOY / "otel.yaml")


def test_it_is_what_the_specification_calls_a_compose_file() -> None:
    """By the schema of compose-spec; one that has a service with two images is not."""
    assert mistakes(COMPOSE, "compose-spec") == []
    assert mistakes({"services": {"a": {"image": ["one", "two"]}}}, "compose-spec") != []


def test_each_of_our_containers_runs_a_command_that_there_is_with_no_powers() -> None:
    """Two servers, a worker and a migration; each may write its workspace and /tmp, no more."""
    assert len(SERVERS) == 2
    assert {*SERVERS, "worker", "migrate"} == OURS
    for name in OURS:
        one = SERVICES[name]
        parse(one["command"])
        assert (one["read_only"], one["cap_drop"]) == (True, ["ALL"])
        assert one["security_opt"] == ["no-new-privileges:true"]
    (volume,) = (words for word, words in instructions(DEPLOY / "Dockerfile") if word == "VOLUME")
    mounts = {mount.rpartition(":")[2] for name in OURS for mount in SERVICES[name]["volumes"]}
    assert mounts == set(yaml.safe_load(volume))


def test_nothing_starts_before_what_it_needs() -> None:
    """The database, then the migration to its end, then servers and worker, then the proxy."""
    waits = {
        name: {on: how["condition"] for on, how in one.get("depends_on", {}).items()}
        for name, one in SERVICES.items()
    }
    assert waits["migrate"] == {"postgres": "service_healthy"}
    for name in OURS - {"migrate"}:
        assert waits[name] == {"migrate": "service_completed_successfully"}
    assert waits["caddy"] == dict.fromkeys(SERVERS, "service_healthy")
    assert "healthcheck" in SERVICES["postgres"]
    assert {one["restart"] for name, one in SERVICES.items() if name != "migrate"} == {
        "unless-stopped"
    }
    assert SERVICES["migrate"]["restart"] == "no"
    for name in (*SERVERS, "worker"):
        grace_s = WORKER_S if name == "worker" else GRACE_S
        assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) > grace_s


def test_nothing_secret_stands_there_or_has_a_default() -> None:
    """Each variable stops compose with a sentence where it is not set: `${NAME:?say so}`."""
    variables = [
        found for text in referred(COMPOSE) for found in re.findall(r"\$\{([^}]*)\}", text)
    ]
    assert len(variables) > 8
    assert [one for one in variables if not re.fullmatch(r"([A-Z_]+):\?set \1\b.{10,}", one)] == []
    logins = (DEPLOY / "postgres" / "logins.sql").read_text(encoding="utf-8")
    wanted = set(re.findall(r"^\\getenv \w+ (\w+)$", logins, flags=re.MULTILINE))
    assert wanted
    assert wanted <= SERVICES["postgres"]["environment"].keys()
    for name in OURS:
        url = SERVICES[name]["environment"]["DATABASE_URL"]
        kind = "migrate" if name == "migrate" else "server"
        assert url.startswith(f"postgresql://sayso_{kind}:${{SAYSO_{kind.upper()}_PASSWORD:?")
        assert url.endswith("}@postgres:5432/sayso")
        assert f"('sayso_{kind}', 'login')" in logins
    assert SERVICES["postgres"]["environment"]["POSTGRES_DB"] == "sayso"


def test_each_program_listens_where_the_other_one_calls() -> None:
    """The proxy at both servers, by a route of theirs; servers and worker at the collector."""
    called = set(re.findall(r"([\w-]+):(\d+)", CADDY))
    assert called == {(name, str(PORT)) for name in SERVERS}
    for name in SERVERS:
        assert SERVICES[name]["expose"] == [str(PORT)]
        assert "ports" not in SERVICES[name], "only the proxy is reached from outside"
    paths = set(re.findall(r"(?:health_uri|respond) (/\w+)", CADDY))
    assert paths == {"/readyz", "/metrics"}
    assert paths <= ROUTES
    assert "{$SAYSO_DOMAIN}" in CADDY
    for name in OURS - {"migrate"}:
        environment = SERVICES[name]["environment"]
        told = environment["OTEL_EXPORTER_OTLP_ENDPOINT"]
        assert (
            told.removeprefix("http://collector").replace(":", "0.0.0.0:")
            == (OTEL["receivers"]["otlp"]["protocols"]["http"]["endpoint"])
        )
        start_exporting({"OTEL_EXPORTER_OTLP_ENDPOINT": told, "OTEL_SDK_DISABLED": "true"})()
    kinds = {"receivers", "processors", "exporters"}
    for pipeline in OTEL["service"]["pipelines"].values():
        for kind in kinds:
            assert set(pipeline[kind]) <= OTEL[kind].keys()


def test_what_is_mounted_is_there_and_named_volumes_are_declared() -> None:
    """A path that is wrong would be made as an empty folder by the engine."""
    mounted = [mount for one in SERVICES.values() for mount in one.get("volumes", ())]
    files = {one.partition(":")[0] for one in mounted if one.startswith("./")}
    assert {"./Caddyfile", "./otel.yaml", "./postgres/logins.sql"} == files
    assert [one for one in files if not (DEPLOY / one).is_file()] == []
    named = {one.partition(":")[0] for one in mounted if not one.startswith((".", "$"))}
    assert named == COMPOSE["volumes"].keys()
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"deploy/secrets.env", "deploy/.env"} <= set(ignored)


def test_caddy_reads_the_caddyfile(tmp_path: Path) -> None:
    """By Caddy itself, where it is installed."""
    command = [program("caddy"), "adapt", "--config", str(DEPLOY / "Caddyfile"), "--validate"]
    environment = {"SAYSO_DOMAIN": "sayso.example.com", "HOME": str(tmp_path), "PATH": os.defpath}
    ran = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr


def test_the_logins_migrate_and_serve_and_may_do_no_more() -> None:
    """On a server of its own, by psql as the image runs it: roles belong to a whole server."""
    with run_postgres(settings={"fsync": "off"}) as server:
        server.run("postgres", "create role sayso_auditor nologin")  # as another database has left
        server.run("postgres", "create database sayso")
        command = [str(server.binaries / "psql"), "-h", str(server.folder), "-U", "postgres"]
        command += ["-d", "sayso", "-qXt", "-f", str(DEPLOY / "postgres" / "logins.sql")]
        passwords = {"SAYSO_MIGRATE_PASSWORD": "one", "SAYSO_SERVER_PASSWORD": "two"}
        ran = subprocess.run(
            command, env=passwords, capture_output=True, text=True, timeout=60, check=False
        )
        assert (ran.returncode, ran.stderr) == (0, "")
        migrate_postgres(server.url("sayso", user="sayso_migrate"))
        url = server.url("sayso", user="sayso_server")
        with connect_plainly(url) as serving:
            serving.execute("select count(*) from sayso.action")
            for change in ("create table sayso.more ()", "drop table sayso.action"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    serving.execute(change.encode())
