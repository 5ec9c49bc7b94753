"""docs/how-to/deploy.md: what it has one type and write is what the files of deploy/ ask for."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator

import pytest
from deploy.files import DEPLOY
from deploy.test_compose import COMPOSE, SERVICES
from deploy.test_image import EXTRAS
from deploy.test_kubernetes import named, pods
from fences import commands_of, fences_of, script_of
from tree import ROOT, projects
from typed import parse

from sayso.settings import parse_settings
from sayso.surfaces.http.metrics import _PROXY_HEADERS  # what makes a caller somebody else

pytestmark = pytest.mark.promise("deploy:page")
PAGE = ROOT / "docs" / "how-to" / "deploy.md"
TEXT = PAGE.read_text(encoding="utf-8")


def typed() -> Iterator[list[str]]:
    """The words of each command of the page."""
    for fence in fences_of(PAGE):
        if fence.language == "sh":
            yield from commands_of(script_of(fence))


def beginning(*words: str) -> list[list[str]]:
    """What follows these words, where commands begin with them."""
    found = [one[len(words) :] for one in typed() if tuple(one[: len(words)]) == words]
    assert found, words
    return found


def test_the_variables_of_compose_are_all_told() -> None:
    """By the table: one that is missing there stops compose, and one that is not used misleads."""
    wanted = set(re.findall(r"\$\{(\w+):\?", (DEPLOY / "compose.yaml").read_text("utf-8")))
    table = TEXT.partition("| variable | |")[2].partition("\n\n")[0]
    told = {
        name
        for row in re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    }
    assert told == wanted
    version = projects()["sayso"]["version"]
    assert set(re.findall(r"\bsayso:(\d[\w.]*)", TEXT)) == {version}


def test_what_runs_in_a_container_is_a_command_of_a_service_that_there_is() -> None:
    """`docker compose exec` and `docker run` alike."""
    assert COMPOSE["name"] == "sayso"
    for words in beginning("docker", "compose"):
        file, verb, *rest = words[1:]
        assert (ROOT / file).is_file()
        if verb == "exec":
            rest = [one for one in rest if one != "-T"]
            assert rest.pop(0) in SERVICES
            assert rest.pop(0) == "sayso"
            parse(rest)
    (words,) = beginning("docker", "run")
    parse(words[words.index(f"sayso:{projects()['sayso']['version']}") + 1 :])


def test_the_units_find_what_the_page_puts_there() -> None:
    """Folder, program, secrets and units; and the extras that it installs."""
    (built,) = beginning("deploy/build.sh")
    unit = (DEPLOY / "systemd" / "sayso.service").read_text(encoding="utf-8")
    assert f"ExecStart={built[0]}/bin/sayso serve" in unit
    assert set(built[1:]) <= set(EXTRAS)
    placed = [words[-1] for words in beginning("install")]
    assert "EnvironmentFile=/etc/sayso/secrets.env" in unit.splitlines()
    assert "/etc/sayso/secrets.env" in placed
    (folder,) = re.findall(r"SAYSO_WORKSPACE=(\S+)", unit)
    assert folder in placed
    for words in beginning("systemctl", "enable", "--now"):
        assert (DEPLOY / "systemd" / f"{words[0]}.service").is_file()
    (copied,) = beginning("cp")
    assert [one for one in copied[:-1] if not (ROOT / one).is_file()] == []


def test_kubernetes_is_given_what_the_manifests_ask_for() -> None:
    """Each Secret and ConfigMap by its name, each file, the Job, and the folder of the state."""
    made = {words[0] for words in beginning("kubectl", "create", "configmap")}
    made |= {words[0] for words in beginning("kubectl", "create", "secret", "generic")}
    asked = set[str]()
    for pod in pods().values():
        (container,) = pod["spec"]["containers"]
        asked |= {one["secretRef"]["name"] for one in container["envFrom"]}
        asked |= {one["valueFrom"]["secretKeyRef"]["name"] for one in container.get("env", ())}
        asked |= {one["configMap"]["name"] for one in pod["spec"]["volumes"] if "configMap" in one}
    assert made == asked
    for words in beginning("kubectl", "apply"):
        files = [one for one in words if one != "-f"]
        assert [one for one in files if not (ROOT / one).exists()] == []
    (waited,) = beginning("kubectl", "wait")
    assert waited[-1].removeprefix("job/") in named("Job")
    settings = [tomllib.loads(one.body) for one in fences_of(PAGE) if one.language == "toml"]
    parsed = parse_settings({**settings[0], **settings[1]}, "sayso.toml")
    (container,) = pods()["sayso-server"]["spec"]["containers"]
    mounted = {one["mountPath"] for one in container["volumeMounts"]}
    for place in (parsed.retention.erased_list, parsed.retention.segments):
        assert place.rpartition("/")[0] in mounted
    variables = re.findall(r'"env:(\w+)"', TEXT)
    assert all(f"`{one}`" in TEXT for one in variables)


def test_the_headers_of_a_proxy_are_those_that_sayso_reads() -> None:
    """By the names in the code."""
    (nginx,) = (one for one in fences_of(PAGE) if one.language == "nginx")
    for header in re.findall(r"proxy_set_header (X-\S+)", nginx.body):
        read = "x-forwarded-proto" in header.lower() or header.lower() in _PROXY_HEADERS
        assert read, header
        assert f"`{header}`" in TEXT
    assert shlex.split(nginx.body)  # no quotation is left open
