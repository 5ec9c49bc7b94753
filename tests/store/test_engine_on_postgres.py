"""The life of an action on PostgreSQL: the engine's own tests, a request, and the verifier."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from pathlib import Path

import pytest
from actions.engine import test_engine
from actions.steps import propose, stock
from support.shop_workspace import STORE_URLS, open_shop

from sayso.audit.verifier.verification import Damage
from sayso.money import Money
from sayso.sdk.wiring.database import open_store
from sayso.sdk.workspace import Workspace
from sayso.settings import parse_settings
from sayso.store.postgres.connection import connect_plainly


@pytest.fixture(autouse=True)
def rows_on_postgres(postgres_url: str) -> Generator[None]:
    """Shops of this module keep their rows on PostgreSQL."""
    STORE_URLS.append(postgres_url)
    yield
    STORE_URLS.remove(postgres_url)


for _name, _test in list(vars(test_engine).items()):
    if _name.startswith("test_"):
        globals()[_name] = _test


async def test_two_houses_on_one_database_make_one_effect_per_action(tmp_path: Path) -> None:
    """The same key through two processes' worth of floors at once is one action."""
    async with open_shop(tmp_path) as first, open_shop(tmp_path, shop=first.shop) as second:
        stock(first)
        views = await asyncio.gather(
            *(propose(opened, 100, key="k") for opened in (first, second) * 4)
        )
        assert len({view.id for view in views}) == 1
        assert len(first.shop.books.payouts) == 1
        assert first.sayso.audit.verify(deep=True).verdict == "verified"


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("update log_entry set body = replace(body, '2000', '9000')", Damage.EDITED),
        ("update log_entry set actor = 'nobody' where seq = 1", None),
        ("update action set status = 'failed'", None),
        ("delete from log_entry where seq = 2", None),
        ("update log_head set size = size + 1", None),
    ],
)
async def test_what_is_changed_behind_the_triggers_is_found(
    tmp_path: Path, postgres_url: str, damage: str, found: Damage | None
) -> None:
    """`sayso audit verify` makes the same checks as on SQLite, over one snapshot."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        await propose(opened, test_engine.SMALL)
        assert opened.sayso.audit.verify(deep=True).verdict == "verified"
        with connect_plainly(postgres_url) as owner:
            owner.execute("set search_path to sayso; set app.tenant = '*'")
            for table in ("log_entry", "log_head", "action"):
                owner.execute(f"alter table {table} disable trigger all".encode())
            owner.execute(damage.encode())
        verification = opened.sayso.audit.verify(deep=True)
        assert verification.verdict == "tampered"
        if found is not None:
            assert found in {one.damage for one in verification.all_findings}


async def test_the_auditors_queries_find_the_same(tmp_path: Path) -> None:
    """Qualifiers, digests by their first digits, and an export that verifies."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        view = await propose(opened, test_engine.SMALL)
        assert view.digest is not None
        for words in (
            f"digest:{view.digest[:8]}",
            "amount:>10.00USD kind:action.succeeded",
            "customer:cus_1",
            f"action:{view.id}",
        ):
            found = await opened.sayso.audit.query(words)
            assert found, words
        assert not await opened.sayso.audit.query("digest:" + "0" * 8)
        assert await opened.sayso.audit.export(tmp_path / "bundle") > 3


async def test_a_request_is_planned_on_postgres(tmp_path: Path) -> None:
    """A request goes the whole way in a database that `migrate` has made."""
    url = STORE_URLS[-1]
    settings = parse_settings({"store": {"url": url}}, "sayso.toml")
    workspace = Workspace(folder=tmp_path, settings=settings, environment={})
    await open_store(workspace, create=True).close()
    async with open_shop(tmp_path, work=True) as opened:
        opened.shop.books.add("o1", "cus_1", Money(100_000, "USD"))
        request = await opened.sayso.ask("cus_1", "please do something impossible", wait_s=20)
        assert request.status in {"answered", "handed_over"}
