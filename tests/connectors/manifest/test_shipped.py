"""The manifests that ship: reviewed, without a mistake, and judged by the suite for everybody's."""

from __future__ import annotations

from pathlib import Path

import pytest
from connectors.manifest.stand import shipped

from sayso.connectors.manifest.check import mistakes
from sayso.connectors.manifest.review import load
from sayso.connectors.manifests import manifest_names
from sayso.testing.manifests import checks, suites_of, uncovered
from sayso.testing.manifests.suite import refusal_of

NAMES = manifest_names(Path("/nowhere"))
SUITES = {label: suite for name in NAMES for label, suite in suites_of(*shipped(name)).items()}
REFUSED = [
    (name, number)
    for name in NAMES
    for number, table in enumerate(shipped(name)[1].case)
    if table.refused is not None
]


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_manifest_is_reviewed_and_has_no_mistake(name: str, tmp_path: Path) -> None:
    """It loads as it stands; whoever changes it has to review it anew (`tests/generated.py`)."""
    source, cases = shipped(name)
    assert not mistakes(source)
    assert not uncovered(source, cases)
    reviewed = load(name, tmp_path)
    assert reviewed is not None
    assert reviewed.review.digest == source.digest


@pytest.mark.promise("manifests:suite")
@pytest.mark.parametrize("check", checks())
@pytest.mark.parametrize("label", SUITES)
def test_a_shipped_manifest_keeps_the_contract(label: str, check: str) -> None:
    """The shipped suite with its faults, on a provider that is built from the manifest."""
    getattr(SUITES[label], check)()


@pytest.mark.parametrize(("name", "number"), REFUSED)
async def test_what_a_manifest_requires_is_required(name: str, number: int) -> None:
    """Each `require` has a case that it refuses, before anybody is asked."""
    source, cases = shipped(name)
    table = cases.case[number]
    assert await refusal_of(source, cases, table) == table.refused


@pytest.mark.promise("manifests:size")
@pytest.mark.parametrize("name", NAMES)
def test_a_provider_takes_few_lines_and_no_python(name: str) -> None:
    """Under two hundred and twenty lines, or sixty-six an action where there are many."""
    source, _ = shipped(name)
    assert source.text.count("\n") < max(220, 66 * len(source.manifest.actions))
