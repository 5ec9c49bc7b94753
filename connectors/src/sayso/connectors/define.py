"""The short way to an own action: its arguments, how it is resolved, and how it is called.

    class Points(OwnConnector):
        name = "points"

        @action(summary="Give bonus points", effect=Effect.CREDIT, guarantee=at_most_once())
        async def grant(self, args: GrantArgs, subject: Subject) -> Resolved: ...

        @grant.calls
        async def _give(self, call: Call) -> Receipt: ...

The decorated method resolves; `.calls` names the one that does it, `.looks_up` (optional) the one
that finds it again. examples/own_action.py is a whole one.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar, get_type_hints

from sayso.actions.model.act import ACCOUNT, ActUse
from sayso.actions.model.customer_words import CustomerWords
from sayso.actions.model.definition import (
    Action,
    Args,
    Effect,
    Fact,
    FactType,
    FactValue,
    Guarantee,
    StateValue,
    Subject,
)
from sayso.actions.model.snapshot import Absence, Call, Receipt, Record, Resolved
from sayso.connectors.customers import OWN
from sayso.errors import Code, ConfigError, RefusedError
from sayso.text import plain

C = TypeVar("C", bound="OwnConnector")
A = TypeVar("A", bound=Args)

Resolve = Callable[[C, A, Subject], Awaitable[Resolved]]
CallIt = Callable[[C, Call], Awaitable[Receipt]]
LookUp = Callable[[C, Call], Awaitable[Receipt | Absence]]


class OwnAction(Generic[C, A]):
    """One action of an `OwnConnector`; made by the decorator `action`."""

    def __init__(
        self,
        resolve: Resolve[C, A],
        *,
        summary: str,
        guarantee: Guarantee,
        effect: Effect,
        sentence: str,
        reversible: bool,
        money_arg: str | None,
        facts: Mapping[str, FactType | Fact],
        changes: Mapping[str, Sequence[StateValue]],
        act: ActUse | None,
        words: Mapping[str, CustomerWords],
    ) -> None:
        self.verb = getattr(resolve, "__name__", "action")
        self._resolve = resolve
        self._call: CallIt[C] | None = None
        self._look_up: LookUp[C] | None = None
        self._summary, self._guarantee, self._effect = summary, guarantee, effect
        self._sentence, self._reversible = sentence or summary, reversible
        self._money_arg, self._facts, self._changes = money_arg, dict(facts), dict(changes)
        self._act, self._words = act, dict(words)

    def calls(self, function: CallIt[C]) -> CallIt[C]:
        """Decorates the method that does it, from the snapshot alone."""
        self._call = function
        return function

    def looks_up(self, function: LookUp[C]) -> LookUp[C]:
        """Decorates the method that finds the effect by our reference."""
        self._look_up = function
        return function

    def define(self, connector: str) -> Action:
        """The definition, named after the connector and the resolving method.

        Raises:
            ConfigError: `invalid_action`.
        """
        name = f"{connector}.{self.verb}"
        if self._call is None:
            raise _invalid(name, "nothing calls it", f"decorate a method with `@{self.verb}.calls`")
        if self._guarantee.kind == "verifiable" and self._look_up is None:
            raise _invalid(
                name,
                "it is verifiable, and nothing looks it up",
                f"decorate a method with `@{self.verb}.looks_up`, or declare at_most_once()",
            )
        return Action(
            name=name,
            summary=self._summary,
            args=self._args(name),
            guarantee=self._guarantee,
            effect=self._effect,
            reversible=self._reversible,
            sentence=self._sentence,
            money_arg=self._money_arg,
            facts=self._facts,
            changes=self._changes,
            act=self._act,
            words=self._words,
        )

    def _args(self, name: str) -> type[Args]:
        parameters = list(inspect.signature(self._resolve).parameters)
        hint: object = None
        try:
            hint = get_type_hints(self._resolve).get(parameters[1]) if len(parameters) > 1 else None
        except NameError as error:
            raise _invalid(
                name,
                f"the annotation of its arguments cannot be read: {error}",
                "define the model at the top of the module, not inside a function",
            ) from error
        if isinstance(hint, type) and issubclass(hint, Args):
            return hint
        raise _invalid(
            name, "its first argument is no `Args`", "annotate it with a subclass of `sayso.Args`"
        )

    async def resolve(self, connector: C, args: A, subject: Subject) -> Resolved:
        """Run the resolving method."""
        return await self._resolve(connector, args, subject)

    async def call(self, connector: C, call: Call) -> Receipt:
        """Run the calling method."""
        assert self._call is not None, "`define` has checked it"
        return await self._call(connector, call)

    async def look_up(self, connector: C, call: Call) -> Receipt | Absence:
        """Run the look-up, or say that there is none."""
        if self._look_up is None:
            return Absence.CANNOT_TELL
        return await self._look_up(connector, call)


def action(
    *,
    summary: str,
    guarantee: Guarantee,
    effect: Effect = Effect.CHANGE,
    sentence: str = "",
    reversible: bool = False,
    money_arg: str | None = None,
    facts: Mapping[str, FactType | Fact] | None = None,
    changes: Mapping[str, Sequence[StateValue]] | None = None,
    act: str | ActUse | None = None,
    on: str = ACCOUNT,
    words: Mapping[str, CustomerWords] | None = None,
) -> Callable[[Resolve[C, A]], OwnAction[C, A]]:
    """Makes an action of the method that resolves it; the method's name is the action's verb.

    Args:
        summary, guarantee, effect, sentence, reversible, money_arg, facts, changes: as in `Action`;
            the sentence is the summary unless given.
        act, on: by which act of the vocabulary customers reach it, and on what kind of record: the
            record fills the argument that is called like the kind, other arguments the slots of
            their names; an `ActUse` says more.
        words: how it is called towards the customer by language, where it is not as its act is.
    """
    use = ActUse(name=act, on=on) if isinstance(act, str) else act

    def decorate(resolve: Resolve[C, A]) -> OwnAction[C, A]:
        return OwnAction(
            resolve,
            summary=summary,
            guarantee=guarantee,
            effect=effect,
            sentence=sentence,
            reversible=reversible,
            money_arg=money_arg,
            facts=facts or {},
            changes=changes or {},
            act=use,
            words=words or {},
        )

    return decorate


class OwnConnector:
    """Base of a connector that is written as methods; a subclass sets `name`.

    Attributes:
        customers_of: whose customers it acts on: its own; another connector's, by name, such as
            `"stripe"`; or None for nobody's.
        ids_hold_colons: whether its customers' ids may hold a colon.

    Raises:
        ConfigError: `invalid_action`, when it is made and one of its actions is not whole.
    """

    name: str = ""
    version: str = "1"
    customers_of: str | None = OWN
    ids_hold_colons: bool = False

    def __init__(self) -> None:
        self._own: dict[str, OwnAction[OwnConnector, Args]] = {}
        defined: dict[str, Action] = {}
        for kind in reversed(type(self).__mro__):
            for member in vars(kind).values():
                if isinstance(member, OwnAction):
                    made = member.define(self.name)
                    defined[made.name] = made
                    self._own[made.name] = member
        self._defined = tuple(defined.values())

    @property
    def actions(self) -> Sequence[Action]:
        """What its decorated methods define."""
        return self._defined

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        """See `Connector.resolve`."""
        return await self._of(action.name).resolve(self, args, subject)

    async def call(self, call: Call) -> Receipt:
        """See `Connector.call`."""
        return await self._of(call.action).call(self, call)

    async def look_up(self, call: Call) -> Receipt | Absence:
        """See `Connector.look_up`."""
        return await self._of(call.action).look_up(self, call)

    def resolved(
        self,
        args: Args,
        subject: Subject,
        *,
        kind: str,
        account: str,
        payee: str,
        facts: Mapping[str, FactValue] | None = None,
    ) -> Resolved:
        """The snapshot of an action on something of the subject's own, for the common case.

        Args:
            args: the arguments; each is shown on the card as text, whole, under its name.
            kind: what is acted on, such as `member`; its id and its owner are the subject's id, so
                read the provider first to be sure that there is such a one.
            account, payee, facts: as in `Resolved`.
        """
        given = args.model_dump(mode="json", exclude_none=True)
        texts = {name: str(value) for name, value in given.items()}
        return Resolved(
            args=given,
            object_kind=kind,
            object_id=subject.id,
            owner=subject.id,
            owner_proof=f"{kind}.id",
            account=account,
            payee=payee,
            # INVARIANT: whole, since a yes is bound to all of it.
            fields={name: plain(text, limit=len(text)) for name, text in texts.items()},
            facts=facts or {},
        )

    async def list_records(self, subject: Subject) -> Sequence[Record]:
        """Nothing, unless a subclass has something to show to a planner."""
        return ()

    async def close(self) -> None:
        """Nothing is held open, unless a subclass does."""

    def _of(self, name: str) -> OwnAction[OwnConnector, Args]:
        found = self._own.get(name)
        if found is None:
            raise RefusedError(Code.UNKNOWN_ACTION, f"{self.name} has no action `{name[:40]}`")
        return found


def _invalid(name: str, problem: str, next_step: str) -> ConfigError:
    return ConfigError(
        Code.INVALID_ACTION, f"action `{name}` is not valid: {problem}", next_step=next_step
    )
