"""The commands by name, and what stands around every one of them: errors, exit status, version.

A command's module is imported only when that command runs; for all others the line of help below
is enough.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Annotated

import typer

from sayso.audit.io_errors import unwritten
from sayso.errors import SaysoError
from sayso.extras import installed_version
from sayso.sdk.wiring.tracing import start_exporting
from sayso.surfaces.cli.garbage import no_garbage_sought
from sayso.surfaces.cli.invocation import runnable, typed
from sayso.surfaces.cli.output import Output, watched_stdout
from sayso.surfaces.cli.problem import (
    FAILED,
    HUNG_UP,
    INTERRUPTED,
    OK,
    UNREAD,
    exit_status,
    internal,
    problem_json,
    problem_text,
    usage,
)

COMMANDS: dict[str, str] = {
    "demo": "See it work: from customers' words to proven refunds.",
    "init": "Make a workspace: settings, policy, key, database, approver.",
    "check": "Check a workspace, and list everything that is wrong.",
    "ask": "Plan and act on a customer's words, or ask the customer back.",
    "propose": "Propose a concrete action; what the policy allows is done.",
    "approvals": "Decide what waits: list, show, approve, reject, and so on.",
    "actions": "Look at actions and their types: list, show, settle, types.",
    "requests": "What customers asked in words: list, show, answer, withdraw.",
    "prompts": "The prompts of models: show, try, promote, rollback.",
    "eval": "Measure planners on labelled messages: run, collect.",
    "stop": "Stop at once, and see what is stopped: list.",
    "resume": "Let what is stopped go on: one asks, another confirms.",
    "policy": "The policy: what is in force, drafts, who changed it.",
    "rollout": "How far actions go by themselves: list, set, compare, wrong.",
    "work": "What machines left to people: take, note, propose, end.",
    "customers": "Who somebody is: find, show, link, unlink, merge, vouch.",
    "limits": "How much of each limit is used; change one: set, drop.",
    "report": "What was done at once, what people were asked, what was wrong.",
    "audit": "Ask the log, prove it, publish its heads.",
    "privacy": "What is owed to customers: erase, subject, hold, sweep.",
    "witness": "Witness others' logs: cosign what follows from before.",
    "people": "Who may decide: list, add, role, slack, link, away, deactivate.",
    "webhooks": "Programs called with every change: add, list, test, and so on.",
    "desk": "Desks where customers write: list, check, sweep, threads.",
    "connect": "Connect an account, and see whose it is.",
    "connector": "Connectors: list, draft, check, review, test, try, record, new.",
    "token": "Tokens of programs and people: create, list, revoke.",
    "serve": "Serve the console, HTTP and Slack, and run what is due.",
    "console": "Print a link that opens the console once, within ten minutes.",
    "mcp": "Serve the actions to MCP clients, over stdio or HTTP.",
    "worker": "Carry out what is due, beside other workers, until told to end.",
    "sandbox": "Run a Stripe-compatible provider here, until Ctrl-C.",
    "store": "The database: copy moves it to another store.",
    "tenant": "Tenants in several databases: show where they are, move one.",
    "migrate": "Bring the database to this version.",
    "doctor": "Say what is installed and how the database is set up.",
}
"""Every command with its line of help; a test compares them with the modules."""

_MODULES = "sayso.surfaces.cli.commands"


def build_app(wanted: frozenset[str]) -> typer.Typer:
    """The root command.

    Args:
        wanted: names of the commands whose modules are loaded; the others are only named.
    """
    app = typer.Typer(
        name="sayso",
        help="Support agents that act, on your say-so.",
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def root(  # pyright: ignore[reportUnusedFunction]
        show_version: Annotated[
            bool,
            typer.Option(
                "--version", callback=_print_version, is_eager=True, help="Print the version."
            ),
        ] = False,
        debug: Annotated[
            bool, typer.Option("--debug", hidden=True, help="Show tracebacks.")
        ] = False,
    ) -> None:
        """The options before the command; `--debug` is read before they are."""

    for name, line in COMMANDS.items():
        if name in wanted:
            found: object = import_module(f"{_MODULES}.{name}").app
            assert isinstance(found, typer.Typer)
            app.add_typer(found, name=name if found.registered_groups or _is_group(found) else None)
        else:
            app.command(name, help=line)(_unloaded)
    return app


def _is_group(found: typer.Typer) -> bool:
    return len(found.registered_commands) > 1 or found.registered_callback is not None


def _unloaded() -> None:
    raise AssertionError("a command that is run is loaded first")


def _print_version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"sayso {installed_version()}\n")
        raise typer.Exit


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; the exit status. It never lets a traceback through."""
    words = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    # INVARIANT: no file of ours can be written by others, whatever the umask of whoever starts us:
    # policies, playbooks and manifests decide what is done.
    os.umask(os.umask(0o077) | 0o022)
    with watched_stdout() as output, typed(words):
        return _run(words, output)


