"""Reading an e-mail: who wrote, whether they did, what they wrote, and which conversation it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import authres  # type: ignore[import-untyped]
import pytest
import quotequail  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st
from mailparser_reply import EmailReplyParser  # type: ignore[import-untyped]

from sayso.connectors.email.inbox.authentication import is_authentic, read_results
from sayso.connectors.email.inbox.heads import MailHead, read_head
from sayso.connectors.email.inbox.html import read_html
from sayso.connectors.email.inbox.letter import BROKEN, CUT, read_letter
from sayso.connectors.email.inbox.quotes import own_words
from sayso.connectors.email.inbox.threads import (
    MailPlace,
    Threads,
    account_id,
    address_in,
    root_digest,
    thread_of,
)

TRUST = "mx.shop.example"
DMARC = f"{TRUST}; dkim=pass header.d=example.com; dmarc=pass header.from=example.com"
PASS = "dmarc=pass header.from=example.com"
AT = datetime(2026, 11, 30, tzinfo=UTC)

# ---- who ------------------------------------------------------------------------------------


@pytest.mark.promise("desk:mail:sender")
@pytest.mark.parametrize(
    ("headers", "domain"),
    [
        ([DMARC], "example.com"),
        (["other.example; dmarc=fail header.from=example.com", DMARC], "EXAMPLE.com"),
        ([f"{TRUST} 1; (all well) dmarc=pass (p=none; x) header.from=example.com"], "example.com"),
        ([f'"{TRUST}"; dmarc=pass header.from="example.com"'], "example.com"),
        ([f"{TRUST};\r\n\tdmarc=pass\r\n\theader.from=bücher.example"], "xn--bcher-kva.example"),
    ],
)
def test_our_servers_dmarc_pass_for_the_senders_domain_proves_the_sender(
    headers: list[str], domain: str
) -> None:
    """RFC 8601: the topmost header of our own server, with the From's domain aligned."""
    assert is_authentic(headers, TRUST, domain)


@pytest.mark.promise("desk:mail:sender")
@pytest.mark.parametrize(
    "headers",
    [
        [],
        ["evil.example; dmarc=pass header.from=example.com"],
        [f"{TRUST}; dmarc=fail header.from=example.com", DMARC],  # a forged one below ours
        [f"{TRUST}; none", DMARC],
        [f"{TRUST}; dkim=pass header.d=example.com; spf=pass smtp.mailfrom=example.com"],
        [f"{TRUST}; dmarc=pass header.from=evil.example"],
        [f"{TRUST}; dmarc=pass header.from=example.com.evil.example"],
        [f"{TRUST}; dmarc=pass"],
        [f"{TRUST}; dmarc=pass header.from=example.com; dmarc=fail header.from=example.com"],
        [f"{TRUST}; dmarc=fail (dmarc=pass header.from=example.com)"],
        [f'{TRUST}; dmarc=fail reason="; dmarc=pass header.from=example.com"'],
        [f"{TRUST}; dmarc=pass header.from=example.com (not closed"],
        [f"{TRUST} (not closed; dmarc=fail", DMARC],
        [f"{TRUST}.evil.example; dmarc=pass header.from=example.com"],
        ["spf=pass smtp.mailfrom=example.com; dmarc=pass header.from=example.com"],
        [f"{TRUST}; compauth=pass; dmarc=none header.from=example.com"],
        [f'{TRUST}; spf=pass smtp.mailfrom="a\\"; {PASS}; x=a\\"\\""@evil.example; dmarc=fail'],
        [f'{TRUST}; spf=fail smtp.mailfrom="\\""@evil.example', DMARC],
        [f'{TRUST}; dmarc=pass header.from=evil.example reason="header.from=example.com"'],
        [f"{TRUST}; dmarc=pass header.from=evil.example header.from=example.com"],
    ],
)
def test_nothing_else_proves_the_sender(headers: list[str]) -> None:
    """A forged header, another server's, another domain's, or one that contradicts itself."""
    assert not is_authentic(headers, TRUST, "example.com")


def test_without_a_server_to_trust_nothing_is_proven() -> None:
    """An empty setting matches no header, not every one."""
    assert not is_authentic([DMARC], "", "example.com")
    assert not is_authentic(["; dmarc=pass header.from=example.com"], "", "example.com")


