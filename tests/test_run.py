"""`./run`: the README's commands, on a machine that has no uv."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.first_yes import first_yes
from tree import ROOT

pytestmark = pytest.mark.promise("house:run")

NEEDS = ("bash", "dirname", "env", "id", "mktemp", "mv", "rm", "sed", "sh", "tail")
TIMEOUT_S = 120
PYTHON = str(Path(sys.base_prefix) / "bin" / "python3")
UV = '#!/bin/sh\n[ "$1" = --version ] || { echo "$PWD"; echo "$@"; echo "by ${SAYSO_RUN:-uv}"; }\n'
COMMANDS: dict[tuple[str, ...], str] = {
    ("demo", "--yes"): "run --project {root} sayso demo --yes",
    ("test",): "run --no-editable --group dev --all-extras pytest -n auto",
    ("test", "-k", "a b"): "run --no-editable --group dev --all-extras pytest -n auto -k a b",
    ("sayso", "check"): "run --project {root} sayso check",
    ("python", "bot.py"): "run --project {root} python bot.py",
}


class Machine:
    """A clone at `clone`, and a PATH that holds what every system has and nothing else."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.clone = folder / "a clone"
        self.home = folder / "elsewhere"
        for made in (self.bin, self.clone, self.home):
            made.mkdir()
        shutil.copy(ROOT / "run", self.clone)
        for name in NEEDS:
            found = shutil.which(name)
            assert found is not None, name
            (self.bin / name).symlink_to(found)
        self.environment = {"PATH": str(self.bin), "HOME": str(self.home), "LC_ALL": "C"}

    def add(self, name: str, script: str) -> None:
        """Put a program on its PATH."""
        (self.bin / name).write_text(script, encoding="utf-8")
        (self.bin / name).chmod(0o755)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`run WORDS`, typed in another folder than the clone."""
        return subprocess.run(
            [str(self.clone / "run"), *words],
            cwd=self.home,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )

    def left(self) -> list[str]:
        """What is in the clone now."""
        return sorted(one.name for one in self.clone.iterdir())


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Without uv, Python and package managers."""
    return Machine(tmp_path)


@pytest.mark.parametrize("words", COMMANDS)
def test_whoever_has_uv_gets_the_command_word_for_word(
    machine: Machine, words: tuple[str, ...]
) -> None:
    """Nothing is fetched; tests run in the clone, the rest where it is typed."""
    machine.add("uv", UV)
    ran = machine.run(*words)
    folder, told, by = ran.stdout.splitlines()
    assert told == COMMANDS[words].format(root=machine.clone)
    assert folder == str(machine.clone if words[0] == "test" else machine.home)
    assert by == "by uv"
    assert machine.left() == ["run"]


@pytest.mark.parametrize(
    ("manager", "line"),
    [
        ("apt-get", "apt-get install -y python3-pip ca-certificates"),
        ("dnf", "dnf install -y python3-pip"),
        ("apk", "apk add uv"),
        ("", "get uv by https://docs.astral.sh/uv/"),
    ],
)
def test_a_machine_without_python_hears_what_to_type(
    machine: Machine, manager: str, line: str
) -> None:
    """One sentence, the line for this system, and the command to repeat."""
    if manager:
        machine.add(manager, "#!/bin/sh\n")
    ran = machine.run("demo", "--yes")
    assert (ran.returncode, ran.stdout) == (1, "")
    said, step, again = ran.stderr.splitlines()
    assert said == "there is neither uv nor python3 here"
    assert step.startswith("next: ")
    assert line in step
    assert again == "then again: ./run demo --yes"


def test_a_python_that_reaches_no_index_is_an_error_and_leaves_nothing(machine: Machine) -> None:
    """Neither a half-made folder nor a stack of Python's lines."""
    machine.add("python3", f'#!/bin/sh\nexec "{PYTHON}" "$@"\n')
    machine.environment |= {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
    machine.environment["https_proxy"] = "http://127.0.0.1:9"
    ran = machine.run("demo")
    assert ran.returncode == 1
    assert "uv could not be fetched: " in ran.stderr
    assert "Traceback" not in ran.stderr
    assert ran.stderr.splitlines()[-1] == "then again: ./run demo"
    assert machine.left() == ["run"]


def test_a_python_that_is_externally_managed_gets_uv_into_the_clone(
    machine: Machine, tmp_path: Path
) -> None:
    """Debian's and Ubuntu's pip refuse to install into the system; nothing there is changed."""
    files = tmp_path / "files"
    files.mkdir()
    _wheel(files / "uv-9.9-py3-none-any.whl")
    # What such a pip answers (PEP 668), before the one that is there is asked.
    refuse = 'case "$*" in *" install "*) case "$*" in *--target*) ;; *) echo "error: '
    refuse += 'externally-managed-environment" >&2; exit 1 ;; esac ;; esac\n'
    asked = subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True, check=False)
    if asked.returncode != 0:
        pytest.skip("the Python here has no pip: apt-get install python3-pip")
    machine.add("python3", f'#!/bin/sh\n{refuse}exec "{PYTHON}" "$@"\n')
    machine.environment |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(files)}
    machine.environment |= {"PIP_CONFIG_FILE": os.devnull, "PIP_REQUIRE_VIRTUALENV": "1"}
    first, second = machine.run("demo"), machine.run("demo")
    assert first.returncode == second.returncode == 0, first.stderr
    assert "fetching uv into " in first.stderr
    assert second.stderr == "", "it is fetched once"
    told = COMMANDS["demo", "--yes"].format(root=machine.clone).removesuffix(" --yes")
    assert first.stdout == second.stdout == f"{machine.home}\n{told}\nby 1\n"
    assert machine.left() == [".uv", "run"]


def test_a_shim_with_nothing_behind_it_is_no_uv(machine: Machine) -> None:
    """pyenv puts one on the PATH for each program of any of its Pythons."""
    machine.add("uv", "#!/bin/sh\necho 'uv: command not found' >&2\nexit 127\n")
    assert "there is neither uv nor python3 here" in machine.run("demo").stderr


@pytest.mark.promise("demo:first-yes")
def test_a_stranger_says_their_first_yes_by_one_command_of_the_readme(tmp_path: Path) -> None:
    """`./run demo --console`, in the environment that is here: what fetches uv is tried above."""
    command = "./run demo --console"
    assert f"`{command}`" in (ROOT / "README.md").read_text(encoding="utf-8")
    uv = shutil.which("uv")
    assert uv is not None
    _, *words = command.split()
    variables = {**os.environ, "UV_NO_SYNC": "1", "UV_OFFLINE": "1"}
    page = first_yes([str(ROOT / "run"), *words], tmp_path, variables)
    assert "You said yes" in page


def test_it_says_what_it_does(machine: Machine) -> None:
    """Asked for nothing, or for help."""
    machine.add("uv", UV)
    for words in ((), ("--help",), ("-h",)):
        told = machine.run(*words).stdout
        assert re.search(r"`\./run demo` .*`\./run test`", told)


def _wheel(path: Path) -> None:
    """A package that is called uv and says what it was told."""
    info = "uv-9.9.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        program = zipfile.ZipInfo("uv-9.9.data/scripts/uv")
        program.external_attr = (stat.S_IFREG | 0o755) << 16
        wheel.writestr(program, UV)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: uv\nVersion: 9.9\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
