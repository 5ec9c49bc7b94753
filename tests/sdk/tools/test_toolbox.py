"""Actions as tools: one definition makes the name, the schema and the call."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import pytest
from actions.steps import bodies
from pydantic import Field
from sdk.tools.till import LARGE, LOOKS, SMALL, Till, code_of, open_till
from support.shop import Shop, ShopFault
from support.shop_workspace import POLICY, open_shop

from sayso.actions.model.definition import (
    FORBIDDEN_FIELDS,
    Action,
    Args,
    Effect,
    Undo,
    at_most_once,
)
from sayso.audit.entry import Actor, ActorKind
from sayso.errors import Code, ConfigError
from sayso.sdk.tools.answers import answer_error
from sayso.sdk.tools.tool import schema_of
from sayso.sdk.tools.toolbox import Toolbox

JSON_SCHEMA: Any = import_module("jsonschema")


def _action(name: str, args: type[Args], *, undo: Undo | None = None) -> Action:
    return Action(
        name=name,
        summary="Do it",
        args=args,
        guarantee=at_most_once(),
        effect=Effect.CHANGE,
        reversible=True,
        sentence="Do it",
        undo=undo,
    )


def recorded(till: Till) -> list[tuple[str, str]]:
    """What the log holds: each entry's kind and code."""
    found: list[Any] = bodies(till.workspace)
    return [(body["kind"], body["data"].get("code", "")) for body in found]


class NoArgs(Args):
    """None."""


class ManyShop(Shop):
    """A shop with further actions, which nothing calls."""

    def __init__(self, *more: Action) -> None:
        super().__init__()
        self.actions = (*self.actions, *more)


async def test_each_action_is_a_tool_with_its_schema_and_its_sentence(tmp_path: Path) -> None:
    """Gated tools from the definitions, with names that every model's interface takes."""
    async with open_till(tmp_path) as till:
        tools = {tool.name: tool for tool in till.box.tools}
        assert list(tools) == sorted([*LOOKS, "shop_refund"])
        refund = tools["shop_refund"]
        assert refund.description.startswith("Pay back an order, fully or partly. ")
        assert refund.input_schema["required"] == ["order"]
        assert refund.input_schema["additionalProperties"] is False
        for tool in tools.values():
            JSON_SCHEMA.Draft202012Validator.check_schema(tool.input_schema)
            JSON_SCHEMA.Draft202012Validator.check_schema(tool.output_schema)
            assert not FORBIDDEN_FIELDS & set(tool.input_schema["properties"])


@pytest.mark.promise("tools:subject")
@pytest.mark.parametrize("name", sorted(FORBIDDEN_FIELDS))
async def test_no_argument_says_whose_money_it_is(tmp_path: Path, name: str) -> None:
    """Invariant 4: it is refused with a code, recorded, and nothing is done."""
    async with open_till(tmp_path) as till:
        refused = await till.refund({**SMALL, name: "cus_2"})
        assert code_of(refused) == "invalid_input"
        assert name in refused.text
        assert recorded(till)[-1] == ("action.refused", "invalid_input")
        assert till.paid_minor == []


@pytest.mark.promise("tools:hidden")
async def test_what_is_of_somebody_else_answers_like_what_there_is_not(tmp_path: Path) -> None:
    """A model talks to whoever may be probing, so it learns no more than they may."""
    async with open_till(tmp_path) as till:
        theirs, none = await till.refund({"order": "o2"}), await till.refund({"order": "o3"})
        assert theirs.content["error"] == none.content["error"]
        assert code_of(theirs) == "unknown_object"
        assert theirs.content["tell_customer"] == none.content["tell_customer"]
        done = await till.refund(SMALL)
        assert not done.is_error
        seen = [
            await till.box.call("get_action", {"id": action_id}, till.caller("cus_2"))
            for action_id in (str(done.content["id"]), "act_0123456789abcdefghjkmnpqrs")
        ]
        assert seen[0] == seen[1]
        assert code_of(seen[0]) == "not_found"
        assert ("action.refused", "not_owner") in recorded(till)


