"""From a request of a manifest to one that can be sent: addresses, parameters, bodies."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import cast
from urllib.parse import quote_plus, urlencode, urlsplit, urlunsplit

from sayso.connectors.http import HttpRequest
from sayso.connectors.manifest.schema import CallTable, Read, RequestTable
from sayso.connectors.manifest.template import (
    ABSENT,
    Scope,
    TemplateError,
    fill,
    fill_path,
    fill_text,
)
from sayso.json import JsonValue

_WRITES = ("post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSite:
    """Where a provider is.

    Attributes:
        base: https, with settings filled in, without a trailing slash.
        hosts: further allowed hosts.
        graphql: the path of GraphQL's endpoint.
        loopback: a sandbox on this machine that stands in for every host; None for the provider.
        headers: sent with every request.
    """

    base: str
    hosts: frozenset[str] = frozenset()
    graphql: str | None = None
    loopback: str | None = None
    headers: Mapping[str, str] | None = None

    @property
    def allowed(self) -> frozenset[str]:
        """Every host that a request may go to."""
        return frozenset({urlsplit(self.base).netloc.lower(), *self.hosts})

    def address(self, path: str, scope: Scope) -> str:
        """A path under the base, or a whole address of an allowed host, with its values filled in.

        Raises:
            TemplateError: for another host, or a name that is not there.
        """
        if path.startswith("https://"):
            host = path.removeprefix("https://").partition("/")[0].lower()
            if host not in self.allowed:
                raise TemplateError(f"`{host[:60]}` is not among the connection's hosts")
            return self._moved(fill_path(path, scope))
        return self._moved(self.base + fill_path(path, scope))

    def next_page(self, url: str, now: str) -> str | None:
        """The address of a next page that an answer names; None where it leads elsewhere.

        INVARIANT: an answer chooses parameters and nothing else: host and path are those of the
        request that was answered.
        """
        try:
            parts, was = urlsplit(url), urlsplit(now)
        except ValueError:
            return None
        same_host = parts.netloc.lower() in {*self.allowed, was.netloc.lower(), ""}
        if parts.scheme not in ("https", was.scheme, "") or not same_host or "@" in parts.netloc:
            return None
        if parts.path != was.path:
            return None
        return urlunsplit((was.scheme, was.netloc, was.path, parts.query, ""))

    def _moved(self, url: str) -> str:
        if self.loopback is None:
            return url
        parts, here = urlsplit(url), urlsplit(self.loopback)
        return urlunsplit((here.scheme, here.netloc, parts.path, parts.query, ""))


def build(site: ProviderSite, request: Read | CallTable, scope: Scope) -> HttpRequest:
    """The request as it is sent, without what shows who we are.

    Raises:
        TemplateError: for a name that is not there, or a value that fits nowhere.
    """
    document = _document_of(request)
    if document is not None:
        return _graphql(site, request, document, scope)
    method, path = _method_of(request)
    url = site.address(path, scope)
    parameters = _pairs(fill(dict(request.parameters), scope))
    if parameters:
        url += ("&" if "?" in url else "?") + urlencode(parameters, quote_via=quote_plus)
    headers = {**(site.headers or {}), **_headers(request, scope), "Accept": "application/json"}
    body: bytes | None = None
    if request.json_ is not None:
        body = encoded(fill(request.json_, scope))
        headers["Content-Type"] = "application/json"
    elif request.form is not None:
        body = urlencode(_pairs(fill(request.form, scope)), quote_via=quote_plus).encode()
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    return HttpRequest(
        method=method, url=url, headers=headers, body=body, writing=isinstance(request, CallTable)
    )


def _graphql(
    site: ProviderSite, request: Read | CallTable, document: str, scope: Scope
) -> HttpRequest:
    if site.graphql is None:
        raise TemplateError("the connection has no `graphql` path")
    body = {"query": document, "variables": fill(request.variables, scope)}
    headers = {**(site.headers or {}), **_headers(request, scope), "Accept": "application/json"}
    return HttpRequest(
        method="POST",
        url=site.address(site.graphql, scope),
        headers={**headers, "Content-Type": "application/json"},
        body=encoded(body),
        writing=isinstance(request, CallTable),
    )


def _document_of(request: Read | CallTable) -> str | None:
    if isinstance(request, CallTable):
        return request.mutation
    return request.query if isinstance(request.query, str) else None


def _method_of(request: Read | CallTable) -> tuple[str, str]:
    if isinstance(request, Read):
        if request.get is not None:
            return "GET", request.get
        assert request.post is not None
        return "POST", request.post
    for name in _WRITES:
        path: str | None = getattr(request, name)
        if path is not None:
            return name.upper(), path
    raise TemplateError("it has no request")


def _headers(request: RequestTable, scope: Scope) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, template in request.header.items():
        value = fill_text(template, scope)
        if value is ABSENT or value is None:
            continue
        text = str(value)
        if any(not (" " <= char <= "~") for char in text):
            raise TemplateError(f"the header `{name}` would hold what no header can")
        found[name] = text
    return found


def encoded(value: object) -> bytes:
    """JSON; an exact decimal number keeps its digits.

    Raises:
        TemplateError: for what JSON has no form for.
    """
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_exact).encode()
    except (TypeError, ValueError) as error:
        raise TemplateError("a value has no form in JSON") from error


def _exact(value: object) -> object:
    if isinstance(value, Decimal):
        # A float of as few digits as this one comes out with the same digits.
        as_float = float(value)
        if Decimal(repr(as_float)) == value:
            return as_float
    raise TypeError(type(value).__name__)


def _pairs(value: object, prefix: str = "") -> list[tuple[str, str]]:
    """Nested names as `a[b]` and `a[b][0]`; nothing for null."""
    if value is None or value is ABSENT:
        return []
    if isinstance(value, Mapping):
        return [
            pair
            for key, inner in cast("Mapping[str, object]", value).items()
            for pair in _pairs(inner, f"{prefix}[{key}]" if prefix else key)
        ]
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [
            pair
            for number, inner in enumerate(cast("Sequence[object]", value))
            for pair in _pairs(inner, f"{prefix}[{number}]")
        ]
    if isinstance(value, bool):
        return [(prefix, "true" if value else "false")]
    return [(prefix, str(value))]


# ---- places in a request -------------------------------------------------------------------------


def place(at: str) -> tuple[str, ...]:
    """The steps of `header.Idempotency-Key` or `json.ticket.metadata.sayso`."""
    head, _, rest = at.partition(".")
    # A header's or a parameter's name may hold a dot or brackets, a body's are stepped into.
    return (head, rest) if head in ("header", "query") else (head, *rest.split("."))


def template_at(request: RequestTable, at: str) -> JsonValue:
    """What stands at a place of a request; None where nothing does."""
    head, *steps = place(at)
    value: object = {
        "header": request.header,
        "query": request.parameters,
        "json": request.json_,
        "form": request.form,
        "variables": request.variables,
        "arguments": request.arguments,
    }.get(head)
    for step in steps:
        if not isinstance(value, Mapping) or step not in value:
            return None
        value = cast("Mapping[str, object]", value)[step]
    return cast("JsonValue", value)


def with_template(request: CallTable, at: str, template: str) -> CallTable:
    """The call with a template at a place where nothing stands yet."""
    head, *steps = place(at)
    field = {"json": "json_"}.get(head, head)
    table: dict[str, object] = getattr(request, field, None) or {}
    return request.model_copy(update={field: _put(dict(table), steps, template)})


def _put(table: dict[str, object], steps: Sequence[str], template: str) -> dict[str, object]:
    first, *rest = steps
    if not rest:
        return {**table, first: template}
    inner = table.get(first)
    deeper = dict(cast("Mapping[str, object]", inner)) if isinstance(inner, Mapping) else {}
    return {**table, first: _put(deeper, rest, template)}


def with_parameter(request: HttpRequest, name: str, value: str) -> HttpRequest:
    """The request with one more parameter in its address."""
    joined = "&" if "?" in request.url else "?"
    return replace(request, url=f"{request.url}{joined}{urlencode([(name, value)])}")


def templates_of(request: RequestTable) -> Iterator[JsonValue]:
    """Everything in a request that is filled in."""
    for name in ("get", *_WRITES):
        path: str | None = getattr(request, name, None)
        if path is not None:
            yield path
    yield from request.header.values()
    for table in (
        request.parameters,
        request.json_,
        request.form,
        request.variables,
        request.arguments,
    ):
        if table:
            yield cast("JsonValue", table)
