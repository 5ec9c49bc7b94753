"""What is refused to somebody whose credential has ended, or whose word the log does not know."""

from __future__ import annotations

from sayso.audit.authority.credentials import DECIDE
from sayso.audit.authority.state import Authority
from sayso.errors import Code, IntegrityError, RefusedError


def check_credential(authority: Authority, credential: str, person: str, now: int) -> None:
    """Refuse a person's word by a credential that is not theirs now.

    Raises:
        RefusedError: `unauthenticated`.
    """
    if not authority.shows(credential, person, now, {DECIDE}):
        raise ended_credential()


def ended_credential() -> RefusedError:
    """What to say to somebody who acts by something that opens nothing."""
    return RefusedError(
        Code.UNAUTHENTICATED,
        "what you showed who you are by is unknown, ended or revoked",
        next_step="sign in again, or make a token with `sayso token create`",
    )


def changed_outside(what: str) -> IntegrityError:
    """What to say of a row that is not what the log says of it."""
    return IntegrityError(
        Code.TAMPERED,
        f"{what} was changed by another program than Sayso",
        next_step="run `sayso audit verify`, and restore the database from a backup",
    )