@pytest.mark.promise("tools:hidden")
async def test_a_model_sees_what_its_own_customer_has(tmp_path: Path) -> None:
    """So that it can use the gated tools alone; nobody else's objects and requests."""
    async with open_till(tmp_path) as till:
        for subject, order in (("cus_1", "o1"), ("cus_2", "o2")):
            listed: Any = await till.box.call("list_records", {}, till.caller(subject))
            assert [one["id"] for one in listed.content["records"]] == [order]
            assert listed.content["records"][0]["title"]
        named = await till.box.call("list_records", {"subject": "cus_2"}, till.caller())
        assert code_of(named) == "invalid_input"
        asked = await till.box.call("ask", {"message": "Where is it?"}, till.caller())
        args = {"id": asked.content["id"], "wait_s": 0}
        assert (await till.box.call("get_request", args, till.caller())).content == asked.content
        theirs = await till.box.call("get_request", args, till.caller("cus_2"))
        none = await till.box.call("get_request", {"id": "req_0"}, till.caller("cus_2"))
        assert theirs == none
        assert code_of(theirs) == "not_found"


@pytest.mark.promise("tools:waiting")
async def test_what_waits_says_that_nothing_is_done(tmp_path: Path) -> None:
    """Pending has its own words, and the card is not for a model."""
    async with open_till(tmp_path) as till:
        asked = await till.refund(LARGE)
        content: Mapping[str, Any] = asked.content
        assert (asked.is_error, content["status"]) == (False, "pending_approval")
        assert "nothing has been done yet" in content["meaning"]
        assert "Nothing has been done yet" in content["tell_customer"]
        assert set(content["approval"]) == {"id", "status", "expires_at"}
        assert set(content["decision"]) == {"outcome", "rule", "reason"}
        assert till.paid_minor == []


@pytest.mark.promise("tools:no-decision")
async def test_no_tool_decides(tmp_path: Path) -> None:
    """Invariant 5: there is no name, and no argument, by which a model could say yes."""
    async with open_till(tmp_path) as till:
        asked = await till.refund(LARGE)
        approval: Any = asked.content["approval"]
        for name in (
            "approve",
            "decide",
            "approvals_decide",
            "shop.refund",
            "",
            "\ud800",
            "x" * 999,
        ):
            answer = await till.box.call(name, {"id": approval["id"]}, till.caller())
            assert code_of(answer) == "unknown_action"
        for more in ({"approve": True}, {"approval": approval["id"]}, {"approved_by": "maria"}):
            assert code_of(await till.refund({**LARGE, **more})) == "invalid_input"
        assert [one.status for one in await till.workspace.sayso.approvals.list()] == ["pending"]
        assert till.paid_minor == []


@pytest.mark.promise("tools:once")
async def test_the_same_call_is_the_same_action(tmp_path: Path) -> None:
    """However the same is written, and however often."""
    async with open_till(tmp_path) as till:
        first = await till.refund(SMALL)
        same: list[Mapping[str, object]] = [
            SMALL,
            {**SMALL, "nth": 1},
            {**SMALL, "customer_words": "I have waited for weeks"},
            {"amount": {"currency": "USD", "amount_minor": 500}, "order": "o1"},
        ]
        for args in same:
            again = await till.refund(args)
            assert again.content["id"] == first.content["id"]
            assert "this call did nothing" in str(again.content["repeated"])
            assert "`nth`: 2" in str(again.content["repeated"])
        assert "repeated" not in first.content
        assert till.paid_minor == [500]
        waits = await till.refund(LARGE)
        null = await till.refund({**LARGE, "amount": None})
        assert null.content["id"] == waits.content["id"]
        assert "nth" not in str(null.content["repeated"]), "it has not ended: nothing to ask anew"


@pytest.mark.promise("tools:once")
async def test_equal_calls_at_the_same_time_are_one(tmp_path: Path) -> None:
    """Invariant 2: a model may call a tool several times in one turn."""
    async with open_till(tmp_path) as till:
        answers = await asyncio.gather(*(till.refund(SMALL) for _ in range(8)))
        assert len({str(answer.content["id"]) for answer in answers}) == 1
        assert till.paid_minor == [500]


