"""What a description says of addresses: neither a password nor a private one gets into a file."""

from __future__ import annotations

import tomllib

import pytest
from connectors.draft.spa import SPEC
from connectors.draft.test_docs import ANSWERS, PAGE

from sayso.connectors.describe.openapi import OpenApi
from sayso.connectors.draft.docs import PageAnswers, draft_docs
from sayso.connectors.draft.openapi import draft_openapi

pytestmark = pytest.mark.promise("draft:addresses")
PRIVATE = (
    "https://10.0.0.5/v1",
    "https://192.168.1.9",
    "https://169.254.169.254/latest",
    "https://[fd00::1]/v1",
    "https://localhost/v1",
    "https://127.0.0.1:8443",
    "https://2130706433/v1",
    "https://user:hunter2@10.0.0.5/v1",
    "http://api.harbour.example",
)
WITH_A_USER = (
    "https://user:hunter2@api.harbour.example/v3",
    "https://user:hunter2@hunter2@api.harbour.example/v3/",
    "https://hunter2@api.harbour.example/v3",
)


def from_openapi(url: str) -> str:
    """A draft of a description that names one server."""
    spec = {**SPEC, "servers": [{"url": url}]}
    return draft_openapi(OpenApi(spec, "spa.json"), "spa", "spa.json").text


def from_page(url: str) -> str:
    """A draft of a page that names one address."""
    quote = f"All requests go to `{url}`."
    page = PAGE.replace("All requests go to `https://api.harbour.example/v3`.", quote)
    answers = {**ANSWERS, "base_url": {"value": url, "quote": quote}}
    return draft_docs(PageAnswers.model_validate(answers), page, "harbour", "page.md").text


@pytest.mark.parametrize("url", PRIVATE)
@pytest.mark.parametrize("drafted", [from_openapi, from_page])
def test_a_private_address_is_asked_about(drafted: object, url: str) -> None:
    """Whoever wrote the description would have the server call into its own network."""
    assert callable(drafted)
    text = str(drafted(url))
    assert "base" not in tomllib.loads(text)["connection"]
    assert "# ASK base" in text
    assert "hunter2" not in text


@pytest.mark.parametrize("url", WITH_A_USER)
@pytest.mark.parametrize("drafted", [from_openapi, from_page])
def test_a_user_and_a_password_are_left_out(drafted: object, url: str) -> None:
    """The file is committed and reviewed; a comment of it is as bad a place as a key."""
    assert callable(drafted)
    text = str(drafted(url))
    assert tomllib.loads(text)["connection"]["base"] == "https://api.harbour.example/v3"
    assert "hunter2" not in text


def test_a_server_of_each_customers_own_is_a_candidate_without_its_password() -> None:
    """The part in braces is the customer's; the rest is shown."""
    text = from_openapi("https://user:hunter2@{shop}.harbour.example/v3")
    assert "Candidates: https://{shop}.harbour.example/v3" in text
    assert "hunter2" not in text
