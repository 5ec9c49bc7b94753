"""From a file to a manifest: read strictly, siblings taken over, each mistake with its line."""

from __future__ import annotations

import copy
import difflib
import hashlib
import re
import tomllib
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union, cast, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from sayso.connectors.manifest.schema import MAX_BYTES, Manifest
from sayso.errors import Code, ConfigError
from sayso.nesting import read_toml

_HEADER = re.compile(r"\s*\[\[?\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(
    r"\s*((?:[A-Za-z0-9_-]+|\"[^\"]*\")(?:\s*\.\s*(?:[A-Za-z0-9_-]+|\"[^\"]*\"))*)\s*="
)
_NOTHING = "none"

# Tables of an action whose entries are taken over one by one; every other value is taken whole.
_ENTRIES = frozenset(
    {"args", "reads", "facts", "card", "personal", "preconditions", "changes", "keep"}
)
_WHOLE = frozenset({"key", "guard", "reference", "page"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestSource:
    """A manifest and where it comes from.

    Attributes:
        name: what messages call it, such as `connectors/chargebee.toml`.
        text: the file.
        digest: `sha256:` and the hex digest of its bytes.
        manifest: what it says.
        is_draft: whether it has `[draft]`, and so is never loaded.
    """

    name: str
    text: str
    digest: str
    manifest: Manifest = field(compare=False)
    is_draft: bool = False

    def line(self, *location: str | int) -> int | None:
        """The line on which something stands, as far as it is found."""
        return line_of(self.text, location)


def digest_of(raw: bytes) -> str:
    """The digest by which a file is reviewed."""
    return "sha256:" + hashlib.sha256(raw).hexdigest()


def read_source(raw: bytes, name: str) -> ManifestSource:
    """Read a manifest.

    Args:
        raw: the file.
        name: what messages call it.

    Raises:
        ConfigError: `invalid_manifest`, with the line and what is near an unknown key.
    """
    if len(raw) > MAX_BYTES:
        raise invalid(name, f"it has {len(raw)} bytes; {MAX_BYTES} is most", "split the connector")
    try:
        text = raw.decode("utf-8")
        table = read_toml(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise invalid(name, f"it is no TOML: {error}", "correct that line") from error
    is_draft = table.pop("draft", None) is not None
    _take_over(table, name, text)
    try:
        manifest = Manifest.model_validate(table)
    except ValidationError as error:
        raise _explained(name, text, table, error) from error
    return ManifestSource(
        name=name, text=text, digest=digest_of(raw), manifest=manifest, is_draft=is_draft
    )


# ---- `like` --------------------------------------------------------------------------------------


def _take_over(table: dict[str, Any], name: str, text: str) -> None:
    """Replace every action that is `like` a sibling by the whole of it."""
    actions = table.get("actions")
    if not isinstance(actions, dict):
        return
    given = cast("dict[str, Any]", actions)
    whole: dict[str, Any] = {}
    for verb, action in given.items():
        if not isinstance(action, dict) or "like" not in action:
            whole[verb] = action
            continue
        own = cast("dict[str, Any]", action)
        like = own["like"]
        sibling = given.get(like) if isinstance(like, str) else None
        line = line_of(text, ("actions", verb, "like"))
        if not isinstance(sibling, dict):
            near = _near(str(like), given)
            raise invalid(name, f"`{verb}` is like `{like}`, which there is not", near, line)
        if "like" in sibling:
            raise invalid(
                name, f"`{like}` is like another one itself", "take over one level only", line
            )
        changes = {key: value for key, value in own.items() if key != "like"}
        whole[verb] = _merged(cast("dict[str, Any]", sibling), changes, ())
    table["actions"] = whole


def _merged(old: dict[str, Any], new: dict[str, Any], at: tuple[str, ...]) -> dict[str, Any]:
    """The sibling's table with the changes; `"none"` takes a key away."""
    merged = copy.deepcopy(old)
    for key, value in new.items():
        if value == _NOTHING:
            merged.pop(key, None)
        elif (
            isinstance(value, dict) and isinstance(merged.get(key), dict) and _is_taken_in(at, key)
        ):
            merged[key] = _merged(merged[key], cast("dict[str, Any]", value), (*at, key))
        else:
            merged[key] = copy.deepcopy(cast("object", value))
    return merged


def _is_taken_in(at: tuple[str, ...], key: str) -> bool:
    if not at:
        return key in _ENTRIES or key in {"call", "look_up", "words"}
    return at[0] in {"call", "look_up"} and key not in _WHOLE


# ---- mistakes ------------------------------------------------------------------------------------


def invalid(name: str, problem: str, next_step: str, line: int | None = None) -> ConfigError:
    """The error of a manifest that is not right."""
    place = f"`{name}`" if line is None else f"`{name}`, line {line}"
    return ConfigError(Code.INVALID_MANIFEST, f"{place}: {problem}", next_step=next_step)


def _explained(name: str, text: str, table: object, error: ValidationError) -> ConfigError:
    details = error.errors(include_url=False)
    first = _most_telling(details)
    location = _named(first["loc"], table)
    shown = ".".join(map(str, location)) or "the file"
    problem = str(first["msg"]).removeprefix("Value error, ")
    step = f"correct `{shown}`"
    line = line_of(text, location)
    if first["type"] == "extra_forbidden":
        problem = f"there is no key `{location[-1]}`"
        step = _near(str(location[-1]), _keys_at(first["loc"]))
    elif first["type"] == "missing":
        line = line_of(text, location[:-1])
        problem = f"`{location[-1]}` is missing"
        step = f"add `{location[-1]}`"
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return invalid(name, f"`{shown}`: {problem}{more}", step, line)


def _most_telling(details: Sequence[ErrorDetails]) -> ErrorDetails:
    """An unknown key before what is missing because of it; else the first."""
    return next((one for one in details if one["type"] == "extra_forbidden"), details[0])


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


def _near(word: str, known: Mapping[str, object] | Sequence[str]) -> str:
    near = difflib.get_close_matches(word[:60], list(known), 1)
    if near:
        return f"did you mean `{near[0]}`?"
    listed = ", ".join(f"`{one}`" for one in list(known)[:20])
    return f"there are {listed}" if listed else "take it out"


def _keys_at(location: tuple[int | str, ...]) -> list[str]:
    """The keys of the table in which the last part of a location stands."""
    models: list[type[BaseModel]] = [Manifest]
    for part in location[:-1]:
        deeper: list[type[BaseModel]] = []
        for model in models:
            for name, known in model.model_fields.items():
                if part in (name, known.alias):
                    deeper += _models_in(known.annotation)
        named = [model for model in models if part == model.__name__ or part in _tags(model)]
        models = deeper or named or models
    keys: dict[str, None] = {}
    for model in models:
        keys |= dict.fromkeys(field.alias or name for name, field in model.model_fields.items())
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


def _dotted(text: str) -> list[str]:
    return [part.strip().strip('"') for part in re.findall(r'"[^"]*"|[^."\s]+', text)]
