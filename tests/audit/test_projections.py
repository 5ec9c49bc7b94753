"""The one text that stands for thirteen columns says what they say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sayso.audit.fields import inner
from sayso.audit.projections import ABSENT, JOINED, SEPARATOR, Projections, joined

WORDS = st.none() | st.text(
    st.characters(codec="utf-8", exclude_characters=[SEPARATOR, ABSENT]), max_size=3
)
NUMBERS = st.none() | st.integers(-(2**63), 2**63 - 1)


def _object(**values: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    return st.fixed_dictionaries({}, optional=values)


NAMES = "kind action request approval subject name status rule digest".split()
BODIES = _object(
    **dict.fromkeys(NAMES, WORDS),
    at=NUMBERS,
    actor=_object(id=WORDS),
    amount=_object(amount_minor=NUMBERS, currency=WORDS),
)


@given(fields=BODIES, other=BODIES)
def test_two_texts_differ_where_their_columns_do(
    fields: dict[str, object], other: dict[str, object]
) -> None:
    """As a text, the columns of one row agree with a body exactly where their values do."""
    projections = Projections(JOINED)
    wrong = projections.differing(projections.of(other), fields)
    assert projections.differing_joined(_stored(other), fields) == wrong
    if joined(fields) == _stored(other):
        assert not wrong


@given(fields=BODIES)
def test_a_body_agrees_with_its_own_columns(fields: dict[str, object]) -> None:
    """No false alarm; and what says nothing as null is found by comparing texts alone."""
    assert Projections(JOINED).differing_joined(_stored(fields), fields) == []
    if None not in _values(fields):
        assert joined(fields) == _stored(fields)


def test_an_actor_that_is_no_object_is_looked_at_more_closely() -> None:
    """A body of another shape never ends the walk."""
    assert joined({"actor": "agt_1"}) == ""
    assert joined({"amount": None}) == ""


def _stored(fields: dict[str, object]) -> str:
    """As the server joins the columns of a row."""
    values = Projections(JOINED).of(fields)
    return SEPARATOR.join(ABSENT if value is None else str(value) for value in values)


def _values(fields: dict[str, object]) -> list[object]:
    """Every value that a body says, however deep."""
    deeper = [*inner(fields, "actor").values(), *inner(fields, "amount").values()]
    return [*fields.values(), *deeper]
