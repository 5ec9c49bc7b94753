"""A command that is printed can be typed: it exists, and begins as it has to here."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from surfaces.cli.reference import GROUPS, NESTED, every_command, help_of
from tree import ROOT, package_files, projects, read_package

from sayso.extras import install
from sayso.surfaces.cli.invocation import prefix_for, runnable, typed

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
OURS = re.compile(
    r"(?:^|[`(&;|]\s*|uv run (?:--extra [\w-]+ )*)sayso ((?:[a-z][a-z-]* ?){1,2})(.*)"
)
ALL = {words: set(re.findall(r"--[a-z][a-z-]+", help_of(*words))) for words in every_command()}


def written() -> Iterator[tuple[str, str]]:
    """Each line of a shell block and each span of code in the pages; each text of the package.

    Templates of the console are texts of the package.
    """
    for page in PAGES:
        if "decisions" in page.parts:  # what was so when it was decided
            continue
        text = page.read_text(encoding="utf-8")
        for block in re.findall(r"```(?:sh|bash|console)\n(.*?)```", text, flags=re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                yield page.name, line.strip().removeprefix("$ ")
        prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        for span in re.findall(r"`([^`\n]+)`", prose):
            yield page.name, span
    yield from _in_code()


def _in_code() -> Iterator[tuple[str, str]]:
    for name, tree in read_package():
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                parts = (str(p.value) if isinstance(p, ast.Constant) else "X" for p in node.values)
                text = "".join(parts)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
            else:
                continue
            for span in re.findall(r"`(sayso [^`\n]+)`", text):
                yield name, span
    for template in package_files("*.html"):
        text = template.read_text(encoding="utf-8")
        for span in re.findall(r"<code[^>]*>(sayso [^<{]+)", text):
            yield template.name, span


def command_of(line: str) -> tuple[tuple[str, ...], set[str]] | None:
    """The words of our command in a line, and its long options; None where there is none."""
    match = OURS.search(line.partition(" #")[0])
    if match is None or match[2].startswith("…"):
        return None
    first, *rest = match[1].split()
    words: tuple[str, ...] = (first,)
    if first in GROUPS and rest and rest[0] in GROUPS[first]:
        words = (first, rest[0])
    verb = " ".join([*rest, *match[2].split()][:2])
    if verb in NESTED.get(first, ()):
        words = (first, *verb.split())
    return words, set(re.findall(r"(?<=\s)--[a-z][a-z-]+", match[0]))


def _is_group(words: tuple[str, ...], line: str) -> bool:
    """Whether a line names a group of commands, and none of them."""
    last = line.split()[-1]
    nested = {one.split()[0] for one in NESTED.get(words[0], ())}
    return words[0] in GROUPS and (last == words[0] or last in nested)


@pytest.mark.promise("cli:printed")
def test_every_command_that_is_printed_exists_with_its_options() -> None:
    """`sayso actions kinds` was printed long after it had become `sayso actions types`."""
    unknown: list[str] = []
    seen = 0
    for cli, line in written():
        command = command_of(line)
        if command is None:
            continue
        seen += 1
        words, options = command
        if words not in ALL and not _is_group(words, line):
            unknown.append(f"{cli}: {line}")
        elif more := options - ALL.get(words, options) - {"--help", "--extra", "--project"}:
            unknown.append(f"{cli}: {line}: {more}")
    assert not unknown, "\n".join(unknown)
    assert seen > 200


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with the environment that `uv run` makes in it."""
    (tmp_path / "of sayso" / ".venv").mkdir(parents=True)
    (tmp_path / "of sayso" / "pyproject.toml").write_text('[project]\nname = "sayso"\n')
    return tmp_path / "of sayso"


