"""What a command loads (rule 31), and what the root command says."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import pytest
from surfaces.cli.cli_workspace import CliWorkspace, Line, clean_environment

from sayso.surfaces.cli.app import COMMANDS
from sayso.surfaces.cli.garbage import no_garbage_sought
from sayso.surfaces.http.parts import AT_ONCE, PARTS

HEAVY = {
    "fastapi",
    "langchain",
    "langchain_core",
    "langgraph",
    "mcp",
    "slack_bolt",
    "starlette",
    "stripe",
    "uvicorn",
}
LOOKING = [["approvals", "list"], ["actions", "list"], ["audit", "tail"], ["audit", "verify"]]
_PROBE = "import sys\nfrom sayso.__main__ import main\nmain(sys.argv[1:])\n"


def _loaded(
    folder: Path, *words: str, code: str = _PROBE, whole: bool = False, **variables: str
) -> set[str]:
    """The modules that a fresh process has after a command: those at the top, or all by name."""
    shown = "sys.modules" if whole else "{name.partition('.')[0] for name in sys.modules}"
    report = f"print('\\n@@', ' '.join({shown}))"
    ran = subprocess.run(
        [sys.executable, "-c", f"{code}{report}", *words],
        cwd=folder,
        env=clean_environment() | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(ran.stdout.rpartition("@@")[2].split())


@pytest.mark.promise("cli:light")
def test_help_loads_next_to_nothing(tmp_path: Path) -> None:
    """`sayso --help` stays under 0.4 s because neither Pydantic nor Rich is loaded."""
    loaded = _loaded(tmp_path, "--help")
    assert not loaded & (HEAVY | {"cedarpy", "cryptography", "pydantic", "rich"})
    assert "typer" in loaded


@pytest.mark.promise("cli:light")
def test_looking_loads_nothing_heavy(still: CliWorkspace) -> None:
    """Commands that only look load neither LangGraph, Stripe, the web stack nor Cedar."""
    code = "import sys\nfrom sayso.__main__ import main\n"
    code += "".join(f"main({words!r})\n" for words in LOOKING)
    assert not _loaded(still.folder, code=code) & (HEAVY | {"cedarpy", "rich"})


def test_proposing_loads_no_planner_and_no_web_stack(still: CliWorkspace) -> None:
    """`propose` of what Stripe refuses loads the Stripe SDK for its call, and nothing beside it."""
    words = ("propose", "stripe.refund", "--subject", "cus_demo_ana", "--args")
    key = still.sandbox.api_key
    assert not _loaded(still.folder, *words, "{}", STRIPE_API_KEY=key) & (HEAVY | {"rich"})
    args = '{"charge": "ch_nothing"}'
    assert _loaded(still.folder, *words, args, STRIPE_API_KEY=key) & HEAVY == {"stripe"}


@pytest.mark.promise("cli:light")
def test_importing_sayso_loads_next_to_nothing(tmp_path: Path) -> None:
    """`import sayso` stays under 0.3 s: names are imported when they are used (PEP 562)."""
    loaded = _loaded(tmp_path, code="import sys, sayso\n")
    assert not loaded & (HEAVY | {"pydantic", "opentelemetry", "typer"})


@pytest.mark.promise("cli:light")
def test_a_program_that_has_opened_nothing_yet_has_loaded_no_floor(tmp_path: Path) -> None:
    """`from sayso import Sayso` loads the front alone; what it wires comes with `async with`."""
    loaded = _loaded(tmp_path, code="import sys\nfrom sayso import Sayso\n", whole=True)
    assert not loaded & (HEAVY | {"cedarpy", "cryptography", "opentelemetry", "pydantic"})
    assert len({name for name in loaded if name.startswith("sayso")}) <= 15


@pytest.mark.promise("cli:light")
def test_help_of_a_command_loads_what_its_options_need(tmp_path: Path) -> None:
    """`sayso ask --help` knows neither planner, provider nor store: nothing is asked yet."""
    loaded = _loaded(tmp_path, "ask", "--help", whole=True)
    assert not loaded & (HEAVY | {"cedarpy", "cryptography", "opentelemetry", "rich"})
    assert "sayso.surfaces.cli.commands.ask" in loaded
    assert len({name for name in loaded if name.startswith("sayso")}) <= 50


@pytest.mark.promise("cli:light")
def test_serving_http_loads_no_mcp(still: CliWorkspace) -> None:
    """Only `sayso mcp` loads the package `mcp`; a server of the API does not pay for it."""
    code = "import sys\nimport sayso.surfaces.http, sayso.sdk.tools.toolbox\n"
    assert not _loaded(still.folder, code=code) & {"mcp", "mcp_types", "langchain_core"}


@pytest.mark.promise("cli:light")
def test_a_server_loads_pages_and_planner_with_the_first_page_and_the_first_words(
    tmp_path: Path,
) -> None:
    """What is loaded until a server is ready is what calls need; the rest took 0.9 s and 60 MB."""
    code = "import sys\nimport sayso.surfaces.site, sayso.surfaces.cli.commands.serve\n"
    loaded = _loaded(tmp_path, code=code + "import sayso.sdk.container\n", whole=True)
    pages = {"jinja2", "sayso.surfaces.console.app", "sayso.surfaces.console.inbox"}
    late = {f"sayso.surfaces.http.{part}" for part, words in PARTS.items() if words != AT_ONCE}
    late.add("sayso.sdk.audit.self_audit")
    assert "fastapi" in loaded
    assert not loaded & (pages | late | {"langchain_core", "langgraph", "prometheus_client"})
    assert not any(name.startswith(("sayso.agent.graph", "sayso.agent.underst")) for name in loaded)


def test_what_a_start_has_loaded_is_looked_through_for_garbage_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first look would go through all of it, in the first call; a command that loads nothing,
    as in a program that runs many, leaves what it made to be freed.
    """
    before = gc.get_freeze_count()
    with no_garbage_sought():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() <= before
    with no_garbage_sought():
        monkeypatch.setitem(sys.modules, "sayso_loaded_now", sys)
        kept = [[number] for number in range(1000)]
    assert gc.get_freeze_count() >= before + len(kept)
    assert gc.isenabled()


