"""`sayso connector try`: every read at the provider, held against what the file says of it.

The provider is a double of our own (`connectors.manifest.purse`).
"""

from __future__ import annotations

from pathlib import Path

import pytest
from connectors.manifest.purse import FIRST_OF_ALL, OF_A_PAYMENT, SETTINGS, Purse, serving

from sayso.json import JsonObject
from sayso.sdk.connectors.trial import try_reads
from sayso.sdk.workspace import Workspace
from sayso.testing.clock import FakeClock

BY_ID = 'get = "/payments/{args.payment}"\nroot = "payment"'


async def tried(folder: Path, manifest: str, purse: Purse) -> dict[str, tuple[str, str]]:
    """State and words of each part."""
    (folder / "policy.cedar").write_text("")
    (folder / "sayso.toml").write_text(SETTINGS.format(url=purse.url))
    (folder / "connectors").mkdir()
    (folder / "connectors" / "purse.toml").write_text(manifest)
    workspace = Workspace.load(folder, {"PURSE_KEY": "test"})
    args: dict[str, JsonObject] | None = None
    if BY_ID not in manifest and FIRST_OF_ALL in manifest:  # one that is not the first
        args = {"credit": {"payment": "pay_2", "amount": {"amount_minor": 1, "currency": "USD"}}}
    found: dict[str, tuple[str, str]] = {
        one.where: (one.state, one.what)
        async for one in try_reads(workspace, FakeClock(), "purse", "cus_1", args)
    }
    assert purse.paid == []
    return found


@pytest.mark.promise("manifests:lies")
async def test_an_honest_file_is_read_from_end_to_end(tmp_path: Path) -> None:
    """Three payments on two pages, one of which an action would be about."""
    with serving(Purse()) as purse:
        found = await tried(tmp_path, OF_A_PAYMENT, purse)
    assert {state for state, _ in found.values()} == {"read"}
    assert found["records"][1] == "3 payment"


@pytest.mark.promise("manifests:lies")
@pytest.mark.parametrize(
    ("was", "new", "where", "says"),
    [
        ('root = "payment"', 'root = "order"', "actions.credit", "look at `root`"),
        (BY_ID, FIRST_OF_ALL, "actions.credit", "named pay_2, and pay_1 was read"),
        ('path = "payment.customer"', 'path = "payment.id"', "actions.credit", "and `owner`"),
    ],
    ids=["a root that is not there", "a root of another object", "an owner that is none"],
)
async def test_a_read_that_gives_something_else_is_wrong(
    tmp_path: Path, was: str, new: str, where: str, says: str
) -> None:
    """A refusal of what the customer's own list names is the file's mistake, not their lack."""
    assert was in OF_A_PAYMENT
    with serving(Purse()) as purse:
        found = await tried(tmp_path, OF_A_PAYMENT.replace(was, new), purse)
    assert found[where][0] == "wrong"
    assert says in found[where][1]


@pytest.mark.promise("manifests:lies")
async def test_an_offset_that_the_provider_ignores_is_found(tmp_path: Path) -> None:
    """Each page is the first: what stands on the others would be taken for absent."""
    with serving(Purse(pages=False)) as purse:
        found = await tried(tmp_path, OF_A_PAYMENT, purse)
    assert found["records"][0] == "wrong"
    assert "the next page is the page before it" in found["records"][1]


@pytest.mark.promise("manifests:lies")
async def test_a_page_that_is_smaller_than_the_file_says_is_found(tmp_path: Path) -> None:
    """A page of two is taken for the end of a list whose pages are said to have fifty."""
    manifest = OF_A_PAYMENT.replace('size = 2, total = "total"', "size = 50")
    with serving(Purse()) as purse:
        found = await tried(tmp_path, manifest, purse)
    assert found["records"][0] == "wrong"
    assert "look at `size`" in found["records"][1]


PERSON = """
[person]
get = "/customers/{subject.id}"
id = "id"
name = "name"
email = "email"
ids = { "metadata.*" = "metadata" }
[person.find]
get = "/customers"
query = { email = "{find.email}" }
items = "data"
"""


@pytest.mark.promise("manifests:lies")
async def test_who_a_customer_is_is_tried_without_a_word_of_who_they_are(tmp_path: Path) -> None:
    """What was read is named by its keys; they have to be found by their own address."""
    with serving(Purse()) as purse:
        found = await tried(tmp_path, OF_A_PAYMENT + PERSON, purse)
    assert found["person"] == ("read", "id, name, email (not verified), ids.metadata.shop")
    assert found["person.find"] == ("read", "1 of that address")


@pytest.mark.promise("manifests:lies")
@pytest.mark.parametrize(
    ("was", "new", "where", "says"),
    [
        ("/customers/{subject.id}", "/customers/{subject.id}/partner", "person", "about another"),
        ('items = "data"', 'items = "archived"', "person.find", "by their own address"),
    ],
)
async def test_a_file_that_reads_somebody_else_is_wrong(
    tmp_path: Path, was: str, new: str, where: str, says: str
) -> None:
    """Another customer's record, and a search that looks where nobody is."""
    with serving(Purse()) as purse:
        found = await tried(tmp_path, OF_A_PAYMENT + PERSON.replace(was, new), purse)
    assert found[where][0] == "wrong"
    assert says in found[where][1]
    assert "Ana" not in str(found)
