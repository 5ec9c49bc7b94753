"""What was stored under a caller's key, for whoever lost sight of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sayso.actions.model.action_row import read_action
from sayso.actions.model.idempotency import read_by_key
from sayso.agent.requests import read_request
from sayso.sdk.presenters import show_action, show_request
from sayso.sdk.views import ActionView, RequestView
from sayso.store.base import Transaction

if TYPE_CHECKING:
    from sayso.sdk.container import Container


async def action_under(container: Container, key: str) -> ActionView | None:
    """The action that has this idempotency key; None when none was stored."""

    def work(tx: Transaction) -> ActionView | None:
        row = read_by_key(tx, "action.by_key", container.tenant, key)
        return None if row is None else show_action(tx, read_action(row), timeline=False)

    # NOTE: no read: it stands behind a commit that is under way, whoever waits for that or not.
    return await container.store.write(work)


async def request_under(container: Container, key: str) -> RequestView | None:
    """The request that has this idempotency key; None when none was stored."""

    def work(tx: Transaction) -> RequestView | None:
        row = read_by_key(tx, "request.by_key", container.tenant, key)
        return None if row is None else show_request(tx, read_request(row))

    return await container.store.write(work)
