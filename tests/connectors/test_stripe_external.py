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
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from connectors.benches import stripe_bench

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
_PART = re.compile(r"\[([^\]]*)\]")
EXPECTED = {"charge", "refund", "customer", "subscription", "customer_balance_transaction"}
BEYOND_THE_EXAMPLES = {"charge": {"radar_options"}, "customer": {"customer_account"}}
"""Fields that the official SDK types and that the examples leave out, as they are optional."""
NOT_DESCRIBED = {("GET", "/v1/account")}
"""The description holds the endpoints of support work; this one says whose key it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One call, as it was on the wire, and its answer."""

    method: str
    path: str
    params: Mapping[str, Any]
    answer: Mapping[str, Any]


@dataclass(slots=True, kw_only=True)
class Recorder:
    """A server that passes everything on and keeps it."""

    upstream: str
    url: str = ""
    exchanges: list[Exchange] = field(default_factory=list[Exchange])

    def pass_on(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> httpx.Response:
        """Ask the provider, and keep what was said."""
        kept = {name: value for name, value in headers.items() if name.lower() != "host"}
        answer = httpx.request(method, self.upstream + target, headers=kept, content=body)
        split = urlsplit(target)
        flat = parse_qsl(split.query, keep_blank_values=True) + parse_qsl(
            body.decode(), keep_blank_values=True
        )
        params = nested(flat)
        self.exchanges.append(
            Exchange(method=method, path=split.path, params=params, answer=answer.json())
        )
        return answer


@contextmanager
def recording(upstream: str) -> Generator[Recorder]:
    """A recorder in front of a provider."""
    recorder = Recorder(upstream=upstream)

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            answer = recorder.pass_on(self.command, self.path, dict(self.headers.items()), body)
            self.send_response(answer.status_code)
            for name in ("content-type", "request-id", "idempotent-replayed"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_DELETE = _serve  # noqa: N815  (http.server's names)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its name)
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        recorder.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield recorder
        finally:
            server.shutdown()
            thread.join()


def nested(flat: list[tuple[str, str]]) -> dict[str, Any]:
    """`a[b]=1&c[0]=x` as `{"a": {"b": "1"}, "c": ["x"]}`."""
    found: dict[str, Any] = {}
    for name, value in flat:
        head, *rest = [name.partition("[")[0], *_PART.findall(name)]
        here: dict[str, Any] = found
        for key, following in zip([head, *rest], [*rest, None], strict=True):
            if following is None:
                here[key] = value
            else:
                here = here.setdefault(key, {})
    return {key: _as_lists(value) for key, value in found.items()}


def _as_lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {key: _as_lists(one) for key, one in cast("dict[str, Any]", value).items()}
    return list(inner.values()) if all(key.isdigit() for key in inner) else inner


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
                exchanges += recorder.exchanges
    return exchanges


@pytest.fixture(scope="module")
def exchanges() -> list[Exchange]:
    """All that was said."""
    return asyncio.run(lives())


@pytest.mark.promise("connectors:stripe-described")
def test_every_request_is_one_that_stripe_describes(exchanges: list[Exchange]) -> None:
    """Path, method, each parameter's name and type: nothing that Stripe does not know."""
    text = (SPECS / "stripe_requests_2023-08-16_support.json").read_text(encoding="utf-8")
    paths = json.loads(text)["paths"]
    assert len({(one.method, re.sub(r"\w+_\w+", "ID", one.path)) for one in exchanges}) >= 8
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
