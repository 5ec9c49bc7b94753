"""Who may do what comes from the log: whoever can only write the database gains nothing."""

from __future__ import annotations

import hashlib
import hmac
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

import pytest
from actions.steps import MAIN, advance, propose, say, shown, stock
from support.shop_workspace import PEOPLE, ShopWorkspace, open_shop

from sayso.actions.approvals.decision import Decision
from sayso.actions.controls.kill_switch import Resumption
from sayso.audit.authority.by import By
from sayso.audit.entry import Actor, ActorKind
from sayso.errors import Code, IntegrityError, RefusedError, SaysoError
from sayso.sdk.resources.tokens import Scope, Token
from sayso.sdk.views.rows import ActionView

OPERATOR = Actor(kind=ActorKind.SERVICE, id="operator")
HERE = By(actor=OPERATOR)
DECIDING = frozenset({Scope.DECIDE, Scope.READ})


def write(opened: ShopWorkspace, *statements: str, **values: object) -> None:
    """What somebody does who has the database and nothing else: triggers off."""
    with closing(sqlite3.connect(opened.workspace.store_path)) as rows, rows:
        for (name,) in rows.execute("select name from sqlite_master where type = 'trigger'"):
            rows.execute(f"drop trigger {name}")
        for statement in statements:
            rows.execute(statement, values)


async def token(opened: ShopWorkspace, holder: str = "maria", days: int = 1) -> tuple[Token, str]:
    """A person's token."""
    tokens = opened.sayso.tokens
    return await tokens.create(MAIN, "person", holder, DECIDING, days=days, by=OPERATOR)


async def service(opened: ShopWorkspace) -> tuple[Token, str]:
    """A bot's token."""
    scopes = frozenset({Scope.READ, Scope.PROPOSE})
    return await opened.sayso.tokens.create(MAIN, "service", "bot", scopes, days=1, by=OPERATOR)


async def refused(opened: ShopWorkspace, secret: str, view: ActionView) -> Code:
    """Why a secret does not decide."""
    card = await shown(opened, view)
    with pytest.raises(SaysoError) as caught:
        await opened.sayso.approvals.decide(
            card.id, "approve", token=secret, revision=card.revision, digest=card.digest
        )
    assert (await opened.sayso.actions.get(view.id)).status == "pending_approval"
    assert opened.shop.books.payouts == []
    return caught.value.code


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.promise("authority:rows")
@pytest.mark.parametrize("key", [b"", bytes(32)], ids=["plain", "guessed"])
async def test_a_token_row_that_no_entry_made_opens_nothing(tmp_path: Path, key: bytes) -> None:
    """The attack that approved as any manager, and was called verified afterwards."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        view = await propose(opened)
        _, other = await token(opened)
        secret = f"{other.rpartition('_')[0]}x"
        secret += f"_{zlib.crc32(secret.encode()):08x}"
        write(
            opened,
            "insert into token select tenant, 'tok_mine', :hash, kind, holder, scopes, created_at,"
            " expires_at, revoked_at, last_seq, null from token limit 1",
            hash=hmac.digest(key, secret.encode(), "sha256")
            if key
            else hashlib.sha256(secret.encode()).digest(),
        )
        assert await refused(opened, secret, view) is Code.UNAUTHENTICATED


ESCALATIONS = {
    "kind": "update token set kind = 'person' where holder = 'bot'",
    "holder": "update token set kind = 'person', holder = 'maria' where holder = 'bot'",
    "scopes": "update token set kind = 'person', holder = 'maria',"
    " scopes = '[\"approvals:decide\"]' where holder = 'bot'",
    "hash": "update token set hash = (select cast(hash || x'00' as blob) from token"
    " where holder = 'bot') where holder = 'maria'",
}


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.promise("authority:rows")
@pytest.mark.parametrize("what", ESCALATIONS)
async def test_a_token_row_that_was_changed_opens_no_more(tmp_path: Path, what: str) -> None:
    """A bot's own token, made a manager's by hand."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        view = await propose(opened)
        await token(opened)
        _, secret = await service(opened)
        write(opened, ESCALATIONS[what])
        assert await refused(opened, secret, view) is Code.FORBIDDEN


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.promise("authority:rows")
async def test_the_hashes_of_two_tokens_that_were_exchanged_open_nothing(tmp_path: Path) -> None:
    """The bot's secret would find the manager's row."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        view = await propose(opened)
        manager, _ = await token(opened)
        bot, secret = await service(opened)
        write(
            opened,
            "update token set hash = cast(x'00' || hash as blob) where id = :bot",
            "update token set hash = (select cast(substr(hash, 2) as blob) from token"
            " where id = :bot) where id = :manager",
            bot=bot.id,
            manager=manager.id,
        )
        assert await refused(opened, secret, view) is Code.UNAUTHENTICATED


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.promise("authority:rows")
@pytest.mark.parametrize("too", ["", "entry"])
async def test_a_revoked_token_that_was_put_back_opens_nothing(tmp_path: Path, too: str) -> None:
    """Its row says that it lives; with `entry`, the entry that revoked it was taken away, too."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        view = await propose(opened)
        made, secret = await token(opened)
        await opened.sayso.tokens.revoke(MAIN, made.id, by=OPERATOR)
        write(opened, "update token set revoked_at = null, expires_at = expires_at * 2")
        if too:
            write(
                opened,
                "update log_entry set body = replace(body, 'token.revoked', 'audit.queried')"
                " where kind = 'token.revoked'",
            )
        assert await refused(opened, secret, view) is Code.UNAUTHENTICATED
    async with open_shop(tmp_path, shop=opened.shop, clock=opened.clock) as later:
        expected = Code.TAMPERED if too else Code.UNAUTHENTICATED
        assert await refused(later, secret, view) is expected


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.promise("authority:rows")
async def test_an_entry_that_was_put_beside_the_log_gives_nobody_a_power(tmp_path: Path) -> None:
    """A body in the place of another one, and one behind the signed head."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        view = await propose(opened)
    write(
        opened,
        "insert into log_entry (tenant, seq, body) select tenant, seq + 1,"
        " replace(body, '\"seq\":' || seq, '\"seq\":' || (seq + 1)) from log_entry"
        " order by seq desc limit 1",
    )
    async with open_shop(tmp_path, shop=opened.shop, clock=opened.clock) as later:
        with pytest.raises(SaysoError):
            await later.sayso.people.add(MAIN, "eve", ("support_manager",), by=HERE)
        card = await shown(later, view)
        with pytest.raises(SaysoError):
            await later.sayso.approvals.decide_as(say(card, "eve"))
        assert (await later.sayso.actions.get(view.id)).status == "pending_approval"


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.promise("authority:rows")
async def test_a_log_that_was_rolled_back_is_noticed_by_who_runs(tmp_path: Path) -> None:
    """An old copy has a token that is revoked by now; whoever saw the log knows."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        view = await propose(opened)
        made, secret = await token(opened)
        old = _copied(opened)
        await opened.sayso.tokens.revoke(MAIN, made.id, by=OPERATOR)
        _put_back(opened, old)
        card = await shown(opened, view)
        with pytest.raises(SaysoError):
            await opened.sayso.approvals.decide(
                card.id, "approve", token=secret, revision=card.revision, digest=card.digest
            )
        with pytest.raises(IntegrityError, match="entries"):
            await opened.sayso.approvals.decide_as(say(card))
        assert _copied(opened)["size"] == old["size"], "nothing new is signed on top"


