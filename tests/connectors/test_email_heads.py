"""Reading an e-mail: who wrote, and whether it was a person."""

from __future__ import annotations

import pytest

from sayso.connectors.email.inbox.heads import read_head
from sayso.connectors.email.inbox.letter import read_letter


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("From: a@b.example\nFrom: c@d.example", "it has several From headers"),
        ("From: a@b.example, c@d.example", "its From names several people"),
        ("From: nobody", "its From is no plain address"),
        ("To: a@b.example", "it has no From"),
        ("From: a@b.example\nAuto-Submitted: auto-replied", "it was sent by a machine"),
        ("From: a@b.example\nPrecedence: bulk", "it was sent in bulk"),
        ("From: a@b.example\nList-Id: <x.y>", "it comes from a mailing list"),
        ("From: a@b.example\nX-Auto-Response-Suppress: OOF", "it asks for no automatic answer"),
        ("From: a@b.example\nReturn-Path: <>", "it has no sender to answer to"),
        ("From: MAILER-DAEMON@b.example", "its sender reads no mail"),
        ("From: a@b.example\nSubject: Automatische Antwort: Re: x", "it is an automatic answer"),
        ("From: a@b.example\nSubject: Out of Office", "it is an automatic answer"),
    ],
)
def test_whoever_must_not_be_answered_is_a_machine(lines: str, why: str) -> None:
    """RFC 3834, mailing lists, delivery reports, and a From that can be read in two ways."""
    assert read_head(lines.encode() + b"\n\n").machine == why


def test_a_person_who_writes_about_an_office_is_no_machine() -> None:
    """Only what begins as an automatic answer does is one."""
    head = read_head(b"From: a@b.example\nSubject: The office chair is out of order\n\n")
    assert head.machine == ""


@pytest.mark.parametrize(
    "subject", ["Undelivered parcel 1042", "Returned mail item", "Unzustellbar: mein Paket"]
)
def test_a_customer_who_writes_about_a_delivery_is_no_machine(subject: str) -> None:
    """A report that a mail did not arrive is told by its form, never by its subject."""
    assert read_head(f"From: a@b.example\nSubject: {subject}\n\n".encode()).machine == ""
    report = f"From: a@b.example\nReturn-Path: <>\nSubject: {subject}\n\n"
    assert read_head(report.encode()).machine != ""


@pytest.mark.parametrize("nested", ["(" * 3_000, ":" * 9_000, "a:" * 9_000])
def test_a_head_that_the_library_fails_at_is_read_without_its_addresses(nested: str) -> None:
    """Brackets within brackets: nobody wrote it, and whoever else it is for stays."""
    raw = f"From: {nested}\nMessage-ID: <1@e.example>\n\nhello".encode()
    told = read_letter(raw)
    assert (told.text, told.head.sender, told.head.message_id) == ("hello", "", "1@e.example")
    assert told.head.machine != ""
    head = read_head(f"From: a@b.example\nTo: {nested}\nCc: c@d.example\n\n".encode())
    assert (head.sender, head.recipients, head.machine) == ("a@b.example", ("c@d.example",), "")


def test_the_address_of_a_from_is_read_before_its_name_is_decoded() -> None:
    """A name that looks like an address is a name."""
    for name in ("=?utf-8?q?ana=40example.com_=3Cana=40example.com=3E?=", '"ana@example.com"'):
        head = read_head(f"From: {name} <mallory@evil.example>\n\n".encode())
        assert head.sender == "mallory@evil.example"
