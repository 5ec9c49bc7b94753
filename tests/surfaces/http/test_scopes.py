"""The page's table of scopes against a running server: what each one opens, and nothing else."""

from __future__ import annotations

import re

import pytest
from surfaces.http.api_server import ApiServer, as_json, token
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