@pytest.mark.promise("cli:printed")
def test_an_extra_is_installed_without_a_published_package(clone: Path, tmp_path: Path) -> None:
    """By uv in the clone; by the names of the packages where Sayso was installed from a wheel."""
    assert install("mcp", prefix=clone / ".venv") == (
        f"uv sync --inexact --extra mcp --project {shlex.quote(str(clone))}"
    )
    for extra in projects()["sayso"]["optional-dependencies"]:
        pip, verb, *packages = shlex.split(install(extra, prefix=tmp_path / ".venv"))
        assert (pip, verb) == ("pip", "install")
        assert {*map(Requirement, packages)} == set(_needed_by("sayso", extra))


def _needed_by(project: str, extra: str) -> Iterator[Requirement]:
    """What an extra installs; parts of Sayso are here already, and say what their extras need."""
    for line in projects()[project]["optional-dependencies"][extra]:
        requirement = Requirement(line)
        if requirement.name not in projects():
            yield requirement
        for inner in requirement.extras if requirement.name in projects() else ():
            yield from _needed_by(requirement.name, inner)


@pytest.mark.promise("cli:printed")
def test_nothing_says_to_install_a_package_that_is_not_published() -> None:
    """`pip install 'sayso[…]'` fails until there is one; in a clone, an extra is added by uv."""
    code = (*(ROOT / "examples").rglob("*.py"), *package_files("*.py"))
    wrong = re.compile(r"pip install[^&\n`]*\bsayso\b|\bsayso\[[a-z-]+\]|uvx sayso")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in (*PAGES, ROOT / "CONTRIBUTING.md", *code)
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if wrong.search(line)
    ]
    assert found == []


@pytest.mark.promise("cli:printed")
def test_a_command_begins_as_it_has_to_be_typed(clone: Path, tmp_path: Path) -> None:
    """`sayso` alone ended in `command not found` for whoever had come by `uv run sayso`."""
    environment, by_uv = clone / ".venv", {"UV_RUN_RECURSION_DEPTH": "1"}
    program = str(environment / "bin" / "sayso")
    told = prefix_for(by_uv, program, environment, clone / "shop")
    assert told == "uv run sayso"
    told = prefix_for(by_uv, program, environment, tmp_path)
    assert told == f"uv run --project {shlex.quote(str(clone))} sayso"
    by_run = {**by_uv, "SAYSO_RUN": "1"}
    assert prefix_for(by_run, program, environment, clone) == "./run sayso"
    assert (
        prefix_for(by_run, program, environment, tmp_path) == f"{shlex.quote(f'{clone}/run')} sayso"
    )
    assert prefix_for({}, program, environment, tmp_path) == shlex.quote(program)
    assert prefix_for({}, "/x/sayso/__main__.py", tmp_path, tmp_path).endswith("python -m sayso")


def test_only_commands_are_changed_in_what_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A path, a folder and the name of the program in a sentence stay as they are."""
    monkeypatch.setattr("sys.argv", ["/nowhere/sayso"])
    here = Path("/")
    assert runnable("run `sayso check`, then `sayso serve`", here) == (
        "run `/nowhere/sayso check`, then `/nowhere/sayso serve`"
    )
    for text in ("of sayso.toml", "/srv/sayso data", "Sayso does", "-m sayso check", "sayso 0.1"):
        assert runnable(text, here) == text


def test_what_is_printed_names_the_workspace_that_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--workspace shop` is typed once; what is printed works from the same folder all the same."""
    monkeypatch.setattr("sys.argv", ["/nowhere/sayso"])
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "sayso.toml").touch()
    monkeypatch.chdir(tmp_path)
    for words in (["check", "-w", "shop"], ["check", "--workspace=shop"], ["check", "-wshop"]):
        with typed(words):
            assert (
                runnable("see `sayso check`") == "see `SAYSO_WORKSPACE=shop /nowhere/sayso check`"
            )
    assert runnable("see `sayso check`") == "see `/nowhere/sayso check`"
    monkeypatch.chdir(tmp_path / "shop")
    with typed(["check", "--workspace", str(tmp_path / "shop")]):
        assert runnable("see `sayso check`") == "see `/nowhere/sayso check`"
