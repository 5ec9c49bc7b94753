"""The shop that tests about customers share."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from sdk.customers import ANA, OneRefund
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.money import Money


@pytest.fixture
async def opened(store_url: str, tmp_path: Path) -> AsyncGenerator[ShopWorkspace]:
    """A shop in which Ana and Bo each have an order of $300."""
    async with open_shop(tmp_path / "shop", planner=OneRefund()) as workspace:
        workspace.shop.books.add("o_ana", ANA, Money(30_000, "USD"))
        workspace.shop.books.add("o_bo", "cus_bo", Money(30_000, "USD"))
        yield workspace
