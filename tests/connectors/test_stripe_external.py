"""What our connector says to Stripe, and what our sandbox answers, beside what Stripe publishes.

The sandbox and the connector come from the same hands, so both could be wrong in the same way. Here
Stripe's own description of its requests (API 2023-08-16) and its own example resources (2026-08)
judge them. Neither tells that Stripe itself would do what the sandbox does.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import pytest
from connectors.benches import stripe_bench
from connectors.stripe_front import Exchange, recording

from sayso.actions.model.definition import Subject
from sayso.connectors.base import Connector
from sayso.connectors.stripe import StripeConnector
from sayso.testing.suites.bench import call_for, resolve_case

DATA = Path(os.environ.get("SAYSO_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
SPECS = DATA / "specs"

pytestmark = [
    pytest.mark.external_data,
    pytest.mark.skipif(
        not SPECS.is_dir(), reason=f"no public descriptions in {SPECS}; set SAYSO_TEST_DATA"
    ),
]
JSON_SCHEMA: Any = import_module("jsonschema")
EXPECTED = {"charge", "refund", "customer", "subscription", "customer_balance_transaction"}
BEYOND_THE_EXAMPLES = {"charge": {"radar_options"}, "customer": {"customer_account"}}
"""Fields that the official SDK types and that the examples leave out, as they are optional."""
NOT_DESCRIBED = {("GET", "/v1/account")}
"""The description holds the endpoints of support work; this one says whose key it is."""


def typed(value: Any, schema: Mapping[str, Any]) -> Any:
    """Text from the wire as the type that the schema wants, where it can be read as one."""
    kinds = {one.get("type") for one in (schema, *schema.get("anyOf", ()))}
    if isinstance(value, str):
        if "integer" in kinds and re.fullmatch(r"-?\d+", value):
            return int(value)
        return value == "true" if "boolean" in kinds and value in {"true", "false"} else value
    if isinstance(value, dict):
        known = schema.get("properties", {})
        items = cast("dict[str, Any]", value).items()
        return {key: typed(one, known.get(key, {})) for key, one in items}
    return value


def operation_of(paths: Mapping[str, Any], exchange: Exchange) -> Mapping[str, Any]:
    """What Stripe describes for a call; the most literal path wins."""
    fitting = [
        path
        for path in paths
        if re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)), exchange.path)
        and exchange.method.lower() in paths[path]
    ]
    assert fitting, f"Stripe describes no {exchange.method} {exchange.path}"
    best = min(fitting, key=lambda path: path.count("{"))
    return cast("Mapping[str, Any]", paths[best][exchange.method.lower()])


def schema_of(operation: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a call as one closed JSON Schema."""
    body = operation.get("requestBody", {}).get("content", {})
    form = body.get("application/x-www-form-urlencoded", {}).get("schema", {})
    queries = [one for one in operation.get("parameters", ()) if one["in"] == "query"]
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": form.get("properties", {}) | {one["name"]: one["schema"] for one in queries},
        "required": [
            *form.get("required", ()),
            *(one["name"] for one in queries if one.get("required")),
        ],
    }


async def lives() -> list[Exchange]:
    """Every action of the connector, on a provider of its own: resolved, called, looked up."""
    exchanges: list[Exchange] = []
    async with stripe_bench() as bench:
        count = len(bench.cases)
    for index in range(count):
        async with stripe_bench() as bench:
            assert bench.http is not None
            with recording(bench.http.url) as recorder:
                connector = bench.http.connect(recorder.url, 10.0)
                case = bench.cases[index]
                _, resolved = await resolve_case(replace(bench, connector=connector), case)
                call = call_for(case, resolved, index + 1)
                await connector.call(call)
                await connector.look_up(call)
                await _read_everything(connector, case.subject)
                exchanges += recorder.exchanges
    return exchanges


async def _read_everything(connector: Connector, subject: Subject) -> None:
    """What is read without an action: records, who the customer is, their address, effects."""
    assert isinstance(connector, StripeConnector)
    await connector.list_records(subject)
    await connector.knows(subject)
    address = await connector.address_of(subject)
    assert (await connector.person_of(subject)).email == address.email
    assert subject.id in {one.id for one in await connector.find_people(address.email)}
    await connector.effects_of(subject, 0)
    await connector.close()


@pytest.fixture(scope="module")
def exchanges() -> list[Exchange]:
    """All that was said."""
    return asyncio.run(lives())


@pytest.mark.promise("connectors:stripe-described")
def test_every_request_is_one_that_stripe_describes(exchanges: list[Exchange]) -> None:
    """Path, method, each parameter's name and type: nothing that Stripe does not know."""
    text = (SPECS / "stripe_requests_2023-08-16_support.json").read_text(encoding="utf-8")
    paths = json.loads(text)["paths"]
    assert len({(one.method, re.sub(r"\w+_\w+", "ID", one.path)) for one in exchanges}) >= 14
    for one in exchanges:
        if (one.method, one.path) in NOT_DESCRIBED:
            continue
        schema = schema_of(operation_of(paths, one))
        problems = [
            problem.message
            for problem in JSON_SCHEMA.Draft202012Validator(schema).iter_errors(
                typed(one.params, schema)
            )
        ]
        assert not problems, (one.method, one.path, problems)


def objects_in(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every Stripe object in an answer."""
    if isinstance(value, dict):
        found = cast("dict[str, Any]", value)
        if isinstance(found.get("object"), str):
            yield found
        for one in found.values():
            yield from objects_in(one)
    elif isinstance(value, list):
        for one in value:  # pyright: ignore[reportUnknownVariableType]
            yield from objects_in(one)


@pytest.mark.promise("connectors:stripe-described")
def test_the_sandbox_answers_with_objects_of_stripes_shape(
    exchanges: list[Exchange],
) -> None:
    """Each field of each object is one of Stripe's own example, and of its JSON type."""
    text = (SPECS / "stripe_fixtures3_2026-08.json").read_text(encoding="utf-8")
    examples = json.loads(text)["resources"]
    judged: set[str] = set()
    for exchange in exchanges:
        for found in objects_in(exchange.answer):
            kind = found["object"]
            if kind in {"list", "search_result"} or kind not in examples:
                continue
            judged.add(kind)
            example = examples[kind]
            unknown = found.keys() - example.keys() - BEYOND_THE_EXAMPLES.get(kind, set())
            assert not unknown, (kind, unknown)
            for name in found.keys() & example.keys():
                kinds = {type(one).__name__ for one in (found[name], example[name])} - {"NoneType"}
                # An id where the other was expanded, or an expanded object where it was an id.
                assert len(kinds) <= 1 or kinds == {"str", "dict"}, (kind, name, kinds)
    assert judged >= EXPECTED
