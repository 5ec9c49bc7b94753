"""Nobody but who reads the address on file moves a customer's money."""

from __future__ import annotations

from pathlib import Path

import pytest
from attacks.step_up.attacks import ATTACKS
from attacks.step_up.links import LINK_ATTACKS
from attacks.step_up.test_links import URL
from support.step_up import open_counter

EVERY = {**ATTACKS, **LINK_ATTACKS}


@pytest.mark.promise("customers:step-up")
@pytest.mark.usefixtures("store_url")
async def test_no_attack_takes_an_account_over(tmp_path: Path) -> None:
    """One after the other in one workspace, a day apart; money moves only where Ada asked."""
    taken: dict[str, str] = {}
    async with open_counter(tmp_path, url=URL) as counter:
        for name, attack in EVERY.items():
            before = counter.paid
            try:
                asked_for = await attack(counter)
            except AssertionError as error:
                taken[name] = f"went another way: {error}"
                continue
            if counter.paid - before != asked_for:
                taken[name] = f"{counter.paid - before} paid, {asked_for} asked for by Ada"
            counter.trio.pay.things["p1"].state = "open"
            counter.clock.advance(hours=25)
    assert taken == {}
    assert len(EVERY) >= 90
