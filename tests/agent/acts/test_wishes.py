"""What customers write, in seven languages: the act, the object and what is said beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal, TypedDict, cast

import pytest

from sayso.actions.model.act import ACCOUNT, ActUse
from sayso.actions.model.definition import Action, Args, Effect, verifiable
from sayso.actions.model.plan import Plan
from sayso.actions.model.snapshot import Record
from sayso.agent.base import Handles, Message, Question
from sayso.agent.understanding.lexicon import Knowledge
from sayso.agent.understanding.planner import PlaybookPlanner, load_knowledge
from sayso.money import Money

HERE = Path(__file__).parent
FILES = sorted(path.name for path in HERE.glob("wishes_*.jsonl"))
SHOP = """
version = 1
[plans]
basic = { any = ["basic"] }
premium = { any = ["premium"] }
[ids.premium]
test = "premium"
"""


class Wish(TypedDict):
    """One line: `object` is an order's number or `box`; empty for the customer's account."""

    text: str
    act: str
    object: str
    slots: dict[str, str]


class Nothing(Args):
    """No argument."""


class Of(Args):
    """An object."""

    object: str


class To(Of):
    """An object, and what is wanted of it."""

    want: str


class MaybeTo(Of):
    """An object, and what is wanted in its place."""

    want: str | None = None


class What(Of):
    """An object, and which of its papers."""

    what: str


class Dispute(Of):
    """An object, and what is to become of the dispute."""

    do: str = "open"


class Part(Of):
    """An object, and how many of it."""

    quantity: int | None = None


class Until(Of):
    """An object, and a day."""

    until: str | None = None
    at: str | None = None


class Account(Args):
    """Something of the customer's own."""

    want: str


_SLOTS = {"want": "to", "quantity": "items.quantity"}


def _action(act: str, on: str, args: type[Args], *status: str) -> Action:
    return Action(
        name=f"test.{act}",
        summary=act,
        args=args,
        guarantee=verifiable(settle_after_s=60),
        effect=Effect.CHANGE,
        reversible=False,
        sentence=act,
        act=ActUse(
            name=act,
            on=on,
            fills={n: _SLOTS.get(n, n) for n in args.model_fields},
            status=status,
        ),
    )


ACTIONS = (
    _action("cancel_order", "order", Of, "open"),
    _action("change_address", "order", To, "open"),
    _action("return", "order", Part),
    _action("exchange", "order", MaybeTo),
    _action("resend", "order", What),
    _action("dispute", "order", Dispute),
    _action("pause", "subscription", Until, "active"),
    _action("resume", "subscription", Until, "active"),
    _action("skip", "subscription", Of, "active"),
    _action("move", "subscription", To, "active"),
    _action("change_plan", "subscription", To, "active"),
    _action("change_contact", ACCOUNT, Account),
)


@cache
def knowledge(folder: Path) -> Knowledge:
    """All acts over these actions, and a day."""
    (folder / "shop.toml").write_text(SHOP, "utf-8")
    return replace(load_knowledge(folder, actions=ACTIONS), today=lambda: date(2026, 11, 28))


def _records() -> list[Record]:
    orders = [
        Record(kind="order", id=n, title=f"Order {n}", facts={"status": state}, references=(n,))
        for n, state in (("1042", "open"), ("0977", "delivered"))
    ]
    box = Record(
        kind="subscription",
        id="box",
        title="Basic, 9 per month",
        facts={"status": "active", "next_on": "2026-12-05"},
    )
    return [*orders, box]


@pytest.fixture(scope="module")
def planner(tmp_path_factory: pytest.TempPathFactory) -> PlaybookPlanner:
    """Playbooks alone, as a workspace without a model has them."""
    return PlaybookPlanner(knowledge=knowledge(tmp_path_factory.mktemp("shop")))


