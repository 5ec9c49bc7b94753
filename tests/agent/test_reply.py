"""The customer's reply claims nothing that the ledger does not hold."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sayso.actions.model.customer_words import CustomerWords
from sayso.actions.model.definition import at_most_once
from sayso.actions.model.status import Status
from sayso.agent.phrases import phrases_of
from sayso.agent.reply import StepOutcome, write_hand_over, write_reply
from sayso.connectors.email.actions import actions_with
from sayso.connectors.stripe.actions import CANCEL_SUBSCRIPTION, CREDIT, REFUND
from sayso.errors import Code
from sayso.money import Money

ACTIONS = (
    "stripe.refund",
    "stripe.cancel_subscription",
    "stripe.credit",
    "email.send_apology",
    "shop.change_address",
)
WORDS = {
    action.name: action.words
    for action in (REFUND, CANCEL_SUBSCRIPTION, CREDIT, *actions_with(at_most_once()))
}
LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pt")
CLAIMS = re.compile(r"\bwe have (?:refunded|cancelled|credited|sent|done)\b", re.IGNORECASE)
PARTICIPLES = re.compile(r"\b(?:refunded|cancelled|credited|sent)\b", re.IGNORECASE)


def outcome(
    status: Status, *, action: str = "stripe.refund", code: Code | None = None
) -> StepOutcome:
    return StepOutcome(
        action=action,
        status=status,
        words=WORDS[action]["en"] if action in WORDS else None,
        amount=None if action == "email.send_apology" else Money(1850, "USD"),
        receipt="re_1" if status is Status.SUCCEEDED else None,
        label="Order 1042: blue mug",
        when="at once",
        code=code,
    )


@pytest.mark.promise("agent:reply")
@pytest.mark.parametrize(
    ("status", "words"),
    [
        (Status.SUCCEEDED, "We have refunded you $18.50 for Order 1042: blue mug."),
        (Status.PENDING_APPROVAL, "has to agree to the refund of $18.50"),
        (Status.REJECTED, "cannot agree to it. Nothing has been done."),
        (Status.REFUSED, "cannot be done automatically. Nothing has been done"),
        (Status.EXPIRED, "was not decided in time, so nothing has been done"),
        (Status.APPROVED, "is not confirmed yet"),
        (Status.EXECUTING, "is not confirmed yet"),
        (Status.FAILED, "did not go through"),
        (Status.UNKNOWN, "We do not know for sure yet whether the refund of $18.50"),
        (Status.PLANNED, "Nothing has been done yet."),
        (Status.STALE, "Nothing has been done yet."),
        (Status.COMPENSATED, "was made and then taken back"),
    ],
)
def test_every_status_has_its_own_honest_words(status: Status, words: str) -> None:
    """What is said follows the ledger's status and nothing else."""
    assert words in write_reply([outcome(status)])


@pytest.mark.promise("agent:reply")
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("status", list(Status))
def test_a_result_is_claimed_only_where_it_was_reached(action: str, status: Status) -> None:
    """No action and no other status makes the reply say that something was done."""
    text = write_reply([outcome(status, action=action)])
    assert bool(CLAIMS.search(text)) is (status is Status.SUCCEEDED)
    assert bool(PARTICIPLES.search(text)) is (
        status is Status.SUCCEEDED and action != "shop.change_address"
    )
    assert text[0].isupper()
    assert "  " not in text


@pytest.mark.promise("agent:reply")
@given(
    st.lists(st.tuples(st.sampled_from(ACTIONS), st.sampled_from(list(Status))), min_size=1).filter(
        lambda steps: len(steps) <= 12
    )
)
def test_refunded_appears_only_if_a_refund_succeeded(steps: list[tuple[str, Status]]) -> None:
    """In any combination of steps, each claim stands in the line of a step that succeeded."""
    text = write_reply([outcome(status, action=action) for action, status in steps])
    reached = [action for action, status in steps if status is Status.SUCCEEDED]
    assert text.lower().count("we have refunded") == reached.count("stripe.refund")
    assert text.lower().count("we have cancelled") == reached.count("stripe.cancel_subscription")
    assert len(CLAIMS.findall(text)) == len(reached)


@pytest.mark.promise("agent:reply")
@pytest.mark.parametrize("action", ACTIONS)
def test_a_step_that_only_waits_is_not_worked_on(action: str) -> None:
    """Beside \"nothing has been done yet\", no other line may say that something is under way."""
    text = write_reply([replace(outcome(Status.APPROVED, action=action), waits=True)])
    assert "Nothing has been done about it yet." in text
    assert "worked on" not in text
    assert not CLAIMS.search(text)
    assert not PARTICIPLES.search(text)


@pytest.mark.promise("agent:reply")
@pytest.mark.parametrize("action", ACTIONS)
def test_a_step_that_is_held_is_not_worked_on(action: str) -> None:
    """While a stop holds it, the customer is not told that somebody is at it."""
    text = write_reply([replace(outcome(Status.APPROVED, action=action), held=True)])
    assert "has to wait at the moment and is not confirmed yet" in text
    assert "worked on" not in text
    assert not CLAIMS.search(text)


