"""Codes stand nowhere, and nobody learns who is a customer."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from support.post_office import PostOffice
from support.step_up import WORDS, open_counter

from sayso.actions.model.definition import Assurance, Subject
from sayso.actions.model.digest import hash_of_texts
from sayso.agent.base import Message
from sayso.agent.codes import code_in, masked


@pytest.mark.promise("customers:step-up:unseen")
async def test_a_code_stands_in_no_row_entry_view_or_prompt(tmp_path: Path) -> None:
    """Nor does its plain hash, which eight digits are read back from; nor does a wrong one."""
    async with open_counter(tmp_path) as counter:
        asked = await counter.ask()
        code = await counter.post.code()
        wrong = await counter.answer(asked, "My code is 98761234")
        words = f"My code is {code[:4]} {code[4:]}"
        done = await counter.answer(wrong, words)
        assert counter.paid == 1
        told = [
            Message(role="customer", content=WORDS),
            Message(role="agent", content=asked.reply),
            Message(role="customer", content=words),
            Message(role="agent", content=done.reply),
            Message(role="customer", content="Please refund $20.00 of payment p1 once more"),
        ]
        later = await counter.sayso.ask(
            Subject(id="pay:cus_ada", assurance=Assurance.VERIFIED), told
        )
        seen = [*counter.planner.seen, done.model_dump_json(), later.model_dump_json()]
        seen += [one.model_dump_json() for one in await counter.sayso.audit.query(limit=500)]
    held = b"".join(one.read_bytes() for one in tmp_path.rglob("*") if one.is_file())
    plain = hash_of_texts(asked.id, f"//{words}")
    for secret in (code, words, "98761234", "9876 1234", plain):
        assert not [one for one in seen if secret in one]
        assert secret.encode() not in held
    assert "once more" in str(counter.planner.seen)


@pytest.mark.promise("customers:step-up:unseen")
async def test_whoever_asks_waits_for_no_letter(tmp_path: Path) -> None:
    """The answer is there before the letter leaves, so that no time says whether one does."""
    post = PostOffice(hold=asyncio.Event())
    async with open_counter(tmp_path, post=post) as counter:
        for who in ("pay:cus_ada", "pay:cus_nobody"):
            told = await counter.sayso.ask(Subject(id=who, assurance=Assurance.UNVERIFIED), WORDS)
            assert told.status == "needs_customer"
        assert post.sent == []
        assert post.hold is not None
        post.hold.set()
        await counter.sayso.container.agent.sent()
    assert [one.recipient for one in post.sent] == ["ada@example.com"]


@pytest.mark.promise("customers:step-up:unseen")
@pytest.mark.parametrize("late", ["its time is over", "the customer cannot"])
async def test_a_letter_that_comes_too_late_does_not_leave(tmp_path: Path, late: str) -> None:
    """As where the machine slept between the answer and the letter: nothing is told of it."""
    async with open_counter(tmp_path) as counter:
        told = await counter.sayso.ask(
            Subject(id="pay:cus_ada", assurance=Assurance.UNVERIFIED), WORDS
        )
        if late == "its time is over":
            counter.clock.advance(minutes=11)
        else:
            await counter.answer(told, choice="no_access")
        await counter.sayso.container.agent.sent()
        assert counter.post.sent == []
        assert "customer.code_sent" not in await counter.kinds()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("12345678", "12345678"),
        ("1234 5678", "12345678"),
        ("12-34-56-78", "12345678"),
        ("1 2 3 4 5 6 7 8", "12345678"),
        ("The code: 1234\u00a05678.", "12345678"),
        ("> On Monday you wrote\n12345678", "12345678"),
        ("1234567", None),
        ("123456789", None),
        ("1234 5678 9", None),
        ("12345678a", None),
        ("a12345678", None),
        ("1" * 400, None),
        ("one two three", None),
        ("", None),
    ],
)
def test_a_code_is_read_as_people_write_it(words: str, found: str | None) -> None:
    """Spaces and dashes within the digits are fine, and nothing else is."""
    assert code_in(words) == found


@pytest.mark.parametrize(
    ("recipient", "shown"),
    [
        ("jane@example.com", "j•••@e•••.com"),
        ("j@mail.example.co.uk", "j•••@m•••.uk"),
        ("+44 20 7946 0958", "•••58"),
    ],
)
def test_an_address_is_masked(recipient: str, shown: str) -> None:
    """Enough to know one's own, too little to write to."""
    assert masked(recipient) == shown
