"""Standard input and output: one process for one customer, whom its operator names."""

from __future__ import annotations

import logging

from mcp.server.stdio import stdio_server

from sayso.actions.model.definition import Subject
from sayso.audit.entry import Actor
from sayso.errors import Code
from sayso.sdk.client import Sayso
from sayso.sdk.resources.tokens import Scope
from sayso.sdk.tools.tool import Caller
from sayso.sdk.tools.toolbox import Toolbox
from sayso.surfaces.mcp.server import Session, make_server


async def serve_stdio(
    sayso: Sayso, *, subject: Subject, requester: Actor, conversation: str = ""
) -> None:
    """Serve one client until it closes standard input; only the protocol is written to the output.

    Args:
        sayso: open, in this event loop.
        subject: the verified customer, for all calls.
        requester, conversation: see `Caller`.

    Raises:
        ConfigError: see `Toolbox`.
    """
    silence_library()
    caller = Caller(
        subject=subject,
        requester=requester,
        tenant=sayso.tenant,
        conversation=conversation,
    )

    async def note(code: Code) -> None:
        await sayso.rejected_calls.note(code, None, via="mcp")

    session = Session(
        caller=caller, scopes=frozenset({Scope.PROPOSE, Scope.READ}), rejected_calls=note
    )
    server = make_server(Toolbox(sayso), lambda _: session)
    try:
        async with stdio_server() as (reading, writing):
            await server.run(reading, writing, server.create_initialization_options())
    finally:
        await sayso.rejected_calls.flush()


def silence_library() -> None:
    """Keep the library's log lines out: they quote what clients send (invariant 6).

    Those of its client, which somebody may use in the same process, stay.
    """
    for part in ("server", "shared"):
        logging.getLogger(f"mcp.{part}").setLevel(logging.CRITICAL + 1)
