"""The image: nothing here can pull a base image, so its steps are judged, and run without one."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import orjson
import pytest
from deploy.files import DEPLOY, instructions, thorough
from tree import ROOT, SOURCES, projects
from typed import parse

from sayso.settings.surfaces import HttpSection
from sayso.surfaces.http.operations import router

pytestmark = pytest.mark.promise("deploy:image")
STEPS = instructions(DEPLOY / "Dockerfile")
FINAL = STEPS[max(at for at, (word, _) in enumerate(STEPS) if word == "FROM") :]
EXTRAS = next(
    shlex.split(words)[0].partition("=")[2].split()
    for word, words in STEPS
    if word == "ARG" and words.startswith("EXTRAS=")
)
MACHINES = ("x86_64", "aarch64")


def last(word: str) -> str:
    """The words of an instruction that the last stage has once."""
    (found,) = (words for name, words in FINAL if name == word)
    return found


def test_the_image_runs_a_command_that_there_is_as_nobody_special() -> None:
    """In list form, so SIGTERM reaches it; by number, so Kubernetes sees it is not root."""
    words = [*orjson.loads(last("ENTRYPOINT")), *orjson.loads(last("CMD"))]
    assert words.pop(0) == "sayso"
    parse(words)
    assert last("STOPSIGNAL") == "SIGTERM"
    user, _, group = last("USER").partition(":")
    assert int(user) > 1000
    assert int(group) > 1000
    assert orjson.loads(last("VOLUME")) == [last("WORKDIR")]
    assert f"SAYSO_WORKSPACE={last('WORKDIR')}" in last("ENV")


def test_its_health_is_asked_at_a_route_and_a_port_that_there_are() -> None:
    """The port is the one that `[http] port` is unless said."""
    port = HttpSection().port
    assert last("EXPOSE") == str(port)
    found = re.search(r"To\('127\.0\.0\.1', (\d+), .*'GET', '(/\w+)'", last("HEALTHCHECK"))
    assert found is not None
    assert int(found[1]) == port
    assert found[2] in {getattr(route, "path", "") for route in router.routes}
    assert "CMD [" in last("HEALTHCHECK")


def test_what_it_installs_is_locked_and_there_is_a_wheel_of_it_for_each_machine() -> None:
    """Every package of the lock that the image takes: pure, or for that Python and CPU."""
    assert set(EXTRAS) <= projects()["sayso"]["optional-dependencies"].keys()
    uv = shutil.which("uv")
    assert uv is not None
    wanted = [word for extra in EXTRAS for word in ("--extra", extra)]
    command = [uv, "export", "--quiet", "--frozen", "--no-dev", "--no-emit-workspace", *wanted]
    told = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    ).stdout
    names = {
        (found[1], found[2])
        for line in told.splitlines()
        if (found := re.match(r"([\w.-]+)==([^ ;]+)(?P<marker> ;.*win32.*)?", line))
        and not found["marker"]
    }
    assert len(names) > 60
    assert "--hash=sha256:" in told
    (minor,) = (words.partition("=3.")[2] for word, words in STEPS if words.startswith("PYTHON="))
    locked = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    without = [
        f"{package['name']} on {machine}"
        for package in locked
        if (package["name"], package.get("version")) in names
        for machine in MACHINES
        if not any(_fits(wheel["url"], minor, machine) for wheel in package.get("wheels", ()))
    ]
    assert without == []


def _fits(url: str, minor: str, machine: str) -> bool:
    python, abi, platform = url.rpartition("/")[2].removesuffix(".whl").split("-")[-3:]
    if platform != "any" and not ("manylinux" in platform and machine in platform):
        return False
    stable = abi == "abi3" and any(
        int(one.removeprefix("cp3")) <= int(minor) for one in python.split(".") if one != "cp3"
    )
    return "py3" in python.split(".") or f"cp3{minor}" in python.split(".") or stable


def patterns() -> tuple[set[str], list[str]]:
    """What .dockerignore lets through, by name, and what it takes out of that again."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line and not line.startswith("#")]
    assert kept.pop(0) == "*"
    wanted = {line.removeprefix("!") for line in kept if line.startswith("!")}
    return wanted, [line for line in kept if not line.startswith("!")]


def test_only_what_is_built_of_gets_into_a_layer() -> None:
    """All is left out but what is named; and of that, whatever looks like a key or a database."""
    wanted, without = patterns()
    parts = {one.relative_to(ROOT).parts[0] for one in SOURCES if one != ROOT}
    files = {"LICENSE", "README.md", "pyproject.toml", "uv.lock", "deploy/build.sh"}
    assert wanted == {"sayso", *parts, *files}
    for secret in ("sayso/keys/log.key", "sayso/.env", "base/sayso.db", "agent/.sayso"):
        assert any(fnmatch(secret, one) for one in without), secret
    copied = [words for word, words in STEPS if word in ("COPY", "ADD")]
    assert copied == [". .", "--from=build /opt/sayso /opt/sayso"]
    assert not any("secret" in words.lower() or "token" in words.lower() for _, words in STEPS)


@thorough
def test_the_images_steps_make_a_server_that_ends_when_it_is_told(tmp_path: Path) -> None:
    """From what .dockerignore lets through: built, served, asked by HEALTHCHECK's words, ended."""
    source, target, shop = tmp_path / "source", tmp_path / "sayso", tmp_path / "shop"
    for name in patterns()[0]:
        place = source / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / name, place)
    steps = ["bash", str(source / "deploy" / "build.sh"), str(target), *EXTRAS]
    built = subprocess.run(steps, capture_output=True, text=True, timeout=900, check=False)
    assert built.returncode == 0, built.stderr
    assert built.stdout == f"sayso {projects()['sayso']['version']}\n"
    sayso, python = str(target / "bin" / "sayso"), str(target / "bin" / "python")
    alone = {"PATH": os.defpath, "STRIPE_API_KEY": "sk_test_nobody"}
    made = [sayso, "init", str(shop), "--approver", "maria"]
    subprocess.run(made, env=alone, capture_output=True, check=True, timeout=120)
    words = [*orjson.loads(last("ENTRYPOINT")), *orjson.loads(last("CMD"))]
    words = [str(target / "bin" / words[0]), *words[1:], "--port", "0"]
    environment = alone | {"SAYSO_WORKSPACE": str(shop)}
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            serving = re.match(r"Serving http://0\.0\.0\.0:(\d+) until", server.stdout.readline())
            assert serving is not None
            asked = orjson.loads(last("HEALTHCHECK").partition("CMD ")[2])
            # Docker asks again and again, with less patience each time than a busy machine needs.
            program = asked[2].replace(str(HttpSection().port), serving[1])
            asked = [python, asked[1], program.replace("timeout=7", "timeout=60")]
            healthy = subprocess.run(asked, env=alone, timeout=60, check=False)
            server.send_signal(signal.SIGTERM)
            assert server.wait(60) == 0
        finally:
            server.kill()
    assert healthy.returncode == 0
    after = subprocess.run(asked, env=alone, capture_output=True, timeout=60, check=False)
    assert after.returncode != 0
