"""A customer is shown all that is held about them."""

from __future__ import annotations

import orjson
import pytest
from sdk.customers import ANA, MARIA, REASON, WORDS, live, live_as_bo
from support.shop_workspace import ShopWorkspace

from sayso.errors import Code, RefusedError


@pytest.mark.promise("subjects:access")
async def test_a_customer_is_shown_all_that_is_held(opened: ShopWorkspace) -> None:
    """Requests, actions, cards, words and entries; and that it was asked is an entry."""
    ids = await live(opened)
    await live_as_bo(opened)
    found = await opened.sayso.privacy.export(ANA, by=MARIA)
    assert {row["id"] for row in found["actions"]} == set(ids)
    assert len(found["requests"]) == 1
    assert any(WORDS in text for text in found["texts"].values())
    assert REASON in found["texts"].values()
    shown = orjson.dumps(found).decode()
    assert "Bo's words" not in shown
    assert "cus_bo" not in shown
    assert all(one["subject"] == found["pseudonym"] for one in found["entries"])
    assert (await opened.sayso.audit.tail(1))[0].kind == "subject.exported"
    with pytest.raises(RefusedError) as caught:
        await opened.sayso.privacy.export("cus_nobody", by=MARIA)
    assert caught.value.code is Code.NOT_FOUND
