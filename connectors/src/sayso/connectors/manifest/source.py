"""From a file to a manifest: read strictly, siblings taken over, each mistake with its line."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, cast

from sayso.connectors.manifest.schema import MAX_BYTES, Manifest
from sayso.errors import Code, ConfigError
from sayso.toml import TomlMistakeError, check_as, did_you_mean, line_of, read_table

_NOTHING = "none"
_OF_THE_ACT = frozenset({"act", "because", "fills", "fixed", "does", "says"})

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


@lru_cache(maxsize=64)
def read_source(raw: bytes, name: str) -> ManifestSource:
    """Read a manifest; once in a process, as long as its bytes stay the same.

    Args:
        raw: the file.
        name: what messages call it.

    Raises:
        ConfigError: `invalid_manifest`, with the line and what is near an unknown key.
    """
    if len(raw) > MAX_BYTES:
        raise invalid(name, f"it has {len(raw)} bytes; {MAX_BYTES} is most", "split the connector")
    try:
        table = read_table(raw)
        text = raw.decode("utf-8")
        is_draft = table.pop("draft", None) is not None
        _take_over(table, name, text)
        manifest = check_as(Manifest, table, text)
    except TomlMistakeError as wrong:
        raise invalid(name, str(wrong), wrong.next_step, wrong.line) from wrong
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
        whole[verb] = _merged(_without_act(cast("dict[str, Any]", sibling), changes), changes, ())
        if "act" in changes:
            whole[verb]["act"] = changes["act"]  # `none` is an act
    table["actions"] = whole


def _without_act(sibling: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The sibling without what it says of its act, where the action is of another act."""
    gone = _OF_THE_ACT if "act" in changes else frozenset[str]()
    return {key: value for key, value in sibling.items() if key not in gone}


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


def _near(word: str, known: Mapping[str, object] | Sequence[str]) -> str:
    if near := did_you_mean(word, known):
        return near
    listed = ", ".join(f"`{one}`" for one in list(known)[:20])
    return f"there are {listed}" if listed else "take it out"
