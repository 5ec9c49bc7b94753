"""Marks of calls stand in logs for good, so they never change."""

from __future__ import annotations

import pytest

from sayso.errors import Code, RefusedError
from sayso.json import JsonValue
from sayso.surfaces.http.idempotency import key_mark, make_mark, was_made


def test_marks_are_what_they_always_were() -> None:
    """Golden vectors of a decision, an outcome and a stop: a repeated call is found for ever."""
    amount: dict[str, JsonValue] = {"b": 1, "a": {"amount_minor": 5, "currency": "USD"}}
    decision: list[JsonValue] = ["edit", 2, "abababababab", "x", amount]
    assert make_mark("k-1", decision) == "http/7c35c5a1785d/c54ee245"
    assert make_mark("k-1", ["succeeded", "re_1"]) == "http/7c35c5a1785d/86dbf372"
    assert key_mark("k-1") == "http/7c35c5a1785d"


def test_a_call_is_found_by_its_whole_mark() -> None:
    """Another key is another call; the same key with another content is refused."""
    mark = make_mark("k", ["a"])
    assert was_made(mark, ["", "sdk", "cli", make_mark("l", ["a"]), mark], "decision")
    assert not was_made(mark, ["", "sdk", make_mark("l", ["a"])], "decision")
    with pytest.raises(RefusedError) as refused:
        was_made(mark, [make_mark("k", ["b"]), mark], "decision")
    assert refused.value.code is Code.IDEMPOTENCY_CONFLICT
