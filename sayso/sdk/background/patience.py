"""Opening a workspace whose database server is away for the moment: waited for, and said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from sayso.errors import Code, RetryableError
from sayso.sdk.client import Mode, Sayso
from sayso.sdk.workspace import Workspace

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 5.0
_AWAY = frozenset({Code.STORE_UNAVAILABLE, Code.STORE_READ_ONLY})


@asynccontextmanager
async def opened_patiently(
    workspace: Workspace, mode: Mode, say: Callable[[str], None]
) -> AsyncGenerator[Sayso]:
    """The open workspace, as soon as its database can be used.

    Args:
        say: told once when it is waited for, once for each other reason, and once when it is there.

    Raises:
        ConfigError: what waiting does not help against, such as a wrong password, or a vault's key
            that did not wrap customers' keys.
    """
    sayso = await _open(workspace, mode, say)
    try:
        sayso.container.log.check_not_halted()
        yield sayso
    finally:
        await sayso.__aexit__(None, None, None)


async def _open(workspace: Workspace, mode: Mode, say: Callable[[str], None]) -> Sayso:
    pause_s, told = FIRST_PAUSE_S, ""
    while True:
        sayso = Sayso(workspace, mode=mode)
        try:
            await sayso.__aenter__()
        except RetryableError as error:
            await sayso.__aexit__(None, None, None)
            if error.code not in _AWAY:
                raise
            if error.message != told:
                told = error.message
                say(f"waiting: {told}; {error.next_step}")
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        else:
            if told:
                say("the database is there again")
            return sayso
