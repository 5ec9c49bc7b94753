"""Lists that go on by the number of items before a page, and amounts that are JSON numbers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from sayso.connectors.http import HttpAnswer, HttpRequest
from sayso.connectors.manifest.pages import pages
from sayso.connectors.manifest.picks import Picker
from sayso.connectors.manifest.requests import ProviderSite
from sayso.connectors.manifest.schema import MoneyUnit, Pagination
from sayso.json import JsonValue
from sayso.money import Money
from sayso.reading import ReadingError

ADDRESS = "https://api.example.com/orders?limit=2"


async def read_all(
    page: Pagination, items: int, total: JsonValue
) -> tuple[list[JsonValue], bool, int]:
    """The items of a list, whether it was read to its end, and by how many requests."""
    asked: list[int] = []

    async def ask(request: HttpRequest) -> tuple[HttpAnswer, JsonValue]:
        query = parse_qs(urlsplit(request.url).query)
        begin = int(query.get("offset", ["0"])[0])
        asked.append(begin)
        payload: JsonValue = {"orders": list(range(items))[begin : begin + 2], "count": total}
        return HttpAnswer(status=200, headers={}, body=json.dumps(payload).encode()), payload

    found: list[JsonValue] = []
    is_last = False
    site = ProviderSite(base="https://api.example.com")
    async for one in pages(
        build=lambda _: HttpRequest(method="GET", url=ADDRESS),
        ask=ask,
        site=site,
        page=page,
        items="orders",
    ):
        found += one.items
        is_last = one.is_last
    return found, is_last, len(asked)


async def test_a_list_goes_on_by_what_was_read_of_it() -> None:
    """A page that is not full ends it; where the answer names a total, that does."""
    plain = Pagination(offset="query.offset", size=2, max_pages=5)
    assert await read_all(plain, 5, None) == ([0, 1, 2, 3, 4], True, 3)
    assert await read_all(plain, 4, None) == ([0, 1, 2, 3], True, 3)
    told = Pagination(offset="query.offset", size=2, total="count", max_pages=5)
    assert await read_all(told, 4, 4) == ([0, 1, 2, 3], True, 2)
    short = Pagination(offset="query.offset", size=2, max_pages=2)
    assert (await read_all(short, 5, None))[1:] == (False, 2)


@pytest.mark.parametrize("total", [None, "many", True, 6])
async def test_a_total_that_does_not_fit_proves_no_absence(total: JsonValue) -> None:
    """None, a word, or more than there is: the list was not read to its end."""
    with pytest.raises(ReadingError):
        await read_all(
            Pagination(offset="query.offset", size=2, total="count", max_pages=5), 4, total
        )


@pytest.mark.parametrize(
    ("minor", "currency", "number"),
    [
        (1250, "USD", 12.5),
        (10, "USD", 0.1),
        (99_999_999_999_999, "EUR", 999_999_999_999.99),
        (7, "JPY", 7.0),
    ],
)
def test_an_amount_is_written_as_the_number_that_it_is(
    minor: int, currency: str, number: float
) -> None:
    """In major units, for providers that take 12.5 and not "12.50"; read back, it is the same."""
    picker = Picker(money=MoneyUnit(unit="major"), now=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    amount = Money(minor, currency)
    written = picker.written(amount)["major_number"]
    assert written == number
    sent = json.loads(json.dumps({"amount": written}), parse_float=str)["amount"]
    assert picker.read_money(str(sent), currency) == amount
