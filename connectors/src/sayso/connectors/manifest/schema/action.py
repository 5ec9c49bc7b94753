"""One action: its arguments, whose it is, the call, and how its effect is found again."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue, model_validator

from sayso.actions.model.act import ACCOUNT
from sayso.actions.model.definition import Effect
from sayso.connectors.manifest.schema.base import (
    MAX_READS,
    Duration,
    Language,
    Line,
    ManifestTable,
    Path,
    Pattern,
    Pick,
    Picks,
    Word,
)
from sayso.connectors.manifest.schema.errors import MEANINGS
from sayso.connectors.manifest.schema.request import Read, RequestTable

Slot = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$")]
"""A slot of an act, or a part of one, such as `to.street`."""


class _Arg(ManifestTable):
    says: Line = ""
    optional: bool = False


class RefArg(_Arg):
    """One of the customer's objects."""

    type: Literal["ref"]
    kind: Word
    pattern: Pattern


class TextArg(_Arg):
    """Words; `links = "settings"` allows links to the hosts of the setting `links` only."""

    type: Literal["text"]
    max: Annotated[int, Field(ge=1, le=10_000)]
    lines: bool = False
    links: Literal["none", "settings"] = "none"


class EnumArg(_Arg):
    """One of some words; a table maps them to the provider's."""

    type: Literal["enum"]
    of: list[str] | dict[str, str]
    default: str | None = None

    @property
    def words(self) -> list[str]:
        """Ours."""
        return list(self.of)


class IntArg(_Arg):
    """A whole number."""

    type: Literal["int"]
    min: int
    max: int
    default: int | None = None


class BoolArg(_Arg):
    """Yes or no."""

    type: Literal["bool"]
    default: bool | None = None


class MoneyArg(_Arg):
    """An amount; `max` in major units of whatever currency."""

    type: Literal["money"]
    max: Annotated[str, Field(pattern=r"^[0-9]{1,9}(\.[0-9]{1,4})?$")] | None = None


class DateArg(_Arg):
    """A day, such as 2026-11-30."""

    type: Literal["date"]


Scalar = Annotated[
    RefArg | TextArg | EnumArg | IntArg | BoolArg | MoneyArg | DateArg,
    Field(discriminator="type"),
]


class ListArg(_Arg):
    """Several of something with fields of its own."""

    type: Literal["list"]
    of: Annotated[dict[Word, Scalar], Field(min_length=1)]
    max: Annotated[int, Field(ge=1, le=100)]


Arg = Annotated[
    RefArg | TextArg | EnumArg | IntArg | BoolArg | MoneyArg | DateArg | ListArg,
    Field(discriminator="type"),
]


class ObjectTable(ManifestTable):
    """What is acted on."""

    kind: Word
    id: Path


class Owner(ManifestTable):
    """Whose it is; exactly one of `path`, `any`, `peer`, `none`, or a path and a peer.

    Attributes:
        path: where the provider names the owner.
        is_: what has to stand there, in the provider's form of the customer's id.
        any: where the provider names several people, of whom the customer has to be one.
        peer: the setting that names another connector, which knows the address on file: it proves
            that address, and no object that an argument names.
        none: why nobody is named; a person is always asked then.
        weak: whether it is an e-mail address or a phone number that is compared.
    """

    path: Path | None = None
    is_: str | None = Field(default=None, alias="is")
    any: Path | None = None
    peer: str | None = None
    none: str | None = None
    weak: bool = False

    @model_validator(mode="after")
    def _one_way(self) -> Owner:
        read = [way for way in (self.path, self.any) if way is not None]
        told = [way for way in (self.peer, self.none) if way is not None]
        both = len(read) == 1 and self.peer is not None and self.none is None
        if len(read) + len(told) != 1 and not both:
            raise ValueError("give exactly one of path, any, peer, none, or a path and a peer")
        if self.is_ is not None and self.path is None:
            raise ValueError("`is` goes with `path`")
        return self


class Amount(ManifestTable):
    """The money that moves: an argument, or what the provider says.

    Attributes:
        arg: the argument; an approver may lower it.
        left: what is there at most, and what an absent argument stands for.
        money, currency, unit, minus: as in a pick.
    """

    arg: Word | None = None
    left: Pick | None = None
    money: Path | None = None
    currency: Path | None = None
    unit: Literal["minor", "major", "minor_text"] | None = None
    minus: Path | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Amount:
        if (self.arg is None) == (self.money is None):
            raise ValueError("give exactly one of arg, money")
        if self.left is not None and (self.arg is None or self.left.kind != "money"):
            raise ValueError("`left` is a money pick, and goes with `arg`")
        if self.money is not None:
            self.as_pick()
        return self

    def as_pick(self) -> Pick:
        """What the provider says."""
        return Pick(money=self.money, currency=self.currency, unit=self.unit, minus=self.minus)


