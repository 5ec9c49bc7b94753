"""Codes by text message: what a manifest says of it, and what its provider gets."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.trio import make_trio

from sayso.actions.customers.contact import CodeMessage, ContactOnFile
from sayso.actions.model.definition import Subject
from sayso.agent.phrases import LANGUAGES, phrases_of
from sayso.connectors.contacts import Contacts
from sayso.connectors.manifest.check import mistakes
from sayso.connectors.manifest.source import read_source
from sayso.connectors.person import Person
from sayso.connectors.registry import Connectors
from sayso.errors import RefusedError
from sayso.testing.clock import FakeClock
from sayso.testing.manifests.bench import connect
from sayso.testing.manifests.cases import read_cases
from sayso.testing.manifests.provider import GeneratedProvider
from sayso.testing.manifests.server import ProviderServer

SHIPPED = Path(__file__).parents[3] / "connectors/src/sayso/connectors/manifests"
CODE = CodeMessage(
    recipient="+15005550009",
    title="Your code",
    text="not for texts",
    key="req_1/n",
    about="req_1",
    short="Your code is 1234 5678. Not you? Give it to nobody.",
)


class Heard(GeneratedProvider):
    """The generated provider, which keeps the bodies that it was sent."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.bodies: list[str] = []

    def serve(self, request):  # type: ignore[no-untyped-def]  # as its base
        self.bodies.append(request.body)
        return super().serve(request)


@pytest.mark.promise("customers:step-up:text")
async def test_twilio_texts_a_code_to_exactly_its_recipient() -> None:
    """One request, by the call of its own action; nobody's number on file is asked for."""
    source = read_source((SHIPPED / "twilio.toml").read_bytes(), "twilio.toml")
    cases = read_cases(SHIPPED / "twilio.cases.toml")
    case = next(one for one in cases.case if one.action == "text")
    provider = Heard(source=source, cases=cases, case=case, clock=FakeClock())
    with ProviderServer(provider) as server:
        contacts = Contacts(Connectors([connect(source, cases, case, server.url, FakeClock())]))
        assert (contacts.sends_to("phone"), contacts.sends_to("email")) == (True, False)
        await contacts.send_code("phone", CODE)
        await contacts.connectors.close()
    assert provider.effects == 1
    (body,) = provider.bodies
    assert "To=%2B15005550009" in body
    assert "1234+5678" in body
    assert "not+for+texts" not in body


async def test_a_connector_without_the_role_sends_none() -> None:
    """Whatever else its manifest says."""
    source = read_source((SHIPPED / "zendesk.toml").read_bytes(), "zendesk.toml")
    cases = read_cases(SHIPPED / "zendesk.cases.toml")
    made = connect(source, cases, cases.case[0], "http://127.0.0.1:9", FakeClock())
    assert not Contacts(Connectors([made])).sends_to("phone")
    with pytest.raises(RefusedError):
        await made.send_code(CODE)
    await made.close()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('by = "text"', 'by = "txt"', "there is no action `txt`"),
        ('by = "text"\ntext', 'by = "reply"\ntext', "the call of `reply` needs"),
        ('by = "text"\ntext = "text"', 'by = "text"\ntext = "words"', "takes no text `words`"),
        ('sends_to = "phone"', 'sends_to = "email"', "goes to nobody's email"),
        ('Body = "{args.text}"', 'Body = "hello"', "the call does not hold the text"),
    ],
)
def test_a_wrong_table_is_said(old: str, new: str, said: str) -> None:
    """With what to write instead."""
    text = (SHIPPED / "twilio.toml").read_text("utf-8")
    assert old in text
    found = mistakes(read_source(text.replace(old, new).encode(), "twilio.toml"))
    assert any(said in one.problem and one.next_step for one in found), found


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_code_is_one_text_message(language: str) -> None:
    """In every language: 70 characters fit where an alphabet needs two bytes for each."""
    assert len(phrases_of(language).code_short.replace("{code}", "1234 5678")) <= 70


@pytest.mark.parametrize(
    ("written", "dialled"),
    [
        ("+1 (500) 555-0006", "+15005550006"),
        ("+44 (0)20 7946 0958", "+442079460958"),
        ("+49.30/901820", "+4930901820"),
        ("(500) 555-0006", ""),
        ("0044 20 7946 0958", ""),
        ("+15005550006,+15005550007", ""),
        ("+1500555000\uff16", ""),
        ("+12", ""),
        ("call my sister", ""),
    ],
)
async def test_a_number_is_one_that_can_be_called(written: str, dialled: str) -> None:
    """From anywhere; a code goes to no other, since nobody knows where it would arrive."""
    trio = make_trio()
    trio.pay.people["cus_1"] = Person(
        id="cus_1", phone=written, address_changed_at=5, phone_changed_at=9
    )
    contacts = Contacts(Connectors([trio.pay]))
    found = await contacts.contact_of("pay", Subject(id="cus_1"))
    assert found == ContactOnFile(phone=dialled, address_changed_at=9)
