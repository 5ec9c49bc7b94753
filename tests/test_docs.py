"""The pages say what the code does: parts that are made from it, and tables that are compared."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
import settings_table
from generated import pages, with_parts
from surfaces.cli.reference import GROUPS, NESTED
from tree import ROOT, dotted, package_files, projects, read_package

from sayso.actions.model.status import Status
from sayso.errors import CODES, Code, SaysoError
from sayso.sdk.client import Sayso
from sayso.surfaces.cli.app import COMMANDS

DOCS = ROOT / "docs"
CLASSES = {kind.__name__ for kind in SaysoError.__subclasses__()}
RECORDED = "recorded"
CHOSEN_ELSEWHERE = {
    # the code is picked first and the class is written once, after the branches
    Code.STORE_READ_ONLY: {"ConfigError"},
    Code.STORE_FULL: {"ConfigError"},
    Code.POLICY_DENIED: {"RefusedError"},
    # answered in front of the app, which raises nothing
    Code.TOO_MANY_CALLS: {"RefusedError"},
}


@cache
def raised() -> dict[Code, set[str]]:
    """Which classes are made with which code, anywhere in the package."""
    found: dict[Code, set[str]] = defaultdict(set)
    for name, tree in read_package():
        if name == "sayso/errors.py":
            continue
        for node in ast.walk(tree):
            for code in _codes_in(node) if isinstance(node, ast.Attribute) else ():
                found.setdefault(code, set())
            if isinstance(node, ast.Call) and dotted(node.func) in CLASSES and node.args:
                for code in _codes_in(node.args[0]):
                    found[code].add(dotted(node.func))
    return {code: classes | CHOSEN_ELSEWHERE.get(code, set()) for code, classes in found.items()}


def _codes_in(part: ast.expr) -> set[Code]:
    return {
        Code[node.attr]
        for node in ast.walk(part)
        if isinstance(node, ast.Attribute)
        and dotted(node.value) == "Code"
        and node.attr in Code.__members__
    }


@cache
def documented() -> dict[str, list[str]]:
    """The rows of docs/reference/errors.md: code to its other cells."""
    text = (DOCS / "reference" / "errors.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (.+?) \| (.+?) \| (.+?) \|$", text, re.MULTILINE)
    return {code: list(cells) for code, *cells in rows}


@pytest.mark.promise("house:codes")
def test_every_code_is_documented_once_in_order() -> None:
    """The page has exactly the codes that there are."""
    assert list(documented()) == [code.value for code in Code]
    assert list(CODES) == list(Code)


@pytest.mark.promise("house:codes")
def test_no_code_is_unused() -> None:
    """A code that nothing says is a promise about nothing."""
    assert set(Code) - raised().keys() == set()


@pytest.mark.promise("house:codes")
@pytest.mark.parametrize("code", list(Code))
def test_a_code_has_the_documented_status_and_classes(code: Code) -> None:
    """Callers choose what to do by them, so the page must not be wrong."""
    status, classes, when, step = documented()[code.value]
    assert int(status) == CODES[code].status
    written = set(classes.split(", "))
    assert written - {RECORDED} == raised()[code]
    assert written <= CLASSES | {RECORDED}
    assert when
    assert step


def test_every_class_is_explained() -> None:
    """The first table tells what a caller does about each."""
    text = (DOCS / "reference" / "errors.md").read_text(encoding="utf-8")
    assert [kind for kind in CLASSES if f"| `{kind}` |" not in text] == []


@pytest.mark.promise("states:page")
@pytest.mark.parametrize("page", pages())
def test_what_is_made_from_code_is_up_to_date(page: str) -> None:
    """`python tests/generated.py` writes it."""
    text = (DOCS / page).read_text(encoding="utf-8")
    assert text == with_parts(page, text)


@pytest.mark.parametrize("guide", sorted((DOCS / "how-to").glob("*.md")), ids=lambda one: one.stem)
def test_a_guide_is_read_in_a_few_minutes(guide: Path) -> None:
    """What is longer is several tasks, or belongs to reference and explanation."""
    assert len(guide.read_text(encoding="utf-8").split()) <= 1200


def test_every_state_is_told() -> None:
    """The page about an action's life names each in its prose, too."""
    text = (DOCS / "explanation" / "life-of-an-action.md").read_text(encoding="utf-8")
    prose = re.sub(r"<!-- made: .*?<!-- end: \w+ -->", "", text, flags=re.DOTALL)
    assert [state for state in Status if f"`{state}`" not in prose] == []


