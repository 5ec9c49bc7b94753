"""The tools of an open workspace: one per action, three for words, and look-ups.

INVARIANT: no tool takes whose money it is (that is the `Caller`'s), and none decides: there is no
tool for it, and nothing here reaches a decision (invariants 4 and 5).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

from pydantic import create_model

from sayso.actions.engine.proposals import Proposal
from sayso.actions.model.definition import Action, Subject, plannable
from sayso.actions.model.idempotency import read_by_key
from sayso.actions.model.status import FINAL, Status
from sayso.agent.base import Message
from sayso.agent.phrases import progress_of
from sayso.audit.entry import Actor, ActorKind
from sayso.connectors.arguments import read_args, read_arguments
from sayso.errors import Code, ConfigError, IntegrityError, RefusedError, SaysoError, logged
from sayso.ids import Tenant
from sayso.json import JsonObject, JsonValue
from sayso.sdk.client import Sayso
from sayso.sdk.resources.tokens import Scope
from sayso.sdk.tools.answers import (
    ActionAnswer,
    answer_error,
    answer_proposal,
    answer_request,
)
from sayso.sdk.tools.look_ups import LOOK_UPS, LookUps, Tell
from sayso.sdk.tools.own_tools import (
    ANSWER,
    ASK,
    MONEY,
    RULES,
    WITHDRAW,
    AnswerArgs,
    AskArgs,
    Nth,
    WithdrawArgs,
    Words,
)
from sayso.sdk.tools.tool import Caller, Tool, ToolResult, key_of, schema_of
from sayso.sdk.views.rows import ActionView
from sayso.store.base import Reader, text

logger = logging.getLogger("sayso.tools")

ASK_WAIT_S = 30.0
_ONE_CONVERSATION = "tools"
"""Of a customer whose caller names none."""

_BESIDE = ("nth", "customer_words")
"""Arguments of every action's tool beside the action's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """An action as a tool was asked for it; `args` are the action's own, in one form."""

    args: JsonObject
    nth: int
    words: str


