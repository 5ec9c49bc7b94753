"""The page's table of scopes against a running server: what each one opens, and nothing else."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import pytest
from fastapi.dependencies.models import Dependant
from surfaces.http.api_server import ApiServer, as_json, token
from surfaces.http.routes import ROUTES
from tree import ROOT

from sayso.sdk.resources.tokens import Scope

_PAGE = (ROOT / "docs" / "reference" / "http-api.md").read_text(encoding="utf-8")
_ROW = re.compile(r"^\| (`[^|]+`[^|]*) \| (`(?:GET|POST) [^|]+) \|$", re.MULTILINE)
_CALL = re.compile(r"`((?:GET|POST) [^`]+)`")
_NEEDS_NONE = {"GET /healthz", "GET /readyz"}
_ENDLESS = {"GET /v1/events": "?after=9007199254740991"}
"""Calls that are answered for ever, with what has them refused behind the look at the token."""


def _told(scope: Scope) -> set[str]:
    """The calls that the table says a scope opens."""
    found: set[str] = set()
    for scopes, calls in _ROW.findall(_PAGE):
        named = set(re.findall(r"`([a-z:]+)`", scopes))
        if scope.value in named:
            found |= set(_CALL.findall(calls))
    return {re.sub(r"\{[^}]+\}", "{}", call) for call in found}


@pytest.mark.promise("http:closed")
@pytest.mark.parametrize("scope", list(Scope))
def test_a_scope_opens_what_the_page_says(api: ApiServer, scope: Scope) -> None:
    """Whoever gives a token away reads there what it may do; two calls were not named at all."""
    person = f"only {scope}"
    made = token(api.sayso, "maria", "person", frozenset({scope}))
    _, api.secrets[person] = api.run(made)
    opened: set[str] = set()
    for path, operations in as_json(api.get("/openapi.json", by=None))["paths"].items():
        for method in operations:
            call = f"{method.upper()} {path}"
            if call in _NEEDS_NONE:
                continue
            where = re.sub(r"\{[^}]+\}", "none_1", path) + _ENDLESS.get(call, "")
            if method == "post":
                answer = api.post(where, {"no": "field of it"}, by=person)
            else:
                answer = api.get(where, by=person)
            assert answer.status_code != 401, call
            if answer.status_code != 403 or as_json(answer)["code"] != "forbidden":
                opened.add(re.sub(r"\{[^}]+\}", "{}", call))
    assert opened == _told(scope)


def test_no_call_waits_for_a_thread_before_it_is_answered() -> None:
    """FastAPI calls a plain function that a route depends on in one: a tenth of a short call."""

    def calls_of(dependant: Dependant) -> Iterator[object]:
        for one in dependant.dependencies:
            yield one.call
            yield from calls_of(one)

    named = {call for route in ROUTES.values() for call in calls_of(route.dependant)}
    own = [one if inspect.isfunction(one) else type(one).__call__ for one in named]
    assert own
    assert [one for one in own if not inspect.iscoroutinefunction(one)] == []
