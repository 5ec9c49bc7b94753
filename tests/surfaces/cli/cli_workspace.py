"""A command line for tests: run in this process, or as a real one."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
from support.commands import start_command

from sayso.sandbox import Sandbox
from sayso.surfaces.cli.app import main

SUBJECT = ("--subject", "cus_demo_ana")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one document on stdout."""
        return cast("dict[str, Any]", orjson.loads(self.out))

    def refused(self, code: str, status: int = 1) -> Ran:
        """Check that it ended with this code, a next step, and no traceback."""
        assert self.status == status, (self.out, self.err)
        first, *rest = self.err.splitlines()
        assert first.startswith("error: "), self.err
        assert first.endswith(f"[{code}]"), self.err
        assert any(line.startswith("next: ") and len(line) > 8 for line in rest), self.err
        assert "Traceback" not in self.err
        return self


class Line:
    """Runs `sayso …` in this process; quick, since nothing is imported again."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: str) -> Ran:
        """Run one command."""
        self._capsys.readouterr()
        status = main(words)
        out, err = self._capsys.readouterr()
        return Ran(status=status, out=out, err=err)

    def done(self, *words: str) -> dict[str, Any]:
        """Run one command with `--json` that must succeed; its document."""
        ran = self(*words, "--json")
        assert ran.status == 0, (ran.out, ran.err)
        return ran.json


@dataclass(frozen=True, slots=True, kw_only=True)
class CliWorkspace:
    """A workspace on the sandbox, and a command line that stands in it."""

    folder: Path
    sandbox: Sandbox
    line: Line

    @property
    def database(self) -> Path:
        """Its SQLite file."""
        return self.folder / "sayso.db"

    def dump(self) -> str:
        """Everything that the file holds, as SQL."""
        with closing(sqlite3.connect(self.database)) as rows:
            return "\n".join(rows.iterdump())

    def refund(self, charge: str = "ch_demo_ana_2", minor: int = 1500, **more: str) -> Ran:
        """Propose a refund for Ana; `more` are further options by name."""
        amount = {"amount_minor": minor, "currency": more.pop("currency", "USD")}
        args = orjson.dumps({"charge": charge, "amount": amount}).decode()
        options = [word for name, value in more.items() for word in (f"--{name}", value)]
        return self.line("propose", "stripe.refund", *SUBJECT, "--args", args, *options, "--json")

    def pending(self) -> dict[str, Any]:
        """Propose what needs one manager; its approval."""
        ran = self.refund("ch_demo_ana_1", 12900)
        assert ran.json["status"] == "pending_approval", ran
        return cast("dict[str, Any]", ran.json["approval"])

    def edit_settings(self, old: str, new: str) -> None:
        """Change sayso.toml."""
        file = self.folder / "sayso.toml"
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")

    def process(self, *words: str) -> subprocess.Popen[str]:
        """Start the command as a process of its own."""
        return start(*words, cwd=self.folder, STRIPE_API_KEY=self.sandbox.api_key)


def start(*words: str, cwd: Path, **variables: str) -> subprocess.Popen[str]:
    """Start `python -m sayso …` with few variables."""
    return start_command(
        *words,
        cwd=cwd,
        env=clean_environment() | variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def clean_environment() -> dict[str, str]:
    """This process's variables without ours."""
    ours = {"SAYSO_WORKSPACE", "SAYSO_TOKEN", "STRIPE_API_KEY"}
    return {name: value for name, value in os.environ.items() if name not in ours}
