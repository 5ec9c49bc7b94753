"""Lies of a manifest: each is found by `check`, or what it says of money is at most once.

What a provider's answers show is found by `try` (`tests/sdk/test_manifest_trial.py`), or at the
test account by `record` (`tests/sdk/test_recording.py`). The provider is a double of our own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from connectors.manifest.purse import LOOK_UP, MANIFEST, PAGED, Purse, serving
from connectors.manifest.purse_workspace import make_workspace

from sayso.connectors.manifest.check import mistakes
from sayso.connectors.manifest.derive import derive
from sayso.connectors.manifest.source import read_source
from sayso.errors import ConfigError
from sayso.ids import Tenant
from sayso.sdk.client import Sayso
from sayso.testing.clock import FakeClock

pytestmark = pytest.mark.promise("manifests:lies")

CHECKED: dict[str, tuple[str, str, str]] = {
    "a key is kept for longer than anybody keeps one": ('"45d"', '"400d"', "keep a key for 400d"),
    "a source is somebody else's page": (
        "https://docs.purse.example/keys",
        "https://blog.example.net/keys",
        "none of the provider's domains",
    ),
    "an empty look-up is proof without a word of the provider's": (
        'source = "https://docs.purse.example/credits"\n',
        "",
        "holds the money itself",
    ),
    "nobody has shown whose it is": ('owner = { path = "customer.id" }\n', "", "owner"),
    "the payee is of something that is not read": (
        'payee = "the customer\'s purse"',
        'payee = "{card.holder}\'s purse"',
        "nothing is read as `card`",
    ),
    "the sentence names another amount": ("Give {amount} of", "Give {keep.amount} of", "keep"),
    "a look-up finds others' effects": ('ours = "reference", amount', "amount", "from others"),
    "amounts are in a unit that nobody named": ('[money]\nunit = "minor"\n', "", "amounts"),
}
BELIEVED: dict[str, tuple[str, str]] = {
    "the provider ignores the header of the key": ("Idempotency-Key", "X-Nobody-Reads"),
    "an honest one has not been proven either": ('record = "with"', 'record = "with"'),
    "nothing finds the effect again": (LOOK_UP, ""),
    "an effect shows later than is said": ('absent_after = "1m"', 'absent_after = "1s"'),
}
"""What no file shows to be wrong."""


def changed(was: str, new: str) -> bytes:
    assert was in MANIFEST
    return MANIFEST.replace(was, new).encode()


@pytest.mark.parametrize("lie", CHECKED)
def test_a_lie_that_the_file_shows_is_found_by_check(lie: str) -> None:
    """The honest one has no mistake."""
    assert mistakes(read_source(MANIFEST.encode(), "purse.toml")) == []
    was, new, says = CHECKED[lie]
    try:
        found = [str(one) for one in mistakes(read_source(changed(was, new), "purse.toml"))]
    except ConfigError as error:  # what is missing altogether
        found = [str(error)]
    assert any(says in one for one in found), found


@pytest.mark.parametrize("lie", BELIEVED)
def test_a_lie_that_only_the_provider_shows_is_at_most_once_until_it_was_proven(lie: str) -> None:
    """Its cases passed, and nobody has seen it at the test account."""
    manifest = read_source(changed(*BELIEVED[lie]), "purse.toml").manifest
    guarantee = derive(manifest.actions["credit"], verified=True).guarantee
    assert (guarantee.kind, guarantee.repeats) == ("at_most_once", 0)


A_DAY_S = (1, 5, 30, 60, 100, 200, 300, 400, 900, *[3600] * 24)
"""Every moment at which the engine may look, or call again."""
LATER = '[[errors]]\nwhen = { status = [409] }\nmeans = "later"\n[reads.customer]'
NOT_DONE = LATER.replace("later", "provider_refused")
Forgets = partial(Purse, keeps_keys=False)
Loses = partial(Purse, keeps_keys=False, rolls_back=True)
"""It gives, and then loses what it has written down, its key too."""


def saying(rule: str) -> str:
    return MANIFEST.replace("[reads.customer]", rule)


@pytest.mark.parametrize(
    ("manifest", "double", "told"),
    [
        (saying(LATER), partial(Forgets, says=409), "succeeded"),
        (saying(LATER), partial(Loses, says=409), "unknown"),
        (saying(NOT_DONE), partial(Forgets, says=409), "succeeded"),
        (saying(NOT_DONE), partial(Loses, says=409), "failed"),
        (MANIFEST, partial(Loses, says=500), "unknown"),
        (MANIFEST, partial(Loses, says=0), "unknown"),
        (PAGED, partial(Forgets, says=0, pages=False), "succeeded"),
    ],
    ids=[
        "later, and it was done",
        "later, and it is lost",
        "not done, and it was done",
        "not done, and it is lost",
        "it holds the money, and answers an error",
        "it holds the money, and cuts the line",
        "an offset that it ignores",
    ],
)
async def test_a_lie_about_an_outcome_pays_once(
    tmp_path: Path, manifest: str, double: Callable[[], Purse], told: str
) -> None:
    """Its key and its look-up were proven at a test account, and it lies on the day itself."""
    with serving(double()) as purse:
        workspace, clock = make_workspace(tmp_path, purse.url, manifest, tried=True), FakeClock()
        async with Sayso(workspace, mode="decide", clock=clock) as sayso:
            view = await sayso.propose(
                "purse.credit",
                {"amount": {"amount_minor": 3500, "currency": "USD"}},
                subject="cus_1",
                reason="it broke",
            )
            for seconds in A_DAY_S:
                clock.advance(seconds=seconds)
                await sayso.container.engine.advance(Tenant("main"), view.id)
            view = await sayso.actions.get(view.id)
            assert purse.paid == [("cus_1", 3500)]
            assert view.status == told
            assert [one.about for one in await sayso.work.list()] == (
                [] if told == "succeeded" else [view.id]
            )
            assert sayso.audit.verify(deep=True).verdict == "verified"
