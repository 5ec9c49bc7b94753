"""A draft from prose: what counts is what the page says, letter by letter."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from connectors.manifest.test_in_the_house import make_workspace

from sayso.connectors.draft.docs import PageAnswers, draft_docs
from sayso.errors import ConfigError, RetryableError
from sayso.sdk.connectors.drafts import docs_model, draft_docs_page
from sayso.sdk.workspace import Workspace
from sayso.testing.models import ScriptedModel

PAGE = """
# Harbour API
All requests go to `https://api.harbour.example/v3`. Authenticate with a bearer token.
## Cancel a booking
Send `POST /bookings/{booking_id}/cancel`. Read it by `GET /bookings/{booking_id}`.
A booking has `id`, `state`, and `customer_id`, the guest who made it.
You may send an `Idempotency-Key`; keys are kept for 24 hours.
"""

ANSWERS = {
    "title": "Harbour",
    "base_url": {
        "value": "https://api.harbour.example/v3",
        "quote": "All requests go to `https://api.harbour.example/v3`.",
    },
    "operations": [
        {
            "name": "cancel_booking",
            "method": "POST",
            "effect": "cancellation",
            "object_kind": "booking",
            "path": {
                "value": "/bookings/{booking_id}/cancel",
                "quote": "Send `POST /bookings/{booking_id}/cancel`.",
            },
            "object_read_path": {
                "value": "/bookings/{booking_id}",
                "quote": "Read it by `GET /bookings/{booking_id}`.",
            },
            "owner_field": {"value": "customer_id", "quote": "the guest who paid for it, we think"},
            "key_name": {"value": "Idempotency-Key", "quote": "You may send an `Idempotency-Key`"},
            "key_kept_for": {"value": "24 hours", "quote": "keys are kept for 24 hours"},
        }
    ],
}


@pytest.mark.promise("draft:quoted")
def test_an_answer_that_the_page_does_not_say_is_asked() -> None:
    """The invented quote of the owner fills nothing in; the others do."""
    drafted = draft_docs(PageAnswers.model_validate(ANSWERS), PAGE, "harbour", "page.md")
    table = tomllib.loads(drafted.text)
    assert table["connection"]["base"] == "https://api.harbour.example/v3"
    action = table["actions"]["cancel_booking"]
    assert action["call"]["post"] == "/bookings/{object.id}/cancel"
    assert "owner" not in action
    assert "ASK owner: where does the provider say whose it is? { path = … } (the model gave" in (
        drafted.text
    )
    assert "the page says: You may send an `Idempotency-Key`" in drafted.text
    assert "key" not in action["call"]  # without an address that says how long, it counts nothing


async def test_the_model_of_the_workspace_reads_it(tmp_path: Path) -> None:
    """By the closed form of the questionnaire; an answer of another form is no draft."""
    folder = make_workspace(tmp_path, "http://127.0.0.1:1", verified=False)
    with pytest.raises(ConfigError, match="none is set"):
        docs_model(Workspace.load(folder, {}))
    with (folder / "sayso.toml").open("a") as file:
        file.write('\n[planner]\nmodel = "openai:gpt-5"\napi_key = "env:MODEL_KEY"\n')
    assert docs_model(Workspace.load(folder, {"MODEL_KEY": "key_of_the_model"})) is not None

    model = ScriptedModel(replies=[ANSWERS, {"title": 1}])
    drafted = await draft_docs_page(model, PAGE, "harbour", "page.md")
    assert dict(drafted.actions) == {"cancel_booking": "POST /bookings/{booking_id}/cancel"}
    with pytest.raises(RetryableError, match="no answer that can be read"):
        await draft_docs_page(model, PAGE, "harbour", "page.md")
    with pytest.raises(ConfigError, match="characters"):
        await draft_docs_page(model, "x" * 200_000, "harbour", "page.md")
