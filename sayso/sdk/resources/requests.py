"""Requests: what customers asked for in words, and what became of it."""

from __future__ import annotations

import secrets

from sayso.actions.model.definition import Subject
from sayso.actions.model.idempotency import read_by_key
from sayso.agent.incoming import CustomerReply
from sayso.agent.request_row import RequestRow, RequestStatus, get_request, read_request
from sayso.agent.withdrawal import TakenBack
from sayso.audit.entry import Actor
from sayso.sdk.progress.carry_on import settle_request
from sayso.sdk.resources.base import SDK, Resource, as_state, cursor_of, page_of
from sayso.sdk.views.presenters import show_request
from sayso.sdk.views.rows import ActionView, RequestView
from sayso.store.base import Reader, SqlValue, Transaction

_ON_ITS_WAY = frozenset({RequestStatus.RECEIVED, RequestStatus.ACTING})


def is_over(request: RequestView | ActionView) -> bool:
    """Whether a request has ended, or goes on only with the customer's answer."""
    return request.status not in _ON_ITS_WAY


class RequestResource(Resource):
    """Reads requests and answers their questions; `Sayso.ask` makes them."""

    async def get(self, request_id: str, *, tenant: str | None = None) -> RequestView:
        """A request as it stands.

        Raises:
            RefusedError: `not_found`.
        """
        where = self._tenant(tenant)
        return await self._container.store.read(
            lambda reader: self._show(reader, get_request(reader, where, request_id))
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
            return None if row is None else self._show(tx, read_request(row))

        # NOTE: no read: it stands behind a commit that is under way, whoever waits for that or not.
        return await self._container.store.write(work, about=where)

    async def answer(
        self,
        request_id: str,
        words: str = "",
        *,
        question: int,
        choice: str | None = None,
        subject: Subject | None = None,
        idempotency_key: str | None = None,
        wait_s: float = 30.0,
        requester: Actor | None = None,
        tenant: str | None = None,
    ) -> RequestView:
        """Hand over what the customer answered; the request is planned on with it.

        Args:
            words: the customer's own; may be empty where they picked a choice.
            question: its `number`, as the customer saw it: an answer to an older one is refused.
            choice: the `value` of what they picked.
            subject: the customer, where somebody signs for them anew (`Sayso.identity`); the facts
                that were signed with earlier words count no more then.
            idempotency_key: the same key with the same content is one answer.
            wait_s: as with `Sayso.ask`.

        Returns:
            The request as it then stands; it may ask something else.

        Raises:
            RefusedError: `not_found`; `nothing_asked`, when it waits for no answer to that
                question; `invalid_input`, for a choice that it does not offer; `empty_message`,
                `message_too_long`, `idempotency_conflict`; `unauthenticated`, where `subject` is
                another customer than the request's.
            RetryableError: where a code went has to be compared, and its provider cannot be read
                now; nothing was stored.
            ConfigError: no planner can be made of the settings; nothing was stored.
        """
        self._container.warm_up()
        if subject is not None:
            subject = self._container.connectors.subject(subject)
        row = await self._container.requests.answer(
            self._tenant(tenant),
            request_id,
            CustomerReply(
                content=words,
                choice=choice,
                number=question,
                subject=subject,
                takes_back=choice is None and self._container.agent.takes_back(words),
            ),
            requester=requester or SDK,
            key=idempotency_key or secrets.token_hex(16),
        )
        if wait_s > 0:
            await settle_request(self._container, row, wait_s)
        else:
            self._container.dispatcher.wake()
        return await self.get(row.id, tenant=row.tenant)

    async def withdraw(
        self,
        request_id: str,
        words: str = "",
        *,
        subject: Subject | None = None,
        requester: Actor | None = None,
        tenant: str | None = None,
    ) -> RequestView:
        """Take a request back in the customer's place: what has not begun is not done.

        Whatever waits of it is closed: an open question, a card that people are asked about, a step
        that nobody has begun. Nobody can say yes to it any more. What is under way or done cannot
        be stopped; the reply of the request tells what was stopped, and what was not.
        Once more changes nothing.

        Args:
            words: what the customer wrote; may be empty.
            subject: the customer, where somebody signs for them anew (`Sayso.identity`).

        Returns:
            The request as it then stands: `withdrawn`; as it was, where all of it had ended.

        Raises:
            RefusedError: `not_found`; `unauthenticated`, where `subject` is another customer than
                the request's; `message_too_long`.
        """
        if subject is not None:
            subject = self._container.connectors.subject(subject)
        said = TakenBack(requester=requester or SDK, content=words, subject=subject)
        withdrawals = self._container.requests.withdrawals
        row = await withdrawals.withdraw(self._tenant(tenant), request_id, said)
        self._container.dispatcher.wake()
        return await self.get(row.id, tenant=row.tenant)

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
        where = self._tenant(tenant)
        status = as_state(status, RequestStatus, "a request")
        start = cursor_of("req", after)

        def work(reader: Reader) -> list[RequestView]:
            page: dict[str, SqlValue] = {"tenant": where, "after": start, "limit": page_of(limit)}
            rows = reader.all("request.page", **page, status=status)
            return [self._show(reader, read_request(row)) for row in rows]

        return await self._container.store.read(work)

    def _show(self, reader: Reader, row: RequestRow) -> RequestView:
        container = self._container
        return show_request(reader, row, container.personal, container.agent.language)
