"""What a question to the log finds of what a yes has led to, and why it finds nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import TypeVar, cast

import pytest
from actions.steps import decide, propose, say, shown, stock
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.audit.queries.pages import read_page
from sayso.audit.queries.query import parse_query
from sayso.sdk.audit.index import LogIndexes, size_of
from sayso.store.base import Reader, Store

T = TypeVar("T")


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncGenerator[ShopWorkspace]:
    """One refund on maria's yes, and one that needed nobody."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace, "o1", "o2")
        view = await propose(workspace)
        await decide(workspace, say(await shown(workspace, view)))
        assert (await workspace.sayso.actions.get(view.id)).status == "succeeded"
        assert (await propose(workspace, 100, order="o2")).status == "succeeded"
        yield workspace


@pytest.mark.promise("audit:yes-of")
async def test_what_went_out_on_a_persons_yes_is_found(asked: ShopWorkspace) -> None:
    """`approver:maria kind:action.succeeded` found nothing: that entry named nobody."""
    query = asked.sayso.audit.query
    (found,) = await query("approver:maria kind:action.succeeded")
    assert found.body["data"]["approvers"] == ["maria"]
    assert found.body["status"] == "succeeded"
    assert {"amount", "subject", "name", "rule"} <= set(found.body)
    assert len(await query("kind:action.succeeded")) == 2
    kinds = [one.kind for one in await query("approver:maria")]
    assert kinds == ["action.succeeded", "action.intent", "action.approved"]
    assert not await query("approver:finn kind:action.succeeded")


@pytest.mark.promise("audit:why-nothing")
@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("approver:nobody kind:action.succeeded", "nothing in the log fits `approver:nobody`"),
        (
            "kind:action.succeeded amount:>100USD name:shop.refund outcome:deny",
            "nothing in the log fits `outcome:deny`",
        ),
        (
            "kind:action.intent approver:maria status:succeeded",
            (
                "each part finds entries; they fit without `kind:action.intent` "
                "or without `status:succeeded`"
            ),
        ),
        ("'no such words'", "nothing in the log fits `'no such words'`"),
    ],
)
async def test_a_question_with_no_match_says_why(
    asked: ShopWorkspace, words: str, why: str
) -> None:
    """Which part finds nothing, or keeps out what the others find; asked without an entry."""
    assert not await asked.sayso.audit.query(words)
    before = await asked.sayso.audit.tail(1)
    assert await asked.sayso.audit.why_nothing(words) == why
    assert await asked.sayso.audit.tail(1) == before


class Held:
    """A store whose units that read wait until they are let."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.go_on = asyncio.Event()

    async def read(self, work: Callable[[Reader], T]) -> T:
        await self.go_on.wait()
        return await self._store.read(work)


async def test_a_question_is_answered_while_the_index_is_built(
    asked: ShopWorkspace, tmp_path: Path
) -> None:
    """At a million entries the first one waited 35 s and more for an index that it can do without.

    What the index lacks is read from the log, so that the answer is whole.
    """
    container = asked.sayso.container
    tenant, query = container.tenant, parse_query("approver:maria")
    indexes = LogIndexes(tmp_path / "own", patience_s=0.01)
    held = Held(container.store)
    index = await indexes.filling(cast("Store", held), tenant)
    again = await indexes.filling(cast("Store", held), tenant)
    assert index is not None
    assert (index, index.size) == (again, 0)

    def page(reader: Reader) -> tuple[list[int], int]:
        found = read_page(reader, tenant, query, limit=10, index=index)
        return [stored.seq for stored in found], size_of(reader, tenant)

    found, size = await container.store.read(page)
    assert len(found) == 3
    held.go_on.set()
    await indexes.filled(container.store, tenant)
    assert index.size == size
    assert (await container.store.read(page))[0] == found
    await indexes.stop()
    indexes.close()