def test_the_glossary_has_the_fields_words() -> None:
    """One word per thing, each explained once."""
    text = (DOCS / "reference" / "glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"^\| \*\*(.+?)\*\* \|", text, re.MULTILINE)
    needed = (
        "action step plan policy rule approval decision approver connector credential entry "
        "checkpoint proof outcome attempt reconcile limit playbook rollout"
    ).split()
    assert [word for word in needed if word not in words] == []
    assert len(words) == len(set(words))


def test_the_places_that_newcomers_look_for_are_where_it_is_said() -> None:
    """CONTRIBUTING.md names a file and what to look for in it; both are there."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert [one for one in projects() if f"`{one}`" not in page] == []
    named = re.findall(r"\| ([\w/]+\.py) \| `(\w+)` \|", page)
    assert len(named) > 10
    assert _lost(named) == []


def test_the_way_through_the_house_names_what_is_there() -> None:
    """docs/explanation/the-house.md leads from the front door to the call and back."""
    page = (DOCS / "explanation" / "the-house.md").read_text(encoding="utf-8")
    named = re.findall(r"`([\w/]+\.py)`(?: \(|, )`(\w+)`", page.replace("\n", " "))
    assert len(named) > 20
    assert _lost(named) == []
    files = re.findall(r"`((?:sayso|\w+/src)/[\w/.]+)`", page)
    assert [file for file in files if not (ROOT / file).exists()] == []


def _lost(named: Sequence[tuple[str, str]]) -> list[str]:
    """Of files and what is to be found in each: what is not."""
    return [
        f"{file}: {name}"
        for file, name in named
        if not re.search(
            rf"^ *(?:async )?(?:def|class) {name}\b",
            (ROOT / file).read_text(encoding="utf-8"),
            flags=re.MULTILINE,
        )
    ]


def test_a_file_that_a_page_names_is_there() -> None:
    """Whoever is told to look into `audit/src/sayso/audit/rules` finds it."""
    named = [
        (page, path)
        for page in [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]
        for path in re.findall(r"`(\w+/src/sayso/[\w./]+)`", page.read_text(encoding="utf-8"))
    ]
    assert len(named) > 5
    assert [f"{page.name}: {path}" for page, path in named if not (ROOT / path).exists()] == []


def test_links_between_pages_lead_somewhere() -> None:
    """Every relative link of README, docs and the files beside them."""
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
        if "://" not in target
        and not target.startswith("mailto:")
        and not (page.parent / target).exists()
    ]
    assert broken == []


def test_every_page_can_be_reached() -> None:
    """From the README, link by link: a page that nobody comes by helps nobody."""
    reached, left = set[Path](), [ROOT / "README.md"]
    while left:
        page = left.pop()
        if page in reached:
            continue
        reached.add(page)
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
            place = (page.parent / target).resolve()
            left += place.glob("*.md") if place.is_dir() else [place] * place.match("*.md")
        if ":glob:" in page.read_text(encoding="utf-8"):
            left += page.parent.glob("*.md")
    pages = {*ROOT.glob("*.md"), *DOCS.rglob("*.md")}
    assert sorted(page.relative_to(ROOT).as_posix() for page in pages - reached) == []


def test_every_command_that_is_named_exists() -> None:
    """A next step, or a page, that names a command which is not there helps nobody."""
    places = [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *package_files("*.py")]
    named = [
        (place, *found)
        for place in places
        for found in re.findall(
            r"`(?:uv run )?sayso ([a-z]+)(?: ([a-z][a-z-]*)(?=[ `]))?", place.read_text("utf-8")
        )
    ]
    assert len(named) > 300
    missing = [
        f"{place.relative_to(ROOT)}: sayso {command} {verb}"
        for place, command, verb in named
        if command not in COMMANDS or (verb and command in GROUPS and verb not in verbs(command))
    ]
    assert missing == []


def test_every_call_in_python_that_is_named_exists() -> None:
    """`sayso.noun.verb(` on a page is there to be called on an open workspace."""
    named = {
        (page.relative_to(ROOT).as_posix(), call)
        for page in (ROOT / "README.md", *DOCS.rglob("*.md"))
        for call in re.findall(r"\bsayso((?:\.[a-z_]+)+)\(", page.read_text(encoding="utf-8"))
    }
    assert len(named) > 15
    assert [found for found in sorted(named) if not is_callable_of_a_workspace(found[1])] == []


def is_callable_of_a_workspace(path: str) -> bool:
    """Whether an open workspace has it, by the types of what its properties return."""
    kind: object = Sayso
    for name in path.strip(".").split("."):
        found: object = getattr(kind, name, None)
        if isinstance(found, property):
            noun = str(found.fget.__annotations__["return"])
            found = getattr(import_module(where_nouns_are()[noun]), noun)
        kind = found
    return callable(kind)


@cache
def where_nouns_are() -> dict[str, str]:
    """The module of each class that an open workspace has, also of those loaded when used."""
    tree = ast.parse((ROOT / "sayso" / "sdk" / "nouns.py").read_text(encoding="utf-8"))
    return {
        one.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for one in node.names
    }


def verbs(command: str) -> set[str]:
    """What may follow the name of a group."""
    return {*GROUPS[command], *(word.split()[0] for word in NESTED.get(command, ()))}


_READ_THE_SITE = """
import gc, sys
gc.disable()  # a third of the time, and it soon ends
from sphinx.application import Sphinx
docs, built = sys.argv[1:]
app = Sphinx(docs, docs, built, built, "dummy", status=None, warningiserror=True)
app.build()
print(*app.env.domains["py"].objects)
sys.exit(app.statuscode)
"""


@pytest.mark.house
def test_the_docs_site_is_read_and_every_link_in_it_leads_somewhere(tmp_path: Path) -> None:
    """Strict: a page that is in no table of contents, or a link to nothing, fails here."""
    command = [sys.executable, "-c", _READ_THE_SITE, str(DOCS), str(tmp_path)]
    built = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert built.returncode == 0, built.stderr
    assert built.stderr == ""
    assert "sayso.errors.RefusedError" in built.stdout.split()


def test_every_setting_is_explained() -> None:
    """Whoever looks a key up reads what it does, not only what it takes."""
    rows = [line for line in settings_table.lines() if line.startswith("| `")]
    assert [row for row in rows if row.endswith("|  |")] == []


@pytest.mark.parametrize("surface", ["console", "slack"])
def test_the_tests_that_a_table_of_lines_names_are_there(surface: str) -> None:
    """By file, in the surface's folder or as a path; and no line is without one or a reason."""
    page = (ROOT / "docs" / "reference" / f"{surface}.md").read_text(encoding="utf-8")
    kept = page.partition("## What is not there")[0]
    rows = [line.strip("| ").split(" | ") for line in kept.splitlines() if line.startswith("| ")]
    missing: list[str] = []
    for line, _, checked in rows[1:]:
        names = re.findall(r"`((?:tests/[\w/]+)|test_\w+)`", checked)
        for name in names:
            place = ROOT / (name if "/" in name else f"tests/surfaces/{surface}/{name}")
            missing += [] if place.is_dir() or place.with_suffix(".py").exists() else [name]
        missing += [] if names else [line]
    assert missing == []
