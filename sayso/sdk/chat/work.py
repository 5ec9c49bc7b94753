"""What machines left to people, in a chat: shown once, and taken, given, answered and ended there.

The rules are the console's: whoever is linked and active takes work; an unknown outcome is settled
and not ended by a note. What a customer is answered goes to their thread at a desk.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sayso.errors import Code, RefusedError
from sayso.ids import Tenant
from sayso.sdk.chat.answers import FieldError, Voice
from sayso.sdk.chat.card import Heading, Lines, Part, Timed
from sayso.sdk.chat.fit import Fit
from sayso.sdk.chat.forms import ChatForm, TextField
from sayso.sdk.chat.moment import Moment, Pieces
from sayso.sdk.client import Sayso
from sayso.sdk.desk.seat import Words, why_unsaid
from sayso.sdk.resources.notes import MAX_NOTE_CHARS
from sayso.sdk.resources.tokens import Scope, Token
from sayso.sdk.resources.work import WorkView
from sayso.settings.surfaces import CONSOLE_PATH

TAKE, GIVE, ANSWER, END = "take", "give", "answer", "end"
WAITING = "waiting"
"""Asks who waits for a person, the longest first."""
PERSON, TEXT = "person", "text"
"""The fields of the forms."""
_MOST_ANSWER = 3000
_ABOUT = re.compile(r"[a-z]{3}_[0-9a-z]{26}")

FORMS: Mapping[str, ChatForm] = MappingProxyType(
    {
        GIVE: ChatForm(
            title="Give",
            submit="Give it to them",
            fields=(
                TextField(name=PERSON, label="To whom", hint="Their id, such as maria.", limit=64),
            ),
        ),
        ANSWER: ChatForm(
            title="Answer",
            submit="Send it to the customer",
            fields=(
                TextField(
                    name=TEXT,
                    label="What the customer reads",
                    hint="It is sent in their thread; the work stays until somebody ends it.",
                    limit=_MOST_ANSWER,
                    lines=True,
                ),
            ),
        ),
        END: ChatForm(
            title="End",
            submit="Nobody has to do anything",
            fields=(
                TextField(
                    name=TEXT,
                    label="Why it is over",
                    hint="A note that stands with it; the customer does not read it.",
                    limit=MAX_NOTE_CHARS,
                    lines=True,
                ),
            ),
        ),
    }
)
LABELS: Mapping[str, str] = MappingProxyType(
    {TAKE: "Take it", GIVE: "Give…", ANSWER: "Answer…", END: "End…", WAITING: "Who waits"}
)


def check_about(value: str) -> str:
    """What a button of work carried, and what it is about.

    Raises:
        RefusedError: `invalid_input`, where it is no button of ours.
    """
    if not _ABOUT.fullmatch(value):
        raise RefusedError(Code.INVALID_INPUT, "this button is not one of ours")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkCard:
    """A piece of work as it should stand now.

    Attributes:
        text: for notifications; from typed fields only. about: what its buttons carry.
        buttons: of `LABELS`; none once it is over. url: of its page; empty without a console.
    """

    text: str
    parts: tuple[Part, ...]
    about: str
    buttons: tuple[str, ...] = ()
    url: str = ""


async def waiting_shown(sayso: Sayso, fit: Fit, limit: int = 10) -> str:
    """Who waits for a person, the longest first, a line each."""
    found = await sayso.work.list(kinds=("handed_over", "unanswered"), order="wait", limit=limit)
    lines = [
        f"{fit(one.name or one.subject, 80)}, since {Moment(at=one.since).text}"
        f"{', too long' if one.late else ''}: {fit(one.assignee or 'nobody', 64)} has it"
        for one in found
    ]
    return "\n".join(lines) or "Nobody waits for a person."


async def work_shown(sayso: Sayso, about: str, tenant: Tenant) -> WorkView | None:
    """A piece of work as it is now; None once it is nobody's any more."""
    try:
        found = await sayso.work.get(about, tenant=tenant)
    except RefusedError as error:
        if error.code is not Code.NOT_FOUND:
            raise
        return None
    return None if found.ended else found