def test_microsofts_header_has_no_servers_name() -> None:
    """It begins with `spf=`, which counts only where the setting says that Microsoft is ours."""
    header = (
        "spf=pass (sender IP is 192.0.2.1)\r\n smtp.mailfrom=example.com; dkim=pass (signature was"
        " verified)\r\n header.d=example.com;dmarc=pass action=none\r\n"
        " header.from=example.com;compauth=pass reason=100"
    )
    assert is_authentic([header], "protection.outlook.com", "example.com")
    assert not is_authentic([header], TRUST, "example.com")
    assert not is_authentic([header], "protection.outlook.com", "evil.example")
    # Theirs on top that cannot be read hides a forged one below.
    assert not is_authentic(
        ["spf=fail (not closed", header], "protection.outlook.com", "example.com"
    )


def test_a_domain_that_is_none_is_not_the_one_that_is_missing() -> None:
    """A name that has no ASCII form is compared with nothing."""
    assert not is_authentic([f"{TRUST}; dmarc=pass"], TRUST, f"{'ü' * 70}.example")


@pytest.mark.parametrize(
    "header",
    [
        DMARC,
        f"{TRUST}; none",
        f"{TRUST}; spf=pass smtp.mailfrom=example.com",
        f"{TRUST}; dkim=pass (good) header.d=example.com; dmarc=fail header.from=example.com",
        f'{TRUST}; auth=pass (x) smtp.auth=a@example.com; spf=fail reason="a; b" smtp.helo=b',
    ],
)
def test_results_are_read_as_another_implementation_reads_them(header: str) -> None:
    """`authres` judges: the same server, methods and results."""
    judged = authres.AuthenticationResultsHeader.parse(f"Authentication-Results: {header}")
    read = read_results(header)
    assert read is not None
    assert read.server == judged.authserv_id
    assert [(one.name, one.result) for one in read.methods] == [
        (one.method, one.result) for one in judged.results if one.method != "none"
    ]


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet='();="\\ \t.a1;mxdmarcpass', max_size=80))
def test_no_header_makes_the_reader_fail(text: str) -> None:
    """Whatever stands in it, it is read or refused."""
    assert is_authentic([text], TRUST, "example.com") in (True, False)


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


# ---- what they wrote ------------------------------------------------------------------------

SHOP = "Shop Support <support@shop.example>"
GMAIL = {
    "en": f"On Mon, Nov 2, 2026 at 10:11 AM {SHOP} wrote:",
    "de": f"Am Mo., 2. Nov. 2026 um 10:11 Uhr schrieb {SHOP}:",
    "fr": f"Le lun. 2 nov. 2026 à 10:11, {SHOP} a écrit :",
    "es": "El lun, 2 nov 2026 a las 10:11, Shop (<support@shop.example>) escribió:",
    "it": f"Il giorno lun 2 nov 2026 alle ore 10:11 {SHOP} ha scritto:",
    "nl": f"Op ma 2 nov 2026 om 10:11 schreef {SHOP}:",
    "pt": "Shop <support@shop.example> escreveu (segunda, 2/11/2026 à(s) 10:11):",
}
GMAIL["pt"] = f"Em seg., 2 de nov. de 2026 às 10:11, {SHOP} escreveu:"
OUTLOOK = {
    "en": ("From", "Sent", "To", "Subject"),
    "de": ("Von", "Gesendet", "An", "Betreff"),
    "fr": ("De", "Envoyé", "À", "Objet"),
    "es": ("De", "Enviado el", "Para", "Asunto"),
    "it": ("Da", "Inviato", "A", "Oggetto"),
    "nl": ("Van", "Verzonden", "Aan", "Onderwerp"),
    "pt": ("De", "Enviado", "Para", "Assunto"),
}
OWN = "Yes please, the blue one.\n\nAna"


