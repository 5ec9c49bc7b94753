"""The tools that change nothing: how an action or a request stands, and what a customer has.

INVARIANT: each shows the caller's customer alone; what is somebody else's is as absent as what
there is not (invariant 4).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from sayso.actions.model.action_row import ActionRow, get_action, read_action
from sayso.actions.model.customer_words import CustomerWords
from sayso.actions.model.definition import Args
from sayso.actions.model.status import FINAL, Status
from sayso.agent.reply import outcome_of, write_reply
from sayso.connectors.arguments import read_arguments
from sayso.errors import Code, RefusedError
from sayso.json import JsonValue
from sayso.sdk.client import Sayso
from sayso.sdk.resources.requests import is_over
from sayso.sdk.resources.tokens import Scope
from sayso.sdk.tools.answers import (
    ActionAnswer,
    RecordsAnswer,
    RequestAnswer,
    answer_proposal,
    answer_records,
    answer_request,
)
from sayso.sdk.tools.tool import Caller, Tool, ToolResult, schema_of
from sayso.sdk.views.presenters import show_action
from sayso.sdk.views.rows import ActionView
from sayso.store.base import Reader

MOST_WAIT_S = 60
Tell = Callable[[str], Awaitable[None]]
"""Gets where an item stands while it is waited for, in words for the customer."""

Wait = Annotated[
    int,
    Field(
        ge=0,
        le=MOST_WAIT_S,
        description="answer once it has ended, or after so many seconds; a person may take hours",
    ),
]


class GetActionArgs(Args):
    """Arguments of `get_action`."""

    id: Annotated[
        str, Field(pattern=r"^act_[0-9a-z]{1,40}$", description="the action's id, `act_…`")
    ]
    wait_s: Wait = 0


class GetRequestArgs(Args):
    """Arguments of `get_request`."""

    id: Annotated[
        str, Field(pattern=r"^req_[0-9a-z]{1,40}$", description="the request's id, `req_…`")
    ]
    wait_s: Wait = 0


class ListRecordsArgs(Args):
    """`list_records` takes none."""


GET_ACTION = Tool(
    name="get_action",
    title="See how an action stands",
    description="See how an action of this customer stands now, and what they can be told.",
    args=GetActionArgs,
    input_schema=schema_of(GetActionArgs),
    output_schema=ActionAnswer.model_json_schema(),
    scope=Scope.READ,
    reads_only=True,
)
GET_REQUEST = Tool(
    name="get_request",
    title="See how a request stands",
    description="See how what this customer asked for by `ask` stands now, and what they can be "
    "told.",
    args=GetRequestArgs,
    input_schema=schema_of(GetRequestArgs),
    output_schema=RequestAnswer.model_json_schema(),
    scope=Scope.READ,
    reads_only=True,
)
LIST_RECORDS = Tool(
    name="list_records",
    title="See what this customer has",
    description="See the charges, subscriptions, orders and so on of this customer, newest first. "
    "Use an `id` from here as the argument of an action, and no other one.",
    args=ListRecordsArgs,
    input_schema=schema_of(ListRecordsArgs),
    output_schema=RecordsAnswer.model_json_schema(),
    scope=Scope.READ,
    reads_only=True,
)
LOOK_UPS = {tool.name: tool for tool in (GET_ACTION, GET_REQUEST, LIST_RECORDS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUpResult:
    """How an action or a request stands.

    Attributes:
        answer: what the call that made it would be answered now.
        told: what the customer can be told.
        waits_for_people: nothing but a person's yes or no moves it on.
        created_at, updated_at: RFC 3339, UTC.
    """

    answer: ToolResult
    told: str
    is_over: bool
    waits_for_people: bool
    created_at: str
    updated_at: str


class LookUps:
    """Reads for a caller's customer.

    Args:
        sayso: open for as long as it is used.
    """

    def __init__(self, sayso: Sayso) -> None:
        self._sayso = sayso

    def read_by(self, sayso: Sayso) -> None:
        """Read by another open workspace from now on."""
        self._sayso = sayso

    async def call(self, name: str, args: object, caller: Caller, tell: Tell | None) -> ToolResult:
        """Call one of `LOOK_UPS`.

        Raises:
            RefusedError: `invalid_input`, `not_found`, `unknown_subject`.
        """
        if name == LIST_RECORDS.name:
            read_arguments(name, ListRecordsArgs, args)
            records = self._sayso.container.agent.records
            found = await records.of(caller.tenant, caller.subject)
            return answer_records(found)
        asked: GetActionArgs | GetRequestArgs
        if name == GET_ACTION.name:
            asked = read_arguments(name, GetActionArgs, args)
        else:
            asked = read_arguments(name, GetRequestArgs, args)
        standing = await self.standing(asked.id, caller)
        if asked.wait_s and not standing.is_over:
            await self._wait(asked.id, caller, asked.wait_s, tell)
            standing = await self.standing(asked.id, caller)
        return ToolResult(content=standing.answer.content)  # looking itself went well

    async def standing(self, item_id: str, caller: Caller) -> LookUpResult:
        """How an action or a request stands.

        Raises:
            RefusedError: `not_found`.
        """
        if item_id.startswith("req_"):
            return await self._request(item_id, caller)
        view, told = await self.read_action(item_id, caller)
        return LookUpResult(
            answer=answer_proposal(view, told, repeated=None),
            told=told,
            is_over=Status(view.status) in FINAL,
            waits_for_people=view.status == Status.PENDING_APPROVAL,
            created_at=view.created_at,
            updated_at=view.updated_at,
        )

    async def waiting(self, answer: ToolResult, caller: Caller) -> LookUpResult | None:
        """How what a call has begun stands; None where it has ended, or was refused."""
        item_id = answer.content.get("id")
        if answer.is_error or not isinstance(item_id, str):
            return None
        standing = await self.standing(item_id, caller)
        return None if standing.is_over else standing

    async def again(self, standing: LookUpResult, caller: Caller) -> LookUpResult:
        """How the same stands now."""
        return await self.standing(str(standing.answer.content["id"]), caller)

    async def read_action(self, action_id: str, caller: Caller) -> tuple[ActionView, str]:
        """An action, and what the customer can be told of it.

        Raises:
            RefusedError: `not_found`.
        """

        def work(reader: Reader) -> tuple[ActionView, str]:
            # One look-up, so that somebody else's action is as absent as one that there is not.
            row = reader.one("action.by_id", tenant=caller.tenant, id=action_id)
            if row is None or not self._is_theirs(reader, found := read_action(row), caller):
                raise _none("action")
            told = write_reply([outcome_of(reader, found, self._words(found.name))])
            return show_action(reader, found, timeline=False), told

        return await self._sayso.container.store.read(work)

    def _is_theirs(self, reader: Reader, row: ActionRow, caller: Caller) -> bool:
        """Whether the caller's customer is who it acts for, or who wrote."""
        if row.subject.id == caller.subject.id:
            return True
        accounts = self._sayso.container.context.accounts
        way = None if row.snapshot is None else row.snapshot.resolved.reached
        wrote = accounts.writer_of(reader, row.tenant, row.subject.id, row.request_id, way)
        return wrote == caller.subject.id

    def _words(self, name: str) -> CustomerWords | None:
        """How an action is called; the tools of a model speak English."""
        try:
            return self._sayso.container.connectors.action(name).words.get("en")
        except RefusedError:
            return None

    async def _request(self, request_id: str, caller: Caller) -> LookUpResult:
        try:
            view = await self._sayso.requests.get(request_id, tenant=caller.tenant)
        except RefusedError:
            raise _none("request") from None
        if view.subject != caller.subject.id:
            raise _none("request")
        return LookUpResult(
            answer=answer_request(view),
            told=view.reply,
            is_over=is_over(view),
            waits_for_people=any(one.status == Status.PENDING_APPROVAL for one in view.actions),
            created_at=view.created_at,
            updated_at=view.updated_at,
        )

    async def _wait(self, item_id: str, caller: Caller, wait_s: int, tell: Tell | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                async for change in self._sayso.follow(item_id, tenant=caller.tenant):
                    if tell is not None and change.status is not None:
                        await tell(change.message or change.status)
                    if change.status == "needs_customer":
                        return

    async def open_actions(self, caller: Caller) -> list[dict[str, JsonValue]]:
        """The customer's actions that have not ended, newest first: id, action and status.

        Also those on a linked account, as far as this account wrote for them: as `read_action`.
        """
        accounts = self._sayso.container.context.accounts
        store = self._sayso.container.store
        beside = await store.read(
            lambda reader: accounts.beside(reader, caller.tenant, caller.subject.id)
        )
        listed: list[ActionView] = []
        for account in (caller.subject.id, *(end.account for end in beside)):
            listed += await self._sayso.actions.list(subject=account, tenant=caller.tenant)
        open_ones = [one for one in listed if Status(one.status) not in FINAL]
        found = await store.read(lambda reader: self._of_caller(reader, open_ones, caller))
        found.sort(key=lambda one: one.id, reverse=True)
        return [{"id": one.id, "action": one.action, "status": one.status} for one in found]

    def _of_caller(
        self, reader: Reader, views: Sequence[ActionView], caller: Caller
    ) -> list[ActionView]:
        rows = ((one, get_action(reader, caller.tenant, one.id)) for one in views)
        return [one for one, row in rows if self._is_theirs(reader, row, caller)]


def _none(kind: str) -> RefusedError:
    return RefusedError(
        Code.NOT_FOUND,
        f"this customer has no such {kind}",
        next_step="use an `id` that a tool answered in this conversation",
    )
