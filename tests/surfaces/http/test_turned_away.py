"""What HTTP refuses before anything is asked is recorded as well, whatever the flood."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from actions.steps import bodies
from support.shop_workspace import ShopWorkspace, open_shop
from surfaces.http.api_server import OPERATOR, SECRET_TEXT

from sayso.ids import Tenant
from sayso.sdk.background.rejected_calls import RejectedCalls
from sayso.sdk.resources.tokens import Scope
from sayso.surfaces.http.app import create_app

pytestmark = pytest.mark.promise("refusals:turned-away")


@dataclass(kw_only=True)
class Door:
    """An app in this event loop, whose clock a test moves."""

    opened: ShopWorkspace
    http: httpx.AsyncClient
    rejected_calls: RejectedCalls
    reader: str

    def told(self) -> list[dict[str, Any]]:
        """What the log has of calls that were turned away."""
        return [
            {"tenant": body["tenant"], **body["data"]}
            for body in map(dict[str, Any], bodies(self.opened))
            if body["kind"] == "calls.turned_away"
        ]

    async def bad(self, times: int = 1) -> None:
        """Calls with a token that does not open."""
        for _ in range(times):
            headers = {"Authorization": f"Bearer csk_live_{SECRET_TEXT.replace(' ', '')}"}
            assert (await self.http.get("/v1/actions", headers=headers)).status_code == 401


@asynccontextmanager
async def door(folder: Path, tenant: str = "main") -> AsyncGenerator[Door]:
    async with open_shop(folder) as opened:
        scopes = frozenset({Scope.READ})
        _, secret = await opened.sayso.tokens.create(
            Tenant(tenant), "service", "reader", scopes, days=1, by=OPERATOR
        )
        app = create_app(opened.sayso)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            yield Door(
                opened=opened,
                http=client,
                rejected_calls=app.state.rejected_calls,
                reader=secret,
            )


async def test_each_kind_is_recorded_with_its_code_and_never_what_was_sent(tmp_path: Path) -> None:
    """Invariant 7: no token, a token that does not open, no scope, no JSON, no such path."""
    async with door(tmp_path, tenant="rival") as it:
        known = {"Authorization": f"Bearer {it.reader}", "Idempotency-Key": "k"}
        json = {**known, "Content-Type": "application/json"}
        await it.bad()
        assert (await it.http.get("/v1/actions")).status_code == 401
        assert (await it.http.get(f"/{SECRET_TEXT}")).status_code == 404
        asked = await it.http.post("/v1/actions", headers=json, content=b"{" + b"nonsense")
        assert asked.status_code in {400, 403}
        assert (await it.http.post("/v1/actions", headers=known)).status_code == 415
        entries = await it.http.get("/v1/audit/entries", headers=known)
        assert entries.status_code == 403
        await it.rejected_calls.flush()
        counts: dict[str, dict[str, int]] = {}
        for told in it.told():
            mine = counts.setdefault(told["tenant"], {})
            for code, count in told["counts"].items():
                mine[code] = mine.get(code, 0) + count
        assert counts["main"] == {"unauthenticated": 2, "not_found": 1}
        assert sum(counts["rival"].values()) == 3
        assert counts["rival"]["forbidden"] >= 1
        assert next(one["holders"] for one in it.told() if one["tenant"] == "rival") == ["reader"]
        text = str(bodies(it.opened))
        assert SECRET_TEXT not in text
        assert SECRET_TEXT.replace(" ", "") not in text
        assert it.reader not in text
        assert it.opened.sayso.audit.verify(deep=True).exit_status == 0


async def test_a_flood_makes_one_entry_a_minute(tmp_path: Path) -> None:
    """The first is told at once, and no later one is lost: it is counted."""
    async with door(tmp_path) as it:
        await it.bad()
        assert [told["counts"] for told in it.told()] == [{"unauthenticated": 1}]
        size = len(bodies(it.opened))
        await it.bad(500)
        assert len(bodies(it.opened)) == size
        it.opened.clock.advance(seconds=59)
        await it.bad()
        assert len(bodies(it.opened)) == size
        it.opened.clock.advance(seconds=1)
        await it.bad()
        assert [told["counts"] for told in it.told()][1:] == [{"unauthenticated": 502}]
        await it.bad(3)
        await it.rejected_calls.flush()
        assert [told["counts"] for told in it.told()][2:] == [{"unauthenticated": 3}]
        await it.rejected_calls.flush()
        assert len(it.told()) == 3


async def test_a_clock_that_goes_back_keeps_nothing_back(tmp_path: Path) -> None:
    """It would else be silent until the clock has caught up."""
    async with door(tmp_path) as it:
        await it.bad()
        it.opened.clock.advance(hours=-3)
        await it.bad()
        assert len(it.told()) == 2


async def test_what_cannot_be_written_is_told_later_and_the_caller_is_answered(
    tmp_path: Path,
) -> None:
    """The answer is the refusal, also while the log takes nothing."""
    async with door(tmp_path) as it:
        path = it.opened.workspace.store_path
        full = "begin select raise(abort, 'database or disk is full'); end"
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute(f"create trigger trouble before insert on log_entry {full}")
            await it.bad(2)
            assert it.told() == []
            other.execute("drop trigger trouble")
        it.opened.clock.advance(minutes=1)
        await it.bad()
        assert [told["counts"] for told in it.told()] == [{"unauthenticated": 3}]
