"""The translations, as the `.po` files beside this module have them."""

from __future__ import annotations

import gettext
from functools import cache
from importlib import resources
from io import BytesIO

FOLDER = "locales"


@cache
def translations_of(code: str) -> gettext.NullTranslations:
    """The translations into a language, read when somebody first reads it; none into English.

    NOTE: less than 0.1 s a language, once a process; so nothing has to be compiled for a wheel,
    and an editable install reads what was just written.
    """
    file = resources.files("sayso.sdk.localization") / FOLDER / f"{code}.po"
    if not file.is_file():
        return gettext.NullTranslations()
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    made = BytesIO()
    with file.open("rb") as source:
        write_mo(made, read_po(source, locale=code))
    made.seek(0)
    return gettext.GNUTranslations(made)
