"""deploy/kubernetes, by the API's own schemas and by what Sayso needs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from deploy.files import DEPLOY, instructions, wrong_by
from deploy.kubernetes_schema import BUNDLE
from typed import parse

from sayso.dispatch.fleet.worker import GRACE_S as WORKER_S
from sayso.settings.surfaces import HttpSection
from sayso.surfaces.http.operations import router
from sayso.surfaces.http.server import GRACE_S

pytestmark = pytest.mark.promise("deploy:kubernetes")
FILES = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
ROUTES = {getattr(route, "path", "") for route in router.routes}


def manifests() -> Iterator[dict[str, Any]]:
    """All of them, in the order in which they are applied."""
    for file in FILES:
        yield from yaml.safe_load_all(file.read_text(encoding="utf-8"))


def named(kind: str) -> dict[str, dict[str, Any]]:
    """Those of a kind, by name."""
    return {one["metadata"]["name"]: one for one in manifests() if one["kind"] == kind}


def pods() -> dict[str, dict[str, Any]]:
    """The pods that something makes, by who makes them."""
    made = named("Job") | named("Deployment")
    return {name: one["spec"]["template"] for name, one in made.items()}


@pytest.mark.parametrize("manifest", [pytest.param(one, id=one["kind"]) for one in manifests()])
def test_each_manifest_is_what_the_api_takes(manifest: dict[str, Any]) -> None:
    """Of Kubernetes 1.34, strict: a key that the API does not know is a mistake."""
    bundle = json.loads(BUNDLE.read_text(encoding="utf-8"))
    schema = bundle["kinds"][f"{manifest['apiVersion']} {manifest['kind']}"]
    schema = {**schema, "$defs": bundle["$defs"]}
    assert wrong_by(schema, manifest) == []
    assert wrong_by(schema, {**manifest, "speck": {}}) != []


def test_each_pod_runs_a_command_that_there_is_with_no_powers() -> None:
    """As the image's user, who is not root; nothing can be written but volumes."""
    image = dict(instructions(DEPLOY / "Dockerfile"))
    user, _, group = image["USER"].partition(":")
    assert pods().keys() == {"sayso-migrate", "sayso-server", "sayso-worker"}
    for name, pod in pods().items():
        (container,) = pod["spec"]["containers"]
        parse(container["args"])
        security = pod["spec"]["securityContext"]
        assert security["runAsNonRoot"] is True
        assert [security[key] for key in ("runAsUser", "runAsGroup")] == [int(user), int(group)]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert pod["spec"]["automountServiceAccountToken"] is False
        assert pod["spec"]["enableServiceLinks"] is False, "its variables begin with SAYSO_"
        volumes = {one["name"] for one in pod["spec"]["volumes"]}
        mounts = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
        assert mounts.keys() == volumes, name
        assert mounts["workspace"] == image["WORKDIR"]


def test_nothing_secret_stands_there() -> None:
    """Secrets and settings by their names alone; the migration's login is another one."""
    assert {one["kind"] for one in manifests()}.isdisjoint({"Secret", "ConfigMap"})
    logins = {name: pod["spec"]["containers"][0].get("env", []) for name, pod in pods().items()}
    assert [name for name, found in logins.items() if found] == ["sayso-migrate"]
    (url,) = logins["sayso-migrate"]
    assert (url["name"], "value" in url) == ("DATABASE_URL", False)


def test_probes_and_service_lead_to_the_server() -> None:
    """Alive by /healthz, since a database that is away needs no restart; ready by /readyz."""
    (container,) = pods()["sayso-server"]["spec"]["containers"]
    (port,) = container["ports"]
    assert port["containerPort"] == HttpSection().port
    probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("liveness", "readiness")}
    assert {name: one["path"] for name, one in probes.items()} == {
        "liveness": "/healthz",
        "readiness": "/readyz",
    }
    assert {one["path"] for one in probes.values()} <= ROUTES
    assert {one["port"] for one in probes.values()} == {port["name"]}
    (service,) = named("Service").values()
    assert service["spec"]["ports"][0]["targetPort"] == port["name"]
    (ingress,) = named("Ingress").values()
    (path,) = ingress["spec"]["rules"][0]["http"]["paths"]
    assert path["backend"]["service"]["name"] == service["metadata"]["name"]
    assert path["backend"]["service"]["port"]["name"] == service["spec"]["ports"][0]["name"]


def test_every_selector_selects_pods_that_there_are() -> None:
    """A label that nobody has is an open network, or a service without a server."""
    labels = {name: pod["metadata"]["labels"] for name, pod in pods().items()}

    def selected(wanted: dict[str, str]) -> set[str]:
        return {name for name, found in labels.items() if wanted.items() <= found.items()}

    for name, one in named("Deployment").items():
        assert selected(one["spec"]["selector"]["matchLabels"]) == {name}
    for name, one in named("PodDisruptionBudget").items():
        assert selected(one["spec"]["selector"]["matchLabels"]) == {name}
        assert one["spec"]["minAvailable"] < named("Deployment")[name]["spec"]["replicas"]
    assert selected(named("Service")["sayso"]["spec"]["selector"]) == {"sayso-server"}
    policies = {
        name: selected(one["spec"]["podSelector"]["matchLabels"])
        for name, one in named("NetworkPolicy").items()
    }
    assert policies == {"sayso": set(labels), "sayso-server": {"sayso-server"}}
    assert "ingress" not in named("NetworkPolicy")["sayso"]["spec"], "nobody calls a worker"


def test_an_end_has_the_time_that_the_program_takes() -> None:
    """A server gives calls their grace after the pause before SIGTERM, a worker what it runs."""
    server, worker = (pods()[name]["spec"] for name in ("sayso-server", "sayso-worker"))
    pause = server["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert server["terminationGracePeriodSeconds"] > pause + GRACE_S
    assert worker["terminationGracePeriodSeconds"] > WORKER_S


def test_a_mistake_deep_in_a_pod_is_found() -> None:
    """The schemas refer to one another down to a probe."""
    wrong = named("Deployment")["sayso-worker"]
    (container,) = wrong["spec"]["template"]["spec"]["containers"]
    container["securityContext"]["readOnlyRootFileSystem"] = True
    bundle = json.loads(BUNDLE.read_text(encoding="utf-8"))
    schema = {**bundle["kinds"]["apps/v1 Deployment"], "$defs": bundle["$defs"]}
    (said,) = wrong_by(schema, wrong)
    assert "readOnlyRootFileSystem" in said
