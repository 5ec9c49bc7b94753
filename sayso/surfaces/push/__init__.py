"""Web push: tells people in their browsers what waits for them, who calls them, and what stopped.

    async with open_channel(sayso):  # while it is open, what is due is pushed
        ...

INVARIANT: nothing is decided by a push. What it opens is a page, where one has to be signed in.

Where to look: `pusher` tells the rows of the outbox · `doctor` says what is missing. What is said,
and the browsers, are `sayso.sdk.push`.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

from sayso.sdk.background.telling import telling
from sayso.sdk.client import Sayso
from sayso.sdk.push.settings import CHANNEL, check_extra
from sayso.surfaces.push.doctor import examine
from sayso.surfaces.push.pusher import Pusher

__all__ = ["Pusher", "examine", "open_channel"]


@contextlib.asynccontextmanager
async def open_channel(sayso: Sayso) -> AsyncGenerator[tuple[()]]:
    """Push while the block runs.

    Raises:
        ConfigError: `missing_extra`, `invalid_setting`, `missing_secret`.
    """
    settings = sayso.browsers.settings
    assert settings is not None, "the site opens what sayso.toml has"
    check_extra()
    async with telling(sayso, CHANNEL, Pusher(sayso, settings).tells):
        yield ()
