"""What is installed is what stands here: the tests judge the wheel, not a lucky folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import orjson
import pytest
from tree import ROOT, as_imported, package_files

import sayso

DATA = {
    ".sql",
    ".cedar",
    ".toml",
    ".md",
    ".jsonl",
    ".typed",
    ".pyi",
    ".html",
    ".css",
    ".js",
    ".svg",
    ".txt",
    ".yaml",
    "",
}


def source_files() -> Mapping[str, bytes]:
    """Everything of the package, by its path as it is imported."""
    return {
        as_imported(path): path.read_bytes()
        for path in package_files("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def installed(name: str) -> Traversable:
    """The file of that path as it is imported, whichever part of the package has it."""
    _, first, *rest = name.split("/")
    if rest:
        return files(f"sayso.{first}").joinpath(*rest)
    return next(
        (one for path in sayso.__path__ if (one := Path(path, first)).is_file()), Path(first)
    )


@pytest.mark.skipif("CI" not in os.environ, reason="an editable install is fine while writing")
@pytest.mark.promise("house:wheel")
def test_ci_runs_the_built_wheel() -> None:
    """The package that is tested was built and installed."""
    assert "site-packages" in Path(str(sayso.__file__)).parts


@pytest.mark.promise("house:wheel")
def test_what_is_installed_is_this_source() -> None:
    """Every file, data too, opens through importlib.resources with the bytes that stand here."""
    source = source_files()
    differing = [
        name
        for name, content in source.items()
        if not (found := installed(name)).is_file() or found.read_bytes() != content
    ]
    assert differing == []
    kinds = {Path(name).suffix for name in source} - {".py"}
    assert kinds <= DATA, "a new kind of data: say here that it belongs into the wheel"
    assert "sayso/py.typed" in source


@pytest.mark.house
def test_wheel_and_sdist_hold_everything(tmp_path: Path) -> None:
    """Built without a network: the package whole in both, the tests and their lock in the sdist."""
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    package = source_files().keys()
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert package <= names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert not [name for name in names if not name.startswith(("sayso/", "sayso-"))]
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert package <= names
    assert {
        "pyproject.toml",
        "uv.lock",
        "README.md",
        "tests/conftest.py",
        ".ci/run",
        "run",
    } <= names


@pytest.mark.house
def test_two_builds_give_one_wheel(tmp_path: Path) -> None:
    """So that whoever builds it again can tell that nothing was put in."""
    hashes: set[str] = set()
    for number in ("1", "2"):
        command = ["hatchling", "build", "-t", "wheel", "-d", str(tmp_path / number)]
        subprocess.run([sys.executable, "-m", *command], cwd=ROOT, check=True, timeout=300)
        (wheel,) = (tmp_path / number).glob("*.whl")
        hashes.add(hashlib.sha256(wheel.read_bytes()).hexdigest())
    assert len(hashes) == 1


@pytest.mark.house
def test_a_command_lists_what_the_wheel_depends_on() -> None:
    """CycloneDX, as SECURITY.md says, with the versions of uv.lock."""
    options = "--preview --frozen --no-dev --all-extras --format cyclonedx1.5".split()
    assert f"uv export {' '.join(options)}" in (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    uv = shutil.which("uv")
    assert uv is not None
    made = subprocess.run(
        [uv, "export", *options], cwd=ROOT, capture_output=True, check=True, timeout=120
    )
    listed = orjson.loads(made.stdout)
    assert listed["bomFormat"] == "CycloneDX"
    assert {"cryptography", "langgraph"} <= {one["name"] for one in listed["components"]}
