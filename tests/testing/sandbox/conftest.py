"""Fixtures: a seeded sandbox with a clock that stands still, and the official SDK."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import httpx
import pytest
import stripe
from testing.sandbox.shop import FrozenClock, Shop

from sayso.sandbox import Sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox with the demo's customers, in this process."""
    with Sandbox.start(clock=FrozenClock(), seed="demo") as running:
        yield running


@pytest.fixture
def shop() -> Iterator[Shop]:
    """Makes SDK clients."""
    with ExitStack() as stack:
        yield Shop(stack)


@pytest.fixture
def client(sandbox: Sandbox, shop: Shop) -> stripe.StripeClient:
    """The synchronous SDK without retries, pointed at `sandbox`."""
    return shop.client(sandbox.url)


class _ClosingClient(stripe.HTTPXClient):
    """The SDK has no way to close its connections, so this one has."""

    async def close_connections(self) -> None:
        client: httpx.AsyncClient = vars(self)["_client_async"]
        await client.aclose()


@pytest.fixture
async def async_client(sandbox: Sandbox) -> AsyncIterator[stripe.StripeClient]:
    """The asynchronous SDK without retries, pointed at `sandbox`."""
    transport = _ClosingClient()
    yield stripe.StripeClient(
        sandbox.api_key,
        base_addresses={"api": sandbox.url},
        max_network_retries=0,
        http_client=transport,
    )
    await transport.close_connections()
