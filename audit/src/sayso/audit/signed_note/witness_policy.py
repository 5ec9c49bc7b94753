"""The auditor's policy: which keys a log may have, which witnesses count, and how many of them.

The text is that of c2sp.org/tlog-policy:

    log acme/main+584a66a9+AQOh…
    witness finance witness.example/finance+1a2b3c4d+BA…
    witness legal   witness.example/legal+5e6f7a8b+BA…
    group departments 1 finance legal
    quorum departments

The parser is strict: a line that it does not know, a key that stands twice, a name that is used
before it is defined or in two groups, or a missing quorum refuse the whole file.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Self

from sayso.audit.signed_note.cosignature import CosignatureVerifier
from sayso.audit.signed_note.note import Verifier
from sayso.errors import Code, ConfigError, IntegrityError

NONE = "none"
MAX_POLICY_BYTES = 1024 * 1024
_MAX_DEFINED = 256
_THRESHOLD = re.compile(r"[1-9][0-9]{0,3}")
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")

LogKey = Verifier | CosignatureVerifier
"""A log's Ed25519 key, or the ML-DSA-44 key that it uses beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedLog:
    """A log that is trusted, by one of its keys.

    Attributes:
        key: its name is the log's origin.
        url: where the log is read; empty when the policy does not say.
    """

    key: LogKey
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedWitness:
    """A witness that counts.

    Attributes:
        name: as this file calls it.
        key: what it cosigns with.
        url: its submission prefix; empty when the policy does not say.
    """

    name: str
    key: CosignatureVerifier
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessGroup:
    """Members of which at least `threshold` must have witnessed."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessPolicy:
    """A policy that was read.

    Attributes:
        logs: the keys that logs may have, in the order of the file.
        witnesses: by the file's own name.
        groups: by name.
        quorum: the name of a witness or a group, or `none`.
    """

    logs: tuple[NamedLog, ...]
    witnesses: Mapping[str, NamedWitness]
    groups: Mapping[str, WitnessGroup]
    quorum: str

    @classmethod
    def parse(cls, text: str, where: str = "the policy") -> Self:
        """Read the text of a policy.

        Raises:
            ConfigError: `invalid_setting`, with the line.
        """
        reader = _Reader(where)
        if text and not text.endswith("\n"):
            reader.refuse("the last line has no line feed", "end the file with one")
        for number, line in enumerate(text.split("\n")[:-1], start=1):
            reader.read(number, line)
        if reader.quorum is None:
            reader.line = 0
            reader.refuse("there is no `quorum` line", "end with `quorum NAME`, or `quorum none`")
        return cls(
            logs=tuple(reader.logs),
            witnesses=reader.witnesses,
            groups=reader.groups,
            quorum=reader.quorum,
        )

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a policy's file.

        Raises:
            ConfigError: `invalid_setting`, when it cannot be read or is none.
        """
        try:
            encoded = path.read_bytes()
            text = encoded.decode()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                Code.INVALID_SETTING,
                f"the policy `{path}` cannot be read",
                next_step="check its path; it is a text in UTF-8",
                detail=str(error),
            ) from error
        if len(encoded) > MAX_POLICY_BYTES:
            raise ConfigError(Code.INVALID_SETTING, f"the policy `{path}` is over 1 MiB")
        return cls.parse(text, f"`{path.name}`")

    @property
    def wants_witnesses(self) -> bool:
        """Whether a checkpoint needs any cosignature at all."""
        return self.quorum != NONE

    def log_keys(self) -> tuple[Verifier, ...]:
        """The Ed25519 keys that logs may sign with."""
        return tuple(log.key for log in self.logs if isinstance(log.key, Verifier))

    def second_keys(self) -> tuple[CosignatureVerifier, ...]:
        """The ML-DSA-44 keys that logs sign with beside the first."""
        return tuple(log.key for log in self.logs if isinstance(log.key, CosignatureVerifier))

    def satisfied_by(self, names: Collection[str]) -> bool:
        """Whether these witnesses together are enough."""
        if self.quorum == NONE:
            return True
        reached = set(names)
        # INVARIANT: a group names only what stands before it, so one pass in order is enough.
        for name, group in self.groups.items():
            if sum(member in reached for member in group.members) >= group.threshold:
                reached.add(name)
        return self.quorum in reached


