"""Reads a table file: what is wrong with it is said by row, with what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import PurePosixPath
from typing import Literal, cast

from sayso.actions.model.definition import Action, Fact
from sayso.actions.policy.cedar_schema import ASSURANCES, CONTEXT_FIELDS, MONEY_EFFECTS
from sayso.actions.policy.problem import PolicyProblem, WrongError, no_action, read_rows
from sayso.actions.policy.tables.compile import amounts_in_order
from sayso.actions.policy.tables.rows import (
    BOUNDS,
    Bound,
    Condition,
    FlagIs,
    HourIs,
    MoneyIs,
    NumberIs,
    RowKind,
    RuleRow,
    TextIs,
    name_in_table,
)
from sayso.errors import RefusedError
from sayso.money import exponent_of
from sayso.toml import did_you_mean

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_STEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_TOP = {"action", "currency", "missing", "replaces", *RowKind}
SHIPPED = "shipped"
"""What `replaces` says: the rules that Sayso brings for the action count no more."""
_KEYS = {
    RowKind.ALLOW: {"id", "say", "up_to", "by", "people"},
    RowKind.ASK: {"id", "say", "over", "by", "people"},
    RowKind.NEVER: {"id", "say", "over"},
}
_HIDDEN = {"approvals", "approvedBy"}
_NUMBER = "a number"
Type = Literal["text", "number", "money", "flag"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadableField:
    """A field that a row may have a condition about."""

    name: str
    type: Type
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTable:
    """A file of rows about one action.

    Attributes:
        missing: what becomes of the action when a fact cannot be read, by fact.
        replaces: whether the rules that Sayso brings for the action count no more.
    """

    file: str
    action: str
    rows: tuple[RuleRow, ...]
    missing: Mapping[str, Literal["deny", "ask"]]
    replaces: bool = False


def read_table(
    file: str, text: str, actions: Sequence[Action], roles: Sequence[str]
) -> tuple[RuleTable | None, list[PolicyProblem]]:
    """Read a table and check every row.

    Returns:
        The table, None where anything is wrong, and what is.
    """
    try:
        values = read_rows(text)
    except WrongError as error:
        return None, [error.problem(file, text)]
    return read_values(file, text, values, actions, roles)


def read_values(
    file: str,
    text: str,
    values: Mapping[str, object],
    actions: Sequence[Action],
    roles: Sequence[str],
) -> tuple[RuleTable | None, list[PolicyProblem]]:
    """The same of what was parsed already.

    Args:
        text: where what is wrong is looked for.
    """
    try:
        head = _Head.read(file, values, actions)
    except WrongError as error:
        return None, [error.problem(file, text)]
    rows: list[RuleRow] = []
    problems: list[PolicyProblem] = []
    for sort in RowKind:
        for number, given in enumerate(_tables(values.get(sort.value)), 1):
            try:
                row = _Reader(head, roles, sort, given, number).read()
                if row.id in {one.id for one in rows}:
                    raise WrongError(
                        f"a second row with the id `{row.id}`", "choose another id", row.id
                    )
                rows.append(row)
            except WrongError as error:
                problems.append(error.problem(file, text))
    if not rows and not problems:
        wrong = WrongError("there is no row", "write an [[allow]], [[ask]] or [[never]]")
        problems.append(wrong.problem(file, text))
    if problems:
        return None, problems
    table = RuleTable(
        file=file,
        action=head.action.name,
        rows=tuple(rows),
        missing=head.missing,
        replaces=head.replaces,
    )
    return table, []


def readable_fields(action: Action) -> dict[str, ReadableField]:
    """The fields that rows about an action may read, by the name that they have in a table."""
    types: dict[str, Type] = {
        "String": "text",
        "Long": "number",
        "Bool": "flag",
        "decimal": "money",
        "string": "text",
        "long": "number",
        "bool": "flag",
    }
    found = {
        name_in_table(field.name): ReadableField(
            name=field.name, type=types[field.type], words=field.words
        )
        for field in CONTEXT_FIELDS
        if field.name not in _HIDDEN
    }
    found["assurance"] = ReadableField(name="principal.assurance", type="text", words=ASSURANCES)
    found["kind"] = ReadableField(name="resource.kind", type="text")
    for name, fact in action.declared.items():
        found[name] = ReadableField(name=name, type=types[fact.type], words=fact.words)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    """What stands on top of a file."""

    file: str
    stem: str
    action: Action
    currency: str
    missing: Mapping[str, Literal["deny", "ask"]]
    replaces: bool
    fields: Mapping[str, ReadableField]

    @classmethod
    def read(cls, file: str, values: Mapping[str, object], actions: Sequence[Action]) -> _Head:
        stem = PurePosixPath(file).name.removesuffix(".toml")
        if not _STEM.fullmatch(stem):
            raise WrongError(
                f"the file's name `{stem[:40]}` cannot stand before the rows' ids",
                "name it with letters, digits, - and _",
            )
        for key in values:
            if key not in _TOP:
                raise WrongError(
                    f"`{key[:40]}` means nothing here",
                    did_you_mean(key, _TOP) or "remove it",
                    word=key,
                )
        action = _action(values.get("action"), actions)
        currency = values.get("currency", "")
        if not isinstance(currency, str) or (currency and not _is_currency(currency)):
            raise WrongError(
                f"`{str(currency)[:12]}` is no ISO 4217 currency code",
                "use three capital letters such as USD",
                word="currency",
            )
        replaces = values.get("replaces")
        if replaces not in (None, SHIPPED):
            raise WrongError(
                f"`replaces` is no `{str(replaces)[:20]}`",
                f'write replaces = "{SHIPPED}", or leave it out to add to what ships',
                word="replaces",
            )
        return cls(
            file=file,
            stem=stem,
            action=action,
            currency=currency,
            replaces=replaces == SHIPPED,
            missing=_missing(values.get("missing", {}), action.declared),
            fields=readable_fields(action),
        )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one row."""

    head: _Head
    roles: Sequence[str]
    sort: RowKind
    given: Mapping[str, object]
    number: int

    @property
    def _id(self) -> str:
        found = self.given.get("id")
        return found if isinstance(found, str) else f"{self.sort.value} {self.number}"

    def _wrong(self, message: str, next_step: str, word: str = "") -> WrongError:
        return WrongError(message, next_step, self._id, word)

    def read(self) -> RuleRow:
        """The row.

        Raises:
            WrongError: what is wrong with it.
        """
        row_id = self.given.get("id")
        if not isinstance(row_id, str) or not _ID.fullmatch(row_id):
            raise self._wrong(
                "`id` is missing or holds other characters",
                'begin the row with id = "a-name" of small letters, digits, - and _',
            )
        say = self.given.get("say")
        if not isinstance(say, str) or not say.strip() or "\n" in say:
            raise self._wrong(
                "it does not explain itself", 'add say = "…", one sentence for the approver'
            )
        by, people = self._by()
        return RuleRow(
            sort=self.sort,
            id=f"{self.head.stem}.{row_id}",
            say=say.strip(),
            conditions=tuple(self._conditions()),
            amounts=self._amounts(),
            by=by,
            people=people,
        )

    def _by(self) -> tuple[tuple[str, ...], int]:
        given, people = self.given.get("by"), self.given.get("people", 1)
        if self.sort is RowKind.NEVER:
            if given is not None or "people" in self.given:
                wanted = given if isinstance(given, str) else "somebody"
                raise self._wrong(
                    "[[never]] has no `by`", f"if {wanted} may allow it, it is an [[ask]]", "by"
                )
            return (), 1
        if given is None:
            if self.sort is RowKind.ASK:
                raise self._wrong("nobody is asked", f'add by = "{self._first_role()}"')
            if "people" in self.given:
                raise self._wrong("`people` needs `by`", f'add by = "{self._first_role()}"')
            return (), 1
        if isinstance(people, bool) or not isinstance(people, int) or not 1 <= people <= 5:
            raise self._wrong("`people` is no number from 1 to 5", "write people = 2", "people")
        return self._roles(given), people

    def _first_role(self) -> str:
        return self.roles[0] if self.roles else "support_manager"

    def _roles(self, given: object) -> tuple[str, ...]:
        named = [given] if isinstance(given, str) else given
        if not isinstance(named, list) or not named:
            raise self._wrong("`by` is no role", 'write by = "support_manager"', "by")
        found: list[str] = []
        for role in cast("list[object]", named):
            if not isinstance(role, str) or role not in self.roles:
                near = did_you_mean(str(role), self.roles)
                known = ", ".join(self.roles) or "none is declared"
                raise self._wrong(
                    f"role `{str(role)[:40]}` is not declared, so nobody could ever hold it",
                    near or f"use one of: {known}",
                    str(role),
                )
            found.append(role)
        if isinstance(given, str):  # that one, or one declared after it
            found = list(self.roles[self.roles.index(given) :])
        return tuple(found)

    # ---- how much ------------------------------------------------------------------------------

    def _amounts(self) -> dict[str, Decimal] | None:
        key = "up_to" if self.sort is RowKind.ALLOW else "over"
        given = self.given.get(key)
        if given is None:
            return None
        if self.head.action.effect not in MONEY_EFFECTS:
            raise self._wrong(
                f"`{self.head.action.name}` moves no money, so there is no amount to compare",
                f"remove `{key}`",
                key,
            )
        if isinstance(given, dict):
            named = cast("dict[str, object]", given)
            if not named:
                raise self._wrong(f"`{key}` names no currency", f"write {key} = {{ USD = 75 }}")
            return amounts_in_order(
                {currency: self._amount(amount, currency) for currency, amount in named.items()}
            )
        if not self.head.currency:
            shown = given if isinstance(given, int | Decimal) else "75"
            raise self._wrong(
                f"{shown} of what?",
                f'write `currency = "USD"` on top, or {key} = {{ USD = {shown}, EUR = … }}',
                key,
            )
        return {self.head.currency: self._amount(given, self.head.currency)}

    def _amount(self, given: object, currency: str) -> Decimal:
        if not _is_currency(currency):
            raise self._wrong(
                f"`{currency[:12]}` is no ISO 4217 currency code",
                "use three capital letters such as USD",
                currency,
            )
        number = _decimal(given)
        if number is None or number <= 0:
            raise self._wrong(
                f"`{str(given)[:20]}` is no amount above zero",
                'write it as 75, 75.5 or "75.50"',
                str(given),
            )
        places = exponent_of(currency)
        if number != round(number, places):
            raise self._wrong(
                f"{currency} has {places} decimals, and {number} has more",
                "round it",
                str(given),
            )
        return number

    # ---- conditions ----------------------------------------------------------------------------

    def _conditions(self) -> Iterator[Condition]:
        for name, given in self.given.items():
            if name in _KEYS[self.sort]:
                continue
            field = self.head.fields.get(name)
            if field is None:
                raise self._wrong(*self._unknown(name), name)
            yield self._condition(name, field, given)

    def _unknown(self, name: str) -> tuple[str, str]:
        if name in ("up_to", "over"):
            other = "over" if name == "up_to" else "up_to"
            return f"[[{self.sort.value}]] has no `{name}`", f"write `{other}`"
        known = {*self.head.fields, *_KEYS[self.sort]}
        step = did_you_mean(name, known) or f"use one of: {', '.join(sorted(self.head.fields))}"
        return f"`{self.head.action.name}` knows no `{name[:40]}`", step

    def _condition(self, name: str, field: ReadableField, given: object) -> Condition:
        match field.type:
            case "text":
                return self._text(name, field, given)
            case "number" if name in ("hour", "utc_hour") and _is_span(given):
                return self._hours(name, field, cast("dict[str, int]", given))
            case "number":
                bounds = self._bounds(name, given, _NUMBER)
                return NumberIs(field.name, tuple((sort, int(bound)) for sort, bound in bounds))
            case "money":
                return self._money(name, field, given)
            case "flag":
                if not isinstance(given, bool):
                    raise self._wrong(f"`{name}` is yes or no", f"write {name} = true", name)
                return FlagIs(field.name, given)

    def _text(self, name: str, field: ReadableField, given: object) -> TextIs:
        table = _table(given)
        negated = set(table) == {"not"}
        words = _listed(table["not"] if negated else given)
        if not words:
            raise self._wrong(
                f"`{name}` is a text",
                f'write {name} = "…", ["…", "…"], or {{ not = "…" }}',
                name,
            )
        found: list[str] = []
        for word in words:
            if not isinstance(word, str):
                raise self._wrong(f"`{name}` is a text", f'write {name} = "…"', name)
            if field.words and word not in field.words:
                listed = ", ".join(f'"{one}"' for one in field.words)
                raise self._wrong(
                    f"`{name}` is never `{word[:40]}`",
                    did_you_mean(word, field.words) or f"use one of: {listed}",
                    word,
                )
            if field.name == "currency" and word and not _is_currency(word):
                raise self._wrong(
                    f"`{word[:12]}` is no ISO 4217 currency code", "use such as USD", word
                )
            found.append(word)
        return TextIs(field.name, tuple(dict.fromkeys(found)), negated)

    def _hours(self, name: str, field: ReadableField, span: Mapping[str, int]) -> Condition:
        start, end = span["from"], span["to"]
        if not (0 <= start <= 23 and 0 <= end <= 23) or start == end:
            raise self._wrong(
                f"`{name}` is no time of the day", f"write {name} = {{ from = 22, to = 6 }}", name
            )
        if start < end or field.name != "localHour":
            if start > end:
                raise self._wrong(
                    f"`{name}` goes over midnight", "use `hour`, which is local, or two rows", name
                )
            return NumberIs(field.name, (("at_least", start), ("under", end)))
        return HourIs(start, end)

    def _money(self, name: str, field: ReadableField, given: object) -> MoneyIs:
        if not self.head.currency:
            raise self._wrong(
                f"`{name}` is an amount, and of which currency?",
                'write `currency = "USD"` on top',
                name,
            )
        bounds = tuple(self._bounds(name, given, "an amount"))
        if name == "amount" and bounds[0][0] == "up_to" and self.sort is RowKind.ALLOW:
            raise self._wrong("`amount` up to so much", f"write up_to = {bounds[0][1]}", name)
        return MoneyIs(field.name, self.head.currency, bounds)

    def _bounds(self, name: str, given: object, what: str) -> Iterator[tuple[Bound, Decimal]]:
        forms = "over = …, at_least, under, up_to"
        if not isinstance(given, dict):
            shown = given if isinstance(given, int) and not isinstance(given, bool) else 365
            raise self._wrong(
                f"`{name}` is {what}",
                f"write {name} = {{ over = {shown} }}, or at_least, under, up_to",
                name,
            )
        values = cast("dict[str, object]", given)
        if not values or set(values) - set(BOUNDS):
            raise self._wrong(f"`{name}` is {what}", f"write {name} = {{ {forms} }}", name)
        for sort in BOUNDS:
            if sort not in values:
                continue
            number = _decimal(values[sort])
            if number is None or (what == _NUMBER and number != int(number)):
                raise self._wrong(f"`{values[sort]!s:.20}` is not {what}", "write digits", name)
            yield sort, number


