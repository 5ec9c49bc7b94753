"""A whole file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sayso.connectors.manifest.schema.action import ActionTable
from sayso.connectors.manifest.schema.answer import AnswerTable
from sayso.connectors.manifest.schema.base import MAX_READS, Line, ManifestTable, Path, Picks, Word
from sayso.connectors.manifest.schema.connection import ConnectionTable, MoneyUnit, Setting, Spec
from sayso.connectors.manifest.schema.desk import DeskTable
from sayso.connectors.manifest.schema.errors import ErrorAt, ErrorRule
from sayso.connectors.manifest.schema.person import CodeSenderTable, Contact, PersonTable
from sayso.connectors.manifest.schema.request import Read


class Parts(ManifestTable):
    """What hangs on a record, such as the lines of an order; each gets a handle of its own."""

    items: Path
    id: Path
    title: str
    picks: Picks = Field(default_factory=dict)


class RecordList(Read):
    """How the customer's objects of one kind are listed.

    Attributes:
        label: what a record is to the customer, without amounts and dates, as a template over its
            picks: `{name}: {goods}`; its first reference where there is none.
        resolve: shared reads that come first, such as the one that finds the provider's own id of
            the customer.
    """

    resolve: Annotated[list[str], Field(max_length=MAX_READS)] = Field(default_factory=list)
    items: Path
    id: Path
    title: str
    label: str = ""
    picks: Picks = Field(default_factory=dict)
    references: list[str] = Field(default_factory=list)
    known_by: Path | None = None
    parts: dict[Word, Parts] = Field(default_factory=dict)


class Manifest(ManifestTable):
    """A whole file."""

    manifest: Literal[1]
    connector: Word
    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,40}$")]
    title: Line
    spec: Spec = Spec()
    settings: dict[Word, Setting] = Field(default_factory=dict)
    connection: ConnectionTable
    money: MoneyUnit | None = None
    errors: list[ErrorRule] = Field(default_factory=list[ErrorRule])
    errors_at: ErrorAt = ErrorAt()
    reads: dict[Word, Read] = Field(default_factory=dict)
    records: dict[Word, RecordList] = Field(default_factory=dict)
    answers: dict[Word, AnswerTable] = Field(default_factory=dict)
    contact: Contact | None = None
    person: PersonTable | None = None
    code_sender: CodeSenderTable | None = None
    desk: DeskTable | None = None
    actions: Annotated[dict[Word, ActionTable], Field(min_length=1)]
