"""The text of a draft: tables and keys that are known, and a comment for each question."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from sayso.errors import ConfigError
from sayso.json import JsonValue
from sayso.network import LOOPBACK, checked_url
from sayso.text import plain

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_LINE = 300
# A user and a password before a host, up to the last `@` before the path.
_USER = re.compile(r"(?<=//)[^/\s\"'`<>?#]*@")
_PART = re.compile(r"\{[^{}]*\}|<[^<>]*>")
_CANDIDATES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftedManifest:
    """A draft.

    Attributes:
        text: the file.
        actions: what it can do, by the provider's own name of it.
        left: other writes that look like support's, for another draft.
        filled, asked: how many keys were filled in, and how many questions are left.
    """

    text: str
    actions: Mapping[str, str]
    left: Sequence[str]
    filled: int
    asked: int


@dataclass(slots=True)
class DraftLines:
    """Collects lines.

    Attributes:
        lines: so far. filled, asked: counts of keys and of questions.
    """

    lines: list[str] = field(default_factory=list[str])
    filled: int = 0
    asked: int = 0

    def say(self, words: str) -> None:
        """A comment of ours; foreign words are shown on one line and without hidden characters."""
        self.lines.append(f"# {plain(words, limit=_LINE)}".rstrip())

    def table(self, *names: str) -> None:
        """Begin a table."""
        self.lines += ["", f"[{'.'.join(_key(name) for name in names)}]"]

    def tables(self, *names: str) -> None:
        """Begin one of several tables of one name."""
        self.lines += ["", f"[[{'.'.join(_key(name) for name in names)}]]"]

    def put(self, key: str, value: JsonValue, why: str = "") -> None:
        """A key whose value is known."""
        note = f"  # {plain(why, limit=120)}" if why else ""
        self.lines.append(f"{'.'.join(map(_key, key.split('.')))} = {written(value)}{note}")
        self.filled += 1

    def ask(self, key: str, question: str, candidates: Sequence[str] = ()) -> None:
        """A key that somebody has to fill in."""
        shown = [plain(one, limit=80) for one in candidates[:_CANDIDATES]]
        listed = f" Candidates: {', '.join(shown)}" if shown else ""
        self.lines.append(f"# ASK {key}: {plain(question, limit=_LINE)}{listed}")
        self.asked += 1

    def done(self, actions: Mapping[str, str], left: Sequence[str]) -> DraftedManifest:
        """The whole."""
        # INVARIANT: a user and a password in an address get neither into a key nor into a comment.
        text = _USER.sub("", "\n".join(self.lines).strip() + "\n")
        return DraftedManifest(
            text=text, actions=actions, left=left, filled=self.filled, asked=self.asked
        )


def public_base(url: str) -> str | None:
    """The address as a `base`, without a user; None where it is private or not https.

    Args:
        url: as the provider's description has it; a part in braces stands for anything.
    """
    bare = _USER.sub("", url).rstrip("/")
    try:
        parts = checked_url(_PART.sub("x", bare), name="base")
    except ConfigError:
        return None
    host = urlsplit(parts).hostname
    return bare if parts.startswith("https://") and host not in LOOPBACK else None


def begin(name: str, title: str, version: str, source: str) -> DraftLines:
    """A draft with its head.

    Args:
        name: the connector. title, version: the provider's. source: what it was drafted from.
    """
    draft = DraftLines()
    draft.say(f"{title}: drafted from {source}. Answer each ASK, then take [draft] out.")
    draft.put("manifest", 1)
    draft.put("connector", name)
    draft.put("version", re.sub(r"[^A-Za-z0-9._-]", "-", version)[:40].strip("-") or "1")
    draft.put("title", plain(title, limit=60) or name)
    draft.table("draft")
    draft.lines.append(f"source = {written(plain(source, limit=120))}")
    return draft


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else json.dumps(name)


def written(value: JsonValue) -> str:
    """A value in TOML, on one line.

    Raises:
        ValueError: for null, which TOML has not.
    """
    if value is None:
        raise ValueError("TOML has no null")
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(key)} = {written(one)}" for key, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(written(one) for one in value)}]"
    if isinstance(value, str) and "\\" in value and "'" not in value:
        return f"'{value}'"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)
