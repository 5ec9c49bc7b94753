"""Following one request or one action until it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from sayso.actions.model.status import FINAL
from sayso.agent.request_row import RequestStatus
from sayso.errors import Code, ConfigError
from sayso.sdk.resources.actions import ActionResource
from sayso.sdk.resources.events import EventResource
from sayso.sdk.resources.requests import RequestResource
from sayso.sdk.views.rows import ActionView, EventView, RequestView

if TYPE_CHECKING:
    from sayso.sdk.container import Container

LONGEST_WAIT_S = 3600.0
"""Between two looks when nobody commits anything: time alone changes nothing that is followed."""

ENDED_REQUEST = frozenset({RequestStatus.ANSWERED.value, RequestStatus.HANDED_OVER.value})


def has_ended(item: RequestView | ActionView) -> bool:
    """Whether a request or an action has ended; one that asks the customer something has not."""
    if isinstance(item, ActionView):
        return item.status in FINAL
    # What was under way when its customer took it back is told once more when it has ended.
    is_over = all(action.status in FINAL for action in item.actions)
    return item.status in ENDED_REQUEST or (item.status == RequestStatus.WITHDRAWN and is_over)


async def follow(
    container: Container,
    item_id: str,
    *,
    after: int = -1,
    tenant: str | None = None,
    is_end: Callable[[RequestView | ActionView], bool] = has_ended,
) -> AsyncIterator[EventView]:
    """See `Sayso.follow`.

    Args:
        is_end: whether nothing more is waited for.
    """
    events = EventResource(container)
    changes = container.changes
    while True:
        version = await changes.version()
        # NOTE: the state is read before the entries, so that an ended one has all of them.
        ended = is_end(await _state(container, item_id, tenant))
        while found := await events.about(item_id, after=after, tenant=tenant):
            for event in found:
                after = event.seq
                yield event
        if ended:
            return
        await changes.later_than(version, LONGEST_WAIT_S)
        if changes.stopped:
            raise ConfigError(
                Code.STORE_UNAVAILABLE,
                "the workspace was closed while something was followed",
                next_step="follow it again, with `after` of the last change that came",
            )


async def _state(
    container: Container, item_id: str, tenant: str | None
) -> RequestView | ActionView:
    if item_id.startswith("req_"):
        return await RequestResource(container).get(item_id, tenant=tenant)
    return await ActionResource(container).get(item_id, tenant=tenant, timeline=False)
