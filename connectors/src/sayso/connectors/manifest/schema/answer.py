"""`[answers.NAME]`: what a customer is told of a record, as it has just been listed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sayso.connectors.manifest.schema.base import Language, Line, ManifestTable, Path, Picks, Word


class StateRule(ManifestTable):
    """A state, and what of the record shows that it is in it.

    Attributes:
        name: as the topic calls it, such as `shipped`; written as `is`.
        when: JMESPath over the record that gives something; true for the rest where it is left out.
    """

    name: Word = Field(alias="is")
    when: Path | None = None


class AnswerTable(ManifestTable):
    """One answer.

    Attributes:
        on: the kind of record, as `[records]` lists it.
        topic: whose words ask for it, and whose sentences tell it: `order`, `subscription` or
            `payment`.
        state: the first that holds is the record's; where none does, nothing is told of it.
        values: what the sentence of the state names, as picks over the record.
        says: sentences of your own, by state and language.
    """

    on: Word
    topic: Word
    state: Annotated[list[StateRule], Field(min_length=1, max_length=20)]
    values: Picks = Field(default_factory=dict)
    says: dict[Word, dict[Language, Line]] = Field(default_factory=dict)
