"""What is installed is what stands here: the tests judge the wheels, not a lucky folder."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import orjson
import pytest
from support.alone import install_alone
from support.first_yes import first_yes
from tree import ROOT, SOURCES, as_imported, package_files, projects

import sayso

DATA = {
    ".sql",
    ".cedar",
    ".toml",
    ".md",
    ".jsonl",
    ".po",
    ".typed",
    ".pyi",
    ".html",
    ".css",
    ".js",
    ".svg",
    ".png",
    ".txt",
    ".yaml",
    "",
}
STUB = "sayso/__init__.pyi"
"""In each part the same, for type checkers; one wheel has it."""
FOLDERS = {"sayso" if one == ROOT else f"sayso-{one.parent.name}": one for one in SOURCES}
"""The distributions: the folder in which each has its part of `sayso`."""
WHOLE = {
    # the extras without which some of its modules cannot be imported
    "sayso": "fleet mcp openai-agents pydantic-ai",
    "sayso-actions": "",
    "sayso-agent": "",
    "sayso-audit": "publish",
    "sayso-base": "network postgres reading serving settings telemetry",
    "sayso-connectors": "mail",
    "sayso-testing": "models slack",
}
MOST_PACKAGES = {"sayso-audit": 7, "sayso-actions": 18, "sayso-connectors": 35, "sayso-base": 1}
"""What each may install at most, itself and no extras included; see docs/decisions/0115."""


def source_files(*folders: Path) -> Mapping[str, bytes]:
    """Everything of the package, or of some parts of it, by its path as it is imported."""
    return {
        as_imported(path): path.read_bytes()
        for path in package_files("*")
        if path.is_file()
        and "__pycache__" not in path.parts
        and (not folders or path.is_relative_to(folders[0] / "sayso"))
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


def test_one_part_says_what_the_package_is() -> None:
    """A second `__init__.py` would hide the others: only the base has it, the others a stub."""
    owners = [one for one in SOURCES if (one / "sayso" / "__init__.py").exists()]
    assert owners == [ROOT / "base" / "src"]
    stubs = {(one / STUB).read_text(encoding="utf-8") for one in SOURCES}
    assert len(stubs) == 1
    assert "extend_path" in (owners[0] / "sayso" / "__init__.py").read_text(encoding="utf-8")


def test_versions_and_licences_are_said_once() -> None:
    """The root's; `python tests/generated.py` writes them into the other parts."""
    version = projects()["sayso"]["version"]
    assert {name: project["version"] for name, project in projects().items()} == dict.fromkeys(
        FOLDERS, version
    )
    licences = {one.parent / "LICENSE" for one in SOURCES[1:]}
    assert {one.read_bytes() for one in licences} == {(ROOT / "LICENSE").read_bytes()}
    ours = [
        line
        for project in projects().values()
        for lines in (project["dependencies"], *project.get("optional-dependencies", {}).values())
        for line in lines
        if line.partition("[")[0].partition("=")[0] in projects()
    ]
    assert len(ours) > 20
    assert [line for line in ours if not line.endswith(f"=={version}")] == []


def build(name: str, folder: Path) -> Path:
    """The wheel of a distribution, built without a network."""
    source = FOLDERS[name]
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / name)]
    subprocess.run(
        command,
        cwd=source if source == ROOT else source.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=300,
        check=True,
    )
    (wheel,) = (folder / name).glob("*.whl")
    return wheel