def _copied(opened: ShopWorkspace) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(opened.workspace.store_path)) as rows:
        head = rows.execute("select * from log_head").fetchall()
        size = rows.execute("select size from log_head").fetchone()
    return {"head": head, "size": [size]}


def _put_back(opened: ShopWorkspace, old: dict[str, list[tuple[object, ...]]]) -> None:
    (size,) = old["size"][0]
    ((tenant, _, frontier, note),) = old["head"]
    write(opened, "delete from log_entry where seq >= :size", size=size)
    write(
        opened,
        "update log_head set size = :size, frontier = :frontier, note = :note where tenant = :t",
        size=size,
        frontier=frontier,
        note=note,
        t=tenant,
    )


@pytest.mark.promise("authority:at-once")
async def test_a_deactivated_persons_next_click_is_refused_in_every_process(tmp_path: Path) -> None:
    """No restart: one process says so, and the other's very next decision knows."""
    async with open_shop(tmp_path) as first:
        stock(first, "o1", "o2")
        one, two = await propose(first), await propose(first, order="o2")
        async with open_shop(tmp_path, shop=first.shop, clock=first.clock) as second:
            await second.sayso.approvals.decide_as(say(await shown(second, one)), wait=False)
            await first.sayso.people.deactivate(MAIN, "maria", by=HERE)
            card = await shown(second, two)
            with pytest.raises(RefusedError) as caught:
                await second.sayso.approvals.decide_as(say(card))
            assert caught.value.code is Code.NOT_AN_APPROVER
            # What she said yes to before is asked again, since it has not been carried out.
            assert (await advance(second, one)).status == "pending_approval"
            await first.sayso.people.add(MAIN, "maria", ("support_manager",), by=HERE)
            await second.sayso.approvals.decide_as(say(await shown(second, two)))
            assert (await second.sayso.actions.get(two.id)).status == "succeeded"


