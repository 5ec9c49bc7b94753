"""How money is written for a customer, in the form of their language.

INVARIANT: nothing that is signed, compared or understood is made of it: a newer table of the
Unicode CLDR may write the same amount otherwise.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources

from pydantic import BaseModel, ConfigDict

from sayso.money import Money


class MoneyFormat(BaseModel):
    """How one language writes money; see `answers/formats.toml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    money: str
    owed: str
    decimal: str
    group: str
    symbols: Mapping[str, str]


def written_money(money: Money, language: str) -> str:
    """An amount as a language writes it: `1.234,50 €`; as on cards in English, and in others."""
    form = _formats().get(language)
    if form is None:
        return str(money)
    whole, _, cents = f"{abs(money.decimal):,f}".partition(".")
    number = whole.replace(",", form.group) + (f"{form.decimal}{cents}" if cents else "")
    pattern = form.owed if money.amount_minor < 0 else form.money
    symbol = form.symbols.get(money.currency, money.currency)
    return pattern.replace("{number}", number).replace("{symbol}", symbol)


@lru_cache(maxsize=1)
def _formats() -> Mapping[str, MoneyFormat]:
    file = resources.files("sayso.agent.answers") / "formats.toml"
    read = tomllib.loads(file.read_text("utf-8"))
    del read["version"]
    return {name: MoneyFormat.model_validate(one) for name, one in read.items()}