def build_all(folder: Path) -> Mapping[str, Path]:
    """Each wheel by its distribution's name."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(FOLDERS, pool.map(partial(build, folder=folder), FOLDERS), strict=True))


@pytest.fixture(scope="module")
def wheels(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Path]:
    """Built once for the whole run, whatever the number of test processes."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if hasattr(request.config, "workerinput") else base
    with (shared / "wheels.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "wheels").exists():
            build_all(shared / "wheels.part")
            (shared / "wheels.part").rename(shared / "wheels")
    return {name: next((shared / "wheels" / name).glob("*.whl")) for name in FOLDERS}


@pytest.mark.house
@pytest.mark.promise("house:parts")
def test_the_wheels_hold_everything_once(wheels: Mapping[str, Path]) -> None:
    """Each has its part whole, with the licence; no file is in two, which an upgrade would lose."""
    held: Counter[str] = Counter()
    for name, wheel in wheels.items():
        with zipfile.ZipFile(wheel) as archive:
            names = set(archive.namelist())
        stub = {STUB} if name != "sayso-base" else set[str]()
        assert source_files(FOLDERS[name]).keys() - stub <= names, name
        assert not stub & names
        assert any(one.endswith(".dist-info/licenses/LICENSE") for one in names), name
        held.update(names)
    assert [one for one, times in held.items() if times > 1] == []
    assert [one for one in held if not one.startswith(("sayso/", "sayso-", "sayso_"))] == []
    assert {one for one in held if one.startswith("sayso/")} == source_files().keys()


@pytest.mark.house
def test_the_sdist_holds_everything(tmp_path: Path) -> None:
    """Built without a network: all parts of the package, the tests and their lock."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=True, timeout=300)
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    parts = {path.relative_to(ROOT).as_posix() for path in package_files("*.*") if path.is_file()}
    assert {one for one in parts if "__pycache__" not in one} <= names
    assert {
        "pyproject.toml",
        "audit/pyproject.toml",
        "uv.lock",
        "README.md",
        "tests/conftest.py",
        ".ci/run",
        "run",
    } <= names


@pytest.mark.house
def test_two_builds_give_one_wheel(wheels: Mapping[str, Path], tmp_path: Path) -> None:
    """So that whoever builds it again can tell that nothing was put in."""
    again = build_all(tmp_path)
    for name, wheel in wheels.items():
        assert _hash_of(wheel) == _hash_of(again[name]), name


def _hash_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.house
@pytest.mark.promise("house:parts")
@pytest.mark.parametrize("name", WHOLE)
def test_each_distribution_is_imported_whole_with_what_it_needs_alone(
    name: str, wheels: Mapping[str, Path], tmp_path: Path
) -> None:
    """Every module of it, where nothing is installed but what its wheel asks for."""
    alone = install_alone(tmp_path, wheels, name, WHOLE[name].split())
    with zipfile.ZipFile(wheels[name]) as archive:
        modules = [
            one.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            for one in archive.namelist()
            if one.endswith(".py") and not one.endswith("__main__.py")
        ]
    alone.run("-c", f"import importlib\nfor one in {modules!r}: importlib.import_module(one)")
    fewest = install_alone(tmp_path / "fewest", wheels, name, [])
    assert len(fewest.distributions) <= MOST_PACKAGES.get(name, 100), fewest.distributions


@pytest.mark.house
@pytest.mark.promise("audit:verifier-alone")
@pytest.mark.promise("house:parts")
def test_an_auditor_installs_the_verifier_alone(wheels: Mapping[str, Path], tmp_path: Path) -> None:
    """What the demo wrote is exported, and verified where only `sayso-audit` is installed."""
    demo = ("demo", "--yes", "--keep", "shop")
    for words in (demo, ("audit", "export", "out", "--workspace", "shop")):
        command = [sys.executable, "-m", "sayso", *words]
        subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=200, check=True)
    alone = install_alone(tmp_path / "alone", wheels, "sayso-audit", [])
    told = orjson.loads(alone.run("-m", "sayso.audit.verify", str(tmp_path / "out"), "--json"))
    assert told["verdict"] == "verified"
    asked = ("-m", "sayso.audit.ask", str(tmp_path / "out"), "refunds", "--json")
    assert orjson.loads(alone.run(*asked))["items"]
    said = alone.run("-c", "from sayso import Sayso", fails=True)
    assert "`Sayso` comes with sayso, which is not installed: pip install sayso" in said


@pytest.mark.house
@pytest.mark.promise("demo:first-yes")
def test_a_stranger_says_their_first_yes_from_the_wheels_alone(
    wheels: Mapping[str, Path], tmp_path: Path
) -> None:
    """Far from this repository, where nothing but the wheels is installed."""
    alone = install_alone(tmp_path / "alone", wheels, "sayso", [])
    python = str(alone.interpreter(tmp_path / "venv"))
    wish = '{"subject": "cus_demo_lena", "text": "I was charged twice for 1047, please refund it."}'
    (tmp_path / "one.jsonl").write_text(wish, encoding="utf-8")
    words = ("-I", "-m", "sayso", "demo", "--console", "--messages", "one.jsonl")
    page = first_yes([python, *words], tmp_path, {"PATH": os.defpath})
    assert "You said yes" in page
    assert "It is done." in page


@pytest.mark.house
@pytest.mark.promise("house:typed")
def test_a_users_program_is_typed_and_a_misspelt_name_is_an_error(
    wheels: Mapping[str, Path], tmp_path: Path
) -> None:
    """Both strict checkers find nothing in `typed_program.py`, with the wheels alone installed."""
    alone = install_alone(tmp_path / "alone", wheels, "sayso", [])
    python = str(alone.interpreter(tmp_path / "venv"))
    shutil.copy(ROOT / "tests" / "typed_program.py", tmp_path)
    misspelt = "import sayso\nfrom sayso import Sayzo\n\nprint(Sayzo, sayso.Saiso)\n"
    (tmp_path / "misspelt.py").write_text(misspelt, encoding="utf-8")
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}', encoding="utf-8")
    files = ("typed_program.py", "misspelt.py")
    for checker in (
        ("mypy", "--strict", "--no-error-summary", "--python-executable", python),
        ("pyright", "--pythonpath", python),
    ):
        done = subprocess.run(
            [sys.executable, "-m", *checker, *files],
            cwd=tmp_path,
            env={**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        found = re.findall(r"(\w+\.py):(\d+)(?::\d+)?(?: -)?:? error", done.stdout)
        assert {("misspelt.py", "2"), ("misspelt.py", "4")} <= set(found), done.stdout + done.stderr
        assert {file for file, _ in found} == {"misspelt.py"}, done.stdout


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
