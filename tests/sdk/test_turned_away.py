"""Tokens that open nothing, in Python and on the command line: recorded as over HTTP."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from actions.steps import MAIN, bodies, propose, shown, stock
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.audit.entry import Actor, ActorKind
from sayso.errors import Code, RefusedError
from sayso.sdk.resources.tokens import SERVICE_SCOPES

pytestmark = pytest.mark.promise("refusals:turned-away")

OPERATOR = Actor(kind=ActorKind.PERSON, id="root")
WRONG = "csk_live_nobody"


def told(opened: ShopWorkspace) -> list[dict[str, Any]]:
    """What the log has of calls that were turned away."""
    return [
        dict[str, Any](body["data"])  # type: ignore[arg-type]
        for body in bodies(opened)
        if body["kind"] == "calls.turned_away"
    ]


async def refusal(opened: ShopWorkspace, token: str, via: str = "sdk") -> Code:
    """Why a decision with a token is refused."""
    approval = await shown(opened, (await opened.sayso.actions.list())[0])
    with pytest.raises(RefusedError) as caught:
        await opened.sayso.approvals.decide(
            approval.id,
            "approve",
            token=token,
            revision=approval.revision,
            digest=approval.digest,
            via=via,
        )
    return caught.value.code


async def test_a_token_that_opens_nothing_stands_in_the_log(tmp_path: Path) -> None:
    """Invariant 7: by its code and the way it came, never the token; the person is nobody."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        await propose(opened)
        assert await refusal(opened, WRONG) is Code.UNAUTHENTICATED
        (entry,) = told(opened)
        assert (entry["via"], entry["counts"]) == ("sdk", {"unauthenticated": 1})
        assert entry["holders"] == []
        assert WRONG not in str(bodies(opened))


async def test_a_services_token_that_would_decide_is_named(tmp_path: Path) -> None:
    """Invariant 5: a service token never decides, and who has tried is on record."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        await propose(opened)
        _, secret = await opened.sayso.tokens.create(
            MAIN, "service", "bot", SERVICE_SCOPES, days=1, by=OPERATOR
        )
        assert await refusal(opened, secret) is Code.FORBIDDEN
        (entry,) = told(opened)
        assert (entry["counts"], entry["holders"]) == ({"forbidden": 1}, ["bot"])


async def test_a_flood_makes_one_entry_a_minute_for_each_way(tmp_path: Path) -> None:
    """As over HTTP: the first at once, the others together; what is left is told at the end."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        await propose(opened)
        for _ in range(5):
            await refusal(opened, WRONG)
            await refusal(opened, WRONG, via="bot")
        assert [entry["via"] for entry in told(opened)] == ["sdk", "bot"]
        opened.clock.advance(seconds=timedelta(minutes=1).total_seconds())
        await refusal(opened, WRONG)
        assert told(opened)[-1]["counts"] == {"unauthenticated": 5}
    assert [(entry["via"], entry["counts"]) for entry in told(opened)[3:]] == [
        ("bot", {"unauthenticated": 4})
    ]


async def test_a_token_that_opens_leaves_no_such_entry(tmp_path: Path) -> None:
    """Only refusals are counted."""
    async with open_shop(tmp_path) as opened:
        _, secret = await opened.sayso.tokens.create(
            MAIN, "service", "bot", SERVICE_SCOPES, days=1, by=OPERATOR
        )
        assert (await opened.sayso.authentication.holder(secret)).holder == "bot"
        assert told(opened) == []
