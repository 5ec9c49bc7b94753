"""In which database a tenant's log goes on: whether anything may be appended to it here.

A move is told by the tenant's own log, so that nobody who can write a database can say otherwise.
`tenant.leaving` takes in no new work; `tenant.moved` is the last entry in the old database, and
stands in the new one as well, where `tenant.settled` follows it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import orjson

from sayso.audit.entry import EntryKind, Json
from sayso.audit.fields import object_in, text_or_none
from sayso.errors import Code, IntegrityError, RetryableError
from sayso.ids import Tenant

PLACE_KINDS: Final = frozenset(
    {EntryKind.TENANT_LEAVING, EntryKind.TENANT_SETTLED, EntryKind.TENANT_MOVED}
)
ENDINGS: Final = frozenset(
    {
        *(EntryKind.ACTION_ACCEPTED, EntryKind.ACTION_SUCCEEDED, EntryKind.ACTION_FAILED),
        *(EntryKind.ACTION_UNKNOWN, EntryKind.ACTION_RECONCILED),
    }
)
"""What becomes of a call that is under way; it is written down while a tenant leaves, too."""
_PAUSE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPlace:
    """What the newest entry about the place of a log says.

    Attributes:
        kind: `tenant.settled` also for a log that was never moved.
        to: the database that it names; empty for none.
    """

    kind: EntryKind = EntryKind.TENANT_SETTLED
    to: str = ""

    def check(self, tenant: Tenant, kind: EntryKind, *, here: str, ends: bool) -> None:
        """Whether such an entry may be appended here.

        Args:
            here: the name of this database.
            ends: what becomes of a call was appended by this unit, or one that shares its commit.

        Raises:
            RetryableError: `tenant_moving`, `tenant_moved`.
        """
        if self.kind is EntryKind.TENANT_SETTLED or kind is EntryKind.TENANT_SETTLED:
            return
        if self.kind is EntryKind.TENANT_MOVED:
            raise moved(tenant, self.to)
        # INVARIANT: a copy that has not arrived takes nothing at all, or there would be two logs.
        if self.to == here or not (ends or kind in ENDINGS or kind in PLACE_KINDS):
            raise RetryableError(
                Code.TENANT_MOVING,
                f"the tenant `{tenant}` is being moved to the database `{self.to}`",
                next_step="try again in some seconds; `sayso tenant show` says how far it is",
                retry_after_s=_PAUSE_S,
            )


HERE: Final = LogPlace()


def moved(tenant: Tenant, to: str) -> RetryableError:
    """What to say of a tenant that is in another database than this one."""
    return RetryableError(
        Code.TENANT_MOVED,
        f"the tenant `{tenant}` is in the database `{to}`, and its log goes on there alone",
        next_step="ask again: servers and commands find it there; a process of yours that has one"
        f" database open, by `SAYSO_DATABASE={to}`",
        retry_after_s=1.0,
    )


def place_after(kind: EntryKind, data: dict[str, Json]) -> LogPlace:
    """What an entry of such a kind says."""
    return LogPlace(kind=kind, to=text_or_none(data, "to") or "")


def place_of(body: str | bytes | None) -> LogPlace:
    """The same of a stored one; `HERE` where there is none."""
    if body is None:
        return HERE
    try:
        fields = orjson.loads(body)
        kind = EntryKind(fields["kind"])
    except (ValueError, LookupError, TypeError) as error:
        raise IntegrityError(Code.TAMPERED, "an entry of the log cannot be read") from error
    return LogPlace(kind=kind, to=text_or_none(object_in(fields, "data"), "to") or "")


def ends_here(body: bytes | None) -> bool:
    """Whether a log's last entry says that it goes on in another database; nothing is trusted."""
    try:
        return body is not None and orjson.loads(body)["kind"] == EntryKind.TENANT_MOVED
    except (ValueError, LookupError, TypeError):
        return False


def leaves(newest_first: Iterable[bytes]) -> bool:
    """Whether a log's newest entry about its place says that it leaves; nothing is trusted."""
    try:
        kinds = (orjson.loads(body)["kind"] for body in newest_first)
        newest = next((kind for kind in kinds if kind in PLACE_KINDS), None)
    except (ValueError, LookupError, TypeError):
        return False
    return newest == EntryKind.TENANT_LEAVING
