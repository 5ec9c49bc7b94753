"""Links are what the log says: whoever writes the database ties nobody, and unties nobody."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.database_writer import overwrite
from support.linked import links_of, tie, untie
from support.shop_workspace import open_shop

from sayso.errors import Code, IntegrityError

_PSEUDONYM = "(select pseudonym from subject where id = '{}')"
_PLANTED = (
    "insert into customer_link (tenant, id, account, other, proof, linked_by, linked_at, last_seq)"
    f" select tenant, 'lnk_planted', account, {_PSEUDONYM.format('cus_2')}, proof, linked_by,"
    " linked_at, last_seq from customer_link where ended_at is null"
)
_REVIVED = (
    "update customer_link set ended_at = null, ended_by = null, ended_why = null, ended_ref = null,"
    " last_seq = last_seq - 1 where ended_at is not null"
)
_FALSELY_ENDED = (
    "update customer_link set ended_at = linked_at, ended_by = linked_by, ended_why = 'by_person'"
    " where ended_at is null"
)

ATTACKS = {
    "a link that is gone": "delete from customer_link where ended_at is null",
    "a link that was put there": _PLANTED,
    "a link that had ended": _REVIVED,
    "a link that has not ended": _FALSELY_ENDED,
    "a stronger proof": "update customer_link set proof = 'signed' where ended_at is null",
    "an earlier end": "update customer_link set until = 1 where ended_at is null",
    "for one conversation": "update customer_link set request_id = 'r' where ended_at is null",
    "another other end": (
        f"update customer_link set other = {_PSEUDONYM.format('cus_2')} where ended_at is null"
    ),
    "an id in the place of another": "update subject set id = 'cus_77' where id = 'cus_9'",
    "who was seen earlier": "update subject set created_at = 1 where id = 'cus_9'",
    "a customer who is gone": "delete from subject where id = 'cus_9'",
}


@pytest.mark.promise("customers:links")
@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.parametrize("attack", ATTACKS)
async def test_what_was_written_behind_the_log_is_tampered(
    tmp_path: Path, store_url: str, attack: str
) -> None:
    """Nobody is tied or untied by it, and nothing goes on as if it were so."""
    async with open_shop(tmp_path) as shop:
        await tie(shop, "cus_2", "desk:2")
        ended = await tie(shop, "desk:1", "cus_2")
        await untie(shop, ended.id)
        await untie(shop, (await links_of(shop, "cus_2"))[0].id)
        await tie(shop, "desk:1", "cus_9")
        overwrite(shop.workspace, ATTACKS[attack])
        with pytest.raises(IntegrityError) as caught:
            await links_of(shop, "desk:1")
        assert caught.value.code is Code.TAMPERED
        with pytest.raises(IntegrityError):
            await tie(shop, "desk:1", "shopify:1")


@pytest.mark.promise("customers:links")
@pytest.mark.tampers("the database is written behind the log's back")
async def test_whom_a_planted_link_leads_to_is_not_led_anywhere(
    tmp_path: Path, store_url: str
) -> None:
    """It is seen from the other end as well, of whom no entry tells a link."""
    async with open_shop(tmp_path) as shop:
        await tie(shop, "desk:1", "cus_9")
        ended = await tie(shop, "cus_2", "desk:2")
        await untie(shop, ended.id)
        overwrite(shop.workspace, _PLANTED)
        for account in ("cus_2", "desk:1", "cus_9"):
            with pytest.raises(IntegrityError) as caught:
                await links_of(shop, account)
            assert caught.value.code is Code.TAMPERED
