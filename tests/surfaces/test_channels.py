"""Which channels a server opens: those that its settings turn on, and no others."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
from support.shop_workspace import open_shop

from sayso.errors import Code, ConfigError
from sayso.surfaces.site import CHANNELS, open_site


async def test_a_channel_that_nobody_has_is_refused_before_anything_is_served(
    tmp_path: Path,
) -> None:
    """`invalid_setting`, with those that there are."""
    async with open_shop(tmp_path / "shop", channels={"pagr": {"file": "x"}}) as opened:
        with pytest.raises(ConfigError) as caught:
            async with open_site(opened.sayso):
                pytest.fail("it was opened")
    assert caught.value.code is Code.INVALID_SETTING
    assert "channels.pagr" in caught.value.message
    assert "`slack`" in caught.value.next_step


@pytest.mark.parametrize("name", CHANNELS)
def test_each_channel_of_the_table_can_be_opened(name: str) -> None:
    """Its module has `open_channel`."""
    assert callable(import_module(CHANNELS[name]).open_channel)
