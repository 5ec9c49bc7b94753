"""A request taken apart, as a provider reads it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from sayso.connectors.manifest.requests import ProviderSite
from sayso.connectors.manifest.schema import Read
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


def without(value: JsonValue, keys: frozenset[str]) -> JsonValue:
    """A value without some keys, at whatever depth."""
    if isinstance(value, Mapping):
        return {key: without(one, keys) for key, one in value.items() if key not in keys}
    return value
