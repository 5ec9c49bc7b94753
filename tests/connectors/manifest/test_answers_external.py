"""Answers that the provider's own description allows, whatever stands in them.

The generated provider answers as the manifest expects. Here Hypothesis draws answers from the
published schemas instead: optional fields come and go, lists are empty or long, words of a closed
list vary. Each outcome is one of the contract's, and a success only where our reference stands.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from connectors.describe.test_conform_external import DESCRIBED
from connectors.manifest.stand import Stand, shipped, stand, stands
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sayso.actions.model.definition import Subject
from sayso.actions.model.snapshot import Absence, Receipt
from sayso.connectors.describe.conform import Description
from sayso.connectors.describe.openapi import OpenApi
from sayso.connectors.describe.shape import Document
from sayso.connectors.http import HttpAnswer, HttpRequest
from sayso.errors import OutcomeUnknownError, RefusedError, RetryableError

DATA = Path(os.environ.get("SAYSO_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
SPECS = DATA / "specs"
DEEPEST = 5
REST = sorted(set(DESCRIBED) - {"shopify", "stripe_billing"})
"""Shopify's are judged by its GraphQL types, and Stripe's description there tells no answers."""

pytestmark = [
    pytest.mark.external_data,
    pytest.mark.skipif(
        not SPECS.is_dir(), reason=f"no public descriptions in {SPECS}; set SAYSO_TEST_DATA"
    ),
]
CASES = {label: table for name in REST for label, table in stands(name)} if SPECS.is_dir() else {}
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
Draw = Callable[[st.SearchStrategy[Any]], Any]
_READ: dict[str, tuple[OpenApi, ...]] = {}


def described(name: str) -> tuple[OpenApi, ...]:
    """The provider's documents, read once."""
    if name not in _READ:
        _READ[name] = Description.read([SPECS / file for file in DESCRIBED[name]]).openapi
    return _READ[name]


def drawn(draw: Draw, document: Document, schema: object, depth: int = 0) -> Any:
    """A value that a schema allows."""
    whole = document.follow(schema)
    words = document.enum(whole)
    if whole.get("nullable") and draw(st.booleans()):
        return None
    if words:
        return draw(st.sampled_from(words))
    match document.type_of(whole):
        case "object":
            found: dict[str, Any] = {}
            needed = document.required(whole)
            for name, one in list(document.properties(whole).items())[:30]:
                if depth < DEEPEST and (name in needed or draw(st.booleans())):
                    found[name] = drawn(draw, document, one, depth + 1)
            return found
        case "array":
            count = draw(st.integers(0, 2)) if depth < DEEPEST else 0
            items = document.items(whole)
            return [drawn(draw, document, items, depth + 1) for _ in range(count)]
        case "integer":
            return draw(st.integers(-1, 10**11))
        case "number":
            return draw(st.integers(-1, 10**6)) / 100
        case "boolean":
            return draw(st.booleans())
        case _:
            return draw(st.text(max_size=12) | st.sampled_from(["", "0", "2026-11-25T12:00:00Z"]))


def by_description(
    name: str, draw: Draw, reads: bool
) -> Callable[[HttpRequest, HttpAnswer], HttpAnswer]:
    """Changes answers of reads, or of the call, into what the description allows."""

    def change(request: HttpRequest, answer: HttpAnswer) -> HttpAnswer:
        if request.writing is reads:
            return answer
        for api in described(name):
            operation = api.find(request.method, urlsplit(request.url).path)
            if operation is not None:
                value = drawn(draw, api.document, operation.answer)
                return replace(answer, body=json.dumps(value).encode())
        return answer

    return change


def of(label: str) -> Stand:
    """A fresh stand of a case."""
    source, cases = shipped(label.partition(".")[0])
    return stand(source, cases, CASES[label])


@pytest.mark.promise("manifests:answers")
@settings(max_examples=8, deadline=None, suppress_health_check=SLOW)
@pytest.mark.parametrize("label", CASES)
@given(data=st.data())
async def test_a_described_answer_to_a_call_is_a_success_only_by_our_reference(
    label: str, data: st.DataObject
) -> None:
    """Whatever else the provider may say in its own form."""
    it = of(label)
    call = it.call(await it.resolve())
    it.wire.change = by_description(label.partition(".")[0], data.draw, reads=False)
    try:
        outcome = await it.connector.call(call)
    except (RefusedError, OutcomeUnknownError):
        return  # a `RetryableError` would say that nothing was done, which no 2xx says
    table = it.provider.defined.receipt
    assert isinstance(outcome, Receipt)
    assert table is None or table.ours is None, "no drawn answer shows our reference"


@pytest.mark.promise("manifests:answers")
@settings(max_examples=8, deadline=None, suppress_health_check=SLOW)
@pytest.mark.parametrize("label", CASES)
@given(data=st.data())
async def test_a_described_answer_to_a_read_is_read_or_refused(
    label: str, data: st.DataObject
) -> None:
    """Nothing breaks off, nobody else's object is taken for theirs, and nothing is sent."""
    it = of(label)
    it.wire.change = by_description(label.partition(".")[0], data.draw, reads=True)
    with suppress(RefusedError, RetryableError):
        assert (await it.resolve()).owner == it.table.subject
    with suppress(RefusedError, RetryableError):
        await it.connector.list_records(Subject(id=it.table.subject))
    assert it.provider.effects == 0


@settings(max_examples=8, deadline=None, suppress_health_check=SLOW)
@pytest.mark.parametrize("label", CASES)
@given(data=st.data())
async def test_a_described_answer_to_a_look_up_is_one_of_three(
    label: str, data: st.DataObject
) -> None:
    """Found, absent, or it can't be told; or an error with a code."""
    it = of(label)
    call = it.call(await it.resolve())
    it.wire.change = by_description(label.partition(".")[0], data.draw, reads=True)
    try:
        found = await it.connector.look_up(call)
    except (RefusedError, RetryableError):
        return
    assert isinstance(found, (Receipt, Absence))
