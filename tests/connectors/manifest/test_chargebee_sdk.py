"""Every request to Chargebee, as Chargebee's own SDK types it; nothing smaller describes API v2.

The SDK names, for each request, the path's parts and a typed dictionary of parameters, so a request
that was sent is judged as the SDK would judge its own.
"""

from __future__ import annotations

import contextlib
import inspect
import re
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from connectors.manifest.stand import shipped, stand, stands

from sayso.actions.model.definition import Subject
from sayso.connectors.http import HttpRequest
from sayso.connectors.manifest.people import FindingConnector
from sayso.errors import RefusedError

pytest.importorskip(
    "chargebee", reason="Chargebee's SDK is not installed: `uv sync --group oracles`"
)

RESOURCES = ("subscription", "customer", "promotional_credit", "configuration")
_REQUEST = re.compile(r'request\.send\w*\(\s*"(\w+)",\s*request\.uri_path\(([^)]*)\)')
_FILTER = re.compile(r"(\w+)\[(\w+)\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A request that the SDK can make.

    Attributes:
        params: the allowed values of each parameter; None for a value of any kind.
        needed: parameters that may not be missing.
        repeated: whether Chargebee drops a second one under the same key.
    """

    method: str
    path: re.Pattern[str]
    params: Mapping[str, frozenset[str] | None]
    needed: frozenset[str]
    repeated: bool


def described(resource: str) -> list[Described]:
    """All requests of one of the SDK's resources."""
    module: ModuleType = import_module(f"chargebee.models.{resource}.operations")
    owner: Any = getattr(module, "".join(part.title() for part in resource.split("_")))
    found: list[Described] = []
    for name, method in inspect.getmembers(owner, inspect.isfunction):
        if name.startswith("_"):
            continue
        text = inspect.getsource(method)
        sent = _REQUEST.search(text)
        if sent is None:
            continue
        parts = [part.strip() for part in sent[2].split(",") if part.strip()]
        pattern = "/".join(
            re.escape(part.strip('"')) if part.startswith('"') else "[^/]+" for part in parts
        )
        hint = re.search(r"params: (\w+)", text)
        table: Any = getattr(owner, hint[1]) if hint else None
        verb = sent[1].upper()
        found.append(
            Described(
                method="GET" if verb.startswith(("GET", "LIST")) else verb,
                path=re.compile(f"/api/v2/{pattern}"),
                params=_params_of(table, owner, module),
                needed=_needed_by(table, owner, module),
                repeated='"isIdempotent": True' in text,
            )
        )
    return found


def _hints(table: Any, owner: Any, module: ModuleType) -> dict[str, Any]:
    if table is None:
        return {}
    return typing.get_type_hints(table, vars(module), {owner.__name__: owner}, include_extras=True)


def _needed_by(table: Any, owner: Any, module: ModuleType) -> frozenset[str]:
    hints = _hints(table, owner, module)
    return frozenset(
        name for name, hint in hints.items() if typing.get_origin(hint) is typing.Required
    ) | frozenset(getattr(table, "__required_keys__", frozenset[str]()))


def _params_of(table: Any, owner: Any, module: ModuleType) -> dict[str, frozenset[str] | None]:
    found: dict[str, frozenset[str] | None] = {}
    for name, hint in _hints(table, owner, module).items():
        inner: Any = hint
        while typing.get_origin(inner) in (typing.NotRequired, typing.Required):
            (inner,) = typing.get_args(inner)
        found[name] = None
        if isinstance(inner, type) and issubclass(inner, Enum):
            members: list[Enum] = list(inner)
            found[name] = frozenset(str(one.value) for one in members)
    return found


OPERATIONS = [one for resource in RESOURCES for one in described(resource)]


def check(request: HttpRequest) -> None:
    """Judge one request by the SDK."""
    parts = urlsplit(request.url)
    fitting = [
        one for one in OPERATIONS if one.method == request.method and one.path.fullmatch(parts.path)
    ]
    assert fitting, f"the SDK makes no {request.method} {parts.path}"
    (operation,) = fitting[:1]
    given = parse_qsl(parts.query) + parse_qsl((request.body or b"").decode())
    for name, value in given:
        filtered = _FILTER.fullmatch(name)
        plain_name = filtered[1] if filtered else name
        assert plain_name in operation.params, (request.method, parts.path, name)
        allowed = operation.params[plain_name]
        assert allowed is None or value in allowed, (name, value, allowed)
    missing = operation.needed - {name for name, _ in given}
    assert not missing, (request.method, parts.path, missing)
    keyed = "chargebee-idempotency-key" in {name.lower() for name in request.headers}
    assert keyed == request.writing
    assert operation.repeated or not keyed, f"Chargebee keeps no key of {parts.path}"


@pytest.mark.promise("describe:shipped")
@pytest.mark.parametrize("label", dict(stands("chargebee")))
async def test_what_is_sent_to_chargebee_is_what_its_sdk_would_send(label: str) -> None:
    """Path, each parameter's name, each word of a closed list, and whether a key counts there."""
    source, cases = shipped("chargebee")
    it = stand(source, cases, dict(stands("chargebee"))[label])
    call = it.call(await it.resolve())
    await it.connector.call(call)
    await it.connector.look_up(call)
    await it.connector.list_records(Subject(id=it.table.subject))
    await it.connector.who_am_i()
    assert isinstance(it.connector, FindingConnector)
    assert (await it.connector.person_of(Subject(id=it.table.subject))).email
    with contextlib.suppress(RefusedError):  # this provider knows no such search; it was sent
        await it.connector.find_people("ana@example.com")
    assert len(it.wire.sent) >= 5
    for request in it.wire.sent:
        check(request)


def test_a_request_that_chargebee_does_not_know_is_found() -> None:
    """The judge can fail: another path, another parameter, another word."""
    base = "https://shop.chargebee.com/api/v2"
    headers = {"chargebee-idempotency-key": "k"}
    for url, body in (
        (f"{base}/subscriptions/s1/halt", b""),
        (f"{base}/subscriptions/s1/pause", b"pause_options=immediately"),
        (f"{base}/subscriptions/s1/pause", b"pause_option=sometime"),
        (f"{base}/promotional_credits/add", b"amount=5"),
    ):
        with pytest.raises(AssertionError):
            check(HttpRequest(method="POST", url=url, headers=headers, body=body, writing=True))
