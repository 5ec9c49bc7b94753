"""The document of /openapi.json: what a client is generated from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel
from surfaces.http.api_server import ApiServer, Json, as_json
from surfaces.http.routes import ROUTES, on_page
from tree import ROOT

from sayso.errors import CODES
from sayso.sdk.privacy.views import ErasureView, HoldView, SubjectView
from sayso.sdk.resources.work import WorkView
from sayso.sdk.views.rows import ActionView, ApprovalView, EntryView, RequestView
from sayso.sdk.views.solution import SolutionView
from sayso.surfaces.http import examples
from sayso.surfaces.http.parts import AT_ONCE, PARTS, HttpApi, router_of
from sayso.surfaces.http.problem import Problem
from sayso.surfaces.http.work import EXAMPLE as WORK

PAGE = (ROOT / "docs" / "reference" / "http-api.md").read_text(encoding="utf-8")
BY_ID = {route.name: route for route in ROUTES.values()}


@pytest.fixture(scope="module")
def document(api: ApiServer) -> Json:
    """The document, as it is served, without a token."""
    return as_json(api.get("/openapi.json", by=None))


def operations(document: Json) -> Iterator[tuple[str, Json]]:
    """Every operation as `METHOD /path`."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_the_document_is_valid(document: Json) -> None:
    """OpenAPI 3.1, by the specification's own schema."""
    assert document["openapi"].startswith("3.1")
    errors = [str(error) for error in OpenAPIV31SpecValidator(document).iter_errors()]
    assert errors == []


@pytest.mark.promise("http:contract")
def test_the_paths_are_those_of_the_contract(document: Json) -> None:
    """Those that the page names in its table of scopes, no more and no less."""
    table = PAGE.partition("<!-- made: scopes -->")[2].partition("<!-- end: scopes -->")[0]
    named = set(re.findall(r"`((?:GET|POST) [^`]+)`", table)) - {"GET /openapi.json"}
    assert {on_page(name) for name, _ in operations(document)} == named


def test_a_part_is_loaded_by_a_word_of_each_of_its_paths() -> None:
    """A path without one would be answered with 404 until somebody asks for the document."""
    for part, words in PARTS.items():
        for route in router_of(part).routes:
            assert isinstance(route, APIRoute)
            assert words == AT_ONCE or set(words) & set(route.path.split("/")), route.path


def test_the_document_is_the_same_whichever_part_was_asked_first() -> None:
    """Its order, and who answers a path that two templates fit, are those of the table."""
    late, whole = HttpApi(), HttpApi()
    late.take(*reversed(list(PARTS)))
    whole.take(*PARTS)
    paths = [[one.path for one in iter_route_contexts(app.routes)] for app in (late, whole)]
    assert paths[0] == paths[1]


def test_every_route_of_the_contract_needs_a_token(document: Json) -> None:
    """Only the operators' probes are open, and their figures to this machine."""
    for name, operation in operations(document):
        open_to_all = name in {"GET /healthz", "GET /readyz"}
        assert ("security" in operation) is not open_to_all, name
        assert ({} in operation.get("security", ())) is (name == "GET /metrics"), name
    (scheme,) = document["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")


def test_every_post_names_the_key(document: Json) -> None:
    """`Idempotency-Key`, required except where a dry run does without."""
    for name, operation in operations(document):
        if not name.startswith("POST"):
            continue
        (key,) = [
            parameter
            for parameter in operation["parameters"]
            if parameter["name"] == "Idempotency-Key"
        ]
        assert key["required"] is (name != "POST /v1/actions"), name


@pytest.mark.promise("http:contract")
def test_every_error_is_a_problem_with_an_example(document: Json) -> None:
    """RFC 9457, with codes that exist, and the statuses that each route can give."""
    for name, operation in operations(document):
        for status, response in operation["responses"].items():
            if status.startswith("2"):
                continue
            (media,) = response["content"]
            assert media == "application/problem+json", (name, status)
            content = response["content"][media]
            assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
            shown = Problem.model_validate(content["example"])
            assert shown.code in set(CODES)
            assert status in {str(shown.status), "default"}
        if name.startswith(("GET /v1", "POST /v1")):
            assert {"401", "403", "default"} <= set(operation["responses"]), name


