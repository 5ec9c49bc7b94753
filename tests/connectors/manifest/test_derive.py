"""The guarantee follows from the file, and a person is asked wherever it says too little."""

# ruff: noqa: E501  (lines of manifests stand in tables)

from __future__ import annotations

import pytest
from connectors.manifest.stand import changed, shipped, source_of, stand

from sayso.connectors.manifest.derive import UNPROVEN, Derived, Proven, derive

SEEN = Proven(on="2026-11-29", key=True, absent_after_s=200, holds_the_money=True)


def derived(
    name: str,
    verb: str,
    *changes: tuple[str, str],
    verified: bool = True,
    proven: Proven = UNPROVEN,
) -> Derived:
    """What follows for an action of a changed manifest."""
    manifest = source_of(changed(name, *changes)).manifest
    return derive(manifest.actions[verb], verified=verified, proven=proven)


KEY = 'keeps = "30m", max = 100'


@pytest.mark.promise("manifests:derived")
@pytest.mark.parametrize(
    ("name", "verb", "changes", "kind", "retention_s", "settle_after_s"),
    [
        # money is at most once until somebody has seen that its key and its look-up hold
        ("chargebee", "credit", (), "at_most_once", None, None),
        ("chargebee", "pause", (), "idempotent", 1800, 60),
        ("shopify", "refund_items", (), "at_most_once", None, None),
        ("shopify", "cancel_order", (), "verifiable", None, 600),
        ("zendesk", "reply", (), "verifiable", None, 120),
        ("twilio", "reply", (), "verifiable", None, 60),
        ("twilio", "text", (), "at_most_once", None, None),
        # a key of which nobody says how long it is kept, or where that was read, counts for nothing
        ("chargebee", "pause", (('keeps = "30m", ', ""),), "verifiable", None, 60),
        (
            "chargebee",
            "pause",
            (
                (
                    ', source = "https://apidocs.chargebee.com/docs/api/idempotency" }\nform = { pause',
                    " }\nform = { pause",
                ),
            ),
            "verifiable",
            None,
            60,
        ),
        ("chargebee", "pause", ((KEY, 'keeps = "30m", max = 20'),), "verifiable", None, 60),
        # what is found proves it, that nothing is found never does
        (
            "twilio",
            "reply",
            (('absent_after = "1m"', 'absent_after = "never"'),),
            "at_most_once",
            None,
            None,
        ),
        (
            "chargebee",
            "credit",
            (('absent_after = "2m"', 'absent_after = "never"'),),
            "at_most_once",
            None,
            None,
        ),
    ],
)
def test_the_guarantee_is_derived(
    name: str,
    verb: str,
    changes: tuple[tuple[str, str], ...],
    kind: str,
    retention_s: int | None,
    settle_after_s: int | None,
) -> None:
    """Key, then reference, then state, then a person: decided for each action."""
    found = derived(name, verb, *changes)
    guarantee = found.guarantee
    assert (guarantee.kind, guarantee.retention_s, guarantee.settle_after_s) == (
        kind,
        retention_s,
        settle_after_s,
    )
    assert found.reasons


@pytest.mark.promise("manifests:ask")
@pytest.mark.parametrize(
    ("name", "verb", "changes", "reason"),
    [
        ("shopify", "cancel_order", (), "works out the amount"),
        (
            "zendesk",
            "reply",
            (
                (
                    'owner = { path = "to_string(ticket.requester_id)" }',
                    'owner = { none = "it has none" }',
                ),
            ),
            "it has none",
        ),
        (
            "zendesk",
            "reply",
            (
                (
                    'owner = { path = "to_string(ticket.requester_id)" }',
                    'owner = { path = "ticket.email", weak = true }',
                ),
            ),
            "e-mail address",
        ),
        (
            "chargebee",
            "credit",
            (
                (
                    'keeps = "30m", max = 100, other_body = "refused", replayed = "chargebee-idempotency-replayed", source = "https://apidocs.chargebee.com/docs/api/idempotency" }\nreference',
                    "max = 100 }\nreference",
                ),
                ('absent_after = "2m"', 'absent_after = "never"'),
            ),
            "nobody can tell",
        ),
        (
            "chargebee",
            "pause",
            (
                ("reversible = true\nresolve", "reversible = false\nresolve"),
                (
                    'undo = { action = "chargebee.resume", args = { subscription = "object" }, only = { when = "now" } }\n',
                    "",
                ),
            ),
            "nothing takes it back",
        ),
        (
            "chargebee",
            "pause",
            (('effect = "cancellation"', 'effect = "cancellation"\nask = "it is new"'),),
            "it is new",
        ),
    ],
)
def test_a_person_is_asked_where_the_file_says_too_little(
    name: str, verb: str, changes: tuple[tuple[str, str], ...], reason: str
) -> None:
    """No or weak owner proof, at-most-once money, an amount that the provider works out."""
    assert any(reason in one for one in derived(name, verb, *changes).ask)


