"""A row as fields of a form, and the file that such fields make."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from bench.random_policies import REFUND
from sayso.actions.policy.tables.fields import ConditionFields, drop_row, put_row, rows_in
from sayso.actions.policy.tables.file import read_table

pytestmark = pytest.mark.promise("console:rule")
ROLES = ("support_manager", "finance", "lead")
TABLE = """# ours
action   = "shop.refund"
currency = "USD"

# after a year
[[allow]]
id          = "year"   # short
say         = "Up to $75 after a year"
tenure_days = { over = 365, under = 4_000 }
plan        = ["pro", "trial"]
up_to       = { USD = 75, EUR = 70.5 }

# at night
[[ask]]
id   = "night"
say  = "At night somebody is asked"
hour = { from = 22, to = 6 }
full = true
plan = { not = "free" }
over = 20
by   = "support_manager"
people = 2

[[never]]
id  = "old"
say = "Never an old one"
charge_age_days = { at_least = 730 }
"""


def test_every_row_is_the_same_after_it_went_through_its_fields() -> None:
    """What is read of the file is what was; comments between rows stay."""
    text = TABLE.replace("shop.refund", REFUND.name)
    was, wrong = read_table("t.toml", text, [REFUND], ROLES)
    assert wrong == []
    rows = rows_in(text)
    assert [(one.sort, one.id, one.shown) for one in rows] == [
        ("allow", "year", True),
        ("ask", "night", True),
        ("never", "old", True),
    ]
    assert rows[0].amount == "75 USD, 70.5 EUR"
    assert rows[0].conditions[2] == ConditionFields(name="plan", how="is", value="pro, trial")
    for row in rows:
        text = put_row(text, row.id, row, REFUND)
    now, wrong = read_table("t.toml", text, [REFUND], ROLES)
    assert wrong == []
    assert now == was
    for comment in ("# ours", "# after a year", "# at night"):
        assert text.count(comment) == 1


def test_a_row_is_changed_added_and_taken_away_alone() -> None:
    """All the rest of the file stays byte for byte."""
    first, night, _ = rows_in(TABLE)
    less = put_row(TABLE, "year", replace(first, amount="50", say="Up to $50"), REFUND)
    assert rows_in(less)[0].amount == "50"
    assert rows_in(less)[1:] == rows_in(TABLE)[1:]
    head, _, rest = TABLE.partition("[[allow]]")
    assert less.startswith(head)
    assert less.endswith(rest[rest.index("\n# at night") :])
    more = put_row(TABLE, "", replace(night, id="noon", sort="allow"), REFUND)
    assert more.startswith(TABLE)
    assert [one.id for one in rows_in(more)] == ["year", "night", "old", "noon"]
    assert [one.id for one in rows_in(drop_row(more, "night"))] == ["year", "old", "noon"]
    assert drop_row(TABLE, "nothing") == TABLE


def test_whatever_stands_in_a_field_is_a_value_and_no_more() -> None:
    """Signs of the language make no further key; what is no number is told when it is read."""
    dice = random.Random(3)
    signs = "\"\\'{}[]=,#\n\t \x7f€\u202e0aé]]"
    first = rows_in(TABLE)[0]
    for _ in range(300):
        odd = "".join(dice.choices(signs, k=dice.randint(1, 12)))
        row = replace(
            first,
            id="odd",
            say=odd,
            conditions=(ConditionFields(name=odd, how="is", value=odd),),
            amount="",
        )
        text = put_row(TABLE, "year", row, REFUND)
        (found,) = [one for one in rows_in(text) if one.id == "odd"]
        assert found.say == odd
        assert {one.name for one in found.conditions} <= {odd}
        assert rows_in(text)[1:] == rows_in(TABLE)[1:]
    wrong = put_row(TABLE, "year", replace(first, amount="much"), REFUND)
    assert 'up_to = "much"' in wrong