class Toolbox:
    """The tools of an open workspace, whoever calls them.

    What only takes another action back is no tool: the engine asks for it by itself.

    Args:
        sayso: open for as long as tools are called.

    Raises:
        ConfigError: `invalid_action`, when two tools would have one name, or an action has an
            argument that every tool has.
    """

    def __init__(self, sayso: Sayso) -> None:
        self._sayso = sayso
        self._under_way: Counter[Sayso] = Counter()
        self._ended = asyncio.Event()
        self.look_ups = LookUps(sayso)
        self._actions: dict[str, Action] = {}
        own = (ASK, ANSWER, WITHDRAW, *LOOK_UPS.values())
        self._tools: dict[str, Tool] = {tool.name: tool for tool in own}
        for action in plannable(sayso.container.connectors.actions):
            tool = _tool_of(action)
            if tool.name in self._tools:
                taken = self._actions.get(tool.name)
                raise ConfigError(
                    Code.INVALID_ACTION,
                    f"`{action.name}` would be the tool `{tool.name}`, which "
                    f"{f'`{taken.name}`' if taken else 'Sayso itself'} is already",
                    next_step="rename the action",
                )
            self._tools[tool.name] = tool
            self._actions[tool.name] = action

    @property
    def sayso(self) -> Sayso:
        """The open workspace."""
        return self._sayso

    @property
    def tools(self) -> Sequence[Tool]:
        """All of them, by name."""
        return [self._tools[name] for name in sorted(self._tools)]

    def tool(self, name: str) -> Tool | None:
        """The tool of that name."""
        return self._tools.get(name)

    async def call(
        self,
        name: str,
        args: object,
        caller: Caller,
        *,
        key: str | None = None,
        tell: Tell | None = None,
    ) -> ToolResult:
        """Call a tool; what goes wrong in a foreseen way is an answer, with its code.

        Args:
            args: decoded JSON, as the model wrote it.
            key: the host's idempotency key of this call; never the model's.
            tell: gets where it stands while a call takes its time, in words for the customer.

        Guarantees: see `Sayso.propose`. Without a key, equal calls of one conversation are one
        action, whichever process takes them.
        """
        sayso = self._sayso
        self._under_way[sayso] += 1
        try:
            if name in LOOK_UPS:
                return await self.look_ups.call(name, args, caller, tell)
            return await self._call(name, args, caller, key, tell)
        except SaysoError as error:
            if isinstance(error, ConfigError | IntegrityError):
                logger.warning("a call of a tool failed: %s", logged(error))
            return answer_error(error)
        finally:
            self._under_way[sayso] -= 1
            self._ended.set()

    async def become(self, other: Toolbox, *, grace_s: float) -> None:
        """Have the tools and the workspace of another one from now on.

        Returns once no call is under way that began before, or after `grace_s` seconds: then the
        workspace of before may be closed.
        """
        before = self._sayso
        self._sayso, self._actions, self._tools = other._sayso, other._actions, other._tools
        self.look_ups.read_by(other.sayso)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                while self._under_way[before] > 0:
                    self._ended.clear()
                    await self._ended.wait()
        del self._under_way[before]

    async def _call(
        self, name: str, args: object, caller: Caller, key: str | None, tell: Tell | None
    ) -> ToolResult:
        if name in self._actions:
            return await self._propose(name, args, caller, key)
        if name == ASK.name:
            return await self._ask(args, caller, key, tell)
        if name == ANSWER.name:
            return await self._answer(args, caller, key)
        if name == WITHDRAW.name:
            return await self._withdraw(args, caller)
        error = RefusedError(
            Code.UNKNOWN_ACTION,
            "there is no tool of that name",
            next_step="list the tools, and use one of them",
        )
        await self._record(name, caller, error)
        raise error

    async def _propose(
        self, name: str, args: object, caller: Caller, key: str | None
    ) -> ToolResult:
        action, tool = self._actions[name], self._tools[name]
        try:
            asked = _read(action, tool, args)
        except RefusedError as error:
            await self._record(action.name, caller, error)
            raise
        said: JsonValue = [asked.args, asked.nth]
        bound = key_of(caller, name, said, key)
        known = await self._sayso.container.store.read(partial(_is_known, caller=caller, key=bound))
        proposed = await self._sayso.propose(
            action.name,
            asked.args,
            subject=caller.subject,
            reason=asked.words,
            idempotency_key=bound,
            requester=caller.requester,
            tenant=caller.tenant,
        )
        view, tell = await self.look_ups.read_action(proposed.id, caller)
        return answer_proposal(view, tell, repeated=_repeated(view, asked, key) if known else None)

    async def _ask(
        self, args: object, caller: Caller, key: str | None, tell: Tell | None
    ) -> ToolResult:
        try:
            asked = read_arguments(ASK.name, AskArgs, args)
        except RefusedError as error:
            await self._record(ASK.name, caller, error)
            raise
        messages = (Message(role="customer", content=asked.message),)
        language = self._sayso.container.agent.language(messages)
        if tell is not None and (words := progress_of("received", language)) is not None:
            await tell(words)
        view = await self._sayso.ask(
            caller.subject,
            messages,
            idempotency_key=key_of(caller, ASK.name, [asked.message, asked.nth], key),
            conversation=caller.conversation or _ONE_CONVERSATION,
            wait_s=ASK_WAIT_S,
            requester=caller.requester,
            tenant=caller.tenant,
        )
        return answer_request(view)

    async def _answer(self, args: object, caller: Caller, key: str | None) -> ToolResult:
        try:
            asked = read_arguments(ANSWER.name, AnswerArgs, args)
        except RefusedError as error:
            await self._record(ANSWER.name, caller, error)
            raise
        await self._sayso.container.store.read(
            partial(_check_theirs, caller=caller, request_id=asked.id)
        )
        said: JsonValue = [asked.id, asked.question, asked.choice, asked.message]
        view = await self._sayso.requests.answer(
            asked.id,
            asked.message,
            question=asked.question,
            choice=asked.choice,
            idempotency_key=key_of(caller, ANSWER.name, said, key),
            wait_s=ASK_WAIT_S,
            requester=caller.requester,
            tenant=caller.tenant,
        )
        return answer_request(view)

    async def _withdraw(self, args: object, caller: Caller) -> ToolResult:
        try:
            asked = read_arguments(WITHDRAW.name, WithdrawArgs, args)
        except RefusedError as error:
            await self._record(WITHDRAW.name, caller, error)
            raise
        await self._sayso.container.store.read(
            partial(_check_theirs, caller=caller, request_id=asked.id)
        )
        view = await self._sayso.requests.withdraw(
            asked.id, asked.message, requester=caller.requester, tenant=caller.tenant
        )
        return answer_request(view)

    async def _record(self, name: str, caller: Caller, error: RefusedError) -> None:
        """Have a refusal recorded that nothing below will see (invariant 7)."""
        asked = Proposal(
            tenant=caller.tenant,
            requester=caller.requester,
            subject=caller.subject,
            action=name,
            args={},
            key="-",
        )
        await self._sayso.container.proposals.record_refusal(asked, error)