def test_help_names_every_command(line: Line) -> None:
    """The root help has a line for each command, and nothing is cut off."""
    ran = line("--help")
    assert ran.status == 0
    for name, words in COMMANDS.items():
        assert any(shown.split() == [name, *words.split()] for shown in ran.out.splitlines()), name


def test_no_words_at_all_are_answered_with_help(line: Line) -> None:
    """`sayso` alone shows what there is; a group alone says where its commands are."""
    assert line().out == line("--help").out
    assert "`sayso approvals --help`" in line("approvals").refused("invalid_input", 2).err
    ran = line("approvals", "reject", "apr_1").refused("invalid_input", 2)
    assert "`sayso approvals reject --help`" in ran.err


def test_the_version_is_the_installed_one(line: Line) -> None:
    """`--version` prints one line."""
    ran = line("--version")
    assert (ran.status, ran.out.split()[0]) == (0, "sayso")


@pytest.mark.parametrize(
    "words",
    [
        ("nope",),
        ("approvals", "nope"),
        ("propose",),
        ("ask", "hi"),
        ("approvals", "list", "--limit", "many"),
        ("--nope",),
    ],
)
def test_a_command_written_wrongly_is_a_usage_error(line: Line, words: tuple[str, ...]) -> None:
    """Exit status 2, one line that says what, one that says where to look."""
    line(*words).refused("invalid_input", 2)


def test_a_usage_error_is_a_problem_document_in_json(line: Line) -> None:
    """With `--json`, stdout holds one RFC 9457 problem whatever went wrong."""
    ran = line("propose", "--json")
    assert (ran.status, ran.json["code"]) == (2, "invalid_input")
    assert ran.json["type"] == "urn:sayso:error:invalid_input"
    assert set(ran.json) == {"type", "title", "status", "detail", "code", "next_step"}


@pytest.mark.parametrize(
    "words",
    [
        ("approvals", "list"),
        ("actions", "show", "act_1"),
        ("audit", "tail"),
        ("audit", "verify"),
        ("check",),
        ("migrate",),
        ("token", "list"),
        ("ask", "hi", "--subject", "cus_1"),
        ("serve",),
    ],
)
def test_without_a_workspace_the_next_step_is_init(
    line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """A missing workspace is named as such by every command that needs one."""
    monkeypatch.chdir(tmp_path)
    assert "sayso init" in line(*words).refused("no_workspace", 2).err


def test_a_workspace_is_found_upwards_by_variable_and_by_option(
    cli: CliWorkspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The nearest sayso.toml upwards, else SAYSO_WORKSPACE; `--workspace` beats both."""
    monkeypatch.chdir(cli.folder / "policies")
    assert cli.line("approvals", "list").status == 0
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SAYSO_WORKSPACE", str(cli.folder))
    assert cli.line("approvals", "list").status == 0
    cli.line("approvals", "list", "-w", str(tmp_path / "none")).refused("no_workspace", 2)
