"""A colleague's seat at a thread: what is known of it, and what they say in it as themselves.

Whatever a colleague says goes the way of every action of the desk: judged by the policy as theirs,
keyed so that it is said once, and an entry of the log. Sayso is silent in the thread from then on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sayso.actions.engine.proposals import Proposal
from sayso.actions.model.action_row import get_action
from sayso.actions.model.priority import WAITED_FOR
from sayso.actions.model.status import Status
from sayso.agent.request_row import RequestRow, get_request
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind
from sayso.connectors.desks import Desks
from sayso.errors import Code, RefusedError
from sayso.sdk.desk.intake import fall_silent
from sayso.sdk.desk.rows import PREFIX, Place, find_thread
from sayso.sdk.desk.sayings import requests_in
from sayso.sdk.desk.words import SILENT
from sayso.sdk.progress.take_in import take_in
from sayso.sdk.resources.tokens import Token
from sayso.sdk.resources.vouching import is_unknown
from sayso.sdk.views.base import View
from sayso.sdk.views.rows import ActionView
from sayso.store.base import Reader, Transaction
from sayso.text import plain

if TYPE_CHECKING:
    from sayso.sdk.container import Container
    from sayso.settings import DeskSection

Said = Literal["reply", "note", "hand_over"]
MOST_TEXT_CHARS = 5000
_UNSAID = frozenset(
    {Status.REFUSED, Status.REJECTED, Status.EXPIRED, Status.WITHDRAWN, Status.FAILED}
)
_WHY: Mapping[Said, str] = {"reply": "answered", "hand_over": "taken"}
_KEY_CHARS = 64


class SeatView(View):
    """A thread as a colleague sees it beside their help desk.

    Attributes:
        requests: what came in by it, the newest last. silent: why Sayso says nothing in it, in
            words; empty while it does.
        unknown_writer: nobody knows that the customer writes, so nothing of theirs is shown.
        may: of `reply`, `note`, `hand_over`, what can be said here.
    """

    desk: str
    thread: str
    requests: tuple[str, ...] = ()
    subject: str = ""
    silent: str = ""
    unknown_writer: bool = False
    may: tuple[Said, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a colleague says in a thread.

    Attributes:
        key: the same key by the same person is said once. via: the surface.
    """

    kind: Said
    text: str
    key: str
    via: str = "sdk"


def place_of(
    desks: Mapping[str, DeskSection], container: Container, conversation: str
) -> tuple[Place, str] | None:
    """The desk and the thread of a conversation; None for one of no desk."""
    name, _, thread = conversation.removeprefix(PREFIX).partition(":")
    section = desks.get(name) if conversation.startswith(PREFIX) and thread else None
    if section is None:
        return None
    return Place(tenant=container.tenant, name=name, section=section), thread


def show_seat(reader: Reader, container: Container, place: Place, thread: str) -> SeatView:
    """The thread as it stands; without requests where nothing of it has come in."""
    known = find_thread(reader, place, thread)
    requests = requests_in(reader, place, thread)
    newest = requests[-1] if requests else None
    parts = Desks(container.connectors).parts(place.connector)
    names: dict[Said, str] = {
        "reply": parts.reply,
        "note": parts.note,
        "hand_over": parts.hand_over if place.section.hand_over else "",
    }
    silent = None if known is None else known.silent
    return SeatView(
        desk=place.name,
        thread=plain(thread, limit=120),
        requests=tuple(one.id for one in requests),
        subject="" if newest is None else newest.subject.id,
        silent="" if silent is None else SILENT.get(silent, silent),
        unknown_writer=newest is not None and is_unknown(reader, newest, container.context.now()),
        may=tuple(kind for kind, name in names.items() if name) if newest is not None else (),
    )


