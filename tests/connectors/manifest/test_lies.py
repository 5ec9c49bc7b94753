"""Lies of a manifest: each is found by `check`, or what it says of money is at most once.

What only a provider's answers show is found at the test account, by `record`: see
`tests/sdk/test_recording.py`.
"""

from __future__ import annotations

import pytest
from connectors.manifest.purse import LOOK_UP, MANIFEST

from sayso.connectors.manifest.check import mistakes
from sayso.connectors.manifest.derive import derive
from sayso.connectors.manifest.source import read_source
from sayso.errors import ConfigError

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