class Require(ManifestTable):
    """What has to be so; `else` is the code of the refusal, `says` its words."""

    that: Path
    else_: Annotated[MEANINGS, Field(alias="else")]
    says: Line = ""


class After(ManifestTable):
    """What has to be so once it was done, where the provider lets two do it at the same time."""

    that: Path
    says: Line


class Key(ManifestTable):
    """The idempotency key.

    Attributes:
        at: where it goes, such as `header.Idempotency-Key` or `json.idempotency_key`.
        keeps: how long the provider surely remembers it.
        max: characters.
        form: `raw`, or `uuid`.
        other_body: what another body under the same key gets.
        replayed: the header of an answer that was replayed.
        source: the address where the provider says how long.
    """

    at: str
    keeps: Duration | None = None
    max: Annotated[int, Field(ge=16)] | None = None
    form: Literal["raw", "uuid"] = "raw"
    other_body: Literal["refused", "ignored", "unknown"] = "unknown"
    replayed: str | None = None
    source: str | None = None


class Reference(ManifestTable):
    """Where our reference goes, in the request that makes the effect."""

    at: str
    max: Annotated[int, Field(ge=1)] | None = None


class Guard(ManifestTable):
    """By what the provider itself refuses a second one, such as a version.

    Attributes:
        at: where it goes.
        from_: the precondition that holds it.
        refused: the status of the refusal.
    """

    at: str
    from_: str = Field(alias="from")
    refused: int


class ReceiptTable(ManifestTable):
    """What the provider says it did.

    Attributes:
        from_: path of the effect in the answer.
        id, status: of the effect.
        ours: where our reference stands; missing there means that nobody knows.
        amount: what moved.
        failed: statuses that mean that it exists and came to nothing.
        pending: statuses that mean that the provider still works on it: it is looked up until it
            has ended.
        done: statuses that mean that it is done and may still come back, likewise.
    """

    from_: Path | None = Field(default=None, alias="from")
    id: Path
    status: Path
    ours: Path | None = None
    amount: Pick | None = None
    failed: list[str] = Field(default_factory=list)
    pending: list[str] = Field(default_factory=list)
    done: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _one_meaning(self) -> ReceiptTable:
        words = [*self.failed, *self.pending, *self.done]
        if len(set(words)) != len(words):
            raise ValueError("a status stands in two of failed, pending, done")
        return self


class CallTable(RequestTable):
    """The one request that does it: exactly one of `post put patch delete mutation tool`.

    Attributes:
        user_errors: path of GraphQL's own list of errors.
        accepted: path that is there when the provider has only taken it on.
        look_up_after: when it is looked for first then.
        schema_digest: of the tool as it was reviewed.
    """

    post: str | None = None
    put: str | None = None
    patch: str | None = None
    delete: str | None = None
    mutation: str | None = None
    user_errors: Path | None = None
    key: Key | None = None
    reference: Reference | None = None
    guard: Guard | None = None
    receipt: ReceiptTable | None = None
    accepted: Path | None = None
    look_up_after: Duration | None = None
    schema_digest: str | None = None

    @model_validator(mode="after")
    def _one_request(self) -> CallTable:
        ways = [self.post, self.put, self.patch, self.delete, self.mutation, self.tool]
        if sum(way is not None for way in ways) != 1:
            raise ValueError("give exactly one of post, put, patch, delete, mutation, tool")
        if isinstance(self.query, str):
            raise ValueError("a call's GraphQL text is `mutation`")  # noqa: TRY004  (Pydantic's)
        if self.json_ is not None and self.form is not None:
            raise ValueError("a body is either `json` or `form`")
        if (self.receipt is None) == (self.accepted is None):
            raise ValueError("give exactly one of receipt, accepted")
        if (self.tool is None) != (self.schema_digest is None):
            raise ValueError("`tool` and `schema_digest` go together")
        return self


