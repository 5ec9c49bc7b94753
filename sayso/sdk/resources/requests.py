"""Requests: what customers asked for in words, and what became of it."""

from __future__ import annotations

from sayso.actions.model.idempotency import read_by_key
from sayso.agent.requests import RequestStatus, get_request, read_request
from sayso.sdk.inputs import as_state, cursor_of, page_of
from sayso.sdk.presenters import show_request
from sayso.sdk.resources.base import Resource
from sayso.sdk.views import RequestView
from sayso.store.base import Reader, SqlValue, Transaction

_ON_ITS_WAY = frozenset({RequestStatus.RECEIVED, RequestStatus.ACTING})


def is_over(request: RequestView) -> bool:
    """Whether a request has ended, or goes on only with the customer's answer."""
    return request.status not in _ON_ITS_WAY


class RequestResource(Resource):
    """Reads requests; `Sayso.ask` makes them."""

    async def get(self, request_id: str, *, tenant: str | None = None) -> RequestView:
        """A request as it stands.

        Raises:
            RefusedError: `not_found`.
        """
        where = self._tenant(tenant)
        return await self._container.store.read(
            lambda reader: show_request(reader, get_request(reader, where, request_id))
        )

    async def wait(
        self, request_id: str, timeout_s: float, *, tenant: str | None = None
    ) -> RequestView:
        """The request once it has ended or asks the customer something, people included.

        Returns:
            The request as it stands then, or after `timeout_s` seconds.

        Raises:
            RefusedError: `not_found`.
        """
        return await self._container.changes.until(
            lambda: self.get(request_id, tenant=tenant), is_over, timeout_s
        )

    async def by_key(self, key: str, *, tenant: str | None = None) -> RequestView | None:
        """The request that has this idempotency key; None when none was stored."""
        where = self._tenant(tenant)

        def work(tx: Transaction) -> RequestView | None:
            row = read_by_key(tx, "request.by_key", where, key)
            return None if row is None else show_request(tx, read_request(row))

        # NOTE: no read: it stands behind a commit that is under way, whoever waits for that or not.
        return await self._container.store.write(work)

    async def list(
        self,
        *,
        status: str | None = None,
        limit: int = 50,
        after: str | None = None,
        tenant: str | None = None,
    ) -> list[RequestView]:
        """Requests, newest first; `after` is the id of the last one of the page before.

        Raises:
            RefusedError: `invalid_input`, for a status that there is not, or such an id.
        """
        where, status = self._tenant(tenant), as_state(status, RequestStatus, "a request")
        start = cursor_of("req", after)

        def work(reader: Reader) -> list[RequestView]:
            page: dict[str, SqlValue] = {"tenant": where, "after": start, "limit": page_of(limit)}
            rows = reader.all("request.page", **page, status=status)
            return [show_request(reader, read_request(row)) for row in rows]

        return await self._container.store.read(work)