@pytest.mark.parametrize("name", ["chargebee", "zendesk", "twilio"])
def test_what_was_not_tried_is_asked_about(name: str) -> None:
    """A manifest whose cases have not passed against the provider's own answers."""
    source, cases = shipped(name)
    untried = stand(source, cases, cases.case[0], verified=False).connector
    assert all(action.always_ask for action in untried.actions)
    tried = stand(source, cases, cases.case[0], verified=True).connector
    assert not any(action.always_ask for action in tried.actions)


def test_what_was_kept_says_how_much_only_if_the_amount_is_in_it() -> None:
    """An id that the call is given says nothing of money, so a person is asked."""
    whole = "the provider works out the amount when it is done"
    assert whole not in derived("shopify", "refund_items").ask
    kept = ("{amount: amountSet.shopMoney.amount, gateway", "{gateway")
    sent = ('amount = "{each.amount}", kind', "kind")
    assert whole in derived("shopify", "refund_items", kept, sent).ask


WITH = 'record = "with"             # the credit is an entry in Chargebee\'s own book\n'
HELD = (WITH + 'source = "https://apidocs.chargebee.com/docs/api/promotional_credits"\n', "")


@pytest.mark.promise("manifests:money")
@pytest.mark.parametrize(
    ("name", "verb", "changes", "kind", "settle_after_s", "shown_after_s"),
    [
        ("chargebee", "credit", (), "idempotent", 200, 200),
        ("chargebee", "credit", ((KEY, "max = 100"), (KEY, "max = 100")), "verifiable", 200, 200),
        ("chargebee", "credit", (HELD,), "at_most_once", None, 200),
        ("square", "refund", (), "verifiable", 200, 200),
        ("shopify", "refund_items", (), "at_most_once", None, 200),
    ],
)
def test_money_is_worth_what_was_proven_at_who_holds_it(
    name: str,
    verb: str,
    changes: tuple[tuple[str, str], ...],
    kind: str,
    settle_after_s: int | None,
    shown_after_s: int,
) -> None:
    """A shop that has others pay is at most once whatever was tried, and is looked up all the same."""
    found = derived(name, verb, *changes, proven=SEEN).guarantee
    assert (found.kind, found.settle_after_s, found.shown_after_s) == (
        kind,
        settle_after_s,
        shown_after_s,
    )
    assert found.repeats == (0 if kind == "at_most_once" else 1)
    claimed = derived(name, verb, *changes).guarantee
    assert (claimed.kind, claimed.repeats) == ("at_most_once", 0)


@pytest.mark.promise("manifests:money")
def test_a_key_that_nothing_finds_again_counts_once_it_is_proven() -> None:
    """It was believed on its author's word, and a provider that ignores it does it twice."""
    assert derived("stripe_billing", "send_receipt").guarantee.kind == "idempotent"
    text = source_of(changed("stripe_billing")).manifest.actions["send_receipt"]
    without = text.model_copy(update={"look_up": None})
    assert derive(without, verified=True).guarantee.kind == "at_most_once"
    assert derive(without, verified=True, proven=SEEN).guarantee.kind == "idempotent"
