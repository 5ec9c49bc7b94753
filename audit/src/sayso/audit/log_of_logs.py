"""The log of logs: an entry for each head of each tenant's log, so that none can be dropped.

It is a log like every other, of a tenant that no workspace can have. Each entry says that a log had
a root at a size. One anchor of this log vouches for all: a log that is not there any more, or is
another one, contradicts it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import orjson

from sayso.audit.signed_note.note import decode64
from sayso.audit.tree.merkle import HASH_BYTES
from sayso.audit.verifier.verification import Check, Damage, Findings

LOGS = "sayso:logs"
"""The tenant of the log of logs; settings allow no colon in a tenant's name."""

ENTERED = "log.head"
"""The kind of its entries; `data` is `{"root", "size", "tenant"}`."""

KEPT = 4096
"""So many of the newest heads of each log are compared; the roots between follow from those."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnteredHead:
    """A head as the log of logs has it.

    Attributes:
        seq: the index of the entry that says so.
        size, root: of the log it is about.
    """

    seq: int
    size: int
    root: bytes


def read_entered(bodies: Iterable[bytes]) -> dict[str, tuple[EnteredHead, ...]]:
    """The heads that a log of logs has, by tenant, oldest first; what is none is passed over.

    Args:
        bodies: of that log, in order. It is verified like every log, so nothing is judged here.
    """
    found: dict[str, deque[EnteredHead]] = {}
    for seq, body in enumerate(bodies):
        try:
            fields: object = orjson.loads(body)
        except ValueError:
            continue
        entry = _fields(fields)
        data = _fields(entry.get("data"))
        tenant, size, root = data.get("tenant"), data.get("size"), data.get("root")
        if entry.get("kind") != ENTERED or type(size) is not int or not isinstance(tenant, str):
            continue
        decoded = decode64(root) if isinstance(root, str) else None
        if decoded is not None and len(decoded) == HASH_BYTES:
            heads = found.setdefault(tenant, deque(maxlen=KEPT))
            heads.append(EnteredHead(seq=seq, size=size, root=decoded))
    return {tenant: tuple(heads) for tenant, heads in found.items()}


def _fields(value: object) -> dict[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def judge_entered(
    heads: Sequence[EnteredHead], roots: Mapping[int, bytes], size: int, findings: Findings
) -> None:
    """Compare a log with the heads that were entered for it.

    Args:
        roots: the root at each of their sizes that was reached.
        size: how many entries the log has.
    """
    good = 0
    for head in heads:
        root = roots.get(head.size)
        if root is None or head.size > size:
            message = f"the log of logs has it with {head.size} entries, and now there are {size}"
            findings.add(Check.ENTERED_REACHED, Damage.ROLLED_BACK, message, size)
            return
        if root != head.root:
            message = f"the first {head.size} entries are not those in the log of logs"
            findings.add(Check.ENTERED_ROOT, Damage.FORKED, message, good, head.size - 1)
            return
        good = head.size


def judge_dropped(entered: Collection[str], present: Collection[str], findings: Findings) -> None:
    """Whether each log that was ever entered is there."""
    for tenant in sorted(set(entered) - set(present)):
        message = f"the log of logs has the log of `{tenant[:80]}`, and it is not there"
        findings.add(Check.ENTERED_HAS_LOG, Damage.DELETED, message)