@pytest.mark.promise("agent:understands")
@pytest.mark.parametrize("name", FILES)
def test_a_wish_in_a_customers_own_words_is_planned(name: str, planner: PlaybookPlanner) -> None:
    """Each sentence of the file: this act, on this object, with what it says, and nothing else."""
    wrong: list[str] = []
    for line in (HERE / name).read_text("utf-8").splitlines():
        wish = cast("Wish", json.loads(line))
        found = _planned(planner, wish["text"])
        if found != (wish["act"], wish["object"], wish["slots"]):
            wrong.append(f"{wish['text']}\n    {found}")
    assert not wrong, "\n".join(wrong)


def _shelf() -> list[Record]:
    goods = (("3001", "clay bowls, set of four", 4000), ("3002", "canvas parasol", 2350))
    orders = [
        Record(
            kind="order",
            id=number,
            title=f"Order {number}: {title}",
            facts={"status": "delivered", "amount": Money(minor, "USD")},
            references=(number,),
        )
        for number, title, minor in goods
    ]
    return [*orders, _records()[-1]]


@pytest.mark.promise("agent:understands")
def test_a_thing_is_known_by_a_form_of_its_name_by_its_price_and_a_plan_by_its_own_word(
    planner: PlaybookPlanner,
) -> None:
    """One bowl of a set is one, a slip of the pen names the parasol, `premium` is a plan."""
    wrong: list[str] = []
    for line in (HERE / "shelf.jsonl").read_text("utf-8").splitlines():
        wish = cast("Wish", json.loads(line))
        found = _planned(planner, wish["text"], _shelf())
        if found != (wish["act"], wish["object"], wish["slots"]):
            wrong.append(f"{wish['text']}\n    {found}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.promise("agent:understands")
def test_what_the_words_leave_open_is_asked_for_and_never_guessed(
    planner: PlaybookPlanner,
) -> None:
    """Another size, a month, a dispute that may end, some of it: a question, and no plan."""
    wrong: list[str] = []
    for line in (HERE / "undetermined.jsonl").read_text("utf-8").splitlines():
        case = cast("dict[str, str]", json.loads(line))
        found = planner.plan_now(
            [Message(role="customer", content=case["text"])],
            Handles(_records()),
            [one.name for one in ACTIONS],
        )
        asked = found.slot if isinstance(found, Question) else ""
        if isinstance(found, Plan) or asked != case["asks"]:
            wrong.append(f"{case['text']}\n    {found}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.promise("agent:understands")
@pytest.mark.parametrize(
    ("turns", "right"),
    [
        (
            ("I need to exchange 0977", "Which size would you like?", "46"),
            ("exchange", "0977", {"want": "46"}),
        ),
        (
            ("is 1042 on its way?", "Not yet. Should I cancel it?", "please do"),
            ("cancel_order", "1042", {}),
        ),
        (
            ("end my subscription", "May I offer you a pause until 1 March?", "ok take the pause"),
            ("pause", "box", {"until": "2027-03-01"}),
        ),
    ],
)
def test_an_answer_is_read_with_what_it_answers(
    planner: PlaybookPlanner,
    turns: tuple[str, str, str],
    right: tuple[str, str, dict[str, str]],
) -> None:
    """A bare value, a yes to one of two acts of one word, an offer that begins with `May I`."""
    assert _planned(planner, turns[2], before=turns[:2]) == right


def _planned(
    planner: PlaybookPlanner,
    text: str,
    records: Sequence[Record] = (),
    before: Sequence[str] = (),
) -> tuple[str, str, dict[str, str]] | str:
    handles = Handles(records or _records())
    roles: Sequence[Literal["customer", "agent"]] = ("customer", "agent")
    turns = [Message(role=role, content=said) for role, said in zip(roles, before, strict=False)]
    found = planner.plan_now(
        [*turns, Message(role="customer", content=text)], handles, [one.name for one in ACTIONS]
    )
    if not isinstance(found, Plan) or len(found.steps) != 1:
        return str(found)
    args = {name: str(value) for name, value in found.steps[0].args.items()}
    handle = args.pop("object", "")
    record = handles.records[handle].id if handle else ""
    return found.steps[0].action.removeprefix("test."), record, args
