"""The people of a workspace, as sayso.toml lists them now."""

from __future__ import annotations

from sayso.actions.reach import Person
from sayso.settings import PersonSection


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


def _active(section: PersonSection | None) -> Person | None:
    if section is None or not section.active:
        return None
    return Person(id=section.id, roles=frozenset(section.roles))