@pytest.mark.promise("authority:at-once")
async def test_other_roles_count_at_once(tmp_path: Path) -> None:
    """Finance may not decide what a support manager is asked, until they are one."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        view = await propose(opened)
        card = await shown(opened, view)
        async with open_shop(tmp_path, clock=opened.clock) as other:
            await other.sayso.people.change(MAIN, "finn", roles=("support_manager",), by=HERE)
            await opened.sayso.approvals.decide_as(say(card, "finn"))
        assert (await opened.sayso.actions.get(view.id)).status == "succeeded"


@pytest.mark.promise("authority:files")
async def test_what_the_file_says_counts_until_a_command_says_otherwise(tmp_path: Path) -> None:
    """A person whom a command deactivated stays so, until the file says another thing of them."""
    async with open_shop(tmp_path) as opened:
        await opened.sayso.people.deactivate(MAIN, "maria", by=HERE)
    async with open_shop(tmp_path, clock=opened.clock) as later:
        people = {one.id: one for one in await later.sayso.people.list(MAIN)}
        assert not people["maria"].active
    more = [
        {**person, "roles": ["finance"]} if person["id"] == "maria" else person for person in PEOPLE
    ]
    async with open_shop(tmp_path, clock=opened.clock, people=more) as changed:
        people = {one.id: one for one in await changed.sayso.people.list(MAIN)}
        assert people["maria"].active
        assert people["maria"].roles == {"finance"}
    fewer = [person for person in more if person["id"] != "maria"]
    async with open_shop(tmp_path, clock=opened.clock, people=fewer) as without:
        people = {one.id: one for one in await without.sayso.people.list(MAIN)}
        assert not people["maria"].active
        assert without.sayso.audit.verify().verdict == "verified"


@pytest.mark.promise("authority:files")
async def test_a_clock_that_was_put_back_keeps_nobody_in_power(tmp_path: Path) -> None:
    """What the file says of somebody counts by the order of the log; who began before stays out."""
    async with open_shop(tmp_path) as opened:
        opened.clock.advance(hours=-1)
        gone = [{**one, "active": one["id"] != "maria"} for one in PEOPLE]
        async with open_shop(tmp_path, clock=opened.clock, people=gone) as later:
            people = {one.id: one for one in await later.sayso.people.list(MAIN)}
            assert not people["maria"].active
        stock(opened)
        await propose(opened)  # by a process that goes on with what the file said before
        people = {one.id: one for one in await opened.sayso.people.list(MAIN)}
        assert not people["maria"].active
        assert opened.sayso.audit.verify().verdict == "verified"


@pytest.mark.promise("authority:named")
async def test_every_decision_names_the_credential_it_came_by(tmp_path: Path) -> None:
    """And one that has ended between the look at it and the commit decides nothing."""
    async with open_shop(tmp_path) as opened:
        stock(opened, "o1", "o2")
        made, secret = await token(opened)
        view, other = await propose(opened), await propose(opened, order="o2")
        card = await shown(opened, view)
        await opened.sayso.approvals.decide(
            card.id, "approve", token=secret, revision=card.revision, digest=card.digest
        )
        entries = await opened.sayso.audit.query("kind:action.approved", limit=5)
        assert entries[0].body["data"]["credential"] == made.id
        await opened.sayso.tokens.revoke(MAIN, made.id, by=OPERATOR)
        card = await shown(opened, other)
        late = Decision(
            tenant=MAIN,
            approval_id=card.id,
            revision=card.revision,
            digest=card.digest,
            choice=say(card).choice,
            person="maria",
            via="http",
            credential=made.id,
        )
        with pytest.raises(RefusedError) as caught:
            await opened.sayso.approvals.decide_as(late)
        assert caught.value.code is Code.UNAUTHENTICATED
        assert opened.sayso.audit.verify().verdict == "verified"


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.promise("authority:rows")
async def test_a_stop_whose_row_was_deleted_still_holds(tmp_path: Path) -> None:
    """An intent under a stop of everything was called verified."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        view = await propose(opened)
        await opened.sayso.approvals.decide_as(say(await shown(opened, view)), wait=False)
        await opened.sayso.stops.engage("all", by=OPERATOR)
        write(opened, "delete from stop")
        with pytest.raises(IntegrityError, match="in force by the log"):
            await advance(opened, view)
        assert opened.shop.books.payouts == []
        assert opened.sayso.audit.verify().verdict == "tampered"


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.promise("authority:rows")
async def test_nobody_ends_a_stop_alone_by_writing_who_asked(tmp_path: Path) -> None:
    """The row says that noor has asked; the log knows that nobody has."""
    async with open_shop(tmp_path) as opened:
        stop = await opened.sayso.stops.engage("all", by=OPERATOR)
        write(opened, "update stop set asked_by = 'noor', asked_at = 1, asked_key = 'k'")
        word = Resumption(
            tenant=MAIN, stop_id=stop.id, person="maria", via="x", credential="host", key="m"
        )
        with pytest.raises(IntegrityError, match="changed by another program"):
            await opened.sayso.stops.resume_as(word)


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.promise("authority:rows")
async def test_a_requester_who_was_written_away_does_not_say_yes(tmp_path: Path) -> None:
    """Maria asked for it herself, and the row says that a bot did."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        maria = Actor(kind=ActorKind.PERSON, id="maria")
        view = await propose(opened, requester=maria)
        write(opened, "update action set requester = 'service:bot'")
        write(opened, "update approval set requester = 'service:bot'")
        with pytest.raises(IntegrityError):
            await opened.sayso.approvals.decide_as(say(await shown(opened, view)), wait=False)
        await advance(opened, view)
        assert opened.shop.books.payouts == []
        assert opened.sayso.audit.verify().verdict == "tampered"
