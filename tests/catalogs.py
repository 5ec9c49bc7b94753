"""Writes what is to be translated into each language's catalog: `python tests/catalogs.py`.

Babel finds the texts of the pages by Jinja's own extractor; the sentences are a list. What is
translated already stays; what nothing says any more goes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

from sayso.sdk.localization import languages
from sayso.sdk.localization.listed import every

HERE = Path(__file__).parents[1]
TEMPLATES = HERE / "sayso/surfaces/console/templates"
LOCALES = HERE / "sayso/sdk/localization/locales"
_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "counted": (2, 3)}
_OPTIONS = {"trimmed": "true", "silent": "false"}


def messages() -> Iterator[tuple[str, str | tuple[str, ...]]]:
    """Each text that can be translated, with the file that says it."""
    for one in (*every.PHRASES, *every.SENTENCES, *every.OF_THE_LOG, *every.SCRIPT_WORDS):
        yield "listed", one
    for file in sorted(TEMPLATES.glob("*.html")):
        for _, text, _, _ in extract_from_file(
            "jinja2.ext:babel_extract", str(file), keywords=_KEYWORDS, options=_OPTIONS
        ):
            yield file.name, text


def template() -> Catalog:
    """What a catalog has to hold."""
    made = Catalog(project="sayso", charset="utf-8", fuzzy=False)
    for file, text in messages():
        made.add(text, locations=[(file, 0)])
    return made


def catalog(code: str) -> Catalog:
    """The catalog of a language with all that has to be in it."""
    path = LOCALES / f"{code}.po"
    locale = languages.language(code).locale
    if path.exists():
        with path.open("rb") as source:
            made = read_po(source, locale=code)
    else:
        made = Catalog(locale=locale.language, project="sayso", charset="utf-8", fuzzy=False)
    made.update(template(), no_fuzzy_matching=True)
    made.obsolete.clear()
    return made


def written(code: str) -> bytes:
    """The file of a language."""
    made = BytesIO()
    write_po(
        made, catalog(code), width=0, omit_header=False, no_location=True, ignore_obsolete=True
    )
    lines = made.getvalue().decode().split("\n")
    dated = ("#", '"POT-Creation', '"PO-Revision', '"Last-Tr', '"Language-Team', '"Report', '"Gen')
    kept = "\n".join(one for one in lines if not one.startswith(dated))
    return kept.lstrip("\n").encode()


def main() -> None:
    """Write all of them."""
    for code in languages.LANGUAGES:
        if code != languages.ENGLISH:
            (LOCALES / f"{code}.po").write_bytes(written(code))
            left = sum(not one.string for one in catalog(code) if one.id)
            sys.stdout.write(f"{code}: {left} not translated\n")


if __name__ == "__main__":
    main()
