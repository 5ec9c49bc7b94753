"""What may be asked: the definition of an action, and what a connector promises about it."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from sayso.actions.model.act import ActUse
from sayso.actions.model.customer_words import CustomerWords
from sayso.actions.model.guarantee import Guarantee as Guarantee
from sayso.actions.model.guarantee import at_most_once as at_most_once
from sayso.actions.model.guarantee import effective
from sayso.actions.model.guarantee import idempotent as idempotent
from sayso.actions.model.guarantee import verifiable as verifiable
from sayso.errors import Code, ConfigError, RefusedError
from sayso.frozen import quickly_made
from sayso.json import JsonValue
from sayso.money import Money

_CUSTOMER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@+-]*")
_LONGEST_ID = 128
_NAME = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
FORBIDDEN_FIELDS = frozenset(
    "account api_key connection customer customer_id email email_to payee recipient subject tenant "
    "to token user user_id".split()
)
"""No action takes these: whose money, to whom and by which account is never an argument."""


class Args(BaseModel):
    """Base of an action's arguments: closed (unknown fields are refused), frozen, strict."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, str_max_length=10_000)


class Effect(StrEnum):
    """What an action does to the world, in the order of how much it matters."""

    MONEY_OUT = "money_out"
    CREDIT = "credit"
    CANCELLATION = "cancellation"
    CHANGE = "change"
    MESSAGE = "message"


MONEY = frozenset({Effect.MONEY_OUT, Effect.CREDIT})
"""The effects for which a promise is worth what `effective` says."""


