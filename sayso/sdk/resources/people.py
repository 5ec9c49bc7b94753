"""The people of a workspace, as sayso.toml lists them now."""

from __future__ import annotations

from sayso.actions.model.ports import Directory, Person
from sayso.errors import Code, RefusedError
from sayso.sdk.resources.tokens import Scope, Token
from sayso.settings import PersonSection, Settings


class SettingsDirectory:
    """Finds people in the settings; nobody listed means nobody decides."""

    def __init__(self, people: tuple[PersonSection, ...]) -> None:
        self._by_id = {person.id: person for person in people}
        self._by_slack = {person.slack: person for person in people if person.slack}

    def person(self, person_id: str) -> Person | None:
        """The person with their present roles; None when unknown or inactive."""
        return _active(self._by_id.get(person_id))

    def by_slack(self, team_id: str, user_id: str) -> Person | None:
        """The person behind a Slack account, by team and user id, never by name or e-mail."""
        return _active(self._by_slack.get(f"{team_id}/{user_id}"))

    def slack_users(self, roles: frozenset[str], without: frozenset[str]) -> tuple[str, ...]:
        """The ids of the Slack users whose people are active and have one of the roles.

        Args:
            without: people who are left out, by id.
        """
        return tuple(
            person.slack.partition("/")[2]
            for person in self._by_id.values()
            if person.slack and person.active and roles & set(person.roles)
            if person.id not in without
        )


def _active(section: PersonSection | None) -> Person | None:
    if section is None or not section.active:
        return None
    return Person(id=section.id, roles=frozenset(section.roles))


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
