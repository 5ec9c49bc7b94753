"""Who may erase, export and hold."""

from __future__ import annotations

from sayso.actions.reach import Directory
from sayso.errors import Code, RefusedError
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
