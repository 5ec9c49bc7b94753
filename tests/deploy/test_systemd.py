"""deploy/systemd, by systemd's own judge where there is one, and by what Sayso needs."""

from __future__ import annotations

import shlex
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
from deploy.files import DEPLOY, program
from typed import parse

from sayso.dispatch.fleet.worker import GRACE_S as WORKER_S
from sayso.surfaces.http.server import GRACE_S

pytestmark = pytest.mark.promise("deploy:units")
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
INSTALLED = "/opt/sayso/bin/sayso"
MOST_EXPOSED = 20
"""Tenths of systemd's measure, of which 100 is anything at all."""
HARDENED = {
    "NoNewPrivileges": "true",
    "ProtectSystem": "strict",
    "ProtectHome": "true",
    "PrivateTmp": "true",
    "CapabilityBoundingSet": "",
    "UMask": "0077",
    "StateDirectoryMode": "0700",
    "User": "sayso",
}


def directives(unit: Path) -> dict[str, list[str]]:
    """What each directive is set to, in order."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in unit.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith(("#", "[")):
            name, _, value = line.partition("=")
            found[name].append(value)
    return found


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_runs_a_command_that_there_is_and_may_do_little(unit: Path) -> None:
    """One folder can be written; an end by SIGTERM has more time than calls have."""
    said = directives(unit)
    words = shlex.split(said["ExecStart"][0])
    assert words.pop(0) == INSTALLED
    parse(words)
    for name, value in HARDENED.items():
        assert said[name] == [value], name
    (folder,) = said["StateDirectory"]
    assert f"SAYSO_WORKSPACE=/var/lib/{folder}" in said["Environment"][0].split()
    assert said["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    assert "KillSignal" not in said, "SIGTERM"
    grace_s = int(WORKER_S if words == ["worker"] else GRACE_S)
    assert int(said["TimeoutStopSec"][0]) > grace_s
    assert f" {grace_s} s.\n" in unit.read_text(encoding="utf-8")


def test_there_is_one_for_a_server_and_one_for_a_worker() -> None:
    """They differ in what they run and how long they may take to end."""
    first, second = map(directives, UNITS)
    assert {name for name in first | second if first[name] != second[name]} == {
        "Description",
        "ExecStart",
        "TimeoutStopSec",
    }


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_takes_a_unit_and_finds_it_hardened(unit: Path, tmp_path: Path) -> None:
    """`verify` names what it does not know; `security` measures how much is left open."""
    judge = program("systemd-analyze")
    # It looks whether the program and the file of secrets are there.
    text = unit.read_text(encoding="utf-8").replace(INSTALLED, "/bin/true")
    (tmp_path / unit.name).write_text(text, encoding="utf-8")
    for words in (
        ["verify", "--man=no"],
        ["security", "--offline=true", f"--threshold={MOST_EXPOSED}"],
    ):
        command = [judge, *words, str(tmp_path / unit.name)]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert "Unknown" not in ran.stderr
