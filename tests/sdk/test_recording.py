"""`sayso connector record --do-it`: what a manifest claims is tried there, or not believed.

The provider is a double of our own (`connectors.manifest.purse`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from connectors.manifest.purse import (
    FIRST_OF_ALL,
    LOOK_UP,
    MANIFEST,
    OF_A_PAYMENT,
    PAGED,
    SETTINGS,
    Purse,
    serving,
)

from sayso.actions.model.definition import Guarantee
from sayso.connectors.manifest.derive import UNPROVEN, derive
from sayso.connectors.manifest.review import load
from sayso.json import JsonValue
from sayso.sdk.connectors.manifests import check_manifest, review_manifest
from sayso.sdk.connectors.recording import (
    LEAST_ABSENT_S,
    RecordedAction,
    RecordingPace,
    record_action,
)
from sayso.sdk.connectors.sighting import RecordedPayment, Sighting
from sayso.sdk.workspace import Workspace
from sayso.testing.clock import FakeClock

AT = datetime(2026, 11, 29, tzinfo=UTC)


class FastTime:
    """Time that passes only while somebody sleeps, at once."""

    def __init__(self) -> None:
        self.now_s = 0.0

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    @property
    def pace(self) -> RecordingPace:
        return RecordingPace(monotonic=lambda: self.now_s, sleep=self.sleep)


def make_workspace(folder: Path, url: str, manifest: str = MANIFEST) -> Workspace:
    """A workspace with the manifest, reviewed."""
    (folder / "policy.cedar").write_text("")
    (folder / "sayso.toml").write_text(SETTINGS.format(url=url))
    (folder / "connectors").mkdir()
    (folder / "connectors" / "purse.toml").write_text(manifest)
    review_manifest(folder, "purse", by="maria", now=AT)
    return Workspace.load(folder, {"PURSE_KEY": "test"})


LOOKED = Sighting(amount="1.00 USD", holds_the_money=True)
"""What whoever records has seen at an honest account."""


async def record(
    workspace: Workspace, said: Sighting | None = LOOKED, **args: JsonValue
) -> RecordedAction:
    """A credit of $1.00 at the test account."""

    async def ask(payment: RecordedPayment) -> Sighting | None:
        assert (payment.account, str(payment.amount)) == ("acct_1 (Test)", "$1.00")
        return said

    return await record_action(
        workspace,
        FakeClock(),
        "purse",
        "credit",
        {"amount": {"amount_minor": 100, "currency": "USD"}, **args},
        "cus_1",
        do_it=True,
        by="maria",
        ask=ask,
        pace=FastTime().pace,
    )


def guarantee(workspace: Workspace) -> Guarantee:
    """What the action is worth as it stands, by the file and its proof."""
    reviewed = load("purse", workspace.folder)
    assert reviewed is not None
    proven = reviewed.proofs.get("credit", UNPROVEN)
    action = reviewed.source.manifest.actions["credit"]
    return derive(action, verified=True, proven=proven).guarantee


@pytest.mark.promise("manifests:proven")
async def test_what_held_at_the_test_account_is_proven(tmp_path: Path) -> None:
    """One answer dropped and found, the same key sent twice, one effect; the card says when."""
    with serving(Purse(shows_after=4)) as purse:
        workspace = make_workspace(tmp_path, purse.url)
        assert guarantee(workspace).kind == "at_most_once"
        found = await record(workspace)
        assert (found.problem, found.found, found.is_verified) == ("", True, True)
        assert found.proof is not None
        assert found.proof.key
        assert found.proof.shown_after_s == 4  # 0.25, 0.5, 1 and 2 s, rounded up
        assert found.proof.absent_after_s == LEAST_ABSENT_S
        assert len(purse.credits) == 1
        worth = guarantee(workspace)
        assert (worth.kind, worth.settle_after_s, worth.repeats) == ("idempotent", 60, 1)
        assert f"proven on {found.proof.on}" in worth.sentence
        (report,) = check_manifest(tmp_path, "purse").actions
        assert f"proven on {found.proof.on}" in report.guarantee


@pytest.mark.promise("manifests:proven")
async def test_absence_counts_from_long_after_the_effect_was_seen(tmp_path: Path) -> None:
    """What takes half a minute to show proves nothing after one, whatever the file says."""
    with serving(Purse(shows_after=9)) as purse:
        workspace = make_workspace(tmp_path, purse.url)
        found = await record(workspace)
        assert found.proof is not None
        assert found.proof.shown_after_s == 28
        assert guarantee(workspace).settle_after_s == 280


@pytest.mark.promise("manifests:proven")
@pytest.mark.parametrize(
    ("lies", "manifest", "problem", "effects"),
    [
        ({"keeps_keys": False}, MANIFEST, "the key is ignored", 2),
        ({"lists": False}, MANIFEST, "doesn't find it", 1),
        ({"keeps_keys": False}, MANIFEST.replace(LOOK_UP, ""), "the key is ignored", 2),
    ],
    ids=["key ignored", "never listed", "key ignored, and nothing finds it"],
)
async def test_a_claim_that_does_not_hold_is_said_and_stays_claimed(
    tmp_path: Path, lies: dict[str, bool], manifest: str, problem: str, effects: int
) -> None:
    """`keeps = "45d"` and a page are words: without a proof money is at most once."""
    with serving(
        Purse(keeps_keys=lies.get("keeps_keys", True), lists=lies.get("lists", True))
    ) as purse:
        workspace = make_workspace(tmp_path, purse.url, manifest)
        found = await record(workspace)
        assert problem in found.problem
        assert (found.proof, found.is_verified) == (None, False)
        assert len(purse.credits) == effects
        assert guarantee(workspace).kind == "at_most_once"


IN_MAJOR = MANIFEST.replace(
    'currency = "currency" } }', 'currency = "currency", unit = "major" } }'
)
FIRST = OF_A_PAYMENT.replace('get = "/payments/{args.payment}"\nroot = "payment"', FIRST_OF_ALL)


@pytest.mark.promise("manifests:lies")
@pytest.mark.parametrize(
    ("purse", "manifest", "said", "problem"),
    [
        (Purse, IN_MAJOR, LOOKED, "$1.00 was asked for, and its record says $100.00"),
        (partial(Purse, factor=100), MANIFEST, Sighting(amount="100.00 USD"), "another unit"),
        (partial(Purse, gives_to="cus_2"), MANIFEST, LOOKED, "doesn't find it"),
        (Purse, MANIFEST, Sighting(amount="1.00 USD", is_payee=False), "to somebody else"),
        (Purse, MANIFEST, Sighting(amount="one"), "nobody has said"),
        (Purse, MANIFEST, None, "nobody has said"),
        (partial(Purse, pages=False), PAGED, LOOKED, "the next page is the page before it"),
    ],
    ids=["unit read", "unit paid", "payee", "payee of all", "no amount", "nobody", "offset"],
)
async def test_what_was_done_is_held_against_what_was_said(
    tmp_path: Path,
    purse: Callable[[], Purse],
    manifest: str,
    said: Sighting | None,
    problem: str,
) -> None:
    """By its own record, and by a person who looks at the account where no record can show it."""
    with serving(purse()) as shop:
        workspace = make_workspace(tmp_path, shop.url, manifest)
        found = await record(workspace, said)
        assert problem in found.problem
        assert (found.proof, found.is_verified, len(shop.paid)) == (None, False, 1)


@pytest.mark.promise("manifests:lies")
async def test_another_object_than_was_named_is_not_touched(tmp_path: Path) -> None:
    """A wrong `root` takes the first of the customer's payments, whichever was named."""
    with serving(Purse()) as purse:
        workspace = make_workspace(tmp_path, purse.url, FIRST)
        found = await record(workspace, payment="pay_2")
        assert "`payment` named pay_2, and pay_1 was read" in found.problem
        assert (found.proof, purse.paid) == (None, [])


