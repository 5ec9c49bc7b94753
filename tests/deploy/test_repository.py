"""The repository as a place to work: workflows, forms and the verbs of every day."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from deploy.files import DEPLOY, instructions, mistakes, read_yaml, referred
from surfaces.cli.reference import GROUPS as GROUPS_OF_COMMANDS
from tree import ROOT, projects

from sayso.settings.surfaces import HttpSection
from sayso.surfaces.cli.app import COMMANDS

pytestmark = pytest.mark.promise("house:workflows")
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = sorted((GITHUB / "ISSUE_TEMPLATE").glob("*.yml"))
RUN = (ROOT / "run").read_text(encoding="utf-8")
GROUPS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]


def read_workflow(path: Path) -> dict[str, Any]:
    """A workflow; its `on` is a word, which YAML 1.1 takes for a truth value."""
    return {"on" if name is True else name: part for name, part in read_yaml(path).items()}


def steps(path: Path) -> list[dict[str, Any]]:
    """The steps of all jobs of a workflow."""
    return [step for job in read_workflow(path)["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        *((path, "github-workflows") for path in WORKFLOWS),
        *((path, "github-issue-forms") for path in FORMS if path.stem != "config"),
        (GITHUB / "ISSUE_TEMPLATE" / "config.yml", "github-issue-config"),
        (GITHUB / "dependabot.yml", "dependabot"),
    ],
    ids=str,
)
def test_each_file_is_what_its_schema_says(path: Path, schema: str) -> None:
    """By the schemas of SchemaStore, which `check-jsonschema` carries."""
    found = read_workflow(path) if schema == "github-workflows" else read_yaml(path)
    assert mistakes(found, schema) == []


def test_a_linter_of_workflows_finds_nothing() -> None:
    """zizmor: templates that inject, credentials that stay, permissions that are too wide."""
    command = [str(Path(sys.executable).with_name("zizmor")), "--offline", "--quiet", str(GITHUB)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_do_nothing_but_what_a_job_says(path: Path) -> None:
    """And each job ends some day, and leaves no credential in the checkout."""
    workflow = read_workflow(path)
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 60
        assert job["permissions"].get("contents", "read") == "read"
    for step in steps(path):
        if step.get("uses", "").startswith("actions/checkout"):
            assert step["with"]["persist-credentials"] is False


def test_workflows_run_what_there_is() -> None:
    """CI is .ci/run; what a release lists is what SECURITY.md tells; uv is the image's."""
    lines = [step["run"] for path in WORKFLOWS for step in steps(path) if "run" in step]
    assert "bash .ci/run" in lines
    security = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    assert next(line for line in lines if "cyclonedx" in line) in security
    typed = [line for text in lines for line in text.splitlines() if line.startswith("./run ")]
    assert len(typed) > 1
    for line in typed:
        judge(line.removeprefix("./run ").split())
    publishing = read_workflow(GITHUB / "workflows" / "release.yml")["jobs"]["publish"]
    assert publishing["permissions"] == {"id-token": "write"}
    assert "password" not in str(publishing), "trusted publishing needs none"


def judge(words: list[str]) -> None:
    """Whether `./run WORDS` does something: a verb of its own, or what uv runs with our groups."""
    if not words[0].startswith("-"):
        assert f"\n  {words[0]})" in RUN, words
        return
    while words[0].startswith("-"):
        option = words.pop(0)
        assert option in ("--frozen", "--all-extras", "--group"), option
        if option == "--group":
            assert words.pop(0) in GROUPS
    assert words[0] in ("python", "ruff", "pytest", "pyright", "sphinx-build"), words


def test_one_version_of_uv_is_named() -> None:
    """In the image, in the workflows and in the container that people develop in."""
    files = [DEPLOY / "Dockerfile", *WORKFLOWS, ROOT / ".devcontainer" / "devcontainer.json"]
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    named = re.findall(r"\bUV=([\d.]+)|\buv==([\d.]+)", text)
    assert len(named) > 2
    assert len({one or other for one, other in named}) == 1
    assert ("ARG", "PYTHON=3.13") in instructions(DEPLOY / "Dockerfile")


def test_the_five_verbs_of_every_day_are_lines_of_run() -> None:
    """The justfile adds no way of its own."""
    text = (ROOT / "justfile").read_text(encoding="utf-8")
    verbs = re.findall(r"^(\w+)[^:\n]*:\n((?:    .+\n)+)", text, flags=re.MULTILINE)
    assert [name for name, _ in verbs] == ["default", "demo", "test", "check", "fix", "docs"]
    lines = [line.strip() for _, body in verbs[1:] for line in body.splitlines()]
    for line in lines:
        assert line.startswith("./run ")
        judge([word for word in line.split()[1:] if not word.startswith("{{")])


def test_what_judges_a_commit_is_there() -> None:
    """pre-commit runs our own tools, and fetches nobody else's."""
    (repository,) = read_yaml(ROOT / ".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        words = hook["entry"].split()
        assert words.pop(0) == "./run"
        judge(words)
        assert all((ROOT / one).exists() for one in words if one.startswith("tests/"))


def test_the_container_to_develop_in_has_what_the_tests_need() -> None:
    """The port of `sayso serve`, and all extras."""
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text("utf-8"))
    assert container["forwardPorts"] == [HttpSection().port]
    assert "uv sync --group dev --all-extras" in container["postCreateCommand"]


@pytest.mark.parametrize("form", ["bug", "unknown-outcome"])
def test_a_form_says_what_never_to_attach_and_names_commands_that_there_are(form: str) -> None:
    """Whoever is in a hurry attaches whatever they have; the page is public."""
    found = read_yaml(GITHUB / "ISSUE_TEMPLATE" / f"{form}.yml")
    first = found["body"][0]["attributes"]["value"]
    assert "**Never attach**" in first
    assert "customer" in first
    texts = list(referred(found))
    commands = [one for text in texts for one in re.findall(r"`sayso ([a-z ]+)[A-Z`]", text)]
    assert len(commands) > 1
    for command in commands:
        name, *verbs = command.split()
        assert name in COMMANDS
        assert set(verbs) <= {*GROUPS_OF_COMMANDS.get(name, ())}, command
    assert found["body"][-1]["attributes"]["options"][0]["required"] is True


def test_who_builds_the_sdist_sends_all_of_this_along() -> None:
    """And an old version number is nowhere in what a release builds of."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    sdist = tomllib.loads(text)["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert {"/deploy", "/.github", "/justfile", "/CODE_OF_CONDUCT.md"} <= set(sdist)
    for file in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        images = re.findall(r"image: \S+/sayso:(\S+)", file.read_text(encoding="utf-8"))
        assert set(images) <= {projects()["sayso"]["version"]}
