"""The customer's objects, as a manifest lists them for a planner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sayso.actions.model.definition import FactValue, Subject
from sayso.actions.model.snapshot import Record, RecordState
from sayso.connectors.manifest.pages import items_of
from sayso.connectors.manifest.picks import Picker, PickError, as_failure
from sayso.connectors.manifest.provider import ManifestProvider
from sayso.connectors.manifest.schema import Manifest, Parts, Picks, RecordList
from sayso.connectors.manifest.scope import subject_names
from sayso.connectors.manifest.template import TemplateError, fill_text
from sayso.errors import Code, RefusedError
from sayso.json import JsonValue
from sayso.reading import ReadingError, read
from sayso.text import plain

MOST_RECORDS = 50
"""What a planner gets at most. Source: the contract of `Connector.list_records`."""
_LINE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Lister:
    """Lists one customer's objects.

    Attributes:
        who: the connector, for messages.
        manifest: what is listed.
        provider: who is asked.
        picker: picks values.
        settings: of sayso.toml.
    """

    who: str
    manifest: Manifest
    provider: ManifestProvider
    picker: Picker
    settings: Mapping[str, str]

    async def records(self, subject: Subject) -> list[Record]:
        """Every kind's objects, as the provider orders them.

        Raises:
            RefusedError: `unknown_subject`.
            RetryableError: the provider cannot be read now.
        """
        kinds = self.manifest.records
        each = MOST_RECORDS // max(1, len(kinds))
        found: list[Record] = []
        for kind, table in kinds.items():
            found += (await self._kind(kind, table, subject, each))[:each]
        return found

    async def _kind(
        self, kind: str, table: RecordList, subject: Subject, most: int
    ) -> list[Record]:
        names: dict[str, object] = {
            "subject": subject_names(subject.id, self.manifest.connection.subject),
            "settings": dict(self.settings),
        }

        def check(payload: JsonValue) -> None:
            known_by = table.known_by
            if known_by is not None and read(known_by, payload) is None:
                raise self._unknown()

        found: list[Record] = []
        try:
            for name in table.resolve:
                read_first = self.manifest.reads[name]
                names[name] = await self.provider.read(name, read_first, names)
            async for page in self.provider.pages(
                kind, table, names, items=table.items, check=check
            ):
                found += [self._record(kind, table, item) for item in page.items]
                if len(found) >= most:
                    break
        except RefusedError as error:
            if error.code is Code.UNKNOWN_OBJECT:
                raise self._unknown() from error
            raise
        except (PickError, ReadingError, TemplateError) as error:
            raise as_failure(error, kind) from error
        return found

    def _record(self, kind: str, table: RecordList, item: JsonValue) -> Record:
        picked = self._picked(table.picks, item)
        parts = [
            self._part(name, part, one)
            for name, part in table.parts.items()
            for one in items_of(part.items, item)
        ]
        references = tuple(str(picked[name]) for name in table.references if name in picked)
        label = self._title(table.label, picked, table.picks) if table.label else ""
        return Record(
            kind=kind,
            id=_id(table.id, item),
            title=self._title(table.title, picked, table.picks),
            facts=picked,
            references=references,
            parts=tuple(parts),
            label=label or next(iter(references), ""),
            told=self._told(kind, item),
        )

    def _told(self, kind: str, item: JsonValue) -> RecordState | None:
        """What can be told of it, by the first answer whose record it is and whose state it has."""
        for answer in self.manifest.answers.values():
            if answer.on != kind:
                continue
            for rule in answer.state:
                if rule.when is None or is_there(read(rule.when, item)):
                    return RecordState(
                        topic=answer.topic,
                        state=rule.name,
                        values=self._picked(answer.values, item),
                        says=answer.says.get(rule.name, {}),
                    )
        return None

    def _part(self, kind: str, table: Parts, item: JsonValue) -> Record:
        picked = self._picked(table.picks, item)
        return Record(
            kind=kind,
            id=_id(table.id, item),
            title=self._title(table.title, picked, table.picks),
            facts=picked,
        )

    def _picked(self, picks: Picks, item: JsonValue) -> dict[str, FactValue]:
        document = item if isinstance(item, Mapping) else {"value": item}
        found: dict[str, FactValue] = {}
        for name, pick in picks.items():
            value = self.picker.value(pick, document)
            if value is not None:
                found[name] = value
        return found

    def _title(self, title: str, picked: Mapping[str, FactValue], picks: Picks) -> str:
        shown = {name: str(picked[name]) if name in picked else "none" for name in picks}
        return plain(str(fill_text(title, shown)), limit=_LINE)

    def _unknown(self) -> RefusedError:
        return RefusedError(
            Code.UNKNOWN_SUBJECT,
            f"{self.who} knows no such customer",
            next_step="pass the id that this provider knows the customer by",
        )


def is_there(found: object) -> bool:
    """Whether an expression gives something: neither null, nor false, nor empty."""
    return found not in (None, False, "", [], (), {})


def _id(path: str, item: JsonValue) -> str:
    found = read(path, item)
    if isinstance(found, bool) or not isinstance(found, (str, int)) or found == "":
        raise ReadingError(f"`{path}` is no id")
    return str(found)
