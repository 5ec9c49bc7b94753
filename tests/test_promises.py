"""The manifest of promises and the tests are tied both ways, read without running anything."""

from __future__ import annotations

import ast
import re
from collections import defaultdict

from promises import PARTS, PROMISES
from tree import ROOT, TESTS, dotted, read_python


def claims() -> dict[str, list[str]]:
    """Who claims which promise: id to `file:line`."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, tree in read_python(TESTS):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and dotted(node.func) == "pytest.mark.promise":
                (argument,) = node.args
                assert isinstance(argument, ast.Constant), f"{name}:{node.lineno}"
                found[str(argument.value)].append(f"{name}:{node.lineno}")
    return found


def test_every_claim_is_a_promise() -> None:
    """A test cannot claim what nobody wrote down."""
    unknown = {claim: where for claim, where in claims().items() if claim not in PROMISES}
    assert unknown == {}


def test_every_promise_has_a_test() -> None:
    """A promise without a test belongs under "Open" in docs/reference/promises.md."""
    assert PROMISES.keys() - claims().keys() == set()


def test_each_promise_stands_in_one_part() -> None:
    """Else the sentence of one would be lost without a word."""
    assert sum(map(len, PARTS)) == len(PROMISES)


def test_ids_have_one_form() -> None:
    """`area:feature[:variant]`, in small letters."""
    part = "[a-z0-9]+(-[a-z0-9]+)*"
    assert [name for name in PROMISES if not re.fullmatch(rf"{part}(:{part}){{1,2}}", name)] == []


def test_every_invariant_is_promised_or_open() -> None:
    """None of the design's ten is forgotten: the page names each, as kept or as open."""
    page = (ROOT / "docs" / "reference" / "promises.md").read_text(encoding="utf-8")
    assert [number for number in range(1, 11) if f"invariant {number}" not in page] == []
