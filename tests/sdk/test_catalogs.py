"""The catalogs: whole, up to date, and with the values of the original in each translation."""

from __future__ import annotations

import re
from collections.abc import Iterator

import catalogs
import pytest

from sayso.sdk.localization.languages import LANGUAGES, language
from sayso.sdk.localization.listed.every import SENTENCES

OTHERS = [one for one in LANGUAGES if one != "en"]
PLACES = re.compile(r"\{[a-z_]+\d*\}|%\([a-z_]+\)s|</?[a-z]+[^>]*>")


def translated(code: str) -> Iterator[tuple[str, str]]:
    """Each text with its translation; of a number, each of its forms."""
    for one in catalogs.catalog(code):
        if not one.id:
            continue
        said = [one.string] if isinstance(one.string, str) else list(one.string or ())
        texts = [one.id] if isinstance(one.id, str) else [one.id[0]] + [one.id[1]] * (len(said) - 1)
        yield from zip(texts, said, strict=True)


@pytest.mark.promise("console:languages")
@pytest.mark.parametrize("code", OTHERS)
def test_a_catalog_has_all_texts_and_nothing_else(code: str) -> None:
    """`python tests/catalogs.py` writes it; whoever adds a text translates it."""
    assert (catalogs.LOCALES / f"{code}.po").read_bytes() == catalogs.written(code)
    assert [text for text, said in translated(code) if not said] == []


@pytest.mark.promise("console:languages")
@pytest.mark.parametrize("code", OTHERS)
def test_a_translation_has_the_values_and_marks_of_its_text(code: str) -> None:
    """Every amount and name is there, no mark-up is broken, and no attribute ends early."""
    for text, said in translated(code):
        assert sorted(PLACES.findall(said)) == sorted(PLACES.findall(text)), said
        if not {"<", '"'} & set(text):
            assert '"' not in said, said
        assert said[-1].isspace() == text[-1].isspace(), said


@pytest.mark.parametrize("code", OTHERS)
def test_a_sentence_is_found_again_with_its_values(code: str) -> None:
    """Each sentence made of values is the one that its text is taken for, in every language."""
    values = {"money": "$1,234.50", "number": "7", "word": "`a`", "answer": "Yes"}
    reader = language(code)
    for one in SENTENCES:
        text = re.sub(r"\{([a-z_]+)\d*\}", lambda place: values.get(place[1], f"Q{place[1]}q"), one)
        said = reader.say(text)
        for name in re.findall("Q[a-z]+q", text):
            assert name in said, (one, said)


def test_what_is_no_sentence_stays_as_it_was_written() -> None:
    """A customer's words, an id, a rule that a team has named: nobody puts them another way."""
    german = language("de")
    for text in (
        "Mug by Ben",
        "It needs love.",
        "cus_1",
        "I paid $5 twice; help",
        "",
        " ",
        "€",
        ".",
    ):
        assert german.say(text) == text


AS_IT_IS = {"Sayso", "csk_…", "stripe", "sayso", "Enter"}


@pytest.mark.promise("console:languages")
def test_a_page_that_is_made_anew_speaks_all_languages() -> None:
    """Whatever stands in a template outside of `_()` is English to everybody."""
    plain = set[str]()
    for file in catalogs.TEMPLATES.glob("*.html"):
        text = re.sub(r"\{#.*?#\}|(?s:\{% trans\b.*?\{% endtrans %\})", "", file.read_text("utf-8"))
        text = re.sub(r"\{\{.*?\}\}|\{%.*?%\}|<(code|pre|svg)\b.*?</\1>", "", text, flags=re.DOTALL)
        attributes = re.findall(r'(?:aria-label|placeholder|title|data-news)="([^"]+)"', text)
        pieces = [*attributes, *re.sub(r"<[^>]*>", "\n", text).split("\n")]
        words = {word for one in pieces for word in re.findall("[A-Za-z]{4,}", one)}
        if words - AS_IT_IS:
            plain.add(file.stem)
    assert not plain


@pytest.mark.promise("console:languages")
def test_a_sentence_ends_before_its_full_stop_and_alternatives_are_joined_as_one_speaks() -> None:
    """What stands last in a sentence doesn't take its full stop; roles that would do are `or`ed."""
    german = language("de")
    said = german.say("Refund $129.00 of order o2. Cannot be undone.")
    assert said == "129,00\xa0$ von Bestellung o2 erstatten. Kann nicht rückgängig gemacht werden."
    assert (
        german.say("automatic in `USD`, `EUR` or `GBP`") == "automatisch in `USD`, `EUR` oder `GBP`"
    )
    assert german.say("you may not resume; it needs finance or support_manager").endswith(
        "Finanzen oder Support-Leitung"
    )
    assert german.say("by maria") == "by maria"
    assert german.say_of_log("by maria") == "durch maria"
