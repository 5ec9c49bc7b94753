"""Judges what a log crash campaign left behind, past the program that wrote it.

The tree is computed here once more, straight from RFC 6962, and so is every head that was seen
after a death or published: each has to be the head of the log as it is in the end.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from hashlib import sha256
from typing import Any

from bench.crash.ledger import Database

_ENTRIES = "select tenant, seq, body from log_entry order by tenant, seq"
_HEADS = "select tenant, note from log_head order by tenant"
_ACTIONS = "select tenant, id, status, last_seq from action"
_APPROVALS = "select tenant, id, status, last_seq from approval"


@dataclass(slots=True, kw_only=True)
class Faults:
    """What went wrong, a line each.

    Attributes:
        gaps: indexes that are missing, doubled or not those of the bodies.
        roots: stored heads that are not those of the entries.
        histories: heads that were seen or published, and are not heads of the log any more.
        states: rows of actions and approvals that differ from their last entries.
        exports: announced and not there, or not complete; incomplete and not refused.
        lost: told to a caller, and gone.
        sealed: what sealing and pruning left undone, or left twice with other words.
        unverified: what `sayso audit verify` says against the log.
        broken: processes that ended by themselves or hung.
    """

    gaps: list[str] = field(default_factory=list[str])
    roots: list[str] = field(default_factory=list[str])
    histories: list[str] = field(default_factory=list[str])
    states: list[str] = field(default_factory=list[str])
    exports: list[str] = field(default_factory=list[str])
    lost: list[str] = field(default_factory=list[str])
    sealed: list[str] = field(default_factory=list[str])
    unverified: list[str] = field(default_factory=list[str])
    broken: list[str] = field(default_factory=list[str])

    def named(self) -> dict[str, list[str]]:
        """By their names."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    def all(self) -> list[str]:
        """Every fault."""
        return [line for lines in self.named().values() for line in lines]


class Tree:
    """The tree of some leaves. SOURCE: RFC 6962 section 2.1."""

    def __init__(self, bodies: Sequence[bytes]) -> None:
        self._leaves = [sha256(b"\x00" + body).digest() for body in bodies]
        self._known: dict[tuple[int, int], bytes] = {}

    def root(self, size: int) -> bytes:
        """The root over the first so many."""
        return self._root(0, size)

    def _root(self, start: int, size: int) -> bytes:
        if size == 0:
            return sha256(b"").digest()
        if size == 1:
            return self._leaves[start]
        found = self._known.get((start, size))
        if found is None:
            left = 1 << (size - 1).bit_length() - 1
            both = self._root(start, left) + self._root(start + left, size - left)
            found = sha256(b"\x01" + both).digest()
            if size & (size - 1) == 0:  # only full subtrees are met again
                self._known[start, size] = found
        return found


def parse_head(note: str) -> tuple[str, int, bytes]:
    """Tenant, size and root of a note whose signatures others look at."""
    origin, size, root = note.split("\n", 3)[:3]
    return origin.partition("/")[2], int(size), base64.b64decode(root, validate=True)


def _whole(
    rows: Iterable[Sequence[Any]], sealed: Mapping[str, Mapping[int, str]], faults: Faults
) -> Iterable[tuple[str, int, str]]:
    """The entries of the database and of the files, in their order."""
    found = [(str(tenant), int(seq), str(body)) for tenant, seq, body in rows]
    stored = {(tenant, seq): body for tenant, seq, body in found}
    for tenant, bodies in sealed.items():
        for seq, body in bodies.items():
            known = stored.get((tenant, seq))
            if known is None:
                found.append((tenant, seq, body))
            elif known != body:
                faults.sealed.append(f"{tenant}: entry {seq} is another one in its file")
    return sorted(found, key=lambda entry: entry[:2])


class Log:
    """All logs of a database, read once.

    Args:
        sealed: the entries of sealed files by index, for each tenant that has some; those that
            the database does not have any more are taken from there.
    """

    def __init__(
        self,
        database: Database,
        faults: Faults,
        sealed: Mapping[str, Mapping[int, str]] | None = None,
    ) -> None:
        self._database = database
        self._faults = faults
        self.bodies: dict[str, list[bytes]] = {}
        for tenant, seq, body in _whole(database.all(_ENTRIES), sealed or {}, faults):
            known = self.bodies.setdefault(tenant, [])
            said = json.loads(body)
            if seq != len(known) or said["seq"] != seq or said["tenant"] != tenant:
                faults.gaps.append(f"{tenant}: {seq} stands where {len(known)} should")
            known.append(str(body).encode())
        self._trees = {tenant: Tree(bodies) for tenant, bodies in self.bodies.items()}

    def judge_heads(self, seen: Iterable[str]) -> int:
        """Compare the stored heads, and those that were seen; returns how many were."""
        for tenant, note in self._database.all(_HEADS):
            _, size, root = parse_head(note)
            bodies = self.bodies.get(tenant, [])
            if size != len(bodies) or root != self._trees[tenant].root(size):
                self._faults.roots.append(f"{tenant}: {len(bodies)} entries, head of {size}")
        notes = sorted(set(seen))
        for note in notes:
            tenant, size, root = parse_head(note)
            if size > len(self.bodies.get(tenant, [])):
                self._faults.histories.append(f"{tenant}: {size} entries were seen, and are gone")
            elif root != self._trees[tenant].root(size):
                self._faults.histories.append(f"{tenant}: another tree was seen at {size} entries")
        return len(notes)

    def judge_states(self) -> int:
        """Compare each row with its last entry; returns how many rows there are."""
        latest = self._latest()
        rows = 0
        for noun, sql in (("action", _ACTIONS), ("approval", _APPROVALS)):
            for tenant, name, status, last_seq in self._database.all(sql):
                rows += 1
                own = json.loads(self.bodies[str(tenant)][int(last_seq)])
                said = latest.get((tenant, noun, name))
                if own.get(noun) != name or said != status:
                    line = f"{noun} {name} is {status}, its entries say {said}"
                    self._faults.states.append(line)
        return rows

    def _latest(self) -> dict[tuple[str, str, str], Any]:
        latest: dict[tuple[str, str, str], Any] = {}
        for tenant, bodies in self.bodies.items():
            for body in bodies:
                said = json.loads(body)
                if "status" in said and said["kind"].startswith("action."):
                    latest[tenant, "action", said["action"]] = said["status"]
                if "approval_status" in said.get("data", {}):
                    latest[tenant, "approval", said["approval"]] = said["data"]["approval_status"]
        return latest

    def judge_told(self, told: Iterable[str]) -> None:
        """Compare with the actions that callers heard of."""
        stored = {row[1] for row in self._database.all(_ACTIONS)}
        gone = sorted(set(told) - stored)
        self._faults.lost += [f"{action} was told to a caller, and is gone" for action in gone]
