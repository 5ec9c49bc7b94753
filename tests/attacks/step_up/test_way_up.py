"""A customer whom nobody knows shows that an account is theirs, and is helped."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from attacks.step_up.test_links import URL
from support.post_office import PostOffice
from support.step_up import open_counter, stocked

from sayso.connectors.person import Person
from sayso.testing.clock import FakeClock


@pytest.mark.promise("customers:step-up")
async def test_a_code_that_comes_back_moves_the_money(tmp_path: Path) -> None:
    """Asked, sent to the address on file, sent back: then the policy decides as for anybody."""
    async with open_counter(tmp_path) as counter:
        asked = await counter.ask()
        assert asked.status == "needs_customer"
        assert asked.question is not None
        assert asked.question.kind == "verify"
        assert asked.question.text == (
            "We have sent a code to a•••@e•••.com. Please reply with it."
        )
        assert [one.value for one in asked.question.choices] == ["again", "no_access"]
        code = await counter.post.code()
        assert counter.post.sent[0].recipient == "ada@example.com"
        done = await counter.answer(asked, f"Here it is: {code[:4]} {code[4:]}, thank you")
        assert done.status == "answered", (done.error, done.actions)
        assert counter.paid == 1
        kinds = await counter.kinds()
        assert "customer.code_sent" in kinds
        assert "customer.verified" in kinds


async def test_an_equal_address_that_nobody_verified_is_shown_by_a_code(tmp_path: Path) -> None:
    """The code goes to the payments' address; the link holds for this conversation and an hour."""
    async with open_counter(tmp_path) as counter:
        asked = await counter.ask("desk:7723", known=True)
        assert asked.question is not None, asked.reply
        assert asked.question.kind == "verify"
        done = await counter.answer(asked, await counter.post.code())
        assert done.status == "answered", (done.error, done.actions)
        assert done.actions[0].subject == "pay:cus_ada"
        assert counter.paid == 1
        assert "customer.linked" in await counter.kinds()


@pytest.mark.promise("customers:step-up:text")
@pytest.mark.parametrize(
    ("email", "phone", "is_new", "to", "shown"),
    [
        ("ada@example.com", "+1 500 555 0006", False, "email", "a•••@e•••.com"),
        ("", "+1 500 555 0006", False, "phone", "•••06"),
        ("", "+1 500 555 0006", True, "", "•••06"),
        ("", "555 0006", False, "", None),
    ],
)
async def test_a_code_goes_by_text_where_there_is_no_address(
    tmp_path: Path, email: str, phone: str, is_new: bool, to: str, shown: str | None
) -> None:
    """The address first; and no number that changed lately, or that nobody can call."""
    trio, texts, clock = stocked(), PostOffice(name="texts", sends_to="phone"), FakeClock()
    now = int(clock.now().timestamp() * 1_000_000)
    trio.pay.people["cus_ada"] = Person(
        id="cus_ada", email=email, phone=phone, phone_changed_at=now if is_new else None
    )
    async with open_counter(tmp_path, trio, texts=texts, clock=clock, url=URL) as counter:
        asked = await counter.ask()
        assert asked.question is not None
        assert shown is None or f" to {shown}. " in asked.question.text
        office = {"email": counter.post, "phone": texts}.get(to)
        if office is not None:
            code = await office.code()
            assert code in office.sent[0].short.replace(" ", "")
            assert ("/confirm/" in office.sent[0].text) == (to == "email")
            assert (await counter.answer(asked, code)).status == "answered"
        sent = {one.sends_to for one in (counter.post, texts) if one.sent}
        assert sent == ({to} if to else set())
    assert counter.paid == (1 if to else 0)


async def test_where_codes_go_by_text_alone_nobody_reads_of_an_address(tmp_path: Path) -> None:
    """A made-up number for whoever has none, as the real one reads."""
    texts = PostOffice(sends_to="phone")
    async with open_counter(tmp_path, post=texts) as counter:
        counter.trio.pay.people["cus_ada"] = Person(id="cus_ada", phone="+15005550006")
        for who in ("pay:cus_ada", "pay:cus_nobody"):
            asked = await counter.ask(who)
            assert re.search(r" to •••[0-9]{2}\. ", asked.reply), asked.reply
    assert len(texts.sent) == 1


@pytest.mark.promise("customers:step-up:people")
@pytest.mark.parametrize("way", ["no post office", "no access", "five tries"])
async def test_who_cannot_show_it_becomes_a_person_s_work(tmp_path: Path, way: str) -> None:
    """With the plan that they asked for, whichever way it is that they cannot."""
    async with open_counter(tmp_path, has_post=way != "no post office") as counter:
        told = await counter.ask()
        if way == "no access":
            told = await counter.answer(told, choice="no_access")
        for _ in range(5 if way == "five tries" else 0):
            told = await counter.answer(told, "0000 0000")
        assert told.status == "handed_over", told
        assert told.error is not None
        assert told.error.code == "not_verified"
        assert "write to us again" not in told.reply
        work = await counter.sayso.work.list()
        assert [one.about for one in work] == [told.id]
        draft = (await counter.sayso.work.get(told.id)).draft
        assert draft is not None
    assert counter.paid == 0


@pytest.mark.promise("customers:step-up:unseen")
async def test_known_and_unknown_customers_read_the_same(tmp_path: Path) -> None:
    """Asked, answered wrongly and handed over in the same words, but for the masked address."""
    async with open_counter(tmp_path) as counter:
        read: list[list[str]] = []
        for who in ("pay:cus_ada", "pay:cus_nobody"):
            told = await counter.ask(who)
            words = [told.reply.replace("a•••@e•••", "?").partition(" to ")[0]]
            for answer in ("1234 5678", "what code?", "1", "2", "3"):
                told = await counter.answer(told, answer)
                words.append(told.reply)
            assert told.status == "handed_over"
            read.append(words)
        assert read[0] == read[1]
        assert len(counter.post.sent) == 1
