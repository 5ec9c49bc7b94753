"""Events: every change of requests and actions, as the log tells it and in its order."""

from __future__ import annotations

from collections.abc import Sequence

from sayso.agent.phrases import DEFAULT_LANGUAGE, progress_of
from sayso.agent.request_row import RequestStatus, get_request
from sayso.audit.entry import EntryKind, StoredEntry
from sayso.audit.segments.rows import check_present
from sayso.audit.verifier.replay import ASKED_BY_PEOPLE
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant, rfc3339
from sayso.sdk.resources.base import Resource
from sayso.sdk.views.rows import EventView
from sayso.store.base import Reader, integer, text

PAGE = 500
"""How many entries one page looks at."""

_FAMILIES = ("request.", "action.", "plan.", "approval.", "work.late")
_REQUEST_STATUS = {
    EntryKind.REQUEST_ASKED: RequestStatus.RECEIVED,
    EntryKind.REQUEST_QUESTIONED: RequestStatus.NEEDS_CUSTOMER,
    EntryKind.REQUEST_CONTINUED: RequestStatus.RECEIVED,
    EntryKind.REQUEST_PLANNED: RequestStatus.ACTING,
    EntryKind.REQUEST_PROPOSED: RequestStatus.ACTING,
    EntryKind.REQUEST_HANDED_OVER: RequestStatus.HANDED_OVER,
    EntryKind.REQUEST_REPLIED: RequestStatus.ANSWERED,
    EntryKind.REQUEST_WITHDRAWN: RequestStatus.WITHDRAWN,
}


class EventResource(Resource):
    """Reads events page by page; `Sayso.follow` waits for the next ones."""

    async def newest(self, *, tenant: str | None = None) -> int:
        """The number of the log's newest entry, behind which only what is still to come stands.

        Returns:
            -1 while the log is empty.
        """
        where = self._tenant(tenant)
        return await self._container.store.read(lambda reader: _size(reader, where) - 1, brief=True)

    async def since(
        self, after: int, *, tenant: str | None = None, limit: int = PAGE
    ) -> tuple[Sequence[EventView], int]:
        """The next events of a tenant, oldest first, and how far the log was read for them.

        Args:
            after: the number of the last entry that was seen, or -1.

        Returns:
            The events, which may be none, and the number to go on behind; the same `after` where
            nothing came since.

        Raises:
            RefusedError: `pruned`, when what came next is only in a sealed segment; `invalid_input`
                for a number that this log has not reached.
        """
        where = self._tenant(tenant)

        def work(reader: Reader) -> tuple[Sequence[EventView], int]:
            size = _size(reader, where)
            if after >= size:
                raise RefusedError(
                    Code.INVALID_INPUT,
                    f"there is no event {after}: the log has {size} entries",
                    next_step="begin without a number, and read what you need once more",
                )
            if after + 1 < size:
                check_present(reader, where, after + 1)
            rows = reader.all("event.since", tenant=where, after=after, limit=limit)
            read = [StoredEntry.read(text(row, "body").encode()) for row in rows]
            last = integer(rows[-1], "seq") if rows else after
            return [event_of(stored) for stored in read if is_event(stored)], last

        return await self._container.store.read(work)

    async def about(
        self, item_id: str, *, after: int = -1, tenant: str | None = None, limit: int = PAGE
    ) -> list[EventView]:
        """The events of one action, or of one request and its actions, oldest first.

        Args:
            item_id: `act_…` or `req_…`; one that there is not has no events.
        """
        where = self._tenant(tenant)

        def work(reader: Reader) -> list[EventView]:
            found = entries_about(reader, where, item_id, after=after, limit=limit)
            asked = next((one.entry.request for one in found if one.entry.request), None)
            language = self._language(reader, where, asked) if asked else DEFAULT_LANGUAGE
            return [
                event.model_copy(update={"message": progress_of(event.status, language)})
                for event in map(event_of, found)
            ]

        return await self._container.store.read(work)

    def _language(self, reader: Reader, tenant: Tenant, request_id: str) -> str:
        """The customer's language, told by their words; English once those are erased."""
        requests = self._container.requests
        messages = requests.messages(reader, get_request(reader, tenant, request_id))
        return self._container.agent.language(messages)


def entries_about(
    reader: Reader, tenant: Tenant, item_id: str, *, after: int, limit: int
) -> list[StoredEntry]:
    """The entries of one action, or of one request and its actions, oldest first."""
    query = "event.of_request" if item_id.startswith("req_") else "event.of_action"
    rows = reader.all(query, tenant=tenant, id=item_id, after=after, limit=limit)
    return [StoredEntry.read(text(row, "body").encode()) for row in rows]


def is_event(stored: StoredEntry) -> bool:
    """Whether an entry tells of a request or of an action."""
    entry = stored.entry
    about_one = entry.request is not None or entry.action is not None
    return about_one and entry.kind.startswith(_FAMILIES)


def event_of(stored: StoredEntry) -> EventView:
    """The event that an entry tells.

    INVARIANT: nothing of it is personal: ids, names of our own, an amount and a state.
    """
    entry = stored.entry
    status = entry.status
    if entry.action is None:
        reached = _REQUEST_STATUS.get(entry.kind)
        if entry.kind is EntryKind.REQUEST_CONTINUED and entry.data.get("slot") == ASKED_BY_PEOPLE:
            reached = RequestStatus.ACTING
        status = None if reached is None else reached.value
    return EventView(
        seq=stored.seq,
        at=rfc3339(stored.at_micros),
        kind=entry.kind.value,
        request_id=entry.request,
        action_id=entry.action,
        approval_id=entry.approval,
        action=entry.name,
        amount=entry.amount,
        status=status,
    )


def _size(reader: Reader, tenant: Tenant) -> int:
    row = reader.one("log.head", tenant=tenant)
    return 0 if row is None else integer(row, "size")