@pytest.mark.promise("tools:once")
async def test_two_that_are_meant_are_two(tmp_path: Path) -> None:
    """Another time, another conversation, another key of the host, other arguments."""
    async with open_till(tmp_path) as till:
        answers = [
            await till.refund(SMALL),
            await till.refund({**SMALL, "nth": 2}),
            await till.refund(SMALL, conversation="chat-2"),
        ]
        assert [answer.is_error for answer in answers] == [False] * 3
        assert till.paid_minor == [500] * 3
        less = {**SMALL, "amount": {"amount_minor": 499, "currency": "USD"}}
        calls = [(SMALL, "call-1"), (less, "call-2"), (SMALL, "call-1"), (SMALL, "call-3")]
        asked = [await till.refund(args, key=key) for args, key in calls]
        ids = [str(answer.content["id"]) for answer in asked]
        assert ids[0] == ids[2] != ids[1]
        assert ids[3] == ids[0], "what waits for people is joined, whatever the key"
        assert code_of(await till.refund(LARGE, key="call-1")) == "idempotency_conflict"
        assert till.paid_minor == [500] * 3


async def test_keys_are_each_services_own(tmp_path: Path) -> None:
    """Two bots with the same customer do not answer for each other."""
    async with open_till(tmp_path) as till:
        rival = Actor(kind=ActorKind.SERVICE, id="rival")
        first = await till.box.call("shop_refund", SMALL, till.caller())
        second = await till.box.call("shop_refund", SMALL, till.caller(requester=rival))
        assert first.content["id"] != second.content["id"]


@pytest.mark.parametrize(
    ("args", "where"),
    [
        ({}, "order"),
        ({"order": 7}, "order"),
        ({"order": "\ud800"}, "order"),
        ({"order": "o1", "amount": 5.0}, "amount"),
        ({"order": "o1", "amount": {"amount_minor": float("nan"), "currency": "USD"}}, "amount"),
        ({"order": "o1", "amount": {"amount_minor": 0, "currency": "USD"}}, "amount"),
        ({"order": "o1", "amount": {"amount_minor": 10**30, "currency": "USD"}}, "amount"),
        ({"order": "o1", "nth": 0}, "nth"),
        ({"order": "o1", "nth": True}, "nth"),
        ({"order": "o1", "customer_words": "x" * 2001}, "customer_words"),
        ({"order": "o1", "customer_words": "\ud800"}, "customer_words"),
        ([], "arguments"),
        ("o1", "arguments"),
        (None, "arguments"),
    ],
)
async def test_bad_arguments_are_named_and_recorded(
    tmp_path: Path, args: object, where: str
) -> None:
    """Rule 16 and invariant 7: the field, a code, the next step; an entry; and no effect."""
    async with open_till(tmp_path) as till:
        before = len(recorded(till))
        refused = await till.refund(args)
        assert code_of(refused) in {"invalid_input", "invalid_money"}
        assert where in refused.text
        assert [kind for kind, _ in recorded(till)[before:]] == ["action.refused"]
        assert till.paid_minor == []


async def test_an_odd_model_of_arguments_keeps_what_was_given(tmp_path: Path) -> None:
    """One whose own writing it reads differently is handed on as it came."""

    class Odd(Args):
        word: Annotated[str, Field(alias="Wort", serialization_alias="mot")]

    class OddShop(ManyShop):
        async def resolve(self, action: Action, args: Args, subject: object) -> Any:
            raise ConfigError(Code.INVALID_SETTING, f"got {args!r}")

    async with open_shop(tmp_path, shop=OddShop(_action("shop.odd", Odd))) as workspace:
        box = Toolbox(workspace.sayso)
        tool = box.tool("shop_odd")
        assert tool is not None
        assert set(tool.input_schema["properties"]) == {"Wort", "nth", "customer_words"}
        caller = Till(workspace=workspace, box=box).caller()
        assert code_of(await box.call("shop_odd", {"Wort": "ja"}, caller)) == "invalid_setting"


