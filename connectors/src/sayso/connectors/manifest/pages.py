"""A list page by page, within bounds; what was not read to its end proves no absence."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sayso.connectors.http import HttpAnswer, HttpRequest
from sayso.connectors.manifest.picks import PickError, moment
from sayso.connectors.manifest.requests import ProviderSite, place, with_parameter
from sayso.connectors.manifest.schema import Pagination
from sayso.json import JsonValue
from sayso.reading import ReadingError, read

Ask = Callable[[HttpRequest], Awaitable[tuple[HttpAnswer, JsonValue]]]
Build = Callable[[str | None], HttpRequest]
"""Makes the request for a cursor; None is the first."""

# SOURCE: RFC 8288 §3: `<address>; rel="next"`.
_NEXT = re.compile(r'<([^<>]{1,2000})>\s*;[^,]*\brel="?next"?')


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRead:
    """One page.

    Attributes:
        items: what stands on it.
        is_last: whether the list surely ends with it.
    """

    items: tuple[JsonValue, ...]
    is_last: bool


async def pages(
    *,
    build: Build,
    ask: Ask,
    site: ProviderSite,
    page: Pagination | None,
    items: str,
    begun: datetime | None = None,
) -> AsyncGenerator[PageRead, None]:
    """Read a list page by page.

    Args:
        build: the request, for a cursor.
        ask: sends it, and reads the answer.
        items: path of the items.
        begun: when the call was made at the earliest, for `until`.

    Raises:
        ReadingError: when `items` yields no list, or the same page comes twice.
    """
    cursor: str | None = None
    seen = 0
    before: tuple[JsonValue, ...] = ()
    request = build(None)
    for number in range(1, (page.max_pages if page is not None else 1) + 1):
        answer, payload = await ask(request)
        found = items_of(items, payload)
        if found and found == before:
            # INVARIANT: who answers each page with the first shows no others, whatever it counts.
            raise ReadingError("the next page is the page before it: nothing there takes its place")
        before = found
        following: HttpRequest | str | None = None
        if page is not None:
            seen += len(found)
            if page.number is not None or page.offset is not None:
                at, next_one = (page.number, number + 1) if page.number else (page.offset, seen)
                goes_on = _goes_on(page, len(found), seen, payload)
                following = _numbered(build(None), at or "", next_one) if goes_on else None
            else:
                following = _following(page, site, request, build, answer, payload)
        until = page.until if page is not None and begun is not None else None
        if until is not None and found and _is_older(until.path, found[-1], begun):
            following = None
        yield PageRead(items=found, is_last=following is None)
        if following is None or following in (cursor, request):
            return
        if isinstance(following, str):
            cursor = following
            request = build(following)
        else:
            request = following


def items_of(path: str, payload: JsonValue) -> tuple[JsonValue, ...]:
    """The items that a path yields.

    Raises:
        ReadingError: for anything but a list without nulls: an answer of another form is no empty
            list, which would prove an absence.
    """
    found = read(path, payload)
    if isinstance(found, (str, Mapping)) or not isinstance(found, (list, tuple)):
        raise ReadingError(f"`{path}` yields no list")
    if any(item is None for item in found):
        raise ReadingError(f"`{path}` yields nothing where an item should be")
    return tuple(found)


def _following(
    page: Pagination,
    site: ProviderSite,
    request: HttpRequest,
    build: Build,
    answer: HttpAnswer,
    payload: JsonValue,
) -> HttpRequest | str | None:
    """The next request, or its cursor; None at the end.

    Raises:
        ReadingError: where the answer names a page that leads elsewhere.
    """
    goes_on = None if page.more is None else read(page.more, payload)
    if page.more is not None and not isinstance(goes_on, bool):
        raise ReadingError(f"`{page.more}` does not say whether the list goes on")
    if goes_on is False:
        return None
    if page.cursor is not None:
        cursor = read(page.cursor, payload)
        if isinstance(cursor, (str, int)) and not isinstance(cursor, bool):
            return str(cursor)
        raise ReadingError("the list goes on, and the answer does not say where")
    if page.token is not None:
        token = read(page.token, payload)
        if token in (None, "") or page.into is None:
            return None
        return with_parameter(build(None), place(page.into)[1], str(token))
    if page.link:
        found = _NEXT.search(answer.headers.get("link", ""))
        url: JsonValue = found[1] if found is not None else None
    else:
        url = read(page.next_url or "", payload)
    if not isinstance(url, str) or not url:
        if goes_on:
            raise ReadingError("the list goes on, and the answer does not say where")
        return None
    address = site.next_page(url, request.url)
    if address is None:
        raise ReadingError("the answer names a next page at another address")
    return replace(request, url=address)


def _goes_on(page: Pagination, found: int, seen: int, payload: JsonValue) -> bool:
    """Whether there is a page after this one, by the total if the answer says it.

    Raises:
        ReadingError: where the total is none, or an empty page comes before it is reached.
    """
    if page.total is None:
        return page.size is not None and found >= page.size
    total = read(page.total, payload)
    if isinstance(total, bool) or not isinstance(total, int):
        raise ReadingError(f"`{page.total}` is no number of items")
    if seen < total and not found:
        raise ReadingError("the list ends before the number of items that it names")
    return seen < total


def _numbered(request: HttpRequest, at: str, number: int) -> HttpRequest:
    return with_parameter(request, place(at)[1], str(number))


def _is_older(path: str, item: JsonValue, begun: datetime | None) -> bool:
    try:
        return begun is not None and moment(path, read(path, item)) < begun
    except (PickError, ReadingError):
        return False