def open_tools(
    sayso: Sayso,
    subject: str | Subject,
    *,
    conversation: str,
    requester: str,
    tenant: str | None,
) -> tuple[Toolbox, Caller]:
    """The tools of one customer's conversation, for an adapter of a framework.

    Args:
        subject: the verified customer, as the bot's own code knows them; never from the model.
        conversation: equal calls are one action within it; all of the customer's when empty.
        requester: how the log calls the bot.
        tenant: whose workspace; the workspace's own one unless said.

    Raises:
        ConfigError: see `Toolbox`.
        RefusedError: `invalid_input`, for what cannot be a customer's id.
    """
    caller = Caller(
        subject=sayso.container.connectors.subject(subject),
        requester=Actor(kind=ActorKind.SERVICE, id=requester),
        tenant=sayso.tenant if tenant is None else Tenant(tenant),
        conversation=conversation,
    )
    return Toolbox(sayso), caller


def tool_name(action: Action) -> str:
    """The action's name without its dot, which not every model's interface takes."""
    return action.name.replace(".", "_")


def _tool_of(action: Action) -> Tool:
    if taken := [name for name in _BESIDE if name in action.args.model_fields]:
        raise ConfigError(
            Code.INVALID_ACTION,
            f"`{action.name}` has the argument `{taken[0]}`, which every tool has",
            next_step="rename the argument",
        )
    args = create_model(  # the action's own arguments, and those beside them
        f"{action.args.__name__}OfTool",
        __base__=action.args,
        nth=(Nth, 1),
        customer_words=(Words, ""),
    )
    schema = schema_of(args)
    money = MONEY if "amount_minor" in str(schema) else ""
    return Tool(
        name=tool_name(action),
        title=action.summary,
        description=f"{action.summary.rstrip('.')}. {RULES}{money}",
        args=args,
        input_schema=schema,
        output_schema=ActionAnswer.model_json_schema(),
        scope=Scope.PROPOSE,
        reversible=action.reversible,
    )


def _read(action: Action, tool: Tool, args: object) -> _Asked:
    """The arguments in one form, so that two ways to write the same are the same action."""
    read = read_arguments(tool.name, tool.args, args)
    beside = {name: getattr(read, name) for name in _BESIDE}
    lean = read.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=set(_BESIDE))
    if not _reads_back(action, lean, read.model_dump(exclude=set(_BESIDE))):
        # A model that reads its own writing differently: what was given is what is meant.
        given = cast("Mapping[str, JsonValue]", args)
        lean = {name: value for name, value in given.items() if name not in _BESIDE}
    return _Asked(args=lean, nth=beside["nth"], words=beside["customer_words"])


def _reads_back(action: Action, lean: JsonObject, values: Mapping[str, object]) -> bool:
    try:
        return read_args(action, lean).model_dump() == values
    except RefusedError:
        return False


def _repeated(view: ActionView, asked: _Asked, key: str | None) -> str:
    told = f"it was asked for before, at {view.created_at}: this call did nothing"
    if Status(view.status) not in FINAL:
        # Whoever is told how to ask anew before it has ended may have it twice.
        return f"{told}; call again later to see how it stands"
    if key is not None:
        return told
    return f"{told}; to ask for exactly the same once more, pass `nth`: {asked.nth + 1}"


def _check_theirs(reader: Reader, *, caller: Caller, request_id: str) -> None:
    """Whether the request is the caller's customer's; another one is as absent as none."""
    row = reader.one("request.by_id", tenant=caller.tenant, id=request_id)
    if row is None or text(row, "subject_id") != caller.subject.id:
        raise RefusedError(
            Code.NOT_FOUND,
            "this customer has no such request",
            next_step="use an `id` that a tool answered in this conversation",
        )


def _is_known(reader: Reader, *, caller: Caller, key: str) -> bool:
    return read_by_key(reader, "action.by_key", caller.tenant, key) is not None
