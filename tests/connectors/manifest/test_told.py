"""What a customer is told of a record, by a manifest's `[answers]`."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from connectors.manifest.stand import changed, shipped, source_of, stand, stands

from sayso.actions.model.definition import Subject
from sayso.actions.model.snapshot import TOLD_STATES, Record
from sayso.agent.phrases import LANGUAGES
from sayso.agent.telling import sentence
from sayso.connectors.http import HttpAnswer, HttpRequest
from sayso.connectors.manifest.check import mistakes
from sayso.connectors.manifests import SHIPPED

TELLING = {
    "chargebee": {"subscription"},
    "recharge": {"subscription"},
    "shopify": {"order"},
    "square": {"subscription"},
    "stripe_billing": {"invoice"},
}


async def _told(name: str) -> list[Record]:
    source, cases = shipped(name)
    _, table = stands(name)[0]
    it = stand(source, cases, table)
    if name == "square":  # a search by POST is none of what a generated provider answers

        def answer(request: HttpRequest, found: HttpAnswer) -> HttpAnswer:
            listed = cases.answers["records.subscription"] if "subscr" in request.url else {}
            return replace(found, status=200, body=json.dumps(listed).encode())

        it.wire.change = answer
    found = await it.connector.list_records(Subject(id=table.subject))
    return [one for one in found if one.told is not None]


def test_who_lists_an_order_or_a_subscription_says_what_it_tells_of_it() -> None:
    """A manifest with such records has answers, and those that have are listed here."""
    for path in SHIPPED.glob("*.toml"):
        if path.name.endswith(".cases.toml") or path.name == "reviewed.toml":
            continue
        manifest = shipped(path.stem)[0].manifest
        told = {answer.on for answer in manifest.answers.values()}
        assert told == TELLING.get(path.stem, set()), path.stem
        assert manifest.records.keys() & {"order", "subscription"} <= told, path.stem


@pytest.mark.promise("agent:told-from-records")
@pytest.mark.parametrize("name", sorted(TELLING))
async def test_a_shipped_record_is_told_in_every_language(name: str) -> None:
    """By its provider's own answers: a state that has a sentence, and values that fill it."""
    told = await _told(name)
    assert {one.kind for one in told} == TELLING[name]
    for record in told:
        assert record.told is not None
        assert record.told.state in TOLD_STATES[record.told.topic]
        for language in LANGUAGES:
            assert sentence(record, language).endswith(".")


async def test_a_subscription_is_told_with_its_next_date() -> None:
    """The day is written as the language writes it, and nothing of our own is in it."""
    (record,) = await _told("recharge")
    assert sentence(record, "en") == (
        "Coffee, monthly: active; the next one is due on 10 December 2026."
    )
    assert sentence(record, "es").endswith("próxima fecha: 10 de diciembre de 2026.")


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ('on = "subscription"\ntopic', 'on = "box"\ntopic', "no records `box`"),
        ('topic = "subscription"', 'topic = "weather"', "no topic `weather`"),
        ('is = "ended"', 'is = "gone"', "nothing says what `gone` is"),
        (", when = \"status == 'cancelled' || status == 'expired'\"", "", "never reached"),
        ("values = {", 'says.active.en = "until {noon}"\nvalues = {', "no value `noon`"),
    ],
)
def test_an_answer_that_cannot_be_told_is_named(before: str, after: str, problem: str) -> None:
    """By `sayso connector check`, with its place, before anybody asks."""
    found = [one.problem for one in mistakes(source_of(changed("recharge", (before, after))))]
    assert any(problem in one for one in found), found
