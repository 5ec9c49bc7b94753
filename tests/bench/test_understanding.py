"""Customers are understood as measured: the bench has labelled conversations with the product."""

from __future__ import annotations

import json

import pytest

from bench.understanding.__main__ import DATA, main
from bench.understanding.figures import BARS
from bench.understanding.world import World

pytestmark = [
    pytest.mark.external_data,
    pytest.mark.skipif(
        not (DATA / "acts").is_dir(), reason=f"no conversations in {DATA}; set SAYSO_TEST_DATA"
    ),
]


def test_the_bench_names_what_came_instead(capsys: pytest.CaptureFixture[str]) -> None:
    """Each figure of the page stands in the document, and each failure with its id and outcome."""
    status = main(["--part", "1/160", "--no-read", "--list", "failures", "--json"])
    *lines, last = capsys.readouterr().out.splitlines()
    document = json.loads(last)
    assert {row["case"] for row in document["rows"]} >= {
        "clear, one turn, acts of today",
        "wrong executed",
        "restated wrong, traps",
    }
    assert {row["case"] for row in document["rows"]} <= BARS.keys()
    assert document["ok"] is (status == 0)
    assert all(" | due " in line and " | came " in line for line in lines)


def test_the_world_holds_what_the_file_says() -> None:
    """Every customer has a payment and an order, at the providers that the labels name."""
    world = World.read(DATA / "acts" / "records.json")
    for things in world.things.values():
        assert {one.kind for one in things} >= {"payment", "order", "ticket"}
