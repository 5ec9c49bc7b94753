"""The command `sayso`, and the one place that knows every surface and the sandbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from sayso.surfaces.cli.app import main as run_commands
from sayso.surfaces.cli.outside import Outside, Provider, SlackCards

if TYPE_CHECKING:
    from sayso.sdk.app import Sayso

# The imports below stand in functions because a command must load only what it uses (rule 31).


def _start_sandbox(port: int, seed: str) -> Provider:
    from sayso.testing.sandbox import Sandbox

    return Sandbox.start(port, seed="demo" if seed == "demo" else "empty")


def _customer_names() -> Mapping[str, str]:
    from sayso.testing.sandbox import DEMO

    return {customer.customer_id: customer.name for customer in DEMO}


def _serve(sayso: Sayso, host: str, port: int) -> None:
    raise NotImplementedError


def _open_slack(sayso: Sayso) -> AbstractAsyncContextManager[SlackCards]:
    raise NotImplementedError


OUTSIDE = Outside(
    start_sandbox=_start_sandbox,
    customer_names=_customer_names,
    serve=_serve,
    open_slack=_open_slack,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; the exit status."""
    return run_commands(OUTSIDE, argv)


if __name__ == "__main__":
    raise SystemExit(main())