def reached(document: Json, parts: Iterator[object]) -> dict[str, Json]:
    """The schemas that these parts refer to, and what is inside them, by name."""
    schemas, left, found = document["components"]["schemas"], list(parts), dict[str, Json]()
    while left:
        for name in re.findall(r'"#/components/schemas/(\w+)"', json.dumps(left.pop())):
            if name not in found:
                found[name] = schemas[name]
                left.append(schemas[name])
    return found


@pytest.mark.promise("http:contract")
def test_a_generated_client_leaves_out_what_may_be_left_out(document: Json) -> None:
    """Generators take a field with a `default` for one that is always there.

    So none of what is sent has one, and of what is answered every field is required: it is always
    there, if only as null.
    """
    sent = reached(document, (one.get("requestBody") for _, one in operations(document)))
    assert [(name, key) for name, key, said in fields(sent) if "default" in said] == []
    assert "content" not in sent["WithdrawBody"].get("required", ())
    assert sent["EraseBody"]["properties"]["reason"]["description"].endswith("unless given")
    got = reached(document, (one["responses"] for _, one in operations(document)))
    got["EventView"] = document["components"]["schemas"]["EventView"]
    assert [key for key in fields(got) if key[1] not in got[key[0]].get("required", ())] == []
    assert len(got) > 100


def fields(schemas: dict[str, Json]) -> list[tuple[str, str, Json]]:
    """Each property of each schema."""
    return [(name, *one) for name in schemas for one in schemas[name].get("properties", {}).items()]


def test_every_body_and_answer_has_a_true_example(document: Json) -> None:
    """Each example is read by the very model that serves the route."""
    for name, operation in operations(document):
        operation_id = operation["operationId"]
        if "requestBody" in operation:
            content = operation["requestBody"]["content"]["application/json"]
            for example in content["examples"].values():
                body_of(operation_id).model_validate(example["value"])
        for status, response in operation["responses"].items():
            if not status.startswith("2"):
                continue
            for media, content in response["content"].items():
                assert content["example"], (name, status)
                if media == "application/json":
                    model = BY_ID[operation_id].response_model
                    assert issubclass(model, BaseModel)
                    model.model_validate(content["example"])


def body_of(operation_id: str) -> type[BaseModel]:
    """The model that reads a call's body."""
    field = BY_ID[operation_id].body_field
    assert field is not None
    found: object = field.field_info.annotation
    assert isinstance(found, type)
    assert issubclass(found, BaseModel)
    return found


def test_the_examples_are_whole() -> None:
    """None of the shared examples has fallen behind its model."""
    models: list[tuple[type[BaseModel], dict[str, Any]]] = [
        (ActionView, examples.ACTION),
        (ActionView, examples.DONE),
        (ApprovalView, examples.APPROVAL),
        (EntryView, examples.ENTRY),
        (RequestView, examples.REQUEST),
        (SolutionView, examples.SOLUTION),
        (WorkView, WORK),
        (SubjectView, examples.SUBJECT),
        (ErasureView, examples.ERASURE),
        (HoldView, examples.HOLD),
    ]
    for model, example in models:
        assert set(example) == set(model.model_fields), model


def test_money_is_described(document: Json) -> None:
    """A generated client knows what an amount is."""
    schemas = document["components"]["schemas"]
    amount = schemas["ActionView"]["properties"]["amount"]
    assert amount["anyOf"][0] == {"$ref": "#/components/schemas/Money"}
    assert set(schemas["Money"]["required"]) == {"amount_minor", "currency"}


def test_operation_ids_are_names(document: Json) -> None:
    """What a generated client calls them: one each, readable."""
    ids = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(ids)) == len(ids)
    assert all(name.isidentifier() and "v1" not in name for name in ids)
