"""A row of a table as fields of a form, and the file with such fields written into it.

Nothing is checked here: what the fields make is a file, which is read as any other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from sayso.actions.model.definition import Action
from sayso.actions.policy.problem import WrongError, read_rows
from sayso.actions.policy.tables.file import ReadableField, readable_fields
from sayso.actions.policy.tables.rows import BOUNDS, RowKind
from sayso.audit.event import objects_of

How = Literal["is", "not", "over", "at_least", "under", "up_to", "between"]
HOWS: tuple[How, ...] = ("is", "not", "over", "at_least", "under", "up_to", "between")
_OWN = {"id", "say", "up_to", "over", "by", "people"}
_HEAD = re.compile(r"^[ \t]*\[\[[ \t]*(?:allow|ask|never)[ \t]*\]\]", re.MULTILINE)
_NEXT = re.compile(r"^[ \t]*\[\[", re.MULTILINE)
_TAIL = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*\Z")
_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,4})?")
_BARE = re.compile(r"[A-Za-z0-9_-]{1,60}")
_SPAN = re.compile(r"([0-9]{1,2})\s*(?:-|to)\s*([0-9]{1,2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionFields:
    """One condition: a fact, how it is compared, and with what; several words with commas."""

    name: str
    how: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFields:
    """One row.

    Attributes:
        amount: up to so much of an `allow`, over so much of the others; such as `75`, or
            `75 USD, 70 EUR`; empty for any.
        by: a role, or several with commas; empty for nobody. people: how many.
        shown: whether fields say all of it.
    """

    sort: str
    id: str
    say: str
    amount: str = ""
    by: str = ""
    people: int = 1
    conditions: tuple[ConditionFields, ...] = ()
    shown: bool = True


def rows_in(text: str) -> list[RowFields]:
    """The rows of a file, in the order in which they stand there; none of what is no table."""
    found: list[RowFields] = []
    for start, end in _blocks(text):
        try:
            values = read_rows(text[start:end])
        except WrongError:
            continue
        for sort, rows in values.items():
            listed = cast("list[dict[str, object]]", rows if isinstance(rows, list) else [])
            found += [_fields(sort, row) for row in listed]
    return found


def put_row(text: str, was: str, row: RowFields, action: Action | None) -> str:
    """The file with one row written anew, or behind the others where there is none of that id.

    Args:
        was: its id until now; empty for a new one.
        action: whose facts say what is a text and what a number; None where there is none.
    """
    fields = {} if action is None else readable_fields(action)
    block = "".join(f"{line}\n" for line in _lines(row, fields))
    place = _place(text, was) if was else None
    if place is None:
        return f"{text.rstrip()}\n\n{block}"
    start, end = place
    tail = _TAIL.search(text[start:end])
    kept = end if tail is None else start + tail.start()
    if kept < end and text[kept - 1 : kept] != "\n":  # the row's own last line has its end there
        kept = text.index("\n", kept) + 1 if "\n" in text[kept:end] else end
    return text[:start] + block + text[kept:]


def drop_row(text: str, row_id: str) -> str:
    """The file without one row."""
    place = _place(text, row_id)
    return text if place is None else text[: place[0]] + text[place[1] :]


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    ends = [match.start() for match in _NEXT.finditer(text)]
    for match in _HEAD.finditer(text):
        later = [end for end in ends if end > match.start()]
        yield match.start(), later[0] if later else len(text)


def _place(text: str, row_id: str) -> tuple[int, int] | None:
    for start, end in _blocks(text):
        try:
            values = read_rows(text[start:end])
        except WrongError:
            continue
        for rows in values.values():
            if any(row.get("id") == row_id for row in objects_of(rows)[:1]):
                return start, end
    return None


# ---- from a row to fields ----------------------------------------------------------------------


def _fields(sort: str, row: Mapping[str, object]) -> RowFields:
    amount = row.get("up_to" if sort == RowKind.ALLOW else "over", "")
    conditions = [
        one for name, given in row.items() if name not in _OWN for one in _conditions(name, given)
    ]
    people = row.get("people", 1)
    return RowFields(
        sort=sort,
        id=str(row.get("id", "")),
        say=str(row.get("say", "")),
        amount=_amount(amount),
        by=_listed(row.get("by", "")),
        people=people if isinstance(people, int) else 1,
        conditions=tuple(one for one in conditions if one is not None),
        shown=None not in conditions,
    )


def _amount(given: object) -> str:
    if isinstance(given, dict):
        named = cast("dict[str, object]", given)
        return ", ".join(f"{amount} {currency}" for currency, amount in named.items())
    return str(given)


def _conditions(name: str, given: object) -> Iterator[ConditionFields | None]:
    if isinstance(given, bool):
        yield ConditionFields(name=name, how="is", value="yes" if given else "no")
    elif isinstance(given, str | list):
        yield ConditionFields(name=name, how="is", value=_listed(cast("object", given)))
    elif isinstance(given, dict):
        table = cast("dict[str, object]", given)
        if set(table) == {"from", "to"}:
            yield ConditionFields(
                name=name, how="between", value=f"{table['from']} to {table['to']}"
            )
        elif set(table) == {"not"}:
            yield ConditionFields(name=name, how="not", value=_listed(table["not"]))
        elif set(table) <= set(BOUNDS):
            for how, value in table.items():
                yield ConditionFields(name=name, how=how, value=str(value))
        else:
            yield None
    else:
        yield None


def _listed(given: object) -> str:
    return (
        ", ".join(map(str, cast("list[object]", given))) if isinstance(given, list) else str(given)
    )


# ---- from fields to a row ----------------------------------------------------------------------


def _lines(row: RowFields, fields: Mapping[str, ReadableField]) -> Iterator[str]:
    sort = row.sort if row.sort in set(RowKind) else RowKind.ASK
    yield f"[[{sort}]]"
    yield f"id = {_text(row.id)}"
    yield f"say = {_text(row.say)}"
    bounded: dict[str, list[str]] = {}
    for one in row.conditions:
        if one.how in BOUNDS:
            bounded.setdefault(one.name, []).append(f"{one.how} = {_number(one.value)}")
    told: set[str] = set()
    for one in row.conditions:
        if one.name in told:
            continue
        if one.how in BOUNDS:
            told.add(one.name)
            yield f"{_key(one.name)} = {{ {', '.join(bounded[one.name])} }}"
        else:
            yield f"{_key(one.name)} = {_value(one, fields.get(one.name))}"
    if row.amount:
        key = "up_to" if sort == RowKind.ALLOW else "over"
        yield f"{key} = {_money(row.amount)}"
    if row.by and sort != RowKind.NEVER:
        yield f"by = {_words(row.by)}"
        if row.people != 1:  # what is no number of people is refused where the text is read
            yield f"people = {row.people}"


def _value(one: ConditionFields, field: ReadableField | None) -> str:
    span = _SPAN.fullmatch(one.value.strip())
    if one.how == "between" and span is not None:
        return f"{{ from = {int(span[1])}, to = {int(span[2])} }}"
    if one.how == "not":
        return f"{{ not = {_words(one.value)} }}"
    flag = {"yes": "true", "true": "true", "no": "false", "false": "false"}.get(
        one.value.strip().lower()
    )
    if flag is not None and (field is None or field.type == "flag"):
        return flag
    if field is not None and field.type in ("number", "money"):
        return _number(one.value)
    return _words(one.value)


def _money(amount: str) -> str:
    parts = [part.split() for part in amount.split(",") if part.strip()]
    if len(parts) == 1 and len(parts[0]) == 1:
        return _number(parts[0][0])
    named = [f"{_key(part[-1].upper())} = {_number(part[0])}" for part in parts if len(part) == 2]
    return f"{{ {', '.join(named)} }}" if len(named) == len(parts) else _text(amount)


def _number(value: str) -> str:
    value = value.strip()
    return value if _NUMBER.fullmatch(value) else _text(value)


def _words(value: str) -> str:
    words: Sequence[str] = [one.strip() for one in value.split(",")]
    return _text(words[0]) if len(words) == 1 else f"[{', '.join(map(_text, words))}]"


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
