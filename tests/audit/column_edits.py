"""A busy workspace whose columns are edited by SQL, one value at a time."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from actions.steps import MAIN, propose, stock
from audit.columns import FREE, FREE_TABLES, changed, columns_of
from audit.test_rebuilt import keyring_of
from support.busy_shop import BOT, live, planner
from support.linked import MARIA, links_of, tie, untie
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.actions.customers.proof import Proof
from sayso.audit.holds import HoldCall
from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.verification import Verdict
from sayso.audit.verify import verify
from sayso.errors import RefusedError
from sayso.sdk.resources.tokens import Scope

_LIMIT = """
[[limit]]
id     = "bot-day"
say    = "One bot refunds at most $9,000 a day"
of     = "token"
action = "shop.refund"
sum    = { USD = 9000 }
per    = "day"
"""


async def make_busy(folder: Path) -> Path:
    """The database of a workspace in which every checked table has rows.

    Beside it stand an older copy, and the secret of a token that has ended since.
    """

    def keep() -> None:
        with (
            contextlib.closing(sqlite3.connect(folder / "sayso.db")) as now,
            contextlib.closing(sqlite3.connect(folder / OLDER)) as older,
        ):
            now.backup(older)

    await live_busily(folder, keep)
    database = sqlite3.connect(folder / "sayso.db", isolation_level=None)
    database.execute("pragma wal_checkpoint(truncate)")
    database.execute("pragma journal_mode = delete")
    database.close()
    return folder / "sayso.db"


async def live_busily(folder: Path, keep: Callable[[], None]) -> None:
    """Fill every checked table of a workspace, on whichever store.

    Args:
        keep: makes the older copy, in the middle.
    """
    folder.joinpath("limits.toml").write_text(_LIMIT)
    async with open_shop(folder, planner=planner(), policy_section=LIMITED) as workspace:
        stock(workspace, "o0")
        await propose(workspace, 2000, order="o0", key=RETRIED)
        await live(workspace)
        tokens, read = workspace.sayso.tokens, frozenset({Scope.READ})
        await tokens.create(MAIN, "service", "bot", read, days=1, by=BOT)
        decides = frozenset({Scope.DECIDE})
        ended, secret = await tokens.create(MAIN, "person", "maria", decides, days=1, by=BOT)
        folder.joinpath(ENDED_TOKEN).write_text(secret)
        await _beside(workspace)
        keep()
        await _later(workspace, ended.id)


async def _later(workspace: ShopWorkspace, token: str) -> None:
    """What takes powers away again; rows from before it are older ones."""
    sayso = workspace.sayso
    workspace.clock.advance(minutes=1)
    await sayso.tokens.revoke(MAIN, token, by=BOT)
    call = HoldCall(tenant=MAIN, person="maria", via="test", credential="host", key="hold")
    holds = sayso.container.holds
    await sayso.container.store.write(lambda tx: holds.place(tx, call, "cus_1", "litigation"))
    _, maria = await sayso.sessions.begin("maria", via="link")
    (about,) = {work.about for work in await sayso.work.list() if work.assignee == "maria"}
    await sayso.work.note(about, "The shop says no.", token=maria)
    (link,) = await links_of(workspace, "cus_1")
    await untie(workspace, link.id, "by_person", MARIA, reason="it was somebody else")
    await tie(workspace, "cus_1", "desk:2", reason="wrote from there")
    (hook,) = await sayso.webhooks.list()
    await sayso.webhooks.disable(hook.id)
    with contextlib.suppress(RefusedError):  # told once, and stored: the stop holds it
        await propose(workspace, 2000, order="o1", key="held by the stop")


async def _beside(workspace: ShopWorkspace) -> None:
    """What people do beside the actions: notes, sign-ins, webhooks, a change of the policy."""
    sayso = workspace.sayso
    _, maria = await sayso.sessions.begin("maria", via="link")
    (unknown, *_) = await sayso.work.list()
    await sayso.work.take(unknown.about, token=maria)
    await sayso.work.note(unknown.about, "I have asked the shop.", token=maria)
    await sayso.webhooks.add("https://hooks.example.com/sayso", idempotency_key="hook")
    await tie(workspace, "cus_1", "desk:1", Proof.PERSON, MARIA, reason="rang up")


LIMITED = {"files": ["policy.cedar", "limits.toml"], "follow": "files"}
OLDER, RETRIED, ENDED_TOKEN = "older.db", "retried", "ended.secret"


def all_columns(path: Path) -> list[tuple[str, str, str]]:
    with contextlib.closing(sqlite3.connect(path)) as database:
        return list(columns_of(database))


def unlocked(path: Path) -> sqlite3.Connection:
    """A writer whom no trigger, key or check holds back."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("pragma ignore_check_constraints = on")
    database.execute("pragma foreign_keys = off")
    for (name,) in database.execute("select name from sqlite_master where type = 'trigger'"):
        database.execute(f'drop trigger "{name}"')
    return database


def _edits(path: Path) -> Iterator[tuple[str, str, str]]:
    for table, column, kind in all_columns(path):
        if table not in FREE_TABLES and column not in FREE.get(table, {}):
            yield table, column, kind


def _edit(path: Path, table: str, column: str, kind: str) -> bool:
    """Change one value; False where SQLite itself takes none."""
    with contextlib.closing(unlocked(path)) as database:
        keys = [row[1] for row in database.execute(f'pragma table_info("{table}")') if row[5]]
        names = ", ".join(f'"{key}"' for key in keys)
        # Of `meta` what the log's heads say, and not what the database was made by or whose its
        # bare ids are, which settings are compared with when it is opened.
        # One of an erased customer is the last: it is final, empty, and sealed no more.
        columns = {row[1] for row in database.execute(f'pragma table_info("{table}")')}
        last = "erased_seq is not null, " if "erased_seq" in columns else ""
        last += "key <> 'deployment', " if table == "meta" else ""
        order = f'select "{column}", {names} from "{table}" order by {last}{names}'
        rows = database.execute(order).fetchall()
        assert rows, f"nothing of `{table}` is there to be edited"
        where = " and ".join(f'"{key}" = ?' for key in keys)
        for value, *key in rows:
            with contextlib.suppress(sqlite3.Error):
                database.execute(
                    f'update "{table}" set "{column}" = ? where {where}',
                    (changed(value, column, kind), *key),
                )
                return True
    return False


def count_edits(busy: Path, copy: Path) -> tuple[int, list[str]]:
    """How many edits were attempted, and the columns of those that went unnoticed."""
    trust = Trust(keyring=keyring_of(busy.parent))
    assert verify(busy, trust=trust).verdict is Verdict.VERIFIED
    attempted, unnoticed = 0, list[str]()
    for table, column, kind in _edits(busy):
        shutil.copyfile(busy, copy)
        if not _edit(copy, table, column, kind):
            continue
        attempted += 1
        if verify(copy, trust=trust).verdict is Verdict.VERIFIED:
            unnoticed.append(f"{table}.{column}")
    return attempted, unnoticed
