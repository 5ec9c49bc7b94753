"""`sayso witness`."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from sayso.errors import Code, ConfigError
from sayso.surfaces.cli.options import JsonOption
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.workspace import run

app = typer.Typer()


@app.command()
def witness(
    store: Annotated[
        Path, typer.Option("--store", metavar="DIR", help="What it remembers; a folder of its own.")
    ],
    key: Annotated[
        list[Path], typer.Option("--key", metavar="FILE", help="Its secret key; repeatable.")
    ],
    logs: Annotated[
        Path,
        typer.Option("--logs", metavar="FILE", help="A policy whose `log` lines name its logs."),
    ],
    host: Annotated[str, typer.Option("--host", metavar="HOST")] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option("--port", metavar="PORT", min=0, max=65_535, help="0 takes any free one."),
    ] = 8391,
    allow_remote: Annotated[
        bool,
        typer.Option("--allow-remote", help="Other machines may reach it; put TLS in front."),
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """Witness others' logs: cosign what follows from before."""
    from sayso.audit.signed_note.cosignature import read_cosigner
    from sayso.audit.signed_note.witness_policy import WitnessPolicy
    from sayso.audit.witness.records import open_records
    from sayso.audit.witness.witness import Witness
    from sayso.ids import SystemClock
    from sayso.serving import listen
    from sayso.surfaces.witness import serve_witness

    out = Out(as_json=as_json)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, force=True)
    cosigners = [read_cosigner(_read(file)) for file in key]
    policy = WitnessPolicy.read(logs)
    with (
        open_records(store) as records,
        listen(host, port, allow_remote=allow_remote) as listener,
    ):
        own = Witness(cosigners, policy, records, SystemClock())

        def ready(url: str) -> None:
            if as_json:
                out.document({"url": url, "vkeys": own.vkeys, "logs": own.origins})
                return
            out.line(f"Witnessing at {url} until Ctrl-C.")
            for vkey in own.vkeys:
                out.line(f"  key  {vkey}")
            for origin in own.origins:
                out.line(f"  log  {origin}")

        async def work() -> None:
            await serve_witness(own, listener, ready)

        run(work())
    return 0


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            Code.MISSING_SECRET,
            f"the key `{file}` cannot be read",
            next_step="make one with `sayso audit make-key FILE --name NAME --for witness`",
        ) from error
