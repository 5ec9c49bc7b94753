"""Reading an e-mail: a whole one, with its parts and what hangs on it."""

from __future__ import annotations

from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sayso.connectors.email.inbox.letter import BROKEN, CUT, read_letter


def mail(text: str = "hello", **headers: str) -> EmailMessage:
    """A mail of Ana's; a header's underscores are dashes."""
    message = EmailMessage()
    for name, value in {"From": "Ana <ana@example.com>", "Message-ID": "<1@e.example>"}.items():
        message[name] = value
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message


def test_html_is_read_before_the_plain_part_and_attachments_are_listed() -> None:
    """Names and sizes, nothing of what is in them; a mail inside is one of them."""
    message = mail("the plain part")
    message.add_alternative("<p>the HTML part</p>", subtype="html")
    message.add_attachment(b"x" * 300, maintype="image", subtype="png", filename="mug\u202egnp.exe")
    message.add_attachment(mail("FORWARDED"), filename="old.eml")
    read = read_letter(bytes(message))
    assert (read.text, read.whole) == ("the HTML part", "")
    assert [one.kind for one in read.attachments] == ["image/png", "message/rfc822"]
    assert read.attachments[0].name == "muggnp.exe"
    assert abs((read.attachments[0].size or 0) - 300) < 20


def _parts(kind: str, *parts: str) -> str:
    """A multipart of such parts, each a type and its content; one without a type is a multipart."""
    inner = "".join(f"--{kind}\nContent-Type: {part}\n" for part in parts)
    return f"multipart/{kind}; boundary={kind}\n\n{inner}--{kind}--\n"


IMAGE = "image/png\nContent-Disposition: inline; filename=a.png\n\nx"


@pytest.mark.promise("desk:mail:words")
@pytest.mark.parametrize(
    ("content", "text"),
    [
        (_parts("mixed", "text/html\n\n<p>One</p>", IMAGE, "text/html\n\n<p>two</p>"), "One two"),
        (_parts("mixed", "text/plain\n\nOne", IMAGE, "text/plain\n\ntwo"), "One two"),
        (_parts("mixed", "text/plain\n\nOne", "text/html\n\n<p>Disclaimer"), "One Disclaimer"),
        (_parts("mixed", "text/plain\n\nOne\n-- \nAna", IMAGE, "text/plain\n\ntwo"), "One two"),
        (_parts("mixed", "text/plain\n\nOne", "text/html\n\n<p>One"), "One"),
        (_parts("alternative", "text/plain\n\nOne", "text/html\n\n<p>two"), "two"),
        (_parts("alternative", "text/plain\n\nOne", "text/html\n\n<p hidden>two"), "One"),
        (
            _parts(
                "alternative",
                "text/plain\n\nZero",
                _parts("mixed", "text/html\n\n<p>One", IMAGE, "text/html\n\n<p>two"),
            ),
            "One two",
        ),
    ],
)
def test_every_part_that_is_shown_is_read(content: str, text: str) -> None:
    """HTML is read instead of plain text only where the mail says that they are alternatives."""
    read = read_letter(f"From: a@b.example\nContent-Type: {content}".encode())
    assert " ".join(read.text.split()) == text


def test_a_mail_that_is_longer_than_what_is_read_says_so() -> None:
    """Whoever decides about it knows that there is more."""
    raw = b"From: a@b.example\n\n" + b"Refund order 7 please.\n" * 10_000
    read = read_letter(raw)
    assert read.text.endswith(f"\n\n{CUT}")
    assert len(read.text) < 200_100


@pytest.mark.parametrize(
    ("charset", "body", "text"),
    [
        ("utf-8", "Grüße".encode("latin-1"), "Grüße"),
        ("klingon", "Grüße".encode(), "Grüße"),
        ("us-ascii", "Grüße".encode(), "Grüße"),
        ("utf-16", b"odd", "odd"),
        ("idna", b"plain", "plain"),
        ("unicode_escape", rb"\u0041", "\u0041"),
    ],
)
def test_a_charset_that_lies_loses_nothing(charset: str, body: bytes, text: str) -> None:
    """It is tried as it says, as UTF-8, and read as Latin-1 at last."""
    raw = f"From: a@b.example\nContent-Type: text/plain; charset={charset}\n\n".encode() + body
    assert read_letter(raw).text == text


def test_a_mail_that_is_too_deep_or_has_too_many_parts_is_read_as_far_as_it_goes() -> None:
    """Bounded before it is parsed; what stands first is read, and 100 names are listed."""
    head = b"From: a@b.example\nContent-Type: multipart/mixed; boundary=b\n\n"
    words = b"--b\nContent-Type: text/plain\n\nPlease refund order 7.\n"
    part = b"--b\nContent-Type: image/png\nContent-Disposition: attachment; filename=a.png\n\nx\n"
    many = read_letter(head + words + part * 10_000 + b"--b--\n")
    assert (many.text, len(many.attachments)) == ("Please refund order 7.", 100)
    deep = b"".join(
        b"--b%d\nContent-Type: multipart/mixed; boundary=b%d\n\n" % (level, level + 1)
        for level in range(3_000)
    )
    nested = read_letter(
        head + words + b"--b\nContent-Type: multipart/mixed; boundary=b0\n\n" + deep
    )
    assert nested.text == f"Please refund order 7.\n\n{CUT}"
    assert read_letter(head.replace(b"boundary=b", b"boundary=b0") + deep).text == BROKEN


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_make_the_reader_fail(raw: bytes) -> None:
    """Broken MIME is read as far as it is mail."""
    read_letter(b"From: a@b.example\nContent-Type: multipart/mixed; boundary=x\n\n--x\n" + raw)
    read_letter(raw)


def test_a_delivery_report_names_the_mail_that_did_not_arrive() -> None:
    """RFC 3464, told for good; one that only tells of a delay names none."""
    ours = f"sayso.{'a' * 24}.{'b' * 40}@shop.example"
    for action, status, named in (("failed", "5.1.1", ours), ("delayed", "4.4.1", "")):
        report = (
            "From: MAILER-DAEMON@mx.example\nReturn-Path: <>\nMIME-Version: 1.0\n"
            "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
            "--b\nContent-Type: text/plain\n\nIt did not work.\n"
            "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n"
            f"Final-Recipient: rfc822; ana@example.com\nAction: {action}\nStatus: {status}\n\n"
            f"--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <{ours}>\n\n--b--\n"
        )
        read = read_letter(report.encode())
        assert read.head.machine != ""
        assert read.returned == named


@pytest.mark.parametrize(
    "line", [b"X-A: b\n", b"Content-Type: multipart/mixed; boundary=b" + b";" * 99]
)
def test_a_head_without_end_is_read_as_far_as_a_head_goes(line: bytes) -> None:
    """The library takes minutes for it; who wrote is read, and that the words are not."""
    read = read_letter(b"From: a@b.example\n" + line * 50_000 + b"\n\nhello")
    assert (read.head.sender, read.text) == ("a@b.example", BROKEN)