@pytest.mark.promise("desk:mail:words")
@pytest.mark.parametrize("language", GMAIL)
def test_what_gmail_quotes_is_cut(language: str) -> None:
    """Also where its line was wrapped, and where an answer stands below the quote."""
    intro = GMAIL[language]
    quote = "> Which one do you mean?\n> \n> Your shop"
    assert own_words(f"{OWN}\n\n{intro}\n\n{quote}\n") == OWN
    at = intro.index(" ", len(intro) // 2)
    wrapped = f"{intro[:at]}\n{intro[at + 1 :]}"
    assert own_words(f"{OWN}\n\n{wrapped}\n{quote}\n") == OWN
    assert own_words(f"{intro}\n{quote}\n\n{OWN}") == OWN


@pytest.mark.promise("desk:mail:words")
@pytest.mark.parametrize("language", OUTLOOK)
def test_what_outlook_quotes_is_cut(language: str) -> None:
    """With its line above, without it, and with a blank before each colon."""
    sender, sent, to, subject = OUTLOOK[language]
    head = (
        f"{sender}: {SHOP}\n{sent}: Montag, 2. November 2026 10:11\n"
        f"{to}: Ana <ana@example.com>\n{subject}: Re: Order 1042"
    )
    old = "Which one do you mean?"
    assert own_words(f"{OWN}\n\n________________________________\n{head}\n\n{old}") == OWN
    assert own_words(f"{OWN}\n\n{head}\n\n{old}") == OWN
    assert own_words(f"{OWN}\n\n{head.replace(':', ' :')}\n\n{old}") == OWN


@pytest.mark.promise("desk:mail:words")
@pytest.mark.parametrize(
    "text",
    [
        "Please change my ticket.\nFrom: Leeds\nTo: London\n\nThank you",
        "Please change my ticket.\nFrom: Leeds\nTo: London\nDate: 3 May 2026\n\nThank you",
        "From: Leeds\nTo: London\nSubject: my ticket\nDate: 3 May 2026\nplease",
        "On Monday your driver wrote:\nnobody at home\nbut I was.",
        "He wrote: I will come at 10:30 and then he did not",
        "> everything is quoted\n> all of it",
        "On Mon, Nov 2, 2026 at 10:11 AM Shop <s@shop.example> wrote:\n> only a quote",
        "-- \nonly a signature",
        "I want two things:\n- a refund\n- an apology",
        "Von: mir\nAn: euch\nich will mein Geld",
        "Sent from my phone I had written already, where is my refund?",
    ],
)
def test_nothing_that_a_customer_wrote_is_lost(text: str) -> None:
    """Header words of theirs stay, and what would leave nothing cuts nothing."""
    assert own_words(text) == text.strip()


@pytest.mark.promise("desk:mail:words")
@pytest.mark.parametrize(
    ("below", "language"),
    [
        ("-- \nAna Torres\n+1 555 0100", "en"),
        ("Sent from my iPhone", "en"),
        ("Von meinem iPhone gesendet", "de"),
        ("Envoyé de mon iPhone", "fr"),
        ("Enviado desde mi iPhone", "es"),
        ("Inviato da iPhone", "it"),
        ("Verstuurd vanaf mijn iPhone", "nl"),
        ("Enviado do meu iPhone", "pt"),
        ("-------- Original Message --------\nFrom: s@shop.example\nSubject: x\n\nold", "en"),
        ("-----Ursprüngliche Nachricht-----\nVon: s@shop.example\nBetreff: x\n\nold", "de"),
        ("---------- Forwarded message ---------\nFrom: <s@shop.example>\n\nold", "en"),
    ],
)
def test_signatures_and_what_a_program_adds_are_cut(below: str, language: str) -> None:
    """The delimiter `-- `, a telephone's line, and mails that are quoted whole."""
    assert own_words(f"{OWN}\n\n{below}\n") == OWN


def test_a_line_of_dashes_is_no_frame_of_anything() -> None:
    """Of any length; one pattern for ends and words took half a minute for a page."""
    page = f"{'-' * 119}x\n" * 10_000
    assert own_words(page) == page.strip()
    assert own_words("-" * 200_000 + "x") == "-" * 200_000 + "x"


@pytest.mark.parametrize("language", ["en", "de", "fr", "nl"])
def test_others_cut_the_same_or_less(language: str) -> None:
    """`mail-parser-reply` and `quotequail` judge, where they know the language's form."""
    text = f"{OWN}\n\n{GMAIL[language]}\n> Which one?\n"
    kept = [part for keep, part in quotequail.quote(text, quote_intro_line=True) if keep]
    theirs = {
        " ".join("\n".join(kept).split()),
        " ".join(
            (EmailReplyParser(languages=["en", language]).parse_reply(text=text) or "").split()
        ),
    }
    assert " ".join(own_words(text).split()) in theirs


HIDDEN = [
    '<div style="display:none">HIDE</div>',
    '<span style="font-size:0px">HIDE</span>',
    '<span style="font-size: 0.1pt">HIDE</span>',
    "<p hidden>HIDE</p>",
    '<p style="color:#fff">HIDE</p>',
    '<p style="color:white;background:#FFFFFF">HIDE</p>',
    '<table bgcolor="#000000"><tr><td style="color:rgb(0,0,0)">HIDE</td></tr></table>',
    '<font color="#ffffff">HIDE</font>',
    "<template>HIDE</template><style>HIDE{}</style><script>HIDE</script>",
    "<svg><title>HIDE</title><text>HIDE</text></svg>",
    "<!-- HIDE -->",
    '<div style="visibility:hidden">HIDE</div><div style="opacity:0">HIDE</div>',
    '<div style="overflow:hidden;max-height:0">HIDE</div>',
    '<div style="position:absolute;left:-9999px">HIDE</div>',
    '<div style="mso-hide:all">HIDE</div>',
    "<noscript>HIDE</noscript>",
]


@pytest.mark.promise("desk:mail:words")
@pytest.mark.parametrize("html", HIDDEN)
def test_what_nobody_sees_is_not_read(html: str) -> None:
    """A customer who forwards such a mail has not said what it hides."""
    own, whole = read_html(f"<p>Please <b>refund</b> order 7.</p>{html}<p>Thanks</p>")
    assert "HIDE" not in whole
    assert own.split() == "Please refund order 7. Thanks".split()


def test_what_is_seen_is_read() -> None:
    """Also what a screen reader leaves out, and white words on a dark ground."""
    own, _ = read_html(
        '<p aria-hidden="true">one</p><div style="background:#111"><p style="color:#fff">two</p>'
        '</div><p style="line-height:0">three</p><p style="color:#fff;background:url(x)">four</p>'
    )
    assert own.split() == ["one", "two", "three", "four"]


def test_words_stay_together_and_blocks_apart() -> None:
    """Inline tags break no word and no line; paragraphs, cells and breaks do."""
    own, _ = read_html(
        "<p>re<b>fund</b> of <a href=x>order 7</a>.</p><div>And<br>this</div>"
        "<table><tr><td>1</td><td>2</td></tr></table><p style='color:#000'>end</p>"
    )
    lines = [line for line in own.splitlines() if line]
    assert lines == ["refund of order 7.", "And", "this", "1 2", "end"]


@pytest.mark.promise("desk:mail:words")
@pytest.mark.parametrize(
    "quote",
    [
        "<div class=gmail_quote><div class=gmail_attr>x</div><blockquote class=gmail_quote>OLD",
        '<blockquote type="cite"><div>On x, y wrote:</div>OLD</blockquote>',
        '<hr><div id="divRplyFwdMsg">From: x</div><div>OLD</div>',
        '<div id="appendonsend"></div><div>OLD</div>',
        '<div class="yahoo_quoted">OLD</div>',
        '<div class="protonmail_quote">OLD</div>',
        '<div class="moz-cite-prefix">On x wrote:</div><blockquote type="cite">OLD</blockquote>',
        '<div class="gmail_quote"><div class="gmail_attr">-- Forwarded --</div>OLD</div>',
        '<div class="gmail_signature">OLD</div>',
    ],
)
def test_what_html_marks_as_quoted_is_cut(quote: str) -> None:
    """As each mail program marks it, in no language; all of it stays in `whole`."""
    own, whole = read_html(f"<div>Yes, the blue one.</div>{quote}")
    assert own == "Yes, the blue one."
    assert "OLD" in whole


def test_an_answer_between_quoted_lines_stays() -> None:
    """Gmail puts it beside the quotes, in the same container; an indent of one's own stays."""
    own, _ = read_html(
        '<div class="gmail_quote"><div class="gmail_attr">On x, y wrote:</div>'
        '<blockquote class="gmail_quote">Which one?</blockquote><div>The blue one.</div>'
        '<blockquote class="gmail_quote">And when?</blockquote><div>Today.</div></div>'
        "<blockquote>my own indent</blockquote>"
    )
    assert own.split() == "The blue one. Today. my own indent".split()


# ---- a whole mail ---------------------------------------------------------------------------


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


# ---- threads --------------------------------------------------------------------------------


def head(sender: str, message_id: str, *references: str, to: str = "s@shop.example") -> MailHead:
    """A mail's head; the last reference is what it answers."""
    lines = [f"From: {sender}", f"To: {to}", f"Message-ID: <{message_id}>", "Subject: Order 1042"]
    if references:
        lines += [
            "References: " + " ".join(f"<{one}>" for one in references),
            f"In-Reply-To: <{references[-1]}>",
        ]
    return read_head("\n".join([*lines, "", ""]).encode())


def place(uid: int) -> MailPlace:
    """In the inbox."""
    return MailPlace("INBOX", uid)


def at(uid: int) -> tuple[MailPlace, datetime]:
    """In the inbox, a second later than the one before."""
    return place(uid), AT + timedelta(seconds=uid)


@pytest.mark.promise("desk:mail:threads")
def test_a_thread_is_one_conversation_with_one_customer() -> None:
    """By References; ours carry the root, so it is found when they were cut; never by a subject."""
    threads = Threads(own=frozenset({"s@shop.example"}))
    (first,) = threads.add(head("ana@example.com", "a1"), *at(1))
    ours = f"sayso.{root_digest('a1')}.{'0' * 40}@shop.example"
    (sent,) = threads.add(head("s@shop.example", ours, "a1", to="ana@example.com"), *at(2))
    (whole,) = threads.add(head("ana@example.com", "a2", "a1", ours), *at(3))
    (cut,) = threads.add(head("ana@example.com", "a3", ours), *at(4))
    (cut_to_theirs,) = threads.add(head("ana@example.com", "a4", "a3"), *at(5))
    (same_subject,) = threads.add(head("ana@example.com", "b1"), *at(6))
    assert {one.thread for one in (first, sent, whole, cut, cut_to_theirs)} == {first.thread}
    assert same_subject.thread != first.thread
    assert [one.place.uid for one in threads.of(first.thread)] == [1, 2, 3, 4, 5]


@pytest.mark.promise("desk:mail:threads")
def test_whoever_else_answers_is_in_a_thread_of_their_own() -> None:
    """Somebody who got the mail forwarded knows its Message-ID, and gets nothing of Ana's."""
    threads = Threads(own=frozenset({"s@shop.example"}))
    (hers,) = threads.add(head("ana@example.com", "a1"), place(1), AT)
    ours = f"sayso.{root_digest('a1')}.{'0' * 40}@shop.example"
    for uid, sender in enumerate(("mallory@evil.example", "ana@example.com.evil.example"), 2):
        (theirs,) = threads.add(head(sender, f"m{uid}", "a1", ours), place(uid), AT)
        assert theirs.thread != hers.thread
        assert [one.place.uid for one in threads.of(theirs.thread)] == [uid]
    assert [one.place.uid for one in threads.of(hers.thread)] == [1]


def test_two_mails_with_one_message_id_are_two() -> None:
    """A mail is never taken for another one because somebody wrote its id; a copy is the same."""
    one, copy = head("ana@example.com", "x"), head("ana@example.com", "x")
    other = head("ben@example.com", "x")
    assert one.id == copy.id != other.id


def test_a_threads_id_names_nobody() -> None:
    """It stands in the log, which no erasure changes."""
    assert "ana" not in thread_of(root_digest("a1"), "ana@example.com")


@pytest.mark.parametrize(
    "address",
    [
        "ana@example.com",
        "o'hara@example.com",
        "_x@example.com",
        "a&b/c=d@example.com",
        "A@B.example",
    ],
)
def test_an_account_is_an_address_and_back(address: str) -> None:
    """Also one with characters that no id has; two are never one."""
    assert address_in(account_id(address)) == address.lower()


def test_no_address_is_read_out_of_what_is_none() -> None:
    """An id that nobody made from an address has none."""
    for account in ("cus_9", "b32-!!", "b32-aaaa", "sha-00", "Ana@example.com"):
        assert address_in(account) == ""


def test_the_rules_know_the_seven_languages() -> None:
    """One table each, of the same keys."""
    import tomllib

    import sayso.connectors.email.inbox as room

    table = tomllib.loads((Path(room.__path__[0]) / "quotes.toml").read_text())
    assert set(table) == {"en", "de", "fr", "es", "it", "nl", "pt"}
