"""Four things that can be wrong with a database, and what to do about each, in one wording.

| verdict | code | does it accuse anybody | ends |
|---|---|---|---|
| tampered | `tampered` | yes | once the log verifies, or two people have accepted it |
| wrong key | `key_mismatch` | no | by itself, with the right key |
| damaged | `damaged` | no | by itself, once the medium reads again |
| older build | `older_build` | no | by itself, once it is upgraded |

Every surface takes its words from here: the command line, HTTP, the console, `sayso doctor`, and
the verifier of an auditor.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from enum import StrEnum

from sayso.errors import Code, ConfigError, IntegrityError


class Cause(StrEnum):
    """What is wrong."""

    TAMPERED = "tampered"
    WRONG_KEY = "wrong_key"
    DAMAGED = "damaged"
    OLDER_BUILD = "older_build"


class AccusationKind(StrEnum):
    """What of a log is wrong, where it is accused."""

    BYTES = "bytes"
    """An entry, the tree or a signature: only a backup brings back what was there."""
    ROW = "row"
    """A row is not what its entries say: the log itself is whole, and rows are rebuilt from it."""
    RULE = "rule"
    """An entry says that something was done which the rules do not allow."""


NEXT_STEPS: dict[Cause, str] = {
    Cause.TAMPERED: "run `sayso audit verify`, and restore the database from a backup; a server, or"
    " that command, notes it when the log verifies again",
    Cause.WRONG_KEY: "put the key back that `vault.key` named, or name its file in `older_keys` of"
    " [vault]; nothing was changed, and with the right key everything goes on by itself",
    Cause.DAMAGED: "check the disk, and restore the database from a backup; nothing was accused or"
    " marked, and a server goes on by itself once everything reads again",
    Cause.OLDER_BUILD: "run `sayso migrate`, which upgrades it or says what to do instead; nothing"
    " was changed",
}
"""What to do about each."""

NEXT_STEP_OF: dict[AccusationKind, str] = {
    AccusationKind.BYTES: NEXT_STEPS[Cause.TAMPERED],
    AccusationKind.ROW: "run `sayso audit repair`, which shows what the log says of these rows, and"
    " rebuilds them once two people have agreed",
    AccusationKind.RULE: "run `sayso audit verify`, and find out how it came to be; two people can"
    " accept it with `sayso audit accept`, which every later verification shows",
}
"""What to do about a log that is accused, by what is wrong with it."""


def unverified(
    tenant: str, why: str, sort: AccusationKind = AccusationKind.BYTES
) -> IntegrityError:
    """A log does not verify, so nothing more is signed of it."""
    return IntegrityError(
        Code.TAMPERED,
        f"the log of `{tenant}` does not verify: {why}",
        next_step=NEXT_STEP_OF[sort],
    )


def wrong_key(what: str) -> ConfigError:
    """What the database keeps was sealed by a key that is not at hand.

    Args:
        what: was sealed by which key, as a clause.
    """
    return ConfigError(Code.KEY_MISMATCH, what, next_step=NEXT_STEPS[Cause.WRONG_KEY])


def damaged(where: str, *, detail: str = "") -> ConfigError:
    """The database's medium does not give back what was written.

    Args:
        where: which file, table or page cannot be read, as a clause.
    """
    message = f"the database is damaged: {where}"
    return ConfigError(Code.DAMAGED, message, next_step=NEXT_STEPS[Cause.DAMAGED], detail=detail)


def older_build(what: str, next_step: str = NEXT_STEPS[Cause.OLDER_BUILD]) -> ConfigError:
    """The database was made by an older build, and is not upgraded yet."""
    return ConfigError(Code.OLDER_BUILD, what, next_step=next_step)


_CODES: dict[Code, Cause] = {
    Code.TAMPERED: Cause.TAMPERED,
    Code.BAD_SIGNATURE: Cause.TAMPERED,
    Code.KEY_MISMATCH: Cause.WRONG_KEY,
    Code.DAMAGED: Cause.DAMAGED,
    Code.OLDER_BUILD: Cause.OLDER_BUILD,
    Code.STORE_VERSION: Cause.OLDER_BUILD,
}


def cause_of(code: Code) -> Cause | None:
    """Which of the four a code says; None for every other problem."""
    return _CODES.get(code)


_READ_FAILED = frozenset(
    {
        sqlite3.SQLITE_IOERR_READ,
        sqlite3.SQLITE_IOERR_SHORT_READ,
        sqlite3.SQLITE_IOERR_DATA,
        sqlite3.SQLITE_IOERR_CORRUPTFS,
    }
)
_PRIMARY = 0xFF  # SOURCE: SQLite documentation, "Result and Error Codes": the rest says more


def is_damage(error: BaseException) -> bool:
    """Whether SQLite cannot read what it has written itself."""
    if not isinstance(error, sqlite3.Error):
        return False
    code = getattr(error, "sqlite_errorcode", 0)
    return code & _PRIMARY == sqlite3.SQLITE_CORRUPT or code in _READ_FAILED


# SOURCE: SQLite's own btree.c and pragma.c: these compare what rows hold, and tell of no page.
_CONTENT = re.compile(
    r"row \d+ missing from index|wrong # of entries in index|non-unique entry in index"
    r"|CHECK constraint failed|NULL value in|(?:NUMERIC|TEXT|non-\w+) value in"
    r"|NUMERIC value|TEXT value|row not in PRIMARY KEY order"
)


def structural(lines: Sequence[str]) -> list[str]:
    """Of what SQLite finds wrong with a file, that which tells of its pages.

    Args:
        lines: as `pragma integrity_check` gives them.
    """
    told = [part.strip() for line in lines for part in line.splitlines()]
    told = [part for part in told if part and part != "ok" and not part.startswith("***")]
    if all(_CONTENT.search(part) for part in told):
        return []
    return told
