"""What the README shows is run, in the order in which it stands there."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path

from support.commands import run_command
from surfaces.cli.terminal import Terminal
from tree import ROOT

from sayso.sandbox import API_KEY, Sandbox

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The code blocks of a language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def run(words: list[str], folder: Path) -> str:
    """Run a command in a folder, as a reader would; its output."""
    environment = {**os.environ, "STRIPE_API_KEY": API_KEY, "COLUMNS": "100"}
    done = run_command(
        *words[3:],
        program=words[1:3],
        cwd=folder,
        env=environment,
    )
    assert done.returncode == 0, done.stderr or done.stdout
    return done.stdout


def as_here(line: str) -> list[str]:
    """A line of the README as a command of this environment."""
    words = shlex.split(line, comments=True)
    assert words[:2] == ["uv", "run"], line
    if words[2] == "sayso":
        return [sys.executable, "-m", "sayso", *words[3:]]
    assert words[2] == "python", line
    return [sys.executable, *words[3:]]


def test_the_two_commands_are_the_same_everywhere() -> None:
    """README, CONTRIBUTING, CI and `./run`: what a reader runs is what judges a change."""
    demo, test = "uv run sayso demo", "uv run --no-editable --group dev --all-extras pytest -n auto"
    for name in ("README.md", "CONTRIBUTING.md"):
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        shown = [line.partition("#") for line in lines if line.startswith("./run ")]
        assert [command.strip() for command, _, _ in shown] == ["./run demo", "./run test"]
        for (_, _, by_uv), command in zip(shown, (demo, test), strict=True):
            assert by_uv.endswith(command), name
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert ci.splitlines()[-1] == "./run test"


def test_what_the_demo_looks_like_is_what_it_says(tmp_path: Path) -> None:
    """Line by line, in this order; only where a line is `…` others may be between."""
    (excerpt,) = (block for block in blocks("text") if "wrote" in block)
    told = run([sys.executable, "-m", "sayso", "demo", "--yes"], tmp_path)
    left = "\n".join(line.rstrip() for line in told.splitlines())
    for part in re.split(r"^ *…\n", excerpt, flags=re.MULTILINE):
        _, found, left = left.partition(part.rstrip("\n"))
        assert found, part


def test_a_reader_gets_from_init_to_a_verified_bundle(tmp_path: Path) -> None:
    """init, the Python lines, a yes, a query, an export and the offline verifier, as printed."""
    init, approvals, auditor = blocks("sh")[2:]
    (code,) = blocks("python")
    assert f"`export STRIPE_API_KEY={API_KEY}`" in README
    with Sandbox.start(seed="demo") as sandbox:
        made, stays = init.strip().splitlines()
        assert "sandbox" in stays  # the one above is in its place
        run(as_here(made), tmp_path)
        settings = tmp_path / "shop" / "sayso.toml"
        text = settings.read_text(encoding="utf-8")
        settings.write_text(
            re.sub(r'# base_url = "[^"]*"', f'base_url = "{sandbox.url}"', text), encoding="utf-8"
        )
        script = tmp_path / "bot.py"
        script.write_text(code, encoding="utf-8")
        told = run([sys.executable, str(script)], tmp_path)
        assert told.startswith("acting ")
        assert "$129.00" in told
        waiting, yes = approvals.strip().splitlines()
        card = re.search(r"apr_\w+", run(as_here(waiting), tmp_path))
        assert card is not None
        _, _, _, *words = as_here(yes.replace("apr_…", card[0]))
        terminal = Terminal(*words, cwd=tmp_path, variables={"STRIPE_API_KEY": API_KEY})
        terminal.read_until(lambda seen: "[y/N] " in seen)
        terminal.type("y")
        assert "(approved)" in terminal.end()
        shown = [run(as_here(line), tmp_path) for line in auditor.strip().splitlines()]
    assert "action.succeeded" in shown[0]
    assert "verified" in shown[-1]
