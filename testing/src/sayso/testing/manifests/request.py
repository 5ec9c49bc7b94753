"""A request taken apart, as a provider reads it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from sayso.connectors.manifest.requests import ProviderSite, place
from sayso.connectors.manifest.schema import Manifest, Read
from sayso.json import JsonValue
from sayso.testing.manifests.inverse import put


@dataclass(frozen=True, slots=True)
class Parsed:
    """A request, taken apart."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: JsonValue
    raw: str


def parse_request(method: str, url: str, headers: Mapping[str, str], body: str) -> Parsed:
    """A request taken apart."""
    parts = urlsplit(url)
    lower = {name.lower(): value for name, value in headers.items()}
    return Parsed(
        method=method,
        path=unquote(parts.path),
        query=tuple(parse_qsl(parts.query, keep_blank_values=True)),
        headers=lower,
        body=_decoded(lower.get("content-type", ""), body),
        raw=body,
    )


def _decoded(content_type: str, body: str) -> JsonValue:
    if not body:
        return None
    if "json" in content_type:
        return cast("JsonValue", json.loads(body))
    found: JsonValue = {}
    for name, value in parse_qsl(body, keep_blank_values=True):
        steps = re.findall(r"[^\[\]]+", name)
        found = put(found, tuple(int(one) if one.isdigit() else one for one in steps), value)
    return found


def captured_path(site: ProviderSite, template: str, actual: str) -> dict[str, JsonValue] | None:
    """The names that a path was filled in with; None for another path."""
    prefix = "" if template.startswith("https://") else urlsplit(site.base).path
    if template.startswith("https://"):
        template = "/" + template.removeprefix("https://").partition("/")[2]
    pattern, names = "", list[str]()
    for part in re.split(r"(\{[^{}]+\})", prefix + template):
        if part.startswith("{"):
            names.append(part[1:-1])
            pattern += "([^/]+)"
        else:
            pattern += re.escape(part)
    found = re.fullmatch(pattern, actual)
    return None if found is None else dict(zip(names, found.groups(), strict=True))


def cursor_keys(request: Read) -> frozenset[str]:
    """The keys of a request that hold the cursor."""
    found: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, Mapping):
            for key, inner in cast("Mapping[str, Any]", value).items():
                if inner == "{page.cursor}":
                    found.add(key)
                walk(inner)

    walk(request.variables)
    walk(request.json_)
    walk(dict(request.parameters))
    return frozenset(found)


def page_parameters(manifest: Manifest) -> frozenset[str]:
    """The parameters of addresses by which a manifest's lists go on."""
    found: set[str] = set()
    for table in _listing(manifest):
        if table.page is not None:
            ways = (table.page.into, table.page.number, table.page.offset)
            found |= {place(at)[1] for at in ways if at}
    return frozenset(found)


def all_cursor_keys(manifest: Manifest) -> frozenset[str]:
    """`cursor_keys` of all that a manifest lists."""
    return frozenset(key for table in _listing(manifest) for key in cursor_keys(table))


def _listing(manifest: Manifest) -> list[Read]:
    """Every read that may be a list."""
    tables: list[Read] = [*manifest.records.values(), *manifest.reads.values()]
    if manifest.person is not None and manifest.person.find is not None:
        tables.append(manifest.person.find)
    tables += [one.look_up for one in manifest.actions.values() if one.look_up is not None]
    return tables


def without(value: JsonValue, keys: frozenset[str]) -> JsonValue:
    """A value without some keys, at whatever depth."""
    if isinstance(value, Mapping):
        return {key: without(one, keys) for key, one in value.items() if key not in keys}
    return value
