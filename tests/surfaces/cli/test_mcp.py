"""`sayso mcp` as a command; what it serves is tested in tests/surfaces/mcp."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from support.commands import start_command
from surfaces.cli.cli_workspace import CliWorkspace, Line, clean_environment

from sayso.extras import install


def test_what_is_asked_wrongly_is_a_usage_error(line: Line, cli: CliWorkspace) -> None:
    """One customer over stdio; over HTTP, none: there a header says who."""
    assert "--subject" in line("mcp").refused("invalid_input", 2).err
    line("mcp", "--http", "--subject", "cus_1").refused("invalid_input", 2)
    line("mcp", "--http", "--conversation", "c1").refused("invalid_input", 2)
    line("mcp", "--subject", "cus 1").refused("invalid_input")
    line("mcp", "--subject", "cus_1", "--assurance", "god").refused("invalid_input")
    line("mcp", "--http", "--host", "0.0.0.0").refused("invalid_setting", 2)


def test_a_missing_extra_is_named(cli: CliWorkspace) -> None:
    """Rule 30: what is not installed is said, with what to install."""
    code = "import sys\nsys.modules['mcp'] = None\nfrom sayso.__main__ import main\n"
    ran = subprocess.run(
        [sys.executable, "-c", f"{code}sys.exit(main(['mcp', '--subject', 'cus_1']))"],
        cwd=cli.folder,
        env=clean_environment() | {"STRIPE_API_KEY": cli.sandbox.api_key},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "[missing_extra]" in ran.stderr
    assert f"next: {install('mcp')}" in ran.stderr


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_although_its_client_stays(
    cli: CliWorkspace, told: signal.Signals
) -> None:
    """Whoever started it is not left with a process that waits for its client for ever."""
    process = start_command(
        *("mcp", "--subject", "cus_1"),
        cwd=cli.folder,
        env=clean_environment() | {"STRIPE_API_KEY": cli.sandbox.api_key},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write('{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
        process.stdin.flush()
        assert '"id":1' in process.stdout.readline()
        process.send_signal(told)
        assert process.wait(60) == -told
        assert process.communicate() == ("", "")
