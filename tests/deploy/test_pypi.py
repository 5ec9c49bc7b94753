"""What PyPI shows of a release: links and pictures that lead somewhere, and its metadata."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from readme_renderer import markdown
from tree import ROOT, projects

HOME = "https://git.example/shop/sayso"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What `say_home.py` changes of a checkout."""
    for path in (ROOT / "README.md", *ROOT.glob("pyproject.toml"), *ROOT.glob("*/pyproject.toml")):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(path, copy)
    return tmp_path


def say_home(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run it as the workflow of a release does."""
    command = [sys.executable, str(ROOT / "deploy" / "say_home.py"), *words]
    return subprocess.run(
        command, cwd=checkout, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.promise("house:pypi")
def test_every_link_and_picture_of_a_release_leads_somewhere(checkout: Path) -> None:
    """README.md as PyPI renders it, and `project.urls` of each distribution."""
    assert say_home(checkout, HOME, "v1.2.3").returncode == 0
    page = markdown.render((checkout / "README.md").read_text(encoding="utf-8"))
    assert page is not None
    places = re.findall(r'(?:href|src)="([^"]*)"', page)
    assert [one for one in places if not one.startswith(("https://", "#"))] == []
    pictures = re.findall(r'<img src="([^"]*)"', page)
    assert pictures == [f"{HOME}/raw/v1.2.3/docs/pictures/console-solution.png"]
    files = {one.removeprefix(f"{HOME}/blob/v1.2.3/") for one in places if "/blob/" in one}
    assert len(files) > 20
    assert [one for one in files if not (ROOT / one.partition("#")[0]).exists()] == []
    for path in (checkout / "pyproject.toml", *checkout.glob("*/pyproject.toml")):
        project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
        assert project["urls"]["Source"] == f"{HOME}/tree/v1.2.3"
        assert (ROOT / project["urls"]["Changelog"].partition("v1.2.3/")[2]).exists()


@pytest.mark.promise("house:pypi")
@pytest.mark.parametrize(
    "words", [(), (HOME,), ("shop/sayso", "v1"), (f"{HOME}/", "v1"), ("http://a/b/c", "v1")]
)
def test_what_is_no_address_changes_nothing(checkout: Path, words: tuple[str, ...]) -> None:
    """Nor does a second run, which would say it twice."""
    if not words:
        assert say_home(checkout, HOME, "v1").returncode == 0
        words = (HOME, "v1")
    files = sorted(checkout.rglob("*.*"))
    before = [one.read_bytes() for one in files if one.is_file()]
    assert say_home(checkout, *words).returncode != 0
    assert [one.read_bytes() for one in files if one.is_file()] == before


@pytest.mark.promise("house:pypi")
def test_metadata_says_the_same_of_each_distribution() -> None:
    """The licence by its SPDX name and with its file (PEP 639), the classifiers, and no address."""
    ours = projects()
    assert {one["license"] for one in ours.values()} == {"Apache-2.0"}
    assert {(*one["license-files"],) for one in ours.values()} == {("LICENSE",)}
    assert len({(*one["classifiers"],) for one in ours.values()}) == 1
    assert not any(one.startswith("License ::") for one in ours["sayso"]["classifiers"])
    assert not any("urls" in one for one in ours.values()), "say_home.py writes them"


@pytest.mark.promise("house:pypi")
def test_all_is_every_extra() -> None:
    """`sayso[all]` leaves none out."""
    extras = projects()["sayso"]["optional-dependencies"]
    (line,) = extras["all"]
    assert Requirement(line).name == "sayso"
    assert Requirement(line).extras == extras.keys() - {"all"}
