"""Money as whole minor units of one ISO 4217 currency. No floats, anywhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Self, cast

from sayso.errors import Code, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

MAX_AMOUNT_MINOR = 10**14
"""Larger amounts are refused: far above any refund, far below 2^53 and Cedar's decimal range."""

# SOURCE: ISO 4217:2015 list one; every currency not named here has two decimal places.
_EXPONENTS: dict[str, int] = {
    **dict.fromkeys(
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0
    ),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys("CLF UYW".split(), 4),
}
_TWO_PLACES = frozenset(
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD "
    "CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD "
    "GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD "
    "MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP "
    "PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS "
    "TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD YER ZAR ZMW ZWG".split()
)
# SOURCE: the central banks; what a thousandth is called is the same in all of our languages.
_THOUSANDTHS = {
    **dict.fromkeys("BHD IQD JOD KWD".split(), "fils"),
    "LYD": "dirhams",
    "OMR": "baisa",
    "TND": "millimes",
}
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
_PLAIN_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.([0-9]{1,4}))?")


def exponent_of(currency: str) -> int:
    """The number of decimal places of a currency.

    Args:
        currency: an ISO 4217 code in capitals, such as `USD`.

    Raises:
        RefusedError: `invalid_money`, when it is no currency code in use.

    Source: ISO 4217:2015.
    """
    if currency in _TWO_PLACES:
        return 2
    if currency in _EXPONENTS:
        return _EXPONENTS[currency]
    raise RefusedError(
        Code.INVALID_MONEY,
        f"`{currency[:12]}` is no ISO 4217 currency code",
        next_step="use three capital letters such as USD",
    )


def decimals_of(currency: str) -> str:
    """How many decimals an amount in it may have, in words: `at most 2 decimals`.

    Raises:
        RefusedError: as `exponent_of`.
    """
    exponent = exponent_of(currency)
    return f"at most {exponent} decimals" if exponent else "no decimals"


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in minor units of one currency; `Money(12900, "USD")` is $129.00.

    Args:
        amount_minor: whole minor units (cents for USD, yen for JPY); may be negative or zero here,
            actions that need a positive amount say so themselves.
        currency: ISO 4217, capitals.

    Raises:
        RefusedError: `invalid_money` for a float, a bool, too large an amount, or no currency.
    """

    amount_minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.amount_minor) is not int:
            raise RefusedError(
                Code.INVALID_MONEY,
                f"`{self.amount_minor!r:.40}` is not a whole number of minor units",
                next_step='write money as {"amount_minor": 12900, "currency": "USD"}',
            )
        if abs(self.amount_minor) > MAX_AMOUNT_MINOR:
            raise RefusedError(
                Code.INVALID_MONEY,
                f"the amount is beyond {MAX_AMOUNT_MINOR} minor units",
                next_step="check the amount; it must be in minor units",
            )
        exponent_of(self.currency)

    @classmethod
    def parse(cls, text: str, currency: str) -> Self:
        """Read a decimal amount in major units, such as `18.50`.

        Args:
            text: digits with an optional dot and decimals; no separators, no symbol.
            currency: ISO 4217, capitals.

        Raises:
            RefusedError: `invalid_money`, also when there are more decimals than the currency has.
        """
        exponent = exponent_of(currency)
        found = _PLAIN_NUMBER.fullmatch(text)
        # NOTE: by how it is written, also where it is zeros: `1.000` may be meant as a thousand.
        if found is None or len(found[1] or "") > exponent:
            such = "18" + (f".{'50'.ljust(exponent, '0')[:exponent]}" if exponent else "")
            raise RefusedError(
                Code.INVALID_MONEY,
                f"`{text[:40]}` is not an amount in {currency}",
                next_step=f"use digits with {decimals_of(currency)}, such as {such}",
            )
        return cls(int(Decimal(text).scaleb(exponent)), currency)

    @property
    def decimal(self) -> Decimal:
        """The amount in major units, with exactly the currency's decimals."""
        return Decimal(self.amount_minor).scaleb(-exponent_of(self.currency))

    def __str__(self) -> str:
        sign = "-" if self.amount_minor < 0 else ""
        if self.currency in _THOUSANDTHS:
            return f"{sign}{self._in_thousandths}"
        symbol = _SYMBOLS.get(self.currency)
        digits = f"{abs(self.decimal):,f}"
        return f"{sign}{symbol}{digits}" if symbol else f"{sign}{digits} {self.currency}"

    @property
    def _in_thousandths(self) -> str:
        """`1 199 KWD 250 fils`, without dot and comma.

        NOTE: of `199.000 KWD` half of its readers think that it is 199 thousand.
        """
        whole, part = divmod(abs(self.amount_minor), 1000)
        units = f"{whole:,}".replace(",", "\u00a0")
        parts = f" {part} {_THOUSANDTHS[self.currency]}" if part else ""
        return f"{units} {self.currency}{parts}"

    def __add__(self, other: Money) -> Money:
        return Money(self.amount_minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount_minor - self._same(other), self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.amount_minor < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.amount_minor <= self._same(other)

    def __gt__(self, other: Money) -> bool:
        return self.amount_minor > self._same(other)

    def __ge__(self, other: Money) -> bool:
        return self.amount_minor >= self._same(other)

    def _same(self, other: Money) -> int:
        if other.currency != self.currency:
            raise RefusedError(
                Code.CURRENCY_MISMATCH,
                f"{other.currency} and {self.currency} cannot be put together",
                next_step=f"use {self.currency}",
            )
        return other.amount_minor

    def to_json(self) -> dict[str, int | str]:
        """The external form: `{"amount_minor": 12900, "currency": "USD"}`."""
        return {"amount_minor": self.amount_minor, "currency": self.currency}

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Read the external form.

        Raises:
            RefusedError: `invalid_money` when it has another shape.
        """
        match value:
            case {"amount_minor": int(amount), "currency": str(currency)}:
                if len(cast("Mapping[str, object]", value)) == 2:
                    return cls(amount, currency)
            case _:
                pass
        raise RefusedError(
            Code.INVALID_MONEY,
            "that is not money",
            next_step='write {"amount_minor": 12900, "currency": "USD"}',
        )

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        from pydantic_core import PydanticCustomError, core_schema  # only when Pydantic asks

        def read(value: object) -> Money:
            if isinstance(value, Money):
                return value
            try:
                return cls.from_json(value)
            except RefusedError as error:
                raise PydanticCustomError(
                    "invalid_money", "{reason}", {"reason": error.message}
                ) from error

        fields = core_schema.typed_dict_schema(
            {
                "amount_minor": core_schema.typed_dict_field(core_schema.int_schema(strict=True)),
                "currency": core_schema.typed_dict_field(
                    core_schema.str_schema(pattern="^[A-Z]{3}$")
                ),
            }
        )
        return core_schema.json_or_python_schema(
            json_schema=core_schema.no_info_before_validator_function(
                read, core_schema.union_schema([core_schema.is_instance_schema(cls), fields])
            ),
            python_schema=core_schema.no_info_plain_validator_function(read),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda money: money.to_json(), return_schema=core_schema.dict_schema()
            ),
        )