class _Reader:
    """Reads one line after the other."""

    def __init__(self, where: str) -> None:
        self._where = where
        self.line = 0
        self.logs: list[NamedLog] = []
        self.witnesses: dict[str, NamedWitness] = {}
        self.groups: dict[str, WitnessGroup] = {}
        self.quorum: str | None = None
        self._keys: set[bytes] = set()
        self._members: set[str] = set()

    def refuse(self, problem: str, hint: str = "see c2sp.org/tlog-policy") -> NoReturn:
        """Refuse the file, naming the line."""
        at = f" line {self.line}" if self.line else ""
        raise ConfigError(
            Code.INVALID_SETTING, f"{self._where}{at}: {problem}", next_step=hint
        ) from None

    def read(self, number: int, line: str) -> None:
        """Read a line."""
        self.line = number
        if _FORBIDDEN.search(line):
            self.refuse("a control character")
        words = [word for word in re.split(r"[ \t]+", line) if word]
        if not words or words[0].startswith("#"):
            return
        match words:
            case ["log", vkey, *rest] if len(rest) <= 1:
                self._log(vkey, *rest)
            case ["witness", name, vkey, *rest] if len(rest) <= 1:
                self._witness(name, vkey, *rest)
            case ["group", name, threshold, *members] if members:
                self._group(name, threshold, members)
            case ["quorum", name]:
                self._quorum(name)
            case _:
                self.refuse(f"`{line.strip()[:40]}` is no line of a policy")

    def _log(self, vkey: str, url: str = "") -> None:
        try:
            key: LogKey = Verifier.parse(vkey)
        except IntegrityError:
            try:
                key = CosignatureVerifier.parse(vkey)
            except IntegrityError:
                self.refuse(f"`{vkey[:40]}` is no public key of a log", "copy the whole line")
            if len(key.public_key) == 32:
                self.refuse(f"`{vkey[:40]}` is the key of a witness", "a log's key has type 0x01")
        self._once(key.vkey.encode())
        self.logs.append(NamedLog(key=key, url=url))

    def _witness(self, name: str, vkey: str, url: str = "") -> None:
        self._define(name)
        try:
            key = CosignatureVerifier.parse(vkey)
        except IntegrityError as error:
            self.refuse(error.message, error.next_step)
        # SOURCE: tlog-policy: the same public key under two names would count twice.
        self._once(key.public_key)
        self.witnesses[name] = NamedWitness(name=name, key=key, url=url)

    def _group(self, name: str, threshold: str, members: list[str]) -> None:
        self._define(name)
        for member in members:
            if member not in self.witnesses and member not in self.groups:
                self.refuse(f"`{member[:40]}` is not defined above", "define it first")
            if member in self._members:
                self.refuse(f"`{member[:40]}` is a member already", "name it in one group only")
            self._members.add(member)
        needed = {"all": len(members), "any": 1}.get(threshold)
        if needed is None:
            needed = int(threshold) if _THRESHOLD.fullmatch(threshold) else 0
        if not 1 <= needed <= len(members):
            self.refuse(
                f"`{threshold[:20]}` of {len(members)} members", "write all, any or a number"
            )
        self.groups[name] = WitnessGroup(threshold=needed, members=tuple(members))

    def _quorum(self, name: str) -> None:
        if self.quorum is not None:
            self.refuse("a second `quorum` line", "keep one")
        if name != NONE and name not in self.witnesses and name not in self.groups:
            self.refuse(f"`{name[:40]}` is not defined above", "name a witness or a group")
        self.quorum = name

    def _define(self, name: str) -> None:
        if name == NONE or name in self.witnesses or name in self.groups:
            self.refuse(f"the name `{name[:40]}` is taken", "choose another")
        if len(self.witnesses) + len(self.groups) >= _MAX_DEFINED:
            self.refuse(f"more than {_MAX_DEFINED} witnesses and groups")

    def _once(self, key: bytes) -> None:
        if key in self._keys:
            self.refuse("a key that stands in the file already", "remove one of the two lines")
        self._keys.add(key)