def _run(words: list[str], output: Output) -> int:
    debug = "--debug" in words[:1] or os.environ.get("SAYSO_DEBUG") == "1"
    # NOTE: a library's warning is for whoever debugs; the commands say themselves what matters.
    logging.basicConfig(level=logging.WARNING if debug else logging.CRITICAL)
    command = next((word for word in words if not word.startswith("-")), None)
    stop_exporting: Callable[[], None] = _nothing
    try:
        stop_exporting = start_exporting(os.environ)
        with no_garbage_sought():
            app = build_app(frozenset({command} if command else ()))
        status: object = app(words, standalone_mode=False, prog_name="sayso")
        sys.stdout.flush()
        if status == INTERRUPTED:  # Typer takes a KeyboardInterrupt for an exit with this status
            _say("stopped")
        return status if isinstance(status, int) else OK
    except (Exception, SystemExit) as error:
        # The edge of the process: whatever happened becomes a status and two lines.
        if output.is_hung_up:
            return HUNG_UP
        if output.lost is not None:
            return _tell_lost(output.lost)
        # NOTE: Typer and Rich end the process themselves, with 1, where nobody reads any more.
        if debug or isinstance(error, SystemExit):
            raise
        return _explain(error, as_json="--json" in words)
    except KeyboardInterrupt:
        _say("stopped")
        return INTERRUPTED
    finally:
        stop_exporting()


def _nothing() -> None:
    return None


def _say(text: str) -> None:
    """Say something on stderr, as far as it takes anything."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{runnable(text)}\n")
        sys.stderr.flush()


def _tell_lost(error: OSError) -> int:
    """Say that the output got lost; nothing, where its reader has read enough."""
    if isinstance(error, BrokenPipeError):
        return UNREAD
    look = "what the command did is done: look before you run it again"
    lost = unwritten(
        "the output",
        error,
        full=f"free some disk space; {look}",
        otherwise=f"send it elsewhere; {look}",
    )
    _say(problem_text(lost))
    return exit_status(lost)


def _explain(error: Exception, *, as_json: bool) -> int:
    if isinstance(error, typer.Abort):
        _say("stopped")
        return FAILED
    if isinstance(error, typer.TyperException):
        # NOTE: Typer's usage errors know where they arose, but their class is not public.
        path = getattr(getattr(error, "ctx", None), "command_path", "sayso")
        message, told = _lower(error.format_message()), getattr(_param_of(error), "help", None)
        step = f"see `{path} --help`"
        if message.startswith("missing ") and isinstance(told, str):
            step = f"give it ({_lower(told)}), or {step}"
        found: SaysoError = usage(message, step)
    elif isinstance(error, SaysoError):
        found = error
    else:
        found = internal(error)
    if as_json:
        from sayso.surfaces.cli.output import Out

        with contextlib.suppress(OSError):  # what it is about is said below all the same
            Out(as_json=True).document(problem_json(found))
    _say(problem_text(found))
    return exit_status(found)


def _param_of(error: Exception) -> object:
    """The option or argument that a usage error is about; None for none."""
    return getattr(error, "param", None)


def _lower(message: str) -> str:
    text = message.strip().rstrip(".").replace("'", "`")
    return text[:1].lower() + text[1:]
