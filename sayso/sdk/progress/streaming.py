"""Asking and hearing where it stands, in one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from sayso.agent.request_row import get_request
from sayso.ids import Tenant
from sayso.sdk.progress.carry_on import CARRY_ON_S, settle_request
from sayso.sdk.progress.following import follow
from sayso.sdk.resources.requests import RequestResource, is_over
from sayso.sdk.views.progress import ProgressView, progress_view

if TYPE_CHECKING:
    from sayso.sdk.container import Container


async def _carry_on(container: Container, request_id: str, tenant: str | None) -> None:
    where = container.tenant if tenant is None else Tenant(tenant)
    row = await container.store.read(lambda reader: get_request(reader, where, request_id))
    await settle_request(container, row, CARRY_ON_S)


async def steps_of(
    container: Container, request_id: str, *, after: int, tenant: str | None
) -> AsyncGenerator[ProgressView]:
    """The steps of a request behind a number of the log, and the request as the last one."""
    # Begun here as by `ask`, for where no dispatcher runs in this process.
    carrying = asyncio.create_task(_carry_on(container, request_id, tenant))
    try:
        async for event in follow(
            container, request_id, after=after, tenant=tenant, is_end=is_over
        ):
            step = progress_view(event)
            if step is not None:
                yield step
    finally:
        carrying.cancel()
        await asyncio.wait([carrying])
    request = await RequestResource(container).get(request_id, tenant=tenant)
    yield ProgressView(request_id=request_id, status=request.status, request=request)
