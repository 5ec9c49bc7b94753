"""The names that `sayso` exports; changing them is a decision (rule 4)."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tree import package_files, parse

import sayso

NAMES = """
Absence Action ActionView ApprovalView Args Assurance Call Code ConfigError Connector DecisionView
Effect EffectFailedError EntryView ErrorView EventView Finality Guarantee Handoff IntegrityError
JsonValue Message Money OutcomeUnknownError OwnConnector Plan QuestionView Receipt ReceiptView
Record RefusedError RequestView Resolved RetryableError Sayso SaysoError SolutionView Step
StopView Subject SyncSayso WorkView action at_most_once create_app idempotent langchain_tools
open_site openai_agents_tools pydantic_ai_tools verifiable
""".split()


def test_the_public_names_are_these() -> None:
    """Nothing comes or goes unnoticed; own actions need nothing that is not here."""
    assert sorted(sayso.__all__) == sorted(NAMES)
    assert set(dir(sayso)) >= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_can_be_imported(name: str) -> None:
    """Each name is found where the table says it is, and is documented."""
    assert getattr(sayso, name).__doc__


def test_another_name_is_an_attribute_error() -> None:
    """A misspelt name fails as it does in any module; type checkers know it, too."""
    with pytest.raises(AttributeError, match="has no `Saiso`"):
        _ = sayso.Saiso  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def test_type_checkers_find_the_names_where_they_are_at_run_time() -> None:
    """`_front.pyi` says the same as the package does, name by name."""
    (front,) = package_files("_front.pyi")
    told = {
        alias.name: node.module
        for node in parse(front).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert told.keys() == set(NAMES)
    assert {name: getattr(sayso, name) for name in NAMES} == {
        name: getattr(sys.modules[str(home)], name) for name, home in told.items()
    }


@pytest.mark.parametrize(
    ("name", "home", "missing"),
    [
        ("Sayso", "sayso.sdk", "sayso"),
        ("SyncSayso", "sayso.sdk.sync", "sayso"),
        ("create_app", "sayso.surfaces.http.app", "sayso"),
        ("Connector", "sayso.connectors.base", "sayso-connectors"),
        ("Plan", "sayso.actions", "sayso-actions"),
    ],
)
def test_a_name_whose_part_is_not_installed_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, name: str, home: str, missing: str
) -> None:
    """An auditor who has the verifier alone, and types what the README shows, is told the line."""
    monkeypatch.delitem(vars(sayso), name, raising=False)
    for module in [one for one in sys.modules if f"{one}.".startswith(f"{home}.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, home, None)
    with pytest.raises(ModuleNotFoundError, match=f"`{name}` .*: pip install {missing}$"):
        getattr(sayso, name)


def test_what_a_part_itself_needs_is_not_taken_for_the_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A package that is missing below is named as it is: another line would install nothing."""
    monkeypatch.delitem(sys.modules, "sayso.sdk.client", raising=False)
    monkeypatch.setitem(sys.modules, "sayso.sdk.nouns", None)
    monkeypatch.delitem(vars(sayso), "Sayso", raising=False)
    with pytest.raises(ModuleNotFoundError) as caught:
        _ = sayso.Sayso
    assert "pip install" not in str(caught.value)


def test_parts_in_folders_of_their_own_are_one_package(tmp_path: Path) -> None:
    """What another distribution puts below the name is imported, wherever it is installed."""
    part = tmp_path / "sayso" / "part"
    part.mkdir(parents=True)
    (part / "__init__.py").write_text("from sayso.money import Money as Money\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", "import sayso.part; print(sayso.part.Money.__name__)"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "Money\n", done.stderr
