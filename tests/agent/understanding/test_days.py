"""Which day a message names: to come, shifted from the day of now, or none that anybody knows."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from agent.understanding.demo import knowledge

from sayso.agent.understanding.days import find_days
from sayso.agent.understanding.reading import Span, read

TODAY = date(2026, 11, 30)
NOW = "2026-12-09"


def _days(text: str, *, exact: bool = True) -> list[str]:
    reading = read(text, replace(knowledge(), today=lambda: TODAY), fallback=None)
    return find_days(reading, [Span(0, len(reading.tokens))], exact=exact, now=(NOW,))


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("please move my delivery a week later", "2026-12-16"),
        ("could you bring my order forward by two days", "2026-12-07"),
        ("Bitte verschieben Sie meine Lieferung eine Woche nach hinten", "2026-12-16"),
        ("Quiero recibir mi entrega dos días antes, por favor", "2026-12-07"),
        ("please move my delivery to the 21st", "2026-12-21"),
    ],
)
def test_a_day_is_named_or_counted_from_the_one_of_now(text: str, day: str) -> None:
    """By what stands close beside so many of a unit."""
    assert _days(text) == [day]


@pytest.mark.parametrize(
    "text",
    [
        "I asked you to move my delivery two weeks ago",
        "Ich habe Ihnen vor zwei Wochen wegen meiner Bestellung geschrieben",
        "Les pedí hace dos semanas que cambiaran mi entrega",
        "Quiero recibir mi pedido dos semanas antes de Navidad",
        "I would like to have my delivery two weeks before the wedding",
        "my delivery came on 20 November, please help me with it",
    ],
)
def test_what_is_past_or_beside_something_else_is_no_day(text: str) -> None:
    """So long ago, before a feast, or on a day of this month that is over."""
    assert _days(text) == _days(text, exact=False) == []