def build_work(about: str, view: WorkView | None, *, fit: Fit, url: str) -> WorkCard:
    """The card of a piece of work; `view` is None once it is over."""
    if view is None:
        text = f"Nobody has to do anything any more ({about})"
        return WorkCard(text=text, parts=(Lines(text=text),), about=about)
    who = fit(view.name or view.subject, 80)
    state = "Waits for a person" if view.assignee is None else f"{fit(view.assignee, 64)} has it"
    late = "Waits too long: " if view.late else ""
    said: Pieces = ("Since ", Moment(at=view.since))
    if view.answer_by:
        said += (" · answer by ", Moment(at=view.answer_by))
    if view.what:
        what = f"{view.what} of {view.amount}" if view.amount else view.what
        said += (f" · {fit(what, 120)}",)
    parts: tuple[Part, ...] = (
        Heading(text=f"{late}{state}: {who}"),
        Lines(text=fit(view.why, 600) if view.why else "Nobody knows why."),
        Timed(pieces=said),
        *(Lines(text=f"{fit(one.person, 64)}: {fit(one.text, 300)}") for one in view.notes[-3:]),
        Lines(text=about, small=True),
    )
    can_end = () if view.kind == "unknown" else (END,)
    can_answer = (ANSWER,) if about.startswith("req_") else ()
    return WorkCard(
        text=f"{state} ({about})",
        parts=parts,
        about=about,
        buttons=(TAKE, GIVE, *can_answer, *can_end),
        url=f"{url}{CONSOLE_PATH}/{page_of(about)}" if url else "",
    )


def page_of(about: str) -> str:
    """The page of a piece of work, below the console's root."""
    kinds = {"act": "action", "req": "request"}
    return f"{kinds.get(about.partition('_')[0], 'work')}/{about}"


class ChatWork:
    """Takes what people say about work in one chat.

    Args:
        chat: the surface's name, as the log has it.
    """

    def __init__(self, sayso: Sayso, chat: str) -> None:
        self._sayso = sayso
        self._chat = chat

    async def say(self, verb: str, about: str, voice: Voice, inputs: Mapping[str, str]) -> str:
        """Do it, and say what was done.

        Raises:
            RefusedError: as the console would; `invalid_input` for a verb that there is not.
            FieldError: for what was filled in.
        """
        by = Token(
            tenant=self._sayso.tenant,
            id=voice.credential,
            kind="person",
            holder=voice.person,
            scopes=frozenset({Scope.DECIDE}),
            created_at=0,
            expires_at=0,
            revoked_at=None,
        )
        work = self._sayso.work
        match verb:
            case "take":
                await work.take_as(about, by, via=self._chat)
                return "It is yours."
            case "give":
                person = inputs.get(PERSON, "").strip()
                if not person:
                    raise FieldError(PERSON, "say to whom")
                await work.take_as(about, by, person=person, via=self._chat)
                return f"{person} has it."
            case "end":
                await work.end_as(about, _filled(inputs), by, via=self._chat)
                return "It is over, and your words stand with it."
            case "answer":
                return await self._answer(about, _filled(inputs), by)
            case _:
                raise RefusedError(Code.INVALID_INPUT, "this button is not one of ours")

    async def _answer(self, about: str, text: str, by: Token) -> str:
        found = await self._sayso.desks.thread_of(about)
        if found is None:
            raise RefusedError(
                Code.WRONG_STATE,
                "the customer did not write at a desk of yours",
                next_step="answer them where they wrote, and end it with a note",
            )
        key = hashlib.sha256(f"{about}\0{by.holder}\0{text}".encode()).hexdigest()[:32]
        said = Words(kind="reply", text=text, key=key, via=self._chat)
        done = await self._sayso.desks.speak(*found, said, by=by)
        if why := why_unsaid(done):
            raise FieldError(TEXT, why)
        note = text[:MAX_NOTE_CHARS]
        await self._sayso.work.answered_as(about, note, by, action=done.id, via=self._chat)
        return "The customer has your answer."


def _filled(inputs: Mapping[str, str]) -> str:
    text = inputs.get(TEXT, "").strip()
    if not text:
        raise FieldError(TEXT, "write something")
    return text
