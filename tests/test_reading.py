"""JMESPath for reading: exact numbers, some functions, and none of its traps."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sayso.json import JsonValue
from sayso.reading import ReadingError, check_expression, names_in, read

DOCUMENT: JsonValue = {
    "order": {"paid": False, "lines": [{"n": 1}, {"n": 2}], "total": "12.50"},
    "rate": Decimal("0.1"),  # type: ignore[dict-item]  # as an answer's numbers are read
}


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("order.total", "12.50"),
        ("order.paid == `false`", True),
        ("order.nothing.at.all", None),
        ("sum(order.lines[].n)", 3),
        ("length(order.lines)", 2),
        ("order.lines[?n == `2`] | [0].n", 2),
        ("to_string(rate)", "0.1"),
        ("sum([rate, rate, rate])", Decimal("0.3")),
        ("to_number(order.total)", Decimal("12.50")),
        ("to_number('many')", None),
        ("type(rate)", "number"),
        ("rate > `0`", True),
        ("contains(['a', 'b'], order.total)", False),
        ("not_null(order.other, order.total)", "12.50"),
    ],
)
def test_a_path_reads_what_is_there_and_null_for_the_rest(
    expression: str, wanted: JsonValue
) -> None:
    """Total over missing keys; a decimal number is never a float."""
    found = read(expression, DOCUMENT)
    assert found == wanted
    assert not isinstance(found, float)


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("!order.paid", "negates its first name only"),
        ("map(&n, lines)", "`map()` is not allowed"),
        ("reverse(lines)", "`reverse()` is not allowed"),
        ("order[", "no JMESPath"),
        ("`sent`", "in single quotes"),
        ("a" * 301, "characters"),
        ("(" * 2000 + "a" + ")" * 2000, "characters"),
    ],
)
def test_what_would_surprise_is_refused_when_it_is_read(expression: str, why: str) -> None:
    """`!a.b` is `(!a).b`; functions outside the list could be used to do work."""
    with pytest.raises(ReadingError, match=why.replace("(", r"\(").replace(")", r"\)")):
        check_expression(expression)


def test_a_function_on_the_wrong_type_is_an_error_of_ours() -> None:
    """So that a call's answer ends as unknown, and a read as the connector's fault."""
    with pytest.raises(ReadingError):
        read("length(rate)", DOCUMENT)


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("order.customer.id", {"order"}),
        ("a[?b == c].d", {"a"}),
        ("not_null(a.x, b)", {"a", "b"}),
        ("to_string(a.b)", {"a"}),
        ("{x: a.b, y: c}", {"a", "c"}),
        ("'text'", set[str]()),
        ("a | b.c", {"a"}),
        ("a == b && c", {"a", "b", "c"}),
    ],
)
def test_where_a_path_starts_is_known(expression: str, names: set[str]) -> None:
    """An owner is what a read says, and never what somebody passed in."""
    assert names_in(expression) == names
