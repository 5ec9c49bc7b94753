"""What is wrong with one request of a manifest, whatever it is for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sayso.connectors.manifest.requests import templates_of
from sayso.connectors.manifest.schema import Read, RequestTable
from sayso.connectors.manifest.template import TemplateError
from sayso.connectors.manifest.template import names_in as placeholders
from sayso.reading import names_in

Place = tuple[str | int, ...]
"""Keys of the file."""
Found = tuple[Place, str, str]
"""Where, what is wrong, and what to do."""


def check_request(at: Place, request: RequestTable, known: Iterable[str]) -> Iterator[Found]:
    """What is wrong with a request that may name what is known."""
    try:
        names = {name[0] for name in names_of(request)}
    except TemplateError as error:
        yield at, str(error), "correct the template"
        return
    unknown = sorted(names - set(known) - {"each"})
    if unknown:
        listed = ", ".join(sorted(set(known)))
        yield at, f"`{{{unknown[0]}…}}` is not known here", f"there are {listed}"
    if isinstance(request, Read):
        yield from _graphql_paths(at, request, request.root, getattr(request, "items", None))
    path = getattr(request, "get", None) or getattr(request, "post", None)
    if isinstance(path, str) and not path.startswith(("/", "https://")):
        yield at, f"`{path[:40]}` is no path", "begin it with `/`, or with an allowed host"
    page = request.page if isinstance(request, Read) else None
    for key in ("into", "number", "offset") if page is not None else ():
        where: str | None = getattr(page, key)
        if where is not None and not where.startswith("query."):
            yield (*at, "page"), f"`{key}` is a parameter of the address", "write `query.NAME`"
    if page is not None and page.cursor is not None and ("page", "cursor") not in names_of(request):
        yield (*at, "page"), "nothing takes the cursor", "put `{page.cursor}` into the request"


def _graphql_paths(at: Place, request: Read, *paths: str | None) -> Iterator[Found]:
    """What GraphQL answers is read below `data`: so called is a field of that name alone."""
    document = request.query if isinstance(request.query, str) else None
    if document is None or re.search(r"\bdata\b", document):
        return
    for path in paths:
        if path is not None and "data" in names_in(path):
            yield (
                at,
                f"`{path}` begins at `data`",
                "leave it out: paths begin with the query's field",
            )


def names_of(request: RequestTable) -> set[tuple[str, ...]]:
    """Every name that its templates hold.

    Raises:
        TemplateError: for one that can't be read.
    """
    return {name for template in templates_of(request) for name in placeholders(template)}


def names_in_text(text: str) -> list[tuple[str, ...]]:
    """Every name of one template; `?` for one that can't be read."""
    try:
        return list(placeholders(text))
    except TemplateError:
        return [("?",)]
