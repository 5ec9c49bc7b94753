"""What a guarantee rests on is cited from the provider's own pages, or the file is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from connectors.manifest.purse import MANIFEST

from sayso.connectors.describe.conform import Description, deviations
from sayso.connectors.manifest.check import mistakes
from sayso.connectors.manifest.citations import domain_of
from sayso.connectors.manifest.source import read_source

KEYS = "https://docs.purse.example/keys"
CREDITS = "https://docs.purse.example/credits"


def found(*changes: tuple[str, str]) -> list[str]:
    """What is wrong with the changed manifest."""
    text = MANIFEST
    for was, new in changes:
        assert was in text
        text = text.replace(was, new)
    return [str(one) for one in mistakes(read_source(text.encode(), "purse.toml"))]


@pytest.mark.promise("manifests:cited")
@pytest.mark.parametrize(
    ("change", "says"),
    [
        ((KEYS, "https://blog.example.net/keys"), "none of the provider's domains"),
        ((KEYS, "http://docs.purse.example/keys"), "no address of a page"),
        ((KEYS, "the support said so"), "no address of a page"),
        ((CREDITS, "https://purse.example.evil.test/"), "none of the provider's domains"),
        ((f'source = "{CREDITS}"\n', ""), "holds the money itself"),
        (('keeps = "45d"', 'keeps = "46d"'), "to keep a key for 46d"),
        (('keeps = "45d"', 'keeps = "9999d"'), "to keep a key for 9999d"),
    ],
)
def test_a_page_of_somebody_else_and_a_time_that_nobody_keeps_are_mistakes(
    change: tuple[str, str], says: str
) -> None:
    """Any address and any time made a key count before."""
    assert found() == []
    assert any(says in one for one in found(change)), found(change)


def test_other_domains_of_the_provider_are_named_for_the_review() -> None:
    """A provider may have its pages elsewhere; the file says where, and a review shows it."""
    elsewhere = (KEYS, "https://purse.dev/keys")
    named = ('auth = { kind = "bearer" }', 'auth = { kind = "bearer" }\ndocs = ["purse.dev"]')
    assert found(elsewhere)
    assert found(elsewhere, named) == []


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("api.example.com", "example.com"),
        ("{settings.shop}.myshopify.com", "myshopify.com"),
        ("a.b.example.co.uk:443", "example.co.uk"),
        ("example.de", "example.de"),
    ],
)
def test_the_domain_of_a_host(host: str, domain: str) -> None:
    """What somebody has registered."""
    assert domain_of(host) == domain


@pytest.mark.promise("manifests:cited")
@pytest.mark.parametrize("header", ["Idempotency-Key", "idempotency-key", "X-Request-Id", None])
def test_the_description_has_to_know_the_header_of_the_key(
    tmp_path: Path, header: str | None
) -> None:
    """A key that goes where the provider reads nothing is dropped, and a repetition pays again."""
    whole = {"type": "object", "additionalProperties": True}
    ok = {"200": {"description": "ok", "content": {"application/json": {"schema": whole}}}}
    listed = [{"name": "customer", "in": "query", "schema": {"type": "string"}}]
    keyed = [{"name": header, "in": "header", "schema": {"type": "string"}}] if header else []
    spec = {
        "openapi": "3.0.3",
        "info": {"title": "Purse", "version": "1"},
        "servers": [{"url": "https://api.purse.example"}],
        "paths": {
            "/me": {"get": {"responses": ok}},
            "/customers/{id}": {"get": {"responses": ok}},
            "/credits": {
                "get": {"responses": ok, "parameters": listed},
                "post": {
                    "responses": ok,
                    "parameters": keyed,
                    "requestBody": {"content": {"application/json": {"schema": whole}}},
                },
            },
        },
    }
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(spec))
    source = read_source(MANIFEST.encode(), "purse.toml")
    said = [str(one) for one in deviations(source, Description.read([path]))]
    missing = [one for one in said if "the provider reads no header `Idempotency-Key`" in one]
    assert bool(missing) == (header is None or header.lower() != "idempotency-key")
