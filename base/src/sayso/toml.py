"""TOML files that people write: read strictly, each mistake with its line and what to do."""

from __future__ import annotations

import difflib
import re
import tomllib
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, Union, cast, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from sayso.nesting import read_toml

T = TypeVar("T", bound=BaseModel)

_HEADER = re.compile(r"\s*\[\[?\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(
    r"\s*((?:[A-Za-z0-9_-]+|\"[^\"]*\")(?:\s*\.\s*(?:[A-Za-z0-9_-]+|\"[^\"]*\"))*)\s*="
)
_AT_LINE = re.compile(r"at line (\d+)")
_SHOWN = 60


class TomlMistakeError(Exception):
    """Something in a file is wrong; whoever reads the file says so in its own error.

    Attributes:
        problem: lower-case, no full stop. next_step: what to write instead.
        at: the keys that lead there; none where it is the whole file.
        line: 1-based; None where it is not found.
        unknown: whether it is a key that means nothing there.
        others: what else is wrong, which the problem counts.
    """

    def __init__(
        self,
        problem: str,
        next_step: str,
        *,
        at: tuple[int | str, ...] = (),
        line: int | None = None,
        unknown: bool = False,
        others: Sequence[TomlMistakeError] = (),
    ) -> None:
        super().__init__(problem)
        self.problem, self.next_step, self.at, self.line = problem, next_step, at, line
        self.unknown, self.others = unknown, others

    @property
    def place(self) -> str:
        """The keys that lead there, as they are written; empty for the whole file."""
        return ".".join(map(str, self.at))

    def __str__(self) -> str:
        """The problem with its place."""
        return f"`{self.place}`: {self.problem}" if self.at else self.problem


def read_table(file: str | bytes, *, parse_float: Callable[[str], Any] = float) -> dict[str, Any]:
    """What a file holds.

    Raises:
        TomlMistakeError: it is no UTF-8, no TOML, or nested too deep.
    """
    try:
        text = file.decode("utf-8") if isinstance(file, bytes) else file
        return read_toml(text, parse_float=parse_float)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        at = _AT_LINE.search(str(error))
        line = int(at[1]) if at else None
        raise TomlMistakeError(f"it is no TOML: {error}", "fix that line", line=line) from error


def read_as(model: type[T], text: str) -> T:
    """A file as what it is to be.

    Raises:
        TomlMistakeError: what is wrong first.
    """
    return check_as(model, read_table(text), text)


def check_as(model: type[T], table: Mapping[str, object], text: str = "") -> T:
    """The same of what was read already.

    Args:
        text: where lines are looked for.

    Raises:
        TomlMistakeError: an unknown key before what is missing because of it; else the first.
    """
    try:
        return model.model_validate(table)
    except ValidationError as error:
        raise _mistake(model, table, text, error) from error


def did_you_mean(word: str, known: Iterable[object]) -> str:
    """What to do about a word that nobody knows: the nearest one; empty where none is near."""
    near = difflib.get_close_matches(word[:_SHOWN], [str(one) for one in known], 1)
    return f"did you mean `{near[0]}`?" if near else ""


def line_of(text: str, location: Sequence[str | int]) -> int | None:
    """The line of the longest part of a location that a header or a key of the file names."""
    wanted = [str(part) for part in location if not isinstance(part, int)]
    best: tuple[int, int] | None = None
    header: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if found := _HEADER.match(line):
            header = _dotted(found[1])
            named = header
        elif found := _KEY.match(line):
            named = [*header, *_dotted(found[1])]
        else:
            continue
        fits = len(named) <= len(wanted) and named == wanted[: len(named)]
        if fits and (best is None or len(named) > best[0]):
            best = (len(named), number)
    return best[1] if best is not None else None


def line_of_row(text: str, row: str, word: str = "") -> int:
    """The line of the row with an id, and in it of a word; 1 where nothing is found."""
    start = 0
    if row:
        found = re.search(rf'^\s*id\s*=\s*["\']{re.escape(row)}["\']', text, re.MULTILINE)
        start = found.start() if found else 0
    if word:
        start = max(start, text.find(word, start))
    return text.count("\n", 0, start) + 1


def _mistake(
    model: type[BaseModel], table: object, text: str, error: ValidationError
) -> TomlMistakeError:
    details = error.errors(include_url=False)
    first = next((one for one in details if one["type"] == "extra_forbidden"), details[0])
    others = [_told(model, one, table, text) for one in details if one is not first]
    more = f" (and {len(others)} more)" if others else ""
    return _told(model, first, table, text, more, others)


def _told(
    model: type[BaseModel],
    detail: ErrorDetails,
    table: object,
    text: str,
    more: str = "",
    others: Sequence[TomlMistakeError] = (),
) -> TomlMistakeError:
    at = _named(detail["loc"], table)
    problem, step = _said(model, detail, at)
    line = line_of(text, at[:-1] if detail["type"] == "missing" else at)
    unknown = detail["type"] == "extra_forbidden"
    return TomlMistakeError(problem + more, step, at=at, line=line, unknown=unknown, others=others)


def _said(
    model: type[BaseModel], detail: ErrorDetails, at: tuple[int | str, ...]
) -> tuple[str, str]:
    """What is wrong, and what to do."""
    if detail["type"] == "extra_forbidden":
        known = _keys_at(model, detail["loc"])
        listed = ", ".join(f"`{one}`" for one in known[:20])
        step = did_you_mean(str(at[-1]), known) or (
            f"there are {listed}" if listed else "remove it"
        )
        return f"there is no key `{str(at[-1])[:_SHOWN]}`", step
    if detail["type"] == "missing":
        return f"`{at[-1]}` is missing", f"add `{at[-1]}`"
    problem = str(detail["msg"]).removeprefix("Value error, ")
    return problem, f"correct `{'.'.join(map(str, at)) or 'the file'}`"


def _named(location: tuple[int | str, ...], table: object) -> tuple[int | str, ...]:
    """The location without the steps that Pydantic adds for unions."""
    found: list[int | str] = []
    value: object = table
    for position, part in enumerate(location):
        if isinstance(value, dict) and part in value:
            value = cast("dict[str, object]", value)[str(part)]
        elif isinstance(value, list) and isinstance(part, int):
            items = cast("list[object]", value)
            value = items[part] if part < len(items) else None
        elif position < len(location) - 1 or isinstance(value, (str, int, bool)):
            continue
        found.append(part)
    return tuple(found)


def _keys_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The keys of the table in which the last part of a location stands."""
    models: list[type[BaseModel]] = [model]
    for part in location[:-1]:
        deeper: list[type[BaseModel]] = []
        for one in models:
            for name, known in one.model_fields.items():
                if part in (name, known.alias):
                    deeper += _models_in(known.annotation)
        named = [one for one in models if part == one.__name__ or part in _tags(one)]
        models = deeper or named or models
    keys: dict[str, None] = {}
    for one in models:
        keys |= dict.fromkeys(field.alias or name for name, field in one.model_fields.items())
    return list(keys)


def _tags(model: type[BaseModel]) -> set[object]:
    """The words by which a union tells this model from the others."""
    fields = (model.model_fields.get("type"), model.model_fields.get("kind"))
    return {word for field in fields if field is not None for word in get_args(field.annotation)}


def _models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) is None and not isinstance(annotation, types.UnionType | type(Union)):
        return []
    return [model for inner in get_args(annotation) for model in _models_in(inner)]


def _dotted(text: str) -> list[str]:
    return [part.strip().strip('"') for part in re.findall(r'"[^"]*"|[^."\s]+', text)]
