"""What runs is what was judged and shown: rows changed behind the engine's back are found."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from actions.steps import (
    ASKED,
    MAIN,
    advance,
    bodies,
    decide,
    open_rows,
    propose,
    say,
    shown,
    stock,
)
from support.shop import ShopFault
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.actions.approvals.outdated import OutdatedCardError
from sayso.errors import Code, IntegrityError
from sayso.sdk.views.rows import ActionView

Tamper = Callable[[sqlite3.Connection, str], None]
"""Changes the rows of one action."""


def in_column(table: str, column: str, change: Callable[[Any], object]) -> Tamper:
    """Changes a JSON column of the action's row or of its approval's."""
    key = "id" if table == "action" else "action_id"

    def tamper(rows: sqlite3.Connection, action_id: str) -> None:
        (stored,) = rows.execute(
            f"select {column} from {table} where {key} = ?", (action_id,)
        ).fetchone()
        value = orjson.loads(stored)
        changed = change(value)
        text = orjson.dumps(value if changed is None else changed).decode()
        assert text != stored
        rows.execute(f"update {table} set {column} = ? where {key} = ?", (text, action_id))

    return tamper


def set_to(table: str, column: str, value: object) -> Tamper:
    """Sets a plain column."""
    key = "id" if table == "action" else "action_id"

    def tamper(rows: sqlite3.Connection, action_id: str) -> None:
        rows.execute(f"update {table} set {column} = ? where {key} = ?", (value, action_id))

    return tamper


def _resolved(**changed: object) -> Tamper:
    return in_column("action", "snapshot", lambda value: value["resolved"].update(changed))


def _snapshot(**changed: object) -> Tamper:
    return in_column("action", "snapshot", lambda value: value.update(changed))


def _judgement(**changed: object) -> Tamper:
    return in_column("action", "judgement", lambda value: value.update(changed))


def _card(**changed: object) -> Tamper:
    return in_column("approval", "view", lambda value: value.update(changed))


MORE = {"amount_minor": 90_000, "currency": "USD"}
TAMPERED: dict[str, Tamper] = {
    "amount": _resolved(amount=MORE),
    "amount-and-args": _resolved(amount=MORE, args={"order": "o1", "amount": MORE}),
    "currency": _resolved(amount={"amount_minor": ASKED, "currency": "EUR"}),
    "no-amount": _resolved(amount=None),
    "args": _resolved(args={"order": "o2"}),
    "object": _resolved(object=["order", "o2"]),
    "kind-of-object": _resolved(object=["gift", "o1"]),
    "owner": _resolved(owner="cus_2"),
    "owner-proof": _resolved(owner_proof="said so"),
    "account": _resolved(account="shop-2"),
    "payee": _resolved(payee="another card"),
    "preconditions": _resolved(preconditions=[]),
    "facts": _resolved(facts=[]),
    "fields": _resolved(fields=[["order", "o2"], ["paid", "$1.00"]]),
    "personal": _resolved(personal=[["name", "somebody else"]]),
    "connector-version": _snapshot(connector_version="2"),
    "schema": _snapshot(schema_sha256="0" * 64),
    "salt": _snapshot(salt="00"),
    "card-hash": _snapshot(view_sha256="0" * 64),
    "digest": _snapshot(digest="0" * 64),
    "no-digest": _snapshot(digest="x"),
    "outcome": _judgement(outcome="allow"),
    "outcome-and-card": _judgement(outcome="allow", roles=[]),
    "roles": _judgement(roles=["finance"]),
    "policy": _judgement(policy_version="0" * 64),
    "approval-digest": set_to("approval", "digest", "0" * 64),
    "approval-expiry": set_to("approval", "expires_at", 2**52),
    "card-title": _card(title="Refund $1.00 of order o1"),
    "card-payee": _card(payee="nobody"),
    "card-quote": _card(quote="please"),
    "revision": set_to("action", "revision", 7),
    "step": set_to("action", "step", "s1"),
    "subject": set_to("action", "subject_id", "cus_2"),
    "assurance": set_to("action", "assurance", "signed_in"),
    "request": set_to("action", "request_id", "req_1"),
}


def tamper_with(workspace: ShopWorkspace, view: ActionView, tamper: Tamper) -> None:
    """Change the rows through a connection of its own."""
    rows = open_rows(workspace)
    try:
        tamper(rows, view.id)
    finally:
        rows.close()


@asynccontextmanager
async def approved(folder: Path) -> AsyncGenerator[tuple[ShopWorkspace, ActionView]]:
    """An action that maria approved and nobody has carried out yet; cus_2 has an order too."""
    async with open_shop(folder) as workspace:
        stock(workspace, "o1")
        stock(workspace, "o2", customer="cus_2")
        view = await propose(workspace)
        await decide(workspace, say(await shown(workspace, view)), wait=False)
        yield workspace, view


async def refused_as_tampered(workspace: ShopWorkspace, view: ActionView) -> None:
    """The claim finds it, says so, runs nothing, and ends it with an entry."""
    with pytest.raises(IntegrityError) as found:
        await workspace.sayso.container.engine.advance(MAIN, view.id)
    assert found.value.code is Code.TAMPERED
    assert workspace.shop.books.calls == []
    last = bodies(workspace)[-1]
    assert (last["kind"], last["status"]) == ("action.refused", "refused")
    assert isinstance(last["data"], dict)
    assert last["data"]["code"] == "tampered"
    assert "amount" not in last
    await workspace.sayso.container.engine.advance(MAIN, view.id)
    assert workspace.shop.books.calls == []


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.promise("approvals:bound")
@pytest.mark.parametrize("part", list(TAMPERED))
async def test_what_was_approved_and_then_changed_is_never_run(tmp_path: Path, part: str) -> None:
    """Invariant 1: each part of what the digest covers, right before the claim."""
    async with approved(tmp_path) as (workspace, view):
        tamper_with(workspace, view, TAMPERED[part])
        await refused_as_tampered(workspace, view)


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.promise("approvals:bound")
@pytest.mark.parametrize("part", ["amount-and-args", "object", "payee", "card-title", "digest"])
async def test_a_change_is_found_as_well_when_the_provider_is_read_again(
    tmp_path: Path, part: str
) -> None:
    """After `fresh_s` it is not taken for a change at the provider, which would only ask again."""
    async with approved(tmp_path) as (workspace, view):
        workspace.clock.advance(seconds=30)
        tamper_with(workspace, view, TAMPERED[part])
        await refused_as_tampered(workspace, view)


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.promise("approvals:bound")
@pytest.mark.parametrize("part", ["card-title", "approval-digest"])
async def test_a_change_before_the_yes_is_found_after_it(tmp_path: Path, part: str) -> None:
    """The person saw, or their yes was bound to, something else than was judged."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace)
        view = await propose(workspace)
        tamper_with(workspace, view, TAMPERED[part])
        await decide(workspace, say(await shown(workspace, view)), wait=False)
        await refused_as_tampered(workspace, view)


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.promise("approvals:bound")
async def test_a_change_of_the_row_is_found_before_a_yes_is_signed(tmp_path: Path) -> None:
    """Nothing is written on top of it, and nobody has said yes to it."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace)
        view = await propose(workspace)
        tamper_with(workspace, view, TAMPERED["payee"])
        with pytest.raises(IntegrityError, match="tampered"):
            await decide(workspace, say(await shown(workspace, view)), wait=False)
        assert (await workspace.sayso.actions.get(view.id)).status == "pending_approval"
        assert workspace.shop.books.calls == []


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.promise("approvals:bound")
async def test_other_roles_than_those_that_were_asked_are_not_enough(tmp_path: Path) -> None:
    """Whoever can write the rows makes nobody's yes count for more than it is."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace)
        view = await propose(workspace)
        tamper_with(workspace, view, TAMPERED["roles"])
        with pytest.raises(OutdatedCardError):
            await decide(workspace, say(await shown(workspace, view)), wait=False)
        assert (await workspace.sayso.actions.get(view.id)).status != "approved"
        assert workspace.shop.books.calls == []


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.promise("approvals:bound")
@pytest.mark.parametrize("part", ["amount", "object", "payee", "account", "salt", "digest"])
async def test_what_needs_nobody_is_bound_as_well(tmp_path: Path, part: str) -> None:
    """An allowed action, changed between judgement and claim; the memo of answers is no way in."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace, "o1", "o2")
        view = await propose(workspace, 2000, wait=False)
        tamper_with(workspace, view, TAMPERED[part])
        await refused_as_tampered(workspace, view)


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.promise("approvals:bound")
async def test_a_consistent_forgery_of_the_rows_does_not_agree_with_the_log(
    tmp_path: Path,
) -> None:
    """Another judged action's snapshot and digest under this one's id: its entry says otherwise."""
    async with approved(tmp_path) as (workspace, view):
        other = await propose(workspace, 45_000)
        rows = open_rows(workspace)
        rows.execute(
            "update action set snapshot = (select snapshot from action where id = ?1),"
            " digest = (select digest from action where id = ?1),"
            " judgement = (select judgement from action where id = ?1) where id = ?2",
            (other.id, view.id),
        )
        rows.execute(
            "update approval set (digest, view, roles, expires_at) = (select digest, view, roles,"
            " expires_at from approval where action_id = ?1) where action_id = ?2",
            (other.id, view.id),
        )
        rows.close()
        await refused_as_tampered(workspace, view)


@pytest.mark.promise("approvals:bound")
async def test_the_digest_in_the_log_is_the_one_that_counts(tmp_path: Path) -> None:
    """The row is pointed at another entry, whose digest it carries nowhere."""
    async with approved(tmp_path) as (workspace, view):
        other = await propose(workspace, 45_000)
        rows = open_rows(workspace)
        rows.execute(
            "update action set last_seq = (select last_seq from action where id = ?) where id = ?",
            (other.id, view.id),
        )
        rows.close()
        await refused_as_tampered(workspace, view)


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.promise("approvals:bound")
@pytest.mark.parametrize("part", ["amount", "object", "payee", "account"])
async def test_a_second_try_is_bound_as_well(tmp_path: Path, part: str) -> None:
    """Between a lost answer and the next try: nothing more is called, a person has to look."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace, "o1", "o2")
        workspace.shop.faults.append(ShopFault.LOST_BEFORE)
        view = await propose(workspace, 2000)
        assert view.status == "unknown"
        tamper_with(workspace, view, TAMPERED[part])
        workspace.clock.advance(minutes=5)
        with pytest.raises(IntegrityError) as found:
            await workspace.sayso.container.engine.advance(MAIN, view.id)
        assert found.value.code is Code.TAMPERED
        workspace.clock.advance(minutes=5)
        later = await advance(workspace, view)
        assert later.status == "unknown"
        assert later.error is not None
        assert later.error.code == "tampered"
        assert len(workspace.shop.books.calls) == 1
        assert workspace.shop.books.payouts == []


async def test_an_untouched_action_with_every_kind_of_text_is_not_taken_for_tampered(
    tmp_path: Path,
) -> None:
    """The stored form gives the same digest: composed letters, NUL, emoji, long quotes."""
    async with open_shop(tmp_path) as workspace:
        odd = "e\u0301 \x00 \U0001f600 \u202e " + "x" * 5000
        stock(workspace, "o1")
        view = await workspace.sayso.propose(
            "shop.refund",
            {"order": "o1", "amount": {"amount_minor": ASKED, "currency": "USD"}},
            subject="cus_1",
            reason=odd,
        )
        await decide(workspace, say(await shown(workspace, view)))
        assert (await workspace.sayso.actions.get(view.id)).status == "succeeded"
