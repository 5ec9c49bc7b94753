"""One thing that is wrong with a log, named so exactly that people can accept it and nothing else.

docs/reference/audit-format.md says how a finding's digest is made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from sayso.audit.entry import Json
from sayso.audit.verifier.damage import Check, Damage
from sayso.verdicts import AccusationKind

FINDING_ID = "fnd_"
_DOMAIN = b"sayso/finding/v1\0"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFault:
    """A row that is not what its entries say.

    Attributes:
        table, name: whose; the name is its id, or what stands for one.
        columns: what differs; empty for a row that is not there, or should not be.
        found: what the row holds, by column, as entries would say it; None without a row.
        said: what the entries say, by column; None where no entry tells of the row.
        seq: the last entry about it; None where there is none.
        stored: the row itself, as the source has it.
    """

    table: str
    name: str
    columns: tuple[str, ...] = ()
    found: Mapping[str, object] | None = None
    said: Mapping[str, object] | None = None
    seq: int | None = None
    stored: Mapping[str, object] | None = field(default=None, repr=False, compare=False)

    def told(self) -> dict[str, object]:
        """What its digest is over: only the columns that differ."""

        def of(values: Mapping[str, object] | None) -> object:
            return None if values is None else {name: values.get(name) for name in self.columns}

        return {
            "table": self.table,
            "row": self.name,
            "columns": list(self.columns),
            "found": of(self.found),
            "said": of(self.said),
            "entry": self.seq,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        check: which question had the wrong answer.
        damage: what kind of harm it is.
        message: for a person, one sentence without a full stop.
        seq: the first index that can be bad, from 0; None when it is about no entry.
        last_seq: the last index that can be the first bad one, when it is not exactly `seq`.
        row: the row that it is about, where it is about one.
        digest: names it exactly, 64 hex digits; empty for what nobody can accept.
    """

    check: Check
    damage: Damage
    message: str
    seq: int | None = None
    last_seq: int | None = None
    row: RowFault | None = None
    digest: str = ""

    @property
    def id(self) -> str:
        """By which people name it; empty for what nobody can accept."""
        return f"{FINDING_ID}{self.digest[:32]}" if self.digest else ""

    @property
    def sort(self) -> AccusationKind | None:
        """What of a log is wrong; None for what accuses nobody."""
        if not self.damage.accuses:
            return None
        if self.damage is Damage.STATE_DISAGREES:
            return AccusationKind.ROW
        return AccusationKind.RULE if self.damage is Damage.RULE_BROKEN else AccusationKind.BYTES

    def to_json(self) -> dict[str, Json]:
        """The finding for `--json`."""
        return {
            "id": self.id or None,
            "check": self.check.value,
            "damage": self.damage.value,
            "sort": None if self.sort is None else self.sort.value,
            "message": self.message,
            "seq": self.seq,
            "last_seq": self.last_seq,
            "table": None if self.row is None else self.row.table,
            "row": None if self.row is None else self.row.name,
            "columns": [] if self.row is None else list(self.row.columns),
        }


def rule_digest(tenant: str, check: str, seq: int, leaf: bytes, nth: int) -> str:
    """Names what an entry was found to break.

    Args:
        leaf: the entry's leaf in the tree, which never changes.
        nth: which one of this check at this entry, from 0.
    """
    return _digest({"tenant": tenant, "check": check, "seq": seq, "leaf": leaf.hex(), "nth": nth})


def row_digest(tenant: str, fault: RowFault) -> str:
    """Names a row with exactly what it holds now and what the entries say now."""
    return _digest({"tenant": tenant, **fault.told()})


def _digest(told: Mapping[str, object]) -> str:
    encoded = orjson.dumps(told, default=repr, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(_DOMAIN + encoded).hexdigest()
