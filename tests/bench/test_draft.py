"""A draft is measured against the manifests that people have reviewed."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from bench.draft import DATA, compare_all, main

pytestmark = [
    pytest.mark.external_data,
    pytest.mark.skipif(
        not (DATA / "specs").is_dir(), reason=f"no descriptions in {DATA}; set SAYSO_TEST_DATA"
    ),
]


@pytest.mark.promise("draft:sure")
def test_a_draft_is_seldom_wrong_and_mostly_right(capsys: pytest.CaptureFixture[str]) -> None:
    """Under one field in twenty says something else than the reviewed manifest."""
    found = compare_all()
    count = Counter(one.verdict for one in found)
    assert count["wrong"] < 0.05 * len(found)
    assert count["right"] > 0.6 * len(found)
    assert {one.where.partition(".")[0] for one in found} >= {"paypal", "square", "shopify"}
    main(["--json"])
    document = json.loads(capsys.readouterr().out)
    assert {row["case"] for row in document["rows"]} == {"right", "wrong", "asked"}
