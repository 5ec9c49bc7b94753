"""What a server loads before anybody asks for it, and what it leaves."""

from __future__ import annotations

from pathlib import Path

import pytest
from actions.steps import propose, stock
from support.shop_workspace import open_shop


@pytest.mark.usefixtures("store_url")
async def test_what_words_need_is_loaded_where_words_may_come(tmp_path: Path) -> None:
    """A new workspace is tried with words; one that acts without them has no use for LangGraph."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        agent = opened.sayso.container.agent
        assert await agent.expects_words()
        await propose(opened, 2000)
        assert not await agent.expects_words()
        await opened.sayso.ask("cus_1", "hello", idempotency_key="k1", wait_s=0)
        assert await agent.expects_words()
