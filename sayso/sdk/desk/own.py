"""Your own desk: threads that your program keeps, such as a chat of your own.

Your program tells what is written, and hears of what Sayso says as it hears of every action: by a
webhook without words, which it reads by the action's id or the thread. So there is nobody to call.
What an action says is there to be read once it has succeeded, and that it has is told until your
program says that it has heard it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, StringConstraints

from sayso.actions.model.definition import Action, Args, Effect, Subject, idempotent
from sayso.actions.model.digest import hash_of_texts
from sayso.actions.model.snapshot import Absence, Call, Receipt, Record, Resolved
from sayso.agent.conversation import writer_of
from sayso.connectors.desk import Changes, DeskParts, Thread
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant
from sayso.sdk.desk.rows import MOST_THREAD_CHARS, PREFIX
from sayso.store.base import Store
from sayso.text import plain

if TYPE_CHECKING:
    from sayso.settings import Settings

OWN = "thread"
"""The connector's name, so that `thread.reply` is what a webhook tells of."""
THREAD = r"^[A-Za-z0-9._~:=-]+$"
"""Your own ids of conversations: they stand in addresses, and in the log in clear, so neither an
e-mail address nor a phone number is one."""
ThreadId = Annotated[
    str, StringConstraints(min_length=1, max_length=MOST_THREAD_CHARS, pattern=THREAD)
]


class ThreadArgs(Args):
    """The thread alone."""

    thread: ThreadId = Field(description="your own id of the conversation")


class WordsArgs(ThreadArgs):
    """The thread, and what is said in it."""

    text: str = Field(min_length=1, max_length=5000)


class HandOverArgs(WordsArgs):
    """Likewise, and who gets it."""

    team: str = Field(default="", max_length=80)


def _action(verb: str, summary: str, args: type[Args], effect: Effect) -> Action:
    return Action(
        name=f"{OWN}.{verb}",
        summary=summary,
        args=args,
        # Whatever is done twice is the same action, which is read by its id.
        guarantee=idempotent(hours=24 * 365, settle_after_s=0),
        effect=effect,
        reversible=False,
        sentence=f"{summary} {{thread}}",
    )


class OwnDesk:
    """The connector. Its customers are whoever your program says they are.

    INVARIANT: a thread is one customer's, who wrote there first, whoever is said to write in it.
    """

    name = OWN
    version = "1"
    customers_of: str | None = None
    actions: Sequence[Action] = (
        _action("reply", "Answer the customer in", WordsArgs, Effect.MESSAGE),
        _action("note", "Leave colleagues a note in", WordsArgs, Effect.CHANGE),
        _action("hand_over", "Give colleagues the thread", HandOverArgs, Effect.CHANGE),
        _action("close", "End the thread", ThreadArgs, Effect.CHANGE),
    )
    desk: DeskParts | None = DeskParts(
        thread_arg="thread",
        thread_kind="thread",
        reply=f"{OWN}.reply",
        note=f"{OWN}.note",
        hand_over=f"{OWN}.hand_over",
        close=f"{OWN}.close",
    )

    def __init__(self, desk: str) -> None:
        self._name = desk
        self._store: Store | None = None
        self._tenant = Tenant("")

    def use(self, store: Store, tenant: Tenant) -> None:
        """Find in this database whose a thread is."""
        self._store, self._tenant = store, tenant

    async def changes(self, cursor: str, begun: datetime | None = None) -> Changes:
        """Nothing: all that is written is told."""
        return Changes(cursor=cursor)

    async def read_thread(self, thread: str) -> Thread:
        """Without messages: those that were told have been taken in."""
        return Thread(id=thread, title="", is_open=True)

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        assert isinstance(args, ThreadArgs)
        assert self._store is not None, "it is used in an open workspace alone"
        owner = await self._store.read(
            lambda reader: writer_of(reader, self._tenant, f"{PREFIX}{self._name}:{args.thread}"),
            brief=True,
        )
        if owner is None:
            raise RefusedError(
                Code.UNKNOWN_OBJECT,
                f"nobody has written in a thread `{plain(args.thread, limit=40)}`",
                next_step="tell first what the customer wrote there",
            )
        return Resolved(
            args=args.model_dump(),
            object_kind="thread",
            object_id=args.thread,
            owner=owner,
            owner_proof="who wrote there first",
            account=f"your own desk {self._name}",
            payee="the customer of the thread",
            fields={"thread": args.thread},
        )

    async def call(self, call: Call) -> Receipt:
        return self._receipt(call)

    async def look_up(self, call: Call) -> Receipt | Absence:
        return self._receipt(call)

    def _receipt(self, call: Call) -> Receipt:
        return Receipt(id=f"said_{hash_of_texts(call.idempotency_key)[:24]}", status="told")

    async def list_records(self, subject: Subject) -> Sequence[Record]:
        return ()

    async def close(self) -> None:
        pass


def own_desks(settings: Settings) -> list[str]:
    """The desks of the workspace whose threads your own program keeps."""
    return [name for name, one in settings.desk.items() if (one.connector or name) == OWN]