UNDONE_BY = frozenset({"receipt", "object"})
"""What an undo knows of the step that it takes back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    """How an action is taken back: by another action of the same connector.

    It goes the whole way of any action (resolved, judged, called once), so it can be refused too.

    Attributes:
        action: its name, such as `stripe.take_back_credit`.
        args: its arguments by name: `receipt` stands for the id of the effect's receipt, `object`
            for the id of the object that was acted on.
        only: what the arguments of the action that is taken back must be, by name, as its connector
            has resolved them; with others nothing takes it back. Such as a cancellation, which can
            be taken back until its time has come, and never when it was at once.
    """

    action: str
    args: Mapping[str, Literal["receipt", "object"]]
    only: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])

    def fits(self, args: Mapping[str, JsonValue]) -> bool:
        """Whether an action with these arguments can be taken back at all."""
        return all(args.get(name) == value for name, value in self.only.items())


FactType = Literal["string", "long", "bool", "decimal"]
StateValue = str | int | bool | None
"""What a precondition holds."""
"""The types that a fact has in the policy language (Cedar's names)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What a connector tells the policy about an action, by name.

    Attributes:
        type: in the policy language.
        words: all that a `string` can be; a rule that names another one is refused when it loads.
            Empty where the provider's words are not known.
        missing: what becomes of an action whose fact cannot be read: `deny`, or `ask`, by which
            whoever may lift the rules about it is asked. A policy may say `ask` in its place.
        on_demand: read by `FactReader.read_facts`, and only where a rule reads it.
        signed: told by the caller in a signed assertion, and by no connector; see `Subject.signed`.
        say: what people call it, such as `tenure`; its name with blanks unless said.
    """

    type: FactType
    words: tuple[str, ...] = ()
    missing: Literal["deny", "ask"] = "deny"
    on_demand: bool = False
    signed: bool = False
    say: str = ""

    def __post_init__(self) -> None:
        if self.words and self.type != "string":
            raise ConfigError(
                Code.INVALID_ACTION,
                f"a fact of the type `{self.type}` has no words",
                next_step="leave `words` out, or make it a string",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """The definition of one action.

    Attributes:
        name: `connector.verb`, lower-case, such as `stripe.refund`.
        summary: one line for lists and for the planner, such as `Refund a charge, fully or partly`.
        args: Pydantic model of the arguments, a subclass of `Args`; it has no field for a customer,
            payee, account or tenant, since those come from the verified subject.
        guarantee: what the connector promises; read again, it is what that is worth for this
            effect (`sayso.actions.model.guarantee.effective`).
        effect: what it does to the world.
        reversible: whether it can be undone afterwards.
        sentence: what the card says, a `str.format` template over the fields that the connector
            resolves (`Resolved.fields`) plus `amount`, such as `Refund {amount} of {charge}`.
        money_arg: name of the argument that holds the amount, which an approver may lower; None
            when there is no amount to lower.
        facts: the facts that the connector resolves for the policy, which reads them as
            `context.<name>`: a type, or a `Fact` that says more.
        undo: how it is taken back when another step of its plan fails; None when it cannot be.
        words: how it is called towards the customer, by language (ISO 639-1); a language that is
            not there gets a general sentence.
        always_ask: why a person decides whatever the policy says, a sentence each; empty when the
            policy decides alone. It can turn a yes into a question, never a no into a yes.
        brief: the step in a few words after its amount, such as `an apology`; by its effect where
            it is empty: `back to <payee>`, `as account credit`.
        changes: which preconditions of the object that it acts on it changes itself, and to which
            values, such as `{"order.state": ("Cancelled",)}`; no values where they cannot be told
            before, as of a time. A later step of its plan on that object finds them so, and goes
            on.
        act: which act of the vocabulary it carries out; without one only a playbook of the
            workspace has words for it.

    Raises:
        ConfigError: `invalid_action`, when the name, a field or the sentence breaks these rules.
    """

    name: str
    summary: str
    args: type[Args]
    guarantee: Guarantee
    effect: Effect
    reversible: bool
    sentence: str
    money_arg: str | None = None
    facts: Mapping[str, FactType | Fact] = field(default_factory=dict[str, "FactType | Fact"])
    undo: Undo | None = None
    words: Mapping[str, CustomerWords] = field(default_factory=dict[str, CustomerWords])
    always_ask: tuple[str, ...] = ()
    brief: str = ""
    changes: Mapping[str, Sequence[StateValue]] = field(
        default_factory=dict[str, "Sequence[StateValue]"]
    )
    act: ActUse | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise _invalid(self.name, "its name is not `connector.verb`", "rename it")
        if not issubclass(self.args, Args):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise _invalid(self.name, "its args are no `sayso.Args`", "derive the model from Args")
        bad = sorted(FORBIDDEN_FIELDS & set(self.args.model_fields))
        if bad:
            raise _invalid(
                self.name,
                f"its arguments name `{bad[0]}`",
                "take it from the verified subject when resolving",
            )
        if self.money_arg is not None and self.money_arg not in self.args.model_fields:
            raise _invalid(self.name, f"it has no argument `{self.money_arg}`", "fix `money_arg`")
        if self.undo is not None and self.undo.action.partition(".")[0] != self.connector:
            raise _invalid(self.name, "another connector's action undoes it", "fix `undo`")
        # INVARIANT: told here, since at the end of a plan nobody could do anything about it.
        if self.undo is not None and not set(self.undo.args.values()) <= UNDONE_BY:
            raise _invalid(
                self.name,
                "its undo takes something else than `receipt` and `object`",
                "fix the values of `undo.args`",
            )
        worth = effective(self.guarantee, money=self.effect in MONEY)
        object.__setattr__(self, "guarantee", worth)  # frozen from here on
        if self.act is not None:
            filled = self.act.for_arguments(self.args.model_fields, self.money_arg)
            object.__setattr__(self, "act", filled)
        for _, name, _, _ in string.Formatter().parse(self.sentence):
            if name is not None and not name.isidentifier():
                raise _invalid(self.name, f"its sentence has `{{{name}}}`", "use plain names")

    @property
    def declared(self) -> Mapping[str, Fact]:
        """The facts, each as a `Fact`."""
        return {
            name: fact if isinstance(fact, Fact) else Fact(type=fact)
            for name, fact in self.facts.items()
        }

    @property
    def connector(self) -> str:
        """The connector's name, the part before the dot."""
        return self.name.partition(".")[0]

    @property
    def verb(self) -> str:
        """The part after the dot."""
        return self.name.partition(".")[2]


def with_signed(action: Action, signed: Mapping[str, Fact]) -> Action:
    """The action with facts that callers sign, which rules read like its own.

    Raises:
        ConfigError: `invalid_action`, where its connector tells a fact of that name.
    """
    both = sorted(signed.keys() & action.facts.keys())
    if both:
        raise _invalid(
            action.name, f"it has a fact `{both[0]}` of its own", "rename it in [facts.signed]"
        )
    return replace(action, facts={**action.facts, **signed}) if signed else action


def plannable(actions: Sequence[Action]) -> list[Action]:
    """Those a planner may ask for: what only takes another one back is not for planning.

    What takes another one back and is asked for by customers as well says so by its act.
    """
    compensation = {action.undo.action for action in actions if action.undo is not None}
    return [one for one in actions if one.name not in compensation or _is_asked(one)]


def _is_asked(action: Action) -> bool:
    return action.act is not None and action.act.is_asked


def _invalid(name: str, problem: str, next_step: str) -> ConfigError:
    return ConfigError(
        Code.INVALID_ACTION, f"action `{name}` is not valid: {problem}", next_step=next_step
    )


_LONGEST_ACCOUNT = 192
"""An id of 128 characters with its provider's name before it."""


class Assurance(StrEnum):
    """How strongly the subject was identified, weakest first."""

    UNVERIFIED = "unverified"
    VERIFIED = "verified"
    SIGNED_IN = "signed_in"

    def is_as_sure(self, other: Assurance) -> bool:
        """Whether whoever has this is known at least as well as whoever has the other."""
        order = list(Assurance)
        return order.index(self) >= order.index(other)


def _nothing_signed() -> Mapping[str, str | int | bool]:
    return {}


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The customer on whose behalf something is asked, as the caller verified them.

    Callers, rows and the engine write `id` as this workspace writes account ids (`AccountNames`):
    with its provider, unless it is the default's. A connector gets the bare id of a customer of its
    own, with `provider` set; nobody else's ever reaches it (`Connectors`).

    Attributes:
        id: `cus_9`, `zendesk:7723`; 1 to 192 characters of a closed alphabet.
        provider: whose customer the bare id is; empty where `id` says it.
        assurance: how strongly they were identified.
        signed: facts that a signed assertion told of them; kept with what is judged by them, and
            with the words that they came with.
        signed_until: microseconds since 1970, after which they are not believed; None where
            nobody signed anything.
        accounts: further accounts of the same person, as they are stored, which an assertion named;
            they are tied for the request that it comes with. accounts_until: likewise, until when.

    Raises:
        RefusedError: `invalid_input` for an id with other characters.
    """

    id: str
    assurance: Assurance = Assurance.VERIFIED
    signed: Mapping[str, str | int | bool] = field(default_factory=_nothing_signed, compare=False)
    signed_until: int | None = field(default=None, compare=False)
    provider: str = ""
    accounts: tuple[str, ...] = field(default=(), compare=False)
    accounts_until: int = field(default=0, compare=False)

    def believed(self, now: int) -> Subject:
        """The same customer, with what was signed only as long as it counts."""
        is_over = self.signed_until is None or now > self.signed_until
        return replace(self, signed={}) if self.signed and is_over else self

    def __post_init__(self) -> None:
        check_id(self.id, most=_LONGEST_ACCOUNT)

    @classmethod
    def of(cls, subject: str | Subject) -> Subject:
        """A customer; one that is given by id alone was verified by the caller."""
        return subject if isinstance(subject, Subject) else cls(id=subject)


def check_id(given: str, most: int = _LONGEST_ID) -> None:
    """Refuse what no provider calls anybody.

    Raises:
        RefusedError: `invalid_input`.
    """
    if len(given) > most or not _CUSTOMER_ID.fullmatch(given):
        raise RefusedError(
            Code.INVALID_INPUT,
            f"`{given[:40]!r}` is no customer id",
            next_step="pass the provider's id of the customer, such as cus_123",
        )


FactValue = str | int | bool | Money
"""A fact's value; `Money` becomes the policy's `decimal` in major units."""
