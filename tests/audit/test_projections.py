"""The one text that stands for thirteen columns says what they say."""

from __future__ import annotations

import orjson
from hypothesis import given
from hypothesis import strategies as st

from sayso.audit.entry import MAX_INT
from sayso.audit.verifier.stored_rows import STORED, Projections, row_text
from sayso.audit.verifier.verification import Check, Findings
from sayso.audit.verifier.walk import Walk

WORDS = st.none() | st.text(st.characters(codec="utf-8"), max_size=3)


def _columns(most: int) -> st.SearchStrategy[dict[str, object]]:
    numbers = st.none() | st.integers(-most, most)
    return st.fixed_dictionaries(
        {name: numbers if name in {"at", "amount_minor"} else WORDS for name in STORED}
    )


COLUMNS, IN_BODIES = _columns(2**63 - 1), _columns(MAX_INT)


@given(columns=COLUMNS, other=COLUMNS)
def test_two_texts_differ_where_their_columns_do(
    columns: dict[str, object], other: dict[str, object]
) -> None:
    """Two rows have one text exactly where all their columns are the same, whatever is in them."""
    stored, projections = row_text("main", 7, other), Projections(STORED)
    wrong = [name for name in STORED if columns[name] != other[name]]
    assert (stored == row_text("main", 7, columns)) == (not wrong)
    assert (
        projections.differing_in_text(stored, orjson.loads(row_text("main", 7, columns))) == wrong
    )


@given(columns=IN_BODIES, other=COLUMNS)
def test_a_walk_names_the_columns_that_do_not_say_what_the_body_says(
    columns: dict[str, object], other: dict[str, object]
) -> None:
    """What no column says is no difference: a body's data, and where its personal part is."""
    body = _body(columns)
    assert _wrong(body, row_text("main", 0, columns)) == []
    differing = [name for name in STORED if columns[name] != other[name]]
    assert _wrong(body, row_text("main", 0, other)) == differing


def test_a_null_in_a_body_and_an_actor_that_is_no_object_are_looked_at_more_closely() -> None:
    """A body of another shape never ends the walk; a null in it is what a null column says."""
    nothing = dict.fromkeys(STORED)
    null = b'{"actor":{"id":null},"name":null,"seq":0,"tenant":"main","v":1}'
    assert _wrong(null, row_text("main", 0, nothing)) == []
    for actor in (b'"agt_1"', b"[]", b"null", b"7"):
        body = b'{"actor":%s,"seq":0,"tenant":"main","v":2}' % actor
        assert _wrong(body, row_text("main", 0, nothing)) == []
        assert _wrong(body, row_text("main", 0, {**nothing, "actor": "agt_1"})) == ["actor"]


def _body(columns: dict[str, object]) -> bytes:
    """One that says what the columns say, and more."""
    fields: dict[str, dict[str, object]] = orjson.loads(row_text("main", 0, columns))
    fields["data"] = {"actor": {"id": "agt_2"}}
    fields["pii"] = {"ref": "pii_1"}
    fields.setdefault("actor", {})["kind"] = "agent"
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)


def _wrong(body: bytes, stored: bytes) -> list[str]:
    """The columns that a walk over this one entry names."""
    findings = Findings()
    walk = Walk(tenant="main", marks=(), columns=STORED, as_row_text=True, findings=findings)
    walk.run([[(0, body, stored)]], 1)
    assert {one.check for one in findings.kept} <= {Check.PROJECTIONS_AGREE}
    return [one.message.split("`")[1] for one in findings.kept]
