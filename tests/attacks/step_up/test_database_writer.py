"""Whoever writes the database plants no code, and revives none."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from attacks.step_up.links import press
from attacks.step_up.test_links import URL
from support.database_writer import overwrite
from support.step_up import Counter, open_counter

from sayso.errors import IntegrityError, SaysoError
from sayso.store.base import text

Edit = Callable[[str, str], str]


async def _question(counter: Counter, request_id: str) -> str:
    """The question of a request as its row has it."""
    return await counter.sayso.container.store.read(
        lambda reader: text(
            reader.one("request.by_id", tenant="main", id=request_id) or {}, "question"
        )
    )


def _seal(question: str) -> str:
    return str(orjson.loads(question)["challenge"]["seal"])


def _link(question: str) -> str:
    return str(orjson.loads(question)["challenge"]["link"])


EDITS: dict[str, Edit] = {
    "tries_set_back": lambda mine, _: mine.replace('"tries":1', '"tries":-9'),
    "seal_of_another_question": lambda mine, other: mine.replace(_seal(mine), _seal(other)),
    "link_of_another_question": lambda mine, other: mine.replace(_link(mine), _link(other)),
    "another_question": lambda _, other: other,
    "end_moved": lambda mine, _: re.sub(
        r'"until":(\d+)', lambda found: f'"until":{int(found[1]) * 2}', mine
    ),
    "another_account": lambda mine, other: mine.replace(
        orjson.loads(mine)["challenge"]["accounts"][0],
        orjson.loads(other)["challenge"]["accounts"][0],
    ),
}


@pytest.mark.promise("customers:step-up")
@pytest.mark.tampers("the question for a code is changed in the database")
@pytest.mark.usefixtures("store_url")
@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
async def test_a_changed_question_is_tampered(tmp_path: Path, edit: Edit) -> None:
    """Eve's own code, moved into the question that is asked of Ada; and what else could help."""
    async with open_counter(tmp_path, verified=False, url=URL) as counter:
        asked = await counter.ask("pay:cus_ada")
        asked = await counter.answer(asked, "00000000")
        path = await counter.post.link()
        own = await counter.ask("pay:cus_eve")
        code = await counter.post.code()
        mine, other = await _question(counter, asked.id), await _question(counter, own.id)
        changed = edit(mine, other)
        assert changed != mine
        overwrite(
            counter.sayso.workspace,
            f"update request set question = '{changed}' where id = '{asked.id}'",
        )
        with pytest.raises(IntegrityError):
            await counter.answer(asked, code)
        assert await press(counter, path) == 410
    assert counter.paid == 0


@pytest.mark.promise("customers:step-up")
@pytest.mark.tampers("a question that was answered is brought back in the database")
@pytest.mark.usefixtures("store_url")
async def test_a_question_that_is_over_is_not_revived(tmp_path: Path) -> None:
    """The right code of it comes too late, whatever the row says."""
    async with open_counter(tmp_path, verified=False) as counter:
        asked = await counter.ask()
        code = await counter.post.code()
        question = await _question(counter, asked.id)
        await counter.answer(asked, choice="no_access")
        overwrite(
            counter.sayso.workspace,
            f"update request set question = '{question}', status = 'needs_customer'"
            f" where id = '{asked.id}'",
        )
        with pytest.raises(SaysoError):
            await counter.answer(asked, code)
    assert counter.paid == 0


@pytest.mark.promise("customers:step-up")
@pytest.mark.tampers("a request is called verified in the database")
@pytest.mark.usefixtures("store_url")
async def test_nobody_is_verified_by_a_row(tmp_path: Path) -> None:
    """What the caller knew of who wrote stands in the log."""
    async with open_counter(tmp_path, verified=False) as counter:
        asked = await counter.ask()
        overwrite(
            counter.sayso.workspace,
            f"update request set assurance = 'verified' where id = '{asked.id}'",
        )
        with pytest.raises(SaysoError):
            await counter.answer(asked, choice="again")
    assert counter.paid == 0
