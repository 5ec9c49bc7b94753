"""What a manifest says of its customers, judged by the cases beside it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from sayso.actions.model.definition import Subject
from sayso.connectors.manifest.schema import PersonTable
from sayso.connectors.manifest.source import ManifestSource
from sayso.connectors.person import Person
from sayso.connectors.registry import Connectors
from sayso.errors import Code, SaysoError
from sayso.testing.clock import FakeClock
from sayso.testing.manifests.bench import connect
from sayso.testing.manifests.cases import Cases, CaseTable, PersonCase
from sayso.testing.manifests.inverse import steps_of
from sayso.testing.manifests.provider import GeneratedProvider
from sayso.testing.manifests.server import ProviderServer

Told = Mapping[str, str | bool]


async def wrong_person(source: ManifestSource, cases: Cases, case: PersonCase) -> str:
    """What a case of `[person]` gives other than it says, in words; empty where it is as said."""
    told, found, refused = await _asked(source, cases, case)
    wanted = (dict(case.expect), case.found, case.refused)
    if (told, found, refused) != wanted:
        return f"it says {told or found or refused}, not {next(filter(None, wanted), None)}"
    if case.email or case.refused:
        return ""
    # INVARIANT: a provider that answers about somebody else is not believed.
    lie = case.model_copy(update={"start": {**case.start, **_somebody_else(source, case.subject)}})
    _, _, refused = await _asked(source, cases, lie)
    return "" if refused == Code.CONNECTOR_FAILED else "another customer's record is believed"


def unasked(source: ManifestSource, cases: Cases) -> list[str]:
    """What of `[person]` no case is about, in words."""
    table = source.manifest.person
    if table is None:
        return []
    asked = [one for one in cases.person if not one.email]
    missing = [] if any(one.refused is None for one in asked) else ["`[person]` has no case"]
    expected = {place.partition(".")[2] for one in asked for place in one.expect}
    missing += [
        f"no case of `[person]` has the id `{place}`"
        for place in table.ids
        if not any(one == place or one.startswith(place.rstrip("*") or "?") for one in expected)
    ]
    searched = [one for one in cases.person if one.email]
    if table.find is not None and not any(one.found for one in searched):
        missing.append("`[person.find]` has no case")
    return missing


async def _asked(
    source: ManifestSource, cases: Cases, case: PersonCase
) -> tuple[dict[str, str | bool], list[str], str | None]:
    """What is said of somebody, who is found, and the code of a refusal."""
    clock, table = FakeClock(), _action(cases, case)
    provider = GeneratedProvider(
        source=source, cases=cases, case=table, clock=clock, email=case.email
    )
    with ProviderServer(provider) as server:
        asked = Connectors([connect(source, cases, table, server.url, clock)])
        name = source.manifest.connector
        try:
            if case.email:
                people = await asked.find_people(name, case.email)
                return {}, [one.id for one in people or ()], None
            person = await asked.person_of(name, Subject(id=case.subject))
            return {} if person is None else dict(_told(person)), [], None
        except SaysoError as error:
            return {}, [], error.code.value
        finally:
            await asked.close()


def _action(cases: Cases, case: PersonCase) -> CaseTable:
    """A case of an action, since a provider is built for one."""
    table = next(one for one in cases.case if one.refused is None)
    answers = {**table.answers, **case.answers}
    return table.model_copy(
        update={"subject": case.subject, "answers": answers, "start": case.start}
    )


def _told(person: Person) -> Told:
    said: dict[str, str | bool] = {
        "name": person.name,
        "email": person.email,
        "email_verified": person.email_verified,
        "phone": person.phone,
        "since": _moment(person.since),
        "address_changed": _moment(person.address_changed_at),
        "phone_changed": _moment(person.phone_changed_at),
        **{f"ids.{place}": held for place, held in person.ids.items()},
    }
    return {name: value for name, value in said.items() if value}


def _moment(micros: int | None) -> str:
    if micros is None:
        return ""
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _somebody_else(source: ManifestSource, subject: str) -> dict[str, str | int]:
    """The place of the id in the answer, with another customer's in it."""
    table = source.manifest.person
    assert table is not None, "it has a case"
    form = source.manifest.connection.subject.form
    other: str | int = form.replace("{subject.id}", _another(subject))
    if table.id.startswith("to_string("):
        other = int(other)
    return {f"person.{'.'.join(map(str, _place(table)))}": other}


def _place(table: PersonTable) -> tuple[str | int, ...]:
    root = () if table.root is None else steps_of(table.root)
    inside = steps_of(table.id)
    assert root is not None, "a root leads to one place"
    assert inside is not None, "an id stands in one place"
    return (*root, *inside)


def _another(identifier: str) -> str:
    last = identifier[-1]
    return identifier[:-1] + ("1" if last != "1" else "2")
