"""Arguments from outside: what is wrong with them, in words, with the next step."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sayso.actions.model.definition import Action, Args, Subject, at_most_once
from sayso.actions.model.snapshot import Call, Receipt, Resolved
from sayso.connectors import define
from sayso.connectors.arguments import read_args
from sayso.connectors.stripe.actions import (
    CANCEL_SUBSCRIPTION,
    CREDIT,
    REFUND,
    RefundArgs,
)
from sayso.errors import Code, RefusedError
from sayso.money import Money


def amount(value: object, currency: object = "USD") -> dict[str, object]:
    return {"charge": "ch_1", "amount": {"amount_minor": value, "currency": currency}}


@pytest.mark.parametrize(
    ("args", "message", "next_step"),
    [
        ({}, "`charge` of `stripe.refund` is missing", "add it: the payment, such as ch_123"),
        ({"charge": "1042"}, "is `1042`, which has the wrong form", "give the payment"),
        ({"charge": 5}, "is `5`, not a text", "give the payment"),
        ({"charge": None}, "is `null`, not a text", "give the payment"),
        ({"charge": ["ch_1"]}, "is a list or an object, not a text", "give the payment"),
        ({"charge": "ch_\ud800"}, "not a text", "give the payment"),
        ({"charge": "ch_1", "ammount": 1}, "`ammount` of", "did you mean `amount`?"),
        ({"charge": "ch_1", "mood": "bad"}, "is no argument it has", "it takes `charge`"),
        ({"charge": "ch_1", "customer": "cus_2"}, "is no argument it has", "verified customer"),
        ({"charge": "ch_1", "reason": "mood"}, "is `mood`", "use `duplicate`, `fraudulent` or"),
        ({"charge": "ch_1", "amount": 18.5}, "is not an amount of money", '"amount_minor": 12900'),
        ({"charge": "ch_1", "amount": "18.50"}, "is not an amount of money", "12900"),
        (amount(18.5), "is not an amount of money", "12900"),
        (amount(2**63), "beyond 100000000000000 minor units", "12900"),
        (amount(10**5000), "beyond 100000000000000 minor units", "12900"),
        (amount(True), "is not an amount of money", "12900"),
        (amount("1850"), "is not an amount of money", "12900"),
        (amount(1850, "usd"), "`usd` is no ISO 4217 currency code", "12900"),
        (amount(-500), "`amount` of `stripe.refund` is -$5.00, which is not above", "above zero"),
        (amount(0), "is $0.00, which is not above zero", "above zero"),
        ([], "are no JSON object", 'write them as {"name": value}'),
        (None, "are no JSON object", "write them as"),
        ("charge", "are no JSON object", "write them as"),
    ],
)
def test_each_mistake_is_named_with_its_field_and_the_next_step(
    args: object, message: str, next_step: str
) -> None:
    """Field, problem, what to write instead: enough for a bot's author without the docs."""
    with pytest.raises(RefusedError) as caught:
        read_args(REFUND, args)
    money = any(words in next_step for words in ("12900", "above zero"))
    assert caught.value.code is (Code.INVALID_MONEY if money else Code.INVALID_INPUT)
    assert message in caught.value.message
    assert next_step in caught.value.next_step


def test_a_closed_choice_names_its_values() -> None:
    """The message lists what may be written."""
    with pytest.raises(RefusedError) as caught:
        read_args(CANCEL_SUBSCRIPTION, {"subscription": "sub_1", "when": "later"})
    assert caught.value.next_step == "use `now` or `period_end`"


def test_what_is_right_is_read() -> None:
    """Defaults are filled, money is money."""
    read = read_args(REFUND, amount(1850))
    assert read == RefundArgs(charge="ch_1", amount=Money(1850, "USD"))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


_NAMES = st.sampled_from(["charge", "amount", "reason", "x" * 90]) | st.text()


@given(st.dictionaries(_NAMES, _JSON))
@settings(deadline=None, max_examples=150)
def test_no_input_gets_past_the_tree_or_is_repeated_at_length(args: dict[str, object]) -> None:
    """Whatever comes, it is arguments, or a refusal in a sentence of bounded length."""
    for action in (REFUND, CREDIT, CANCEL_SUBSCRIPTION):
        error = refusal_of(action, args)
        if error is None:
            continue
        assert error.code in {Code.INVALID_INPUT, Code.INVALID_MONEY}
        assert len(error.message) < 320
        assert "\n" not in error.message
        assert error.message.encode()


def refusal_of(action: Action, args: dict[str, object]) -> RefusedError | None:
    try:
        read_args(action, args)
    except RefusedError as error:
        return error
    return None


def test_a_pasted_secret_is_not_repeated_whole() -> None:
    """At most 40 characters of a value or a name stand in a message."""
    long = "ch-" + "s3cr3t" * 20
    for args in ({"charge": long}, {"charge": "ch_1", long: 1}):
        with pytest.raises(RefusedError) as caught:
            read_args(REFUND, args)
        assert long[:41] not in str(caught.value)


class Note(Args):
    """Words."""

    text: str


class Notes(define.OwnConnector):
    """A connector whose argument may be long."""

    name = "notes"

    @define.action(summary="Keep a note", guarantee=at_most_once())
    async def keep(self, args: Note, subject: Subject) -> Resolved:
        """Read."""
        return self.resolved(args, subject, kind="note", account="here", payee="nobody")

    @keep.calls
    async def kept(self, call: Call) -> Receipt:
        """Keep."""
        return Receipt(id=call.action_id, status="kept")


async def test_the_card_of_an_own_action_has_its_arguments_whole() -> None:
    """Who says yes says it to all of an argument, so nothing of it is cut before a surface."""
    notes = Notes()
    text = "we are sorry. " * 100 + "We pay you $5,000 more."
    found = await notes.resolve(notes.actions[0], Note(text=text), Subject(id="cus_1"))
    assert found.fields == {"text": text}
