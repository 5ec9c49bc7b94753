"""Tests of a policy: questions that people wrote, and what each wants; `NAME.test.toml`.

What a test does not say is ordinary: no history, a Monday at noon, a customer who has signed in.
The engine is asked, not the formulas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import cast

from sayso.actions.model.definition import Action
from sayso.actions.policy.analysis.people import who
from sayso.actions.policy.analysis.words import AnalysisAnswer, answer_of
from sayso.actions.policy.cedar import CedarPolicy
from sayso.actions.policy.formula.domain import domain_of, pick
from sayso.actions.policy.formula.terms import Value
from sayso.actions.policy.formula.translate import SCALE
from sayso.actions.policy.problem import WrongError, read_rows
from sayso.actions.policy.slices import Slice
from sayso.actions.policy.tables.file import ReadableField, readable_fields
from sayso.errors import Code, ConfigError
from sayso.toml import did_you_mean

_TOP = {"action", "currency", "given", "test", "claim"}
_OWN = {"say", "wants", "currency"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One test.

    Attributes:
        wants: the roles that have to be enough; None for a refusal, empty for nobody.
        values: what was said, by the names of formulas.
    """

    file: str
    say: str
    action: str
    wants: tuple[str, ...] | None
    values: Mapping[str, Value]

    @property
    def wanted(self) -> str:
        """What is wanted, in words."""
        if self.wants is None:
            return "refused"
        return who(self.wants) if self.wants else "nobody asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleResult:
    """A test and what the policy says."""

    example: Example
    answer: AnalysisAnswer
    values: Mapping[str, Value]
    reads: frozenset[str]

    @property
    def passed(self) -> bool:
        """Whether it says what is wanted."""
        return self.answer.roles == self.example.wants


def read_examples(
    file: str, text: str, actions: Sequence[Action], roles: Sequence[str]
) -> list[Example]:
    """Read a file of tests.

    Raises:
        ConfigError: `invalid_policy`, with file, test and what to write.
    """
    try:
        values = read_rows(text)
    except WrongError as error:
        raise _wrong(file, "", error.message, error.next_step) from error
    for key in values.keys() - _TOP:
        raise _wrong(file, "", f"`{key[:40]}` means nothing here", _near(key, _TOP))
    known = {action.name: action for action in actions}
    action = known.get(str(values.get("action")))
    if action is None:
        step = _near(str(values.get("action", "")), known)
        raise _wrong(file, "", "it names no action that there is", step)
    shared = _table(values.get("given", {}))
    tests = values.get("test", [])
    found: list[Example] = []
    for number, given in enumerate(cast("list[object]", tests), 1):
        row = {**shared, **_table(given)}
        say = str(row.get("say", f"test {number}"))
        currency = str(row.get("currency", values.get("currency", "")))
        found.append(
            Example(
                file=file,
                say=say,
                action=action.name,
                wants=_wants(file, say, row.get("wants"), roles),
                values=_values(file, say, row, currency, readable_fields(action)),
            )
        )
    if not found and not values.get("claim"):
        raise _wrong(file, "", "there is no test", 'write [[test]] with say = "…" and wants = "…"')
    return found


def try_example(policy: CedarPolicy, example: Example) -> ExampleResult:
    """Ask a policy about one test."""
    mine = policy.slice(example.action)
    assert mine is not None, "of an action that the policy was made for"
    values = {**_ordinary(mine), **example.values}
    answer = answer_of(mine, values)
    return ExampleResult(example=example, answer=answer, values=values, reads=mine.form.reads)


def _ordinary(mine: Slice) -> dict[str, Value]:
    values = pick(domain_of(mine.action, mine.facts, (), ()))
    assert values is not None, "some question can always be asked"
    return values


def _wants(file: str, say: str, given: object, roles: Sequence[str]) -> tuple[str, ...] | None:
    if given == "allow":
        return ()
    if given == "refuse":
        return None
    named = [given] if isinstance(given, str) else given
    if not isinstance(named, list) or not named:
        step = 'write wants = "allow", "refuse", a role, or ["support_manager", "finance"]'
        raise _wrong(file, say, "it does not say what it wants", step)
    for role in cast("list[object]", named):
        if role not in roles:
            raise _wrong(
                file, say, f"role `{str(role)[:40]}` is not declared", _near(str(role), roles)
            )
    return tuple(str(role) for role in cast("list[object]", named))


def _values(
    file: str,
    say: str,
    row: Mapping[str, object],
    currency: str,
    fields: Mapping[str, ReadableField],
) -> dict[str, Value]:
    found: dict[str, Value] = {"currency": currency} if currency else {}
    for name, given in row.items():
        if name in _OWN:
            continue
        field = fields.get(name)
        if field is None:
            raise _wrong(file, say, f"there is no `{name[:40]}`", _near(name, fields))
        found[field.name] = _value(file, say, name, field, given)
    return found


def _value(file: str, say: str, name: str, field: ReadableField, given: object) -> Value:
    match field.type:
        case "flag" if isinstance(given, bool):
            return given
        case "text" if isinstance(given, str):
            if field.words and given not in field.words:
                step = _near(given, field.words)
                raise _wrong(file, say, f"`{name}` is never `{given[:40]}`", step)
            return given
        case "number" if isinstance(given, int) and not isinstance(given, bool):
            return given
        case "money" if isinstance(given, int | Decimal | str) and not isinstance(given, bool):
            try:
                return int(Decimal(str(given)) * SCALE)
            except InvalidOperation:
                pass
        case _:
            pass
    kinds = {"flag": "true or false", "text": '"a text"', "number": "12", "money": "75.50"}
    raise _wrong(file, say, f"`{name}` is no {field.type}", f"write {name} = {kinds[field.type]}")


def _table(value: object) -> dict[str, object]:
    return dict(cast("dict[str, object]", value)) if isinstance(value, dict) else {}


def _near(word: str, known: Mapping[str, object] | Sequence[str] | set[str]) -> str:
    return did_you_mean(word, known) or f"use one of: {', '.join(sorted(map(str, known)))}"


def _wrong(file: str, say: str, message: str, next_step: str) -> ConfigError:
    where = f"{file}, test `{say}`" if say else file
    return ConfigError(Code.INVALID_POLICY, f"{where}: {message}", next_step=next_step)
