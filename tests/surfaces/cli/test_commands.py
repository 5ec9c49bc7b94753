"""The tests' own processes: a forked command finds what a new interpreter would."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import orjson
import pytest
from support.commands import ForkError, run_command, start_command

_SEEN = """
import json, os, signal, sys
streams = sys.stdin, sys.stdout, sys.stderr
found = {
    "name": __name__, "argv": sys.argv, "first": sys.path[0], "folder": os.getcwd(),
    "variables": dict(os.environ), "umask": os.umask(0), "alone": os.getsid(0) == os.getpid(),
    "signals": [str(signal.getsignal(one)) for one in (signal.SIGINT, signal.SIGPIPE)],
    "open": len(os.listdir("/proc/self/fd")),
    "streams": [
        [getattr(one, name) for name in ("encoding", "errors", "line_buffering", "write_through")]
        + [one.isatty(), one.fileno()] for one in streams
    ],
}
with open(sys.argv[1], "w") as file:
    json.dump(found, file)
sys.stdout.write("told")
raise SystemExit(int(sys.argv[2]))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a program is that tells what it sees."""
    (tmp_path / "seen.py").write_text(_SEEN)
    return tmp_path


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("alone", [False, True])
def test_a_forked_command_sees_what_a_new_interpreter_does(
    folder: Path, unbuffered: str, alone: bool
) -> None:
    """Or tests of processes would prove something of their fork alone."""
    seen, new = list[object](), list[bool]()
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered, "WORDS": "ä b"}
    # Another variable that is read at the start has a real one started.
    for more in ({}, {"PYTHONINTMAXSTRDIGITS": "5000"}):
        ours, theirs = pty.openpty()
        command = start_command(
            *("told.json", "3"),
            program=("-m", "seen"),
            cwd=folder,
            env=environment | more,
            start_new_session=alone,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=theirs,
        )
        out, _ = command.communicate(timeout=60)
        os.close(ours)
        os.close(theirs)
        found = orjson.loads((folder / "told.json").read_bytes())
        found["variables"].pop("PYTHONINTMAXSTRDIGITS", None)
        seen.append((out, command.returncode, found))
        new.append(type(command) is subprocess.Popen)
    assert new == [False, True]
    assert seen[0] == seen[1]


def test_how_a_forked_command_ends_is_told(folder: Path) -> None:
    """Its status, a traceback, or the signal that ended it."""
    (folder / "wrong.py").write_text("raise ValueError('so it is')")
    (folder / "waits.py").write_text("import time\nprint('here', flush=True)\ntime.sleep(9999)")
    ran = run_command(program=("-m", "wrong"), cwd=folder, env=os.environ)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.endswith("ValueError: so it is\n")
    with start_command(
        program=("-m", "waits"), cwd=folder, env=os.environ, stdout=subprocess.PIPE
    ) as waits:
        assert waits.stdout is not None
        assert waits.stdout.readline() == "here\n"
        assert waits.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            waits.wait(0)
        waits.kill()
        assert waits.wait(60) == -9


def test_a_lost_fork_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names what has ended, and no test waits for it or takes it for a good end."""
    (folder / "ends.py").write_text("")
    monkeypatch.setattr("support.fork_server._RUNNING", {})
    monkeypatch.setattr("support.commands_zygote.__file__", str(folder / "ends.py"))
    with pytest.raises(ForkError, match="the process that forks commands has ended"):
        start_command("--version", cwd=folder, env=os.environ)
