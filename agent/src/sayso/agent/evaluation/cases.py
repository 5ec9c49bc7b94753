"""Labelled conversations: one JSON object a line, with what the customer has and what is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from sayso.actions.model.definition import FactValue
from sayso.actions.model.snapshot import Record
from sayso.agent.base import Handles, Message
from sayso.errors import Code, ConfigError
from sayso.money import Money

Due = Literal["plan", "clarify", "answer", "hand_over", "either"]
CASES = "cases.jsonl"
"""What comes with Sayso."""


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CaseTurn(_Closed):
    """One turn; the last one of a case is the customer's."""

    role: Literal["customer", "agent"]
    content: str


class CaseRecord(_Closed):
    """One thing that the customer has; money facts are `{"amount_minor", "currency"}`."""

    kind: str
    id: str
    title: str
    label: str = ""
    facts: Mapping[str, JsonValue] = Field(default_factory=dict)
    references: tuple[str, ...] = ()

    def to_record(self) -> Record:
        """As a connector lists it."""
        facts: dict[str, FactValue] = {}
        for name, value in self.facts.items():
            if isinstance(value, dict):
                facts[name] = Money.from_json(value)
            elif isinstance(value, bool | int | str):
                facts[name] = value
        return Record(
            kind=self.kind,
            id=self.id,
            title=self.title,
            label=self.label,
            facts=facts,
            references=self.references,
        )

    @classmethod
    def of(cls, record: Record) -> CaseRecord:
        """A record as a case keeps it."""
        facts: dict[str, JsonValue] = {}
        for name, value in record.facts.items():
            facts[name] = dict(value.to_json()) if isinstance(value, Money) else value
        return cls(
            kind=record.kind,
            id=record.id,
            title=record.title,
            label=record.label,
            facts=facts,
            references=record.references,
        )


class CaseStep(_Closed):
    """One step that is right: its action, and arguments with the provider's ids.

    An amount that is left out, or null, is all that is left.
    """

    action: str
    args: Mapping[str, JsonValue] = Field(default_factory=dict)


class EvalCase(_Closed):
    """A conversation and what is right.

    Attributes:
        customer: whose records they are. A case without records has those of an earlier case of
            its customer in the file; where there are none, they are read from the connectors.
        due: `plan` one of `plans`; `clarify` a question; `answer` no action is asked for;
            `hand_over` a person has to take it; `either` one of `plans`, or nothing.
        also: what is right as well.
        choices: what a question has to offer: values, or ids.
        tags: the first one is the group.
        like: the id of the case that this one is a variant of.
    """

    id: str
    lang: str = "en"
    turns: tuple[CaseTurn, ...] = Field(min_length=1)
    customer: str | None = None
    records: tuple[CaseRecord, ...] = ()
    due: Due
    also: tuple[Due, ...] = ()
    plans: tuple[tuple[CaseStep, ...], ...] = ()
    choices: tuple[str, ...] = ()
    tags: tuple[str, ...] = ("case",)
    like: str | None = None

    @property
    def messages(self) -> list[Message]:
        """The conversation."""
        return [Message(role=turn.role, content=turn.content) for turn in self.turns]

    @property
    def handles(self) -> Handles:
        """What the customer has."""
        return Handles(record.to_record() for record in self.records)


def read_cases(text: str, source: str) -> list[EvalCase]:
    """The cases of a file.

    Raises:
        ConfigError: `invalid_input`, with the line and what is wrong there.
    """
    found: list[EvalCase] = []
    known: dict[str, tuple[CaseRecord, ...]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            case = EvalCase.model_validate_json(line)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            place = ".".join(map(str, first["loc"])) or "the line"
            raise ConfigError(
                Code.INVALID_INPUT,
                f"{source}, line {number}: {place}: {first['msg']}",
                next_step="correct the line; docs/how-to/measure-planners.md has the fields",
            ) from error
        if case.customer is not None:
            records = case.records or known.get(case.customer, ())
            known[case.customer] = records
            case = case.model_copy(update={"records": records})
        found.append(case)
    return found


def load_cases(paths: Sequence[Path]) -> list[EvalCase]:
    """The cases of some files; those that come with Sayso where none is named.

    Raises:
        ConfigError: `invalid_input`, also for a file that cannot be read.
    """
    if not paths:
        folder = resources.files("sayso.agent.evaluation")
        return read_cases((folder / CASES).read_text("utf-8"), CASES)
    found: list[EvalCase] = []
    for path in paths:
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                Code.INVALID_INPUT,
                f"`{path}` cannot be read as UTF-8 text",
                next_step="name a file with one JSON object a line",
            ) from error
        found += read_cases(text, path.name)
    return found
