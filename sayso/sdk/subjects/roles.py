"""Who may erase, export and hold."""

from __future__ import annotations

from sayso.actions.reach import Directory
from sayso.errors import Code, RefusedError
from sayso.sdk.tokens import Scope, Token
from sayso.settings import Settings


def roles_of(settings: Settings) -> frozenset[str]:
    """The roles of sayso.toml that may."""
    return frozenset(settings.retention.roles or settings.approvals.roles)


def has_role(directory: Directory, person_id: str, roles: frozenset[str]) -> bool:
    """Whether an active person has one of the roles now."""
    person = directory.person(person_id)
    return person is not None and bool(person.roles & roles)


def check_role(directory: Directory, person_id: str, roles: frozenset[str]) -> None:
    """Refuse somebody without a role for it.

    Raises:
        RefusedError: `not_an_approver`.
    """
    if not has_role(directory, person_id, roles):
        wanted = " or ".join(sorted(roles)) or "a role that nobody has"
        raise RefusedError(
            Code.NOT_AN_APPROVER,
            f"you may not do this; it needs {wanted}",
            next_step="ask somebody with that role",
        )


def check_keeper(by: Token, directory: Directory, settings: Settings) -> None:
    """Refuse who may not seal, prune or sweep: no person, no scope for it, or no role.

    Raises:
        RefusedError: `forbidden`, `not_an_approver`.
    """
    if by.kind != "person" or not by.scopes & {Scope.DECIDE, Scope.ADMIN}:
        raise RefusedError(
            Code.FORBIDDEN,
            "only a person with a role does this",
            next_step="use the token of somebody who may decide, or one with the scope `admin`",
        )
    check_role(directory, by.holder, roles_of(settings))
