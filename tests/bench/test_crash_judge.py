"""The judge of the crash campaign finds each kind of bad outcome, made up by hand."""

from __future__ import annotations

from dataclasses import replace

from bench.crash.bank import Refund
from bench.crash.connector import GuaranteeKind
from bench.crash.judge import Faults, judge
from bench.crash.ledger import Kept
from bench.crash.plan import Wish


def wish(guarantee: GuaranteeKind = "idempotent") -> Wish:
    return Wish(key="run-1-0", customer="cus_1", amount=2000, guarantee=guarantee)


REFUND = Refund(id="re_1", order="run-1-0", amount=2000, reference="act_1", key="", worker="w1")
ROW = Kept(
    id="act_1",
    key="run-1-0",
    status="succeeded",
    amount=2000,
    receipt_id="re_1",
    due_at=None,
)


def counts(faults: Faults) -> tuple[int, int, int, int]:
    """Double, lost, disagree, unverified."""
    return (
        len(faults.double),
        len(faults.lost),
        len(faults.disagree),
        len(faults.unverified),
    )


def test_one_effect_and_its_row_are_in_order() -> None:
    """What a good run looks like."""
    assert counts(judge([wish()], [REFUND], [ROW], {"act_1": "succeeded"})) == (0, 0, 0, 0)


def test_a_second_effect_is_double_and_the_sums_differ() -> None:
    """Counted at the provider."""
    second = replace(REFUND, id="re_2")
    assert counts(judge([wish()], [REFUND, second], [ROW], {})) == (1, 0, 1, 0)


def test_what_was_asked_and_never_done_is_lost() -> None:
    """Whatever the ledger says of it, unless it says that it was done."""
    assert counts(judge([wish()], [], [], {})) == (0, 1, 0, 0)
    failed = replace(ROW, status="failed", receipt_id=None)
    assert counts(judge([wish()], [], [failed], {})) == (0, 1, 0, 0)


def test_at_most_once_may_be_never_but_only_if_the_ledger_says_so() -> None:
    """A person has looked and settled it as failed; an open or missing row stays a fault."""
    failed = replace(ROW, status="failed", receipt_id=None)
    once = wish("at_most_once")
    assert counts(judge([once], [], [failed], {})) == (0, 0, 0, 0)
    assert counts(judge([once], [], [replace(failed, status="unknown")], {})) == (0, 1, 0, 0)
    assert counts(judge([once], [], [], {})) == (0, 1, 0, 0)


def test_done_and_not_in_the_ledger_is_lost() -> None:
    """The books have it; the row is missing, or says something else."""
    assert counts(judge([wish()], [REFUND], [], {})) == (0, 1, 1, 0)
    unknown = replace(ROW, status="unknown")
    assert counts(judge([wish()], [REFUND], [unknown], {})) == (0, 1, 1, 0)


def test_succeeded_without_an_effect_disagrees() -> None:
    """And so do the sums."""
    assert counts(judge([wish()], [], [ROW], {})) == (0, 0, 2, 0)


def test_another_amount_receipt_or_reference_disagrees() -> None:
    """Each of the three is compared."""
    assert counts(judge([wish()], [replace(REFUND, amount=1999)], [ROW], {})) == (0, 0, 2, 0)
    assert counts(judge([wish()], [replace(REFUND, id="re_9")], [ROW], {})) == (0, 0, 1, 0)
    assert counts(judge([wish()], [replace(REFUND, reference="x")], [ROW], {})) == (0, 0, 1, 0)


def test_what_nobody_asked_for_disagrees() -> None:
    """An effect on another order, or a row under another key."""
    strange = replace(REFUND, id="re_2", order="run-9-9", amount=0)
    assert counts(judge([wish()], [REFUND, strange], [ROW], {})) == (0, 0, 1, 0)
    row = replace(ROW, id="act_2", key="run-9-9", amount=0)
    assert counts(judge([wish()], [REFUND], [ROW, row], {})) == (0, 0, 1, 0)


def test_what_a_caller_was_told_must_stay_true() -> None:
    """`succeeded` and `failed` are final; an action that is gone is lost."""
    assert counts(judge([wish()], [REFUND], [ROW], {"act_1": "unknown"})) == (0, 0, 0, 0)
    assert counts(judge([wish()], [REFUND], [ROW], {"act_1": "failed"})) == (0, 1, 0, 0)
    assert counts(judge([wish()], [REFUND], [ROW], {"act_9": "approved"})) == (0, 1, 0, 0)