async def test_what_is_for_the_operator_is_not_told_to_a_model() -> None:
    """A setting's name or a path helps nobody in a chat; the code does."""
    answer = answer_error(ConfigError(Code.MISSING_SECRET, "`env:STRIPE_KEY` is not set"))
    assert code_of(answer) == "missing_secret"
    assert "STRIPE" not in answer.text


async def test_a_provider_that_cannot_be_reached_is_an_error_and_may_be_tried_again(
    tmp_path: Path,
) -> None:
    """A lost answer is looked up, and the same call is the same action."""
    async with open_till(tmp_path) as till:
        till.workspace.shop.faults.append(ShopFault.LOST_AFTER)
        lost = await till.refund(SMALL)
        assert lost.content["status"] in {"unknown", "executing", "succeeded"}
        again = await till.refund(SMALL)
        assert again.content["id"] == lost.content["id"]
        assert till.paid_minor == [500]


async def test_a_provider_that_says_no_is_an_error(tmp_path: Path) -> None:
    """So that no model takes it for done."""
    async with open_till(tmp_path) as till:
        till.workspace.shop.faults.append(ShopFault.SAYS_NO)
        failed = await till.refund(SMALL)
        assert failed.content["status"] == "failed"
        assert code_of(failed) == "provider_refused"
        assert till.paid_minor == []


async def test_words_are_handed_over_once(tmp_path: Path) -> None:
    """The same words are one request, which is asked for again by asking again."""
    async with open_till(tmp_path) as till:
        caller = till.caller("cus_nobody")
        first = await till.box.call("ask", {"message": "Please refund my order"}, caller)
        again = await till.box.call("ask", {"message": "Please refund my order"}, caller)
        other = await till.box.call("ask", {"message": "Please refund my order", "nth": 2}, caller)
        assert first.content["status"] == "handed_over"
        assert first.content["id"] == again.content["id"] != other.content["id"]
        assert code_of(await till.box.call("ask", {"message": ""}, caller)) == "invalid_input"
        assert code_of(await till.box.call("ask", {"message": "a\ud800"}, caller))
        assert code_of(await till.box.call("ask", {"message": "a", "subject": "c"}, caller))


async def test_what_takes_back_is_no_tool(tmp_path: Path) -> None:
    """What only undoes is the engine's to ask for."""
    undo = Undo(action="shop.close", args={})
    more = (_action("shop.open", NoArgs, undo=undo), _action("shop.close", NoArgs))
    async with open_shop(tmp_path, shop=ManyShop(*more)) as workspace:
        names = [tool.name for tool in Toolbox(workspace.sayso).tools]
        assert names == sorted([*LOOKS, "shop_open", "shop_refund"])


class WithNth(Args):
    """An argument that every tool has."""

    nth: int = 1


class LikeOurs(Shop):
    """A connector whose one action has the name of one of our tools."""

    def __init__(self) -> None:
        super().__init__()
        self.actions = (_action("get.action", NoArgs),)

    @property
    def name(self) -> str:
        return "get"


@pytest.mark.parametrize(
    ("shop", "policy"),
    [
        (LikeOurs(), '@id("no") @explain("nothing") forbid (principal, action, resource);'),
        (ManyShop(_action("shop.odd", WithNth)), POLICY),
    ],
    ids=["name", "argument"],
)
async def test_what_would_be_two_things_is_refused_at_the_start(
    tmp_path: Path, shop: Shop, policy: str
) -> None:
    """Fail closed: a tool that means two things is none."""
    async with open_shop(tmp_path, shop=shop, policy=policy) as workspace:
        with pytest.raises(ConfigError) as refused:
            Toolbox(workspace.sayso)
        assert refused.value.code is Code.INVALID_ACTION
        assert refused.value.next_step


def test_a_schema_keeps_arguments_that_are_called_like_its_words() -> None:
    """`title` is what an e-mail has, and what Pydantic names everything by."""

    class Mail(Args):
        title: Annotated[str, Field(description="the subject line")]
        properties: dict[str, str] = Field(default_factory=dict)

    found = schema_of(Mail)
    assert set(found["properties"]) == {"title", "properties"}
    assert "title" not in found
    assert found["properties"]["title"]["description"] == "the subject line"
