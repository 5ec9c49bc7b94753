"""`sayso.desks`: what waits at each desk, and since when it was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sayso.connectors.desks import Desks
from sayso.errors import Code, RefusedError
from sayso.ids import rfc3339
from sayso.json import JsonObject
from sayso.sdk.desk.canvas import draw_canvas
from sayso.sdk.desk.conversation import (
    ConversationView,
    ToldView,
    WrittenMessage,
    show_conversation,
    tell,
)
from sayso.sdk.desk.loop import DeskLoop
from sayso.sdk.desk.own import OWN
from sayso.sdk.desk.rows import (
    MOST_THREAD_CHARS,
    Place,
    desk_row,
    find_thread,
    ring,
    said_in,
    thread_row,
    unread_desks,
)
from sayso.sdk.desk.sayings import newest_seq, requests_in
from sayso.sdk.desk.seat import (
    SeatView,
    Words,
    check_role,
    conversation_of,
    place_of,
    show_seat,
    speak,
)
from sayso.sdk.resources.base import Resource, page_of
from sayso.sdk.resources.tokens import Token
from sayso.sdk.views.base import View
from sayso.sdk.views.rows import ActionView
from sayso.store.base import Reader, integer, integer_or_none
from sayso.text import plain

if TYPE_CHECKING:
    from sayso.sdk.container import Container
    from sayso.sdk.workspace import Workspace


class DeskView(View):
    """A desk.

    Attributes:
        swept_at: when all of its changes were read last. failing_since, problem: since when it
            cannot be read, and why. threads: how many are known; waiting: in how many something is
            to be read or said; silent: in how many a colleague goes on. unsaid: answers and notes
            that are on their way, or held.
    """

    name: str
    connector: str
    swept_at: str | None = None
    failing_since: str | None = None
    problem: str | None = None
    threads: int = 0
    waiting: int = 0
    silent: int = 0
    unsaid: int = 0


class FindingView(View):
    """One thing that was looked at. `is_fine`: nothing has to be done; `next_step`: else what."""

    says: str
    is_fine: bool
    next_step: str | None = None


class SaidView(View):
    """What Sayso said in a thread. `state`: `open`, `sent`, `overtaken` or `left`; `why` that."""

    kind: str
    request_id: str
    action_id: str | None = None
    state: str
    why: str | None = None
    at: str


class ThreadView(View):
    """A thread. `silent`: why Sayso says nothing in it any more; None while it does."""

    desk: str
    thread: str
    waits: bool
    silent: str | None = None
    said: tuple[SaidView, ...] = ()


class DeskResource(Resource):
    """Looks at desks, and has them read now."""

    def __init__(self, container: Container, workspace: Workspace) -> None:
        super().__init__(container)
        self._workspace = workspace

    async def list(self) -> Sequence[DeskView]:
        """Every desk of the workspace, by name."""
        places = [self._place(name) for name in sorted(self._workspace.settings.desk)]
        return await self._container.store.read(
            lambda reader: [_show(reader, one) for one in places]
        )

    async def unread(self) -> Mapping[str, str]:
        """The desks that cannot be read, each with the code that says why; `check` says more."""
        desks = self._workspace.settings.desk
        found = await self._container.store.read(
            lambda reader: unread_desks(reader, self._container.tenant, desks), brief=True
        )
        return {name: row.problem or "" for name, row in found.items()}

    async def sweep(self, desk: str) -> DeskView:
        """Read what has changed at a desk, and do what is due there, in this process.

        Raises:
            RefusedError: `not_found`. ConfigError: `invalid_setting`, where it is no desk.
        """
        place = self._place(desk)
        loop = DeskLoop(self._container, {desk: place.section})
        for one in loop.desks:
            await one.sweep_now()
        await loop.drain()
        return await self._container.store.read(lambda reader: _show(reader, place))

    async def check(self, desk: str) -> Sequence[FindingView]:
        """Log in at a desk, look how it is set up, and say what is to be done. Changes nothing.

        Raises:
            RefusedError: `not_found`. ConfigError: `invalid_setting`, where it is no desk.
        """
        place = self._place(desk)
        found = await Desks(self._container.connectors).check(place.connector)
        return [
            FindingView(says=one.says, is_fine=one.is_fine, next_step=one.next_step or None)
            for one in found
        ]

    async def threads(
        self, desk: str, *, limit: int = 50, after: str | None = None
    ) -> Sequence[ThreadView]:
        """The threads of a desk that are known, by their ids, with what was said in each.

        Args:
            after: the id of the last one of the page before.

        Raises:
            RefusedError: `not_found`, `invalid_input`.
        """
        place, size = self._place(desk), page_of(limit)

        def work(reader: Reader) -> Sequence[ThreadView]:
            where = {"tenant": place.tenant, "desk": place.name}
            rows = reader.all("desk.threads", **where, after=after, limit=size)
            return [_show_thread(reader, place, thread_row(row).id) for row in rows]

        return await self._container.store.read(work)

    async def thread(self, desk: str, thread: str) -> ThreadView:
        """One thread.

        Raises:
            RefusedError: `not_found`.
        """
        place = self._place(desk)
        return await self._container.store.read(lambda reader: _show_thread(reader, place, thread))

    async def seat(self, desk: str, thread: str, *, by: Token) -> SeatView:
        """A thread as a colleague sees it beside their help desk.

        Args:
            by: the token of a person with a role.

        Raises:
            RefusedError: `not_found`, `forbidden`, `not_an_approver`. ConfigError:
                `invalid_setting`, where the connector is no desk.
        """
        place = self._place(desk)
        await check_role(self._container, by)
        return await self._container.store.read(
            lambda reader: show_seat(reader, self._container, place, thread)
        )

    async def mark(self, desk: str, thread: str) -> str:
        """Differs when something in a thread may have changed; empty for no desk."""
        if desk not in self._workspace.settings.desk:
            return ""
        place = self._place(desk)

        def work(reader: Reader) -> str:
            known = find_thread(reader, place, thread)
            requests = requests_in(reader, place, thread)
            newest = [(one.id, one.last_seq, newest_seq(reader, one)) for one in requests]
            notes = [
                reader.one("work.by_about", tenant=place.tenant, about=one.id) for one in requests
            ]
            seen = [None if row is None else integer(row, "last_seq") for row in notes]
            return repr((newest, seen, None if known is None else known.silent))

        return await self._container.store.read(work, brief=True)

    async def speak(self, desk: str, thread: str, said: Words, *, by: Token) -> ActionView:
        """Say something in a thread as the person whose token this is; see `Words`.

        Sayso is silent in it from then on, unless it was a note.

        Returns:
            The action of the desk: done, waiting for somebody's yes, or refused by the policy.

        Raises:
            RefusedError: `not_found`, `forbidden`, `not_an_approver`, `invalid_input`,
                `message_too_long`; `unknown_action` where the desk cannot do it.
            RetryableError: the desk cannot be read now; nothing was stored.
        """
        return await speak(self._container, self._place(desk), thread, said, by)

    async def tell(
        self, desk: str, thread: str, told: WrittenMessage, *, tenant: str | None = None
    ) -> ToldView:
        """Tell what somebody has written in a thread of your own desk.

        Raises:
            RefusedError: `not_found`, for a desk that is none of your own; see `tell`.
        """
        place = self._own(desk, tenant)
        check_thread(thread)
        return await tell(self._container, place, thread, told)

    async def conversation(
        self, desk: str, thread: str, *, tenant: str | None = None
    ) -> ConversationView:
        """What was said in a thread of your own desk, by Sayso and by colleagues in it.

        Raises:
            RefusedError: `not_found`.
        """
        place = self._own(desk, tenant)
        return await self._container.store.read(
            lambda reader: show_conversation(reader, self._container, place, thread)
        )

    async def thread_of(self, request_id: str) -> tuple[str, str] | None:
        """The desk and the thread in which a request came in; None for one of no desk.

        Raises:
            RefusedError: `not_found`.
        """
        desks = dict(self._workspace.settings.desk)
        said = await self._container.store.read(
            lambda reader: conversation_of(reader, self._container, request_id)
        )
        found = place_of(desks, self._container, said)
        return None if found is None else (found[0].name, found[1])

    async def ring(self, desk: str, thread: str) -> None:
        """Say that a thread may have changed; it is read by whoever looks after the desk.

        Raises:
            RefusedError: `not_found`; `invalid_input` for what is no thread's name.
        """
        place = self._place(desk)
        check_thread(thread)
        now = self._container.context.now()
        await self._container.store.write(lambda tx: ring(tx, place, thread, now))

    async def canvas(self, desk: str, headers: Mapping[str, str], body: bytes) -> JsonObject:
        """What Intercom's canvas shows beside a conversation; see `draw_canvas`.

        Raises:
            RefusedError: `not_found`, `unauthenticated`, `malformed_json`.
        """
        place = self._place(desk)
        return await draw_canvas(self._container, self._workspace, place, headers, body)

    def _own(self, name: str, tenant: str | None) -> Place:
        place = self._place(name)
        if place.connector == OWN and place.tenant == self._tenant(tenant):
            return place
        raise RefusedError(
            Code.NOT_FOUND,
            f"`{place.name}` is no desk of your own",
            next_step=f'set `connector = "{OWN}"` in [desk.{place.name}], or write at the desk',
        )

    def _place(self, name: str) -> Place:
        section = self._workspace.settings.desk.get(name)
        if section is None:
            raise RefusedError(
                Code.NOT_FOUND,
                f"there is no desk `{plain(name, limit=40)}`",
                next_step="name it in [desk] of sayso.toml",
            )
        return Place(tenant=self._container.tenant, name=name, section=section)


def check_thread(thread: str) -> None:
    """Refuse what is no thread's name; with the desk's before it, it is a conversation's.

    Raises:
        RefusedError: `invalid_input`.
    """
    if not 1 <= len(thread) <= MOST_THREAD_CHARS:
        raise RefusedError(
            Code.INVALID_INPUT,
            f"a thread's name has 1 to {MOST_THREAD_CHARS} characters",
            next_step="pass the id by which the desk knows it",
        )


def _show(reader: Reader, place: Place) -> DeskView:
    row = desk_row(reader, place)
    counts = reader.one("desk.counts", tenant=place.tenant, desk=place.name) or {}

    def count(name: str) -> int:
        return integer_or_none(counts, name) or 0

    return DeskView(
        name=place.name,
        connector=place.connector,
        swept_at=None if row is None or row.swept_at is None else rfc3339(row.swept_at),
        failing_since=None
        if row is None or row.failing_since is None
        else rfc3339(row.failing_since),
        problem=None if row is None else row.problem,
        threads=count("threads"),
        waiting=count("waiting"),
        silent=count("silent"),
        unsaid=count("unsaid"),
    )


def _show_thread(reader: Reader, place: Place, thread: str) -> ThreadView:
    found = reader.one("desk.thread", tenant=place.tenant, desk=place.name, id=thread)
    if found is None:
        raise RefusedError(
            Code.NOT_FOUND,
            f"nothing is known of a thread `{plain(thread, limit=40)}`",
            next_step="see `sayso desk threads`",
        )
    row = thread_row(found)
    said = tuple(
        SaidView(
            kind=one.kind,
            request_id=one.request_id,
            action_id=one.action_id,
            state=one.state,
            why=one.why,
            at=rfc3339(one.at),
        )
        for one in said_in(reader, place, thread)
    )
    waits = row.due_at is not None
    return ThreadView(desk=place.name, thread=row.id, waits=waits, silent=row.silent, said=said)