def _table(value: object) -> Mapping[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _listed(value: object) -> list[object]:
    """A text, or a list of them, as a list."""
    if isinstance(value, list):
        return cast("list[object]", value)
    return [value] if isinstance(value, str) else []


def _tables(value: object) -> list[Mapping[str, object]]:
    if value is None:
        return []
    rows = cast("list[object]", value) if isinstance(value, list) else [value]
    return [cast("dict[str, object]", row) if isinstance(row, dict) else {} for row in rows]


def _action(given: object, actions: Sequence[Action]) -> Action:
    known = {action.name: action for action in actions}
    if not isinstance(given, str) or not given:
        raise WrongError("it names no action", 'begin with action = "stripe.refund"')
    if given not in known:
        message, step = no_action(given, known, "`sayso actions types` lists them")
        raise WrongError(message, step, word=given)
    return known[given]


def _missing(given: object, facts: Mapping[str, Fact]) -> dict[str, Literal["deny", "ask"]]:
    if not isinstance(given, dict):
        raise WrongError("`missing` is no table", 'write missing = { plan = "ask" }')
    found: dict[str, Literal["deny", "ask"]] = {}
    for name, what in cast("dict[str, object]", given).items():
        if name not in facts:
            raise WrongError(
                f"there is no fact `{name[:40]}`",
                did_you_mean(name, facts) or "remove it",
                word=name,
            )
        if what not in ("deny", "ask"):
            raise WrongError(f"`missing` of `{name}` is `deny` or `ask`", 'write "ask"', word=name)
        found[name] = "ask" if what == "ask" else "deny"
    return found


def _is_span(given: object) -> bool:
    if not isinstance(given, dict):
        return False
    values = cast("dict[str, object]", given)
    return set(values) == {"from", "to"} and all(
        isinstance(value, int) and not isinstance(value, bool) for value in values.values()
    )


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number) < 10**14 else None


def _is_currency(word: str) -> bool:
    try:
        return exponent_of(word) >= 0
    except RefusedError:
        return False
