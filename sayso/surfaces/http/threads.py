"""Routes of your own desk: what is written in its threads, and what Sayso says there."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import Field

from sayso.sdk.desk.conversation import ConversationView, ToldView, WrittenMessage
from sayso.sdk.desk.own import THREAD
from sayso.sdk.desk.rows import MOST_THREAD_CHARS
from sayso.surfaces.http.auth import Open, Proposer, Reader
from sayso.surfaces.http.documents import asked, reads, writes
from sayso.surfaces.http.edge import GuardedRoute
from sayso.surfaces.http.idempotency import Key
from sayso.surfaces.http.shapes import Body, NoQuery, Short, SubjectBody

router = APIRouter(tags=["threads"], route_class=GuardedRoute)

DeskName = Annotated[str, Path(max_length=64, description="of `[desk.NAME]` in sayso.toml")]
ThreadId = Annotated[
    str,
    Path(max_length=MOST_THREAD_CHARS, pattern=THREAD, description="your own id of the thread"),
]


class ToldBody(Body):
    """A message that somebody has written; `Idempotency-Key` is your own id of it."""

    author: Literal["customer", "colleague", "machine"] = Field(
        description="`machine`: a bot or an auto-reply, which nobody answers"
    )
    subject: SubjectBody | None = Field(default=None, description="the customer who writes")
    text: str = Field(default="", description="the customer's words; nobody else's are kept")
    files: list[Short] = Field(
        default_factory=list[str], max_length=50, description="names of what hangs on it"
    )
    closed: bool = Field(default=False, description="a colleague has ended the thread")


_TOLD: dict[str, Any] = {
    "author": "customer",
    "subject": {"id": "cus_demo_ana", "assurance": "signed_in"},
    "text": "Please refund order 1042, the mug is broken.",
}
_REQUEST_ID = "req_01m8997dg0jw1993dqct7cjj2z"
_TAKEN = {"desk": "chat", "thread": "c-81", "request_id": _REQUEST_ID, "silent": None}
_SAID = {
    "desk": "chat",
    "thread": "c-81",
    "silent": None,
    "said": [
        {
            "action_id": "act_01m8997dg07f10mebp3hxcmnxk",
            "request_id": None,
            "kind": "reply",
            "text": "We have refunded $30.00 for order 1042.",
            "by": "system:desk",
            "at": "2026-11-25T12:00:00.000000Z",
        }
    ],
}


@router.post(
    "/v1/threads/{desk}/{thread}/messages",
    status_code=202,
    summary="Tell what somebody has written in a thread of your own desk",
    responses=writes("stored; it goes on by itself, also after a crash", _TAKEN, 404, status=202),
    openapi_extra=asked(words=_TOLD, colleague={"author": "colleague"}),
)
async def tell(
    desk: DeskName,
    thread: ThreadId,
    sayso: Open,
    token: Proposer,
    key: Key,
    _query: NoQuery,
    body: ToldBody,
) -> ToldView:
    """Scope: `actions:propose`.

    A customer's message is a turn of a request. A colleague's silences Sayso in the thread.
    """
    subject = None if body.subject is None else await body.subject.checked(sayso)
    told = WrittenMessage(
        id=key,
        author=body.author,
        subject=subject,
        text=body.text,
        files=tuple(body.files),
        closed=body.closed,
    )
    return await sayso.desks.tell(desk, thread, told, tenant=token.tenant)


@router.get(
    "/v1/threads/{desk}/{thread}",
    summary="Read what was said in a thread of your own desk",
    responses=reads("what Sayso and colleagues have said in it, oldest first", _SAID, 404),
)
async def read(
    desk: DeskName,
    thread: ThreadId,
    sayso: Open,
    token: Reader,
    _query: NoQuery,
) -> ConversationView:
    """Scope: `actions:read`.

    Each is an action: the event `action.succeeded` whose `action` is `thread.reply` tells of an
    answer by its `action_id`, without the words.
    """
    return await sayso.desks.conversation(desk, thread, tenant=token.tenant)