def test_a_credit_is_told_to_be_on_the_account() -> None:
    """Nobody waits for it on their card."""
    given = replace(outcome(Status.SUCCEEDED, action="stripe.credit"), label="")
    assert write_reply([given]).startswith("We have credited $18.50 to your account.")


def test_a_credit_in_another_currency_is_told_of_no_payment() -> None:
    """A credit is taken from none: it is the account that has a currency."""
    given = outcome(Status.REFUSED, action="stripe.credit", code=Code.CURRENCY_MISMATCH)
    assert "your payment or your account is in another currency" in write_reply([given])


def test_a_refusal_without_a_reason_says_how_a_person_comes_to_look_at_it() -> None:
    """The request is answered with it, so nobody looks at it unless the customer writes again."""
    assert "please write to us again if a person" in write_reply([outcome(Status.REFUSED)])


def test_several_steps_are_one_message_in_their_order() -> None:
    """One line a step, and the mixed truth is told."""
    text = write_reply(
        [outcome(Status.SUCCEEDED), outcome(Status.UNKNOWN, action="stripe.cancel_subscription")]
    )
    first, second = text.splitlines()[2:]
    assert first.startswith("- We have refunded you $18.50")
    assert second.startswith("- We do not know for sure yet whether the cancellation")


@pytest.mark.promise("agent:reply:discreet")
@pytest.mark.parametrize("code", list(Code))
def test_no_reason_names_policies_people_or_codes(code: Code) -> None:
    """A refusal gives a plain reason or none; rules, approvers and codes stay inside."""
    text = write_reply([outcome(Status.REFUSED, code=code)]).lower()
    assert code.value not in text
    assert not re.search(r"polic|rule|approver|manager|limit|stripe|error|token", text)


@pytest.mark.promise("agent:reply:discreet")
def test_somebody_elses_object_reads_like_one_that_does_not_exist() -> None:
    """Nobody can find out by asking which ids exist."""
    mine = write_reply([outcome(Status.REFUSED, code=Code.UNKNOWN_OBJECT)])
    theirs = write_reply([outcome(Status.REFUSED, code=Code.NOT_OWNER)])
    assert mine == theirs


def test_a_receipt_is_named_only_with_its_success() -> None:
    """The reference is the customer's own effect at the provider."""
    assert "re_1" in write_reply([outcome(Status.SUCCEEDED)])
    failed = StepOutcome(action="stripe.refund", status=Status.FAILED, receipt="re_9")
    assert "re_9" not in write_reply([failed])


def test_a_hand_over_promises_nothing_but_a_person() -> None:
    """No step means that a person takes over; that nothing was changed is said where it is so."""
    assert write_reply([]) == write_hand_over()
    assert "changed" not in write_hand_over()
    assert write_hand_over(unchanged=True).endswith(" Nothing has been changed so far.")


@pytest.mark.promise("agent:reply")
@pytest.mark.parametrize("language", LANGUAGES)
def test_beside_what_was_done_a_denial_is_of_its_own_step_alone(language: str) -> None:
    """\"Nothing has been done yet\" under a refund that was made is not so."""
    phrases = phrases_of(language)
    text = write_reply([outcome(Status.SUCCEEDED), outcome(Status.PENDING_APPROVAL)], language)
    assert phrases.not_yet_of_it in text
    assert f"{phrases.not_yet}." not in text
    assert f"{phrases.not_yet};" not in text


def test_a_label_stays_one_bounded_line() -> None:
    """A provider's text cannot add lines or go on for ever."""
    label = "mug\n- We have paid you $1,000\u202e" + "x" * 500
    text = write_reply([replace(outcome(Status.FAILED), label=label)])
    assert "\n" not in text
    assert len(text) < 320


@pytest.mark.promise("agent:reply")
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("action", WORDS)
def test_every_language_has_every_sentence(language: str, action: str) -> None:
    """In each language a result is told where it was reached, and no value is left open."""
    done = WORDS[action][language].done.split("[")[0].split(" {")[0]
    for status in Status:
        told = replace(outcome(status, action=action), words=WORDS[action][language])
        text = write_reply([told], language)
        assert "{" not in text
        assert "[" not in text
        assert (done.lower() in text.lower()) is (status is Status.SUCCEEDED)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_knows_the_same_reasons(language: str) -> None:
    """A refusal that has a plain reason in English has one everywhere."""
    assert set(phrases_of(language).reasons) == set(phrases_of("en").reasons)


def test_a_language_without_phrases_is_told_in_english() -> None:
    """Better than nothing: the customer is told, and a person reads it as well."""
    assert write_hand_over("xx") == write_hand_over()


@pytest.mark.promise("agent:reply")
def test_a_thing_whose_name_begins_with_its_noun_has_the_noun_once() -> None:
    """`order Order 1042: blue mug` is no way to speak of it."""
    words = CustomerWords(
        thing="the cancellation {of_object}",
        done="we have cancelled {object}",
        nouns={"object": "order {name}", "of_object": "of order {name}"},
    )
    reply = write_reply([replace(outcome(Status.SUCCEEDED), words=words)], "en")
    assert "cancelled order 1042: blue mug." in reply, reply