@pytest.mark.promise("manifests:lies")
async def test_who_holds_the_money_is_said_by_a_person_and_not_by_the_file(
    tmp_path: Path,
) -> None:
    """No trial shows it: a shop that pays first looks the same until it loses its own record."""
    with serving(Purse()) as purse:
        workspace = make_workspace(tmp_path, purse.url)
        found = await record(workspace, replace(LOOKED, holds_the_money=False))
        assert (found.problem, found.is_verified) == ("", True)
        assert (guarantee(workspace).kind, guarantee(workspace).repeats) == ("at_most_once", 0)
        (report,) = check_manifest(tmp_path, "purse").actions
        assert any(
            "holds the money itself (docs.purse.example) is claimed" in one
            for one in report.reasons
        )


@pytest.mark.promise("manifests:proven")
async def test_a_changed_operation_is_not_proven_any_more(tmp_path: Path) -> None:
    """The proof is bound to what was sent; words that are only shown may change."""
    with serving(Purse()) as purse:
        workspace = make_workspace(tmp_path, purse.url)
        await record(workspace)
        path = tmp_path / "connectors" / "purse.toml"
        for was, new, kind in (
            ("Give account credit", "Give some credit", "idempotent"),
            ('post = "/credits"', 'post = "/credits/new"', "at_most_once"),
        ):
            path.write_text(path.read_text().replace(was, new))
            review_manifest(tmp_path, "purse", by="maria", now=AT)
            assert guarantee(workspace).kind == kind


@pytest.mark.promise("manifests:proven")
async def test_what_fails_later_takes_the_proof_back(tmp_path: Path) -> None:
    """The newest trial counts."""
    with serving(Purse()) as purse:
        workspace = make_workspace(tmp_path, purse.url)
        await record(workspace)
        purse.keeps_keys = False
        assert "ignored" in (await record(workspace)).problem
        assert guarantee(workspace).kind == "at_most_once"
