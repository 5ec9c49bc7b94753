"""Where a request stands while it runs, as whoever asked may see it."""

from __future__ import annotations

from sayso.sdk.views.base import View
from sayso.sdk.views.rows import EventView, RequestView


class ProgressView(View):
    """A step of a request that runs. It says nothing that the answer does not say.

    Attributes:
        request_id, action_id: whose step it is; the latter is null for the request's own.
        action: the action's name, such as `stripe.refund`.
        status: of the action from here on, or of the request when `action_id` is null.
        message: the same in a short sentence for the customer, in their language.
        request: the answer itself, with the last step alone.
    """

    request_id: str
    action_id: str | None = None
    action: str | None = None
    status: str
    message: str | None = None
    request: RequestView | None = None


def progress_view(event: EventView) -> ProgressView | None:
    """The step that a change is; None for one that customers are not told of.

    INVARIANT: no kind of entry, no approval and nobody's name: what people do among themselves, a
    customer does not see.
    """
    if event.request_id is None or event.status is None or event.message is None:
        return None
    return ProgressView(
        request_id=event.request_id,
        action_id=event.action_id,
        action=event.action,
        status=event.status,
        message=event.message,
    )
