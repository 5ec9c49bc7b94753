"""Writes how each language writes money, from the Unicode CLDR by Babel: `python tests/formats.py`.

What a customer is told is written by that table, so that nobody has to install Babel for it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from babel import Locale
from babel.numbers import get_currency_symbol, list_currencies

from sayso.errors import RefusedError
from sayso.money import exponent_of

TARGET = Path(__file__).parents[1] / "agent/src/sayso/agent/answers/formats.toml"
LOCALES = {
    "de": "de",
    "es": "es_ES",
    "fr": "fr",
    "it": "it",
    "nl": "nl",
    "pt": "pt_PT",
}
"""Of each language the one that shops in Europe use. English is written as cards are."""
HEAD = """\
# How each language writes money, by the Unicode CLDR; `python tests/formats.py` writes this file.
# `money` and `owed` (below zero) have {number} and {symbol}; without a symbol it is the code.
# English is not here: it is written as cards are.
version = 1
"""


def table() -> str:
    """The whole file."""
    parts = [HEAD]
    for language, name in LOCALES.items():
        locale = Locale.parse(name)
        symbols = {
            code: symbol
            for code in sorted(list_currencies(locale))
            if _is_in_use(code) and (symbol := get_currency_symbol(code, locale)) != code
        }
        pattern = locale.currency_formats["standard"]
        money = _written(pattern.prefix[0], pattern.suffix[0])
        owed = _written(pattern.prefix[1], pattern.suffix[1])
        numbers = locale.number_symbols["latn"]
        parts.append(
            f"\n[{language}]\n"
            f'money = "{money}"\nowed = "{owed}"\n'
            f'decimal = "{numbers["decimal"]}"\n'
            f'group = "{_space(numbers["group"])}"\n'
        )
        listed = ", ".join(f'{code} = "{_space(symbol)}"' for code, symbol in symbols.items())
        parts.append(f"symbols = {{ {listed} }}\n")
    return "".join(parts)


def _is_in_use(code: str) -> bool:
    try:
        exponent_of(code)
    except RefusedError:
        return False
    return True


def _written(prefix: str, suffix: str) -> str:
    return _space(f"{prefix}{{number}}{suffix}".replace("¤", "{symbol}"))


def _space(text: str) -> str:
    """One kind of blank that doesn't break, whatever a language uses."""
    return re.sub("[\u202f\u00a0]", "\u00a0", text)


if __name__ == "__main__":
    TARGET.write_text(table(), "utf-8")
    sys.stdout.write(f"wrote {TARGET}\n")
