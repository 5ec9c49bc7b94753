"""Hostile values in every column of our own tables: nothing runs, and all ends with a code."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import pytest
from actions.steps import stock
from audit.column_edits import LIMITED, make_busy, unlocked
from audit.columns import columns_of
from audit.hostile_rows import Canary
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.audit.verify import verify
from sayso.errors import SaysoError
from sayso.testing.clock import FakeClock

pytestmark = [
    pytest.mark.promise("store:no-code"),
    pytest.mark.tampers("with every column of every table"),
]
_DEEP = 10_000
_KEYS = frozenset({"tenant", "id", "key", "number", "seq"})
"""By which rows are found: what nobody finds, nobody reads."""


_ALONE = {"action", "approval", "log_entry", "log_head", "request", "vote"}
"""Tables behind whose first bad value nothing else would be looked at."""


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """See `make_busy`; never changed."""
    folder = tmp_path_factory.mktemp("hostile") / "busy"
    folder.mkdir()
    return asyncio.run(make_busy(folder))


def values(canary: Canary) -> dict[str, list[str | bytes | int]]:
    """What stands in a column, by what it is."""
    packed = [*canary.blobs()]
    return {
        "constructors": [*list(canary.texts())[1:3], packed[3], 2**63 - 1],
        "pickles": [next(iter(canary.texts())), packed[0], packed[1], -(2**63)],
        "deep": ["[" * _DEEP, '{"a":' * _DEEP, b"\x81\xa1a" * _DEEP, 0],
        "other types": ["null", "[[[]]]", "7", '{"amount": 1e999999}', b"", -1],
        "huge": ["9" * 5_000, '{"x": ' + "9" * 5_000 + "}", "\ud800".encode(errors="replace"), 1],
    }


def _write(path: Path, table: str, found: list[str | bytes | int]) -> None:
    """Into every column of a table that takes such a value, in turn."""
    with contextlib.closing(unlocked(path)) as rows:
        for at, (_, column, kind) in enumerate(one for one in columns_of(rows) if one[0] == table):
            wanted = {"text": str, "blob": bytes, "integer": int}[kind]
            fitting = [value for value in found if type(value) is wanted]
            if column in _KEYS or not fitting:
                continue
            with contextlib.suppress(sqlite3.Error):
                rows.execute(f'update "{table}" set "{column}" = ?', (fitting[at % len(fitting)],))


async def _look(opened: ShopWorkspace) -> Mapping[str, Callable[[], Awaitable[object]]]:
    """What surfaces ask for."""
    sayso = opened.sayso
    tenant = sayso.tenant
    looks: dict[str, Callable[[], Awaitable[object]]] = {
        "actions": sayso.actions.list,
        "requests": sayso.requests.list,
        "approvals": sayso.approvals.list,
        "work": sayso.work.list,
        "stops": sayso.stops.list,
        "webhooks": sayso.webhooks.list,
        "limits": sayso.limits.list,
        "rollout": sayso.rollout.list,
        "figures": sayso.figures,
        "tokens": lambda: sayso.tokens.list(tenant),
        "people": lambda: sayso.people.list(tenant),
        "audit": lambda: sayso.audit.tail(50),
        "due": sayso.container.dispatcher.drain,
    }
    with contextlib.closing(sqlite3.connect(opened.workspace.store_path)) as rows:
        cards = [str(row[0]) for row in rows.execute("select id from approval limit 3")]
        asked = [str(row[0]) for row in rows.execute("select id from request limit 2")]
        actions = [str(row[0]) for row in rows.execute("select id from action limit 9")]
    looks |= {f"card {one}": partial(sayso.solutions.get, one) for one in cards}
    looks |= {f"request {one}": partial(sayso.requests.get, one) for one in asked}
    looks |= {f"action {one}": partial(sayso.actions.get, one) for one in actions}
    looks |= {f"work {one}": partial(sayso.work.get, one) for one in actions + asked}
    return looks


async def _broken(
    busy: Path, folder: Path, tables: Sequence[str], found: list[str | bytes | int]
) -> set[str]:
    """What ends by anything but an error of ours."""
    shutil.copytree(busy.parent, folder, ignore=shutil.ignore_patterns("*.db-*", "older.db"))
    for table in tables:
        _write(folder / busy.name, table, found)
    broken: set[str] = set()
    with contextlib.suppress(SaysoError):
        verify(folder / busy.name)
    clock = FakeClock()
    clock.advance(minutes=10)
    with contextlib.suppress(SaysoError):
        async with open_shop(folder, policy_section=LIMITED, clock=clock) as opened:
            stock(opened, *(f"o{number}" for number in range(8)))
            for name, look in (await _look(opened)).items():
                try:
                    await look()
                except SaysoError:
                    continue
                except Exception as error:  # noqa: BLE001  (whatever is none of ours)
                    broken.add(f"{name.partition(' ')[0]}: {type(error).__name__}")
    return broken


@pytest.mark.parametrize("what", ["constructors", "pickles", "deep", "other types", "huge"])
async def test_no_value_of_any_column_runs_code_or_breaks_a_page(
    busy: Path, tmp_path: Path, what: str
) -> None:
    """All columns of a table at once: lists, cards, the sweep, and the verifier."""
    canary = Canary(tmp_path / "sung")
    with contextlib.closing(sqlite3.connect(busy)) as rows:
        tables = {table for table, *_ in columns_of(rows)}
    each = [(table,) for table in _ALONE] + [sorted(tables - _ALONE - {"meta"})]
    broken = {
        tables[0]: found
        for at, tables in enumerate(each)
        if (found := await _broken(busy, tmp_path / str(at), tables, values(canary)[what]))
    }
    assert not canary.sings
    assert broken == {}