async def speak(
    container: Container, place: Place, thread: str, said: Words, by: Token
) -> ActionView:
    """Say something in a thread as a person, through the policy.

    Raises:
        RefusedError: `forbidden`, `not_an_approver`; `not_found` where nobody has written there;
            `invalid_input`, `message_too_long`; `unknown_action` where the desk cannot do it.
        RetryableError: the desk cannot be read now; nothing was stored.
    """
    await check_role(container, by)
    _check(said)
    newest = await container.store.read(lambda reader: _newest(reader, place, thread))
    parts = Desks(container.connectors).parts(place.connector)
    names = {"reply": parts.reply, "note": parts.note, "hand_over": parts.hand_over}
    action = names[said.kind]
    if not action:
        raise RefusedError(
            Code.UNKNOWN_ACTION,
            f"the desk `{place.name}` has no such action",
            next_step="do it at the desk itself",
        )
    more: Mapping[str, str | int] = place.section.hand_over if said.kind == "hand_over" else {}
    named = hashlib.sha256(f"{by.holder}\n{thread}\n{said.key}".encode()).hexdigest()[:40]
    proposal = Proposal(
        tenant=by.tenant,
        requester=Actor(kind=ActorKind.PERSON, id=by.holder),
        subject=newest.subject,
        action=action,
        args={parts.thread_arg: thread, "text": said.text, **more},
        key=f"seat:{named}",
        priority=WAITED_FOR,
        shown_by={"via": said.via, "credential": by.id},
    )
    done = await take_in(container, proposal)
    if done.status not in _UNSAID and said.kind != "note":
        # INVARIANT: once a colleague answers, nobody else does: also while somebody has to agree,
        # or nobody knows yet whether it arrived. Where this process dies first, whoever looks after
        # the desk reads of it in the log.
        why = _WHY[said.kind]
        await container.store.write(lambda tx: fall_silent(tx, container, place, thread, why))
    return done


def why_unsaid(action: ActionView) -> str:
    """Why a colleague's words have not reached the customer, in a sentence; empty where they have.

    Whoever has work about it still has it until they have.
    """
    if action.status == Status.SUCCEEDED:
        return ""
    if action.status in _UNSAID:
        why = "" if action.error is None else f": {action.error.message}"
        return f"Nothing was sent{why}."
    if action.status == Status.PENDING_APPROVAL:
        return "Somebody else has to agree before it is sent."
    return "It is not known yet whether it has arrived."


def heed_colleagues(
    tx: Transaction, container: Container, place: Place, entries: Iterable[Entry]
) -> None:
    """Fall silent where the log tells that a person has answered a customer, or taken the thread.

    INVARIANT: it is part of the transaction that moves the desk's place in the log on.
    """
    parts = Desks(container.connectors).parts(place.connector)
    kinds: Mapping[str, Said] = {parts.reply: "reply", parts.hand_over: "hand_over"}
    for entry in entries:
        kind = kinds.get(entry.name or "")
        if kind is None or entry.kind is not EntryKind.ACTION_SUCCEEDED or entry.action is None:
            continue
        action = get_action(tx, place.tenant, entry.action)
        thread = action.args.get(parts.thread_arg)
        if action.requester.startswith(f"{ActorKind.PERSON}:") and isinstance(thread, str):
            fall_silent(tx, container, place, thread, _WHY[kind])


async def check_role(container: Container, by: Token) -> None:
    """Refuse whoever is no person with a role.

    Raises:
        RefusedError: `forbidden`, `not_an_approver`.
    """
    person = None
    if by.kind == "person" and by.tenant == container.tenant:
        person = (await container.people.authority(by.tenant)).person(by.holder)
    if person is None:
        raise RefusedError(
            Code.FORBIDDEN,
            "only a person of this workspace sits at its desks",
            next_step="sign in as yourself",
        )
    if not person.roles:
        raise RefusedError(
            Code.NOT_AN_APPROVER,
            "only somebody with a role answers here",
            next_step="ask an approver",
        )


def _check(said: Words) -> None:
    if not said.text.strip() or "\0" in said.text:
        raise RefusedError(Code.INVALID_INPUT, "there is nothing to say", next_step="write it")
    if len(said.text) > MOST_TEXT_CHARS:
        raise RefusedError(
            Code.MESSAGE_TOO_LONG,
            f"a message has at most {MOST_TEXT_CHARS:,} characters",
            next_step="shorten it",
        )
    if not said.key or len(said.key) > _KEY_CHARS or not said.key.isascii():
        raise RefusedError(
            Code.INVALID_INPUT, "a message has a key", next_step="load the page again"
        )


def _newest(reader: Reader, place: Place, thread: str) -> RequestRow:
    requests = requests_in(reader, place, thread)
    if not requests:
        raise RefusedError(
            Code.NOT_FOUND,
            "nothing of this thread has come in",
            next_step="answer at the desk itself",
        )
    return requests[-1]


def conversation_of(reader: Reader, container: Container, request_id: str) -> str:
    """What a request's thread is called.

    Raises:
        RefusedError: `not_found`.
    """
    return get_request(reader, container.tenant, request_id).conversation or ""
