"""What a definition is refused for, before anything can come of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
from support.gift_shop import GiftShop

from sayso.actions.model.definition import Undo
from sayso.errors import Code, ConfigError


def test_an_undo_is_given_only_what_is_known_of_the_step() -> None:
    """Told when it is defined: at the end of a plan the step could neither end nor be undone."""
    gift = GiftShop().actions[-1]
    with pytest.raises(ConfigError, match="something else than `receipt` and `object`") as caught:
        replace(gift, undo=Undo(action="shop.take_gift", args={"gift": cast("Any", "order")}))
    assert caught.value.code is Code.INVALID_ACTION