class LookUp(Read):
    """How the effect is found again.

    Attributes:
        items: path of what to look through.
        whole_below: with so many items the list may go on, and absence is not proven.
        receipt: as in the call, where it differs.
        proof: `state`, where nothing takes our reference.
        so: what is so when it was done; by the word of the argument `by` where it depends on one.
        absent_after: from when on nothing there proves that nothing was done; `never`.
        record: for money: `with`, where the provider holds the money itself, so that what is listed
            is the payment; `after`, where it has somebody else pay and writes its record then.
        source: the provider's page that says so.
    """

    items: Path
    whole_below: Annotated[int, Field(ge=1)] | None = None
    receipt: ReceiptTable | None = None
    proof: Literal["reference", "state"] = "reference"
    so: Path | dict[str, Path] | None = None
    by: Path | None = None
    absent_after: Duration | Literal["never"]
    record: Literal["with", "after"] = "after"
    source: str | None = None

    @model_validator(mode="after")
    def _state_says_so(self) -> LookUp:
        if (self.proof == "state") != (self.so is not None):
            raise ValueError('`proof = "state"` and `so` go together')
        if isinstance(self.so, dict) != (self.by is not None):
            raise ValueError("`so` by word and `by` go together")
        return self


class UndoBy(ManifestTable):
    """What takes it back."""

    action: str
    args: dict[str, Literal["receipt", "object"]]
    only: dict[str, JsonValue] = Field(default_factory=dict)


class WordsTable(ManifestTable):
    """What the customer is told; slots are the card's names, and `amount`."""

    done: str = Field(default="", max_length=300)
    pending: str = Field(default="", max_length=300)
    refused: str = Field(default="", max_length=300)


class Among(ManifestTable):
    """Which of the customer's records can be meant.

    Attributes:
        status: in which states, by the record's pick `status`; empty for any.
        needs: a money pick of the record that has to be above zero, such as `left`.
        duplicates_within_h: two equal ones so close together are one thing paid twice.
        of: the connector that lists them, where it is another one, such as `stripe`.
    """

    status: list[str] = Field(default_factory=list)
    needs: Word | None = None
    duplicates_within_h: Annotated[int, Field(ge=0, le=720)] = 0
    of: Word | Literal[""] = ""


class SaysTable(ManifestTable):
    """How the action is called towards the customer in one language; see `CustomerWords`."""

    thing: Line
    done: Line = ""
    note: Line = ""


class ActionTable(ManifestTable):
    """One action.

    Attributes:
        act: which act of the vocabulary it carries out, or `none` for what no customer asks for.
        on: the kind of record that it is on, or `account`.
        because: why no customer asks for it, with `act = "none"`.
        fills: arguments by name, each with the slot that fills it, where it is not the slot of the
            same name.
        fixed: arguments that are the same whatever is said.
        does: slots that it settles in any case, such as `when = "period_end"`.
        among: which records can be meant.
        says: how it is called towards the customer, by language; else as its act is.
        summary, effect, sentence, reversible: as in `Action`.
        args: what is asked for.
        resolve: which reads, in this order; each sees the ones before it.
        reads: reads of its own.
        object, owner, payee, amount: as in `Resolved`.
        require: what has to be so before anybody is asked.
        after: what has to be so once it was done; it is read again for that, as for `resolve`.
        preconditions: what must still be so at the call.
        changes: as in `Action`.
        facts: for the policy. card: for whoever decides. personal: names the person.
        keep: goes into the snapshot, for the call.
        ask: why a person is always asked.
    """

    summary: Line
    effect: Effect = Field(strict=False)
    sentence: Line
    reversible: bool
    act: Word | None = None
    on: Word = ACCOUNT
    because: Line = ""
    fills: dict[Word, Slot] = Field(default_factory=dict)
    fixed: dict[Word, str | int | bool] = Field(default_factory=dict)
    does: dict[Word, str] = Field(default_factory=dict)
    among: Among = Among()
    says: dict[Language, Line | SaysTable] = Field(default_factory=dict)
    args: dict[Word, Arg] = Field(default_factory=dict)
    resolve: Annotated[list[str], Field(max_length=MAX_READS)] = Field(default_factory=list)
    reads: dict[Word, Read] = Field(default_factory=dict)
    object: ObjectTable
    owner: Owner
    payee: Line
    amount: Amount | None = None
    require: list[Require] = Field(default_factory=list[Require])
    after: list[After] = Field(default_factory=list[After])
    preconditions: Picks = Field(default_factory=dict)
    changes: dict[str, list[str | int | bool]] = Field(default_factory=dict)
    facts: Picks = Field(default_factory=dict)
    card: Picks = Field(default_factory=dict)
    personal: Picks = Field(default_factory=dict)
    keep: dict[Word, Path] = Field(default_factory=dict)
    call: CallTable
    look_up: LookUp | None = None
    undo: UndoBy | None = None
    words: WordsTable = WordsTable()
    ask: Line | None = None
