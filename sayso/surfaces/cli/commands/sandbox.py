"""`sayso sandbox`."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Annotated

import typer

from sayso.surfaces.cli.options import JsonOption
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.problem import usage

app = typer.Typer()


@app.command()
def sandbox(
    port: Annotated[
        int, typer.Option("--port", metavar="PORT", help="Where it listens; 0 takes any free one.")
    ] = 4242,
    seed: Annotated[
        str, typer.Option("--seed", metavar="NAME", help="demo puts customers in, empty nobody.")
    ] = "demo",
    as_json: JsonOption = False,
) -> int:
    """Run a Stripe-compatible provider here, until Ctrl-C."""
    if seed not in {"demo", "empty"}:
        raise usage(f"there is no seed `{seed[:40]}`", "use demo or empty")
    from sayso.sandbox import Sandbox

    out = Out(as_json=as_json)
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    provider = Sandbox.start(port, seed="demo" if seed == "demo" else "empty")
    try:
        if as_json:
            out.document({"url": provider.url, "api_key": provider.api_key, "seed": seed})
        else:
            out.line(f"A sandbox serves {provider.url} until Ctrl-C. It forgets everything then.")
            out.line()
            out.line("In sayso.toml:")
            out.line("  [connectors.stripe]")
            out.line('  api_key = "env:STRIPE_API_KEY"')
            out.line(f'  base_url = "{provider.url}"')
            out.line()
            out.line("In the shell:")
            out.line(f"  export STRIPE_API_KEY={provider.api_key}")
            if seed == "demo":
                out.line('  sayso ask "Please refund order 0977" --subject cus_demo_ana')
        stopped.wait()
    finally:
        provider.stop()
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0
