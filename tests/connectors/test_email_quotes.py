"""Reading an e-mail: what its writer wrote, and what they only quote."""

from __future__ import annotations

from pathlib import Path

import pytest
import quotequail  # type: ignore[import-untyped]
from mailparser_reply import EmailReplyParser  # type: ignore[import-untyped]

from sayso.connectors.quotes import own_words

SHOP = "Shop Support <support@shop.example>"
GMAIL = {
    "en": f"On Mon, Nov 2, 2026 at 10:11 AM {SHOP} wrote:",
    "de": f"Am Mo., 2. Nov. 2026 um 10:11 Uhr schrieb {SHOP}:",
    "fr": f"Le lun. 2 nov. 2026 à 10:11, {SHOP} a écrit :",
    "es": "El lun, 2 nov 2026 a las 10:11, Shop (<support@shop.example>) escribió:",
    "it": f"Il giorno lun 2 nov 2026 alle ore 10:11 {SHOP} ha scritto:",
    "nl": f"Op ma 2 nov 2026 om 10:11 schreef {SHOP}:",
    "pt": f"Em seg., 2 de nov. de 2026 às 10:11, {SHOP} escreveu:",
}
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


def test_the_rules_know_the_seven_languages() -> None:
    """One table each, of the same keys."""
    import tomllib

    import sayso.connectors as room

    table = tomllib.loads((Path(room.__path__[0]) / "quotes.toml").read_text())
    assert set(table) == {"en", "de", "fr", "es", "it", "nl", "pt"}
