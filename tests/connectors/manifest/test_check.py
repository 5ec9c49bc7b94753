"""What is wrong with a manifest is found without asking anybody."""

# ruff: noqa: E501  (lines of manifests stand in tables)

from __future__ import annotations

import pytest
from connectors.manifest.stand import changed, source_of

from sayso.connectors.manifest.check import mistakes

CHARGEBEE = [
    # an address
    ("https://{settings.site}.chargebee.com", "http://{settings.site}.chargebee.com", "not https"),
    ("https://{settings.site}.chargebee.com", "https://{args.x}.chargebee.com", "takes settings"),
    (
        "https://{settings.site}.chargebee.com",
        "https://{settings.other}.chargebee.com",
        "takes set",
    ),
    ('pattern = "[a-z0-9][a-z0-9-]{0,59}"', 'pattern = "[a-z0-9.-]+"', "more than a label"),
    ('pattern = "[a-z0-9][a-z0-9-]{0,59}"', 'pattern = ".*"', "more than a label"),
    ('pattern = "[a-z0-9][a-z0-9-]{0,59}"', r'pattern = "\\S+"', "more than a label"),
    ("https://{settings.site}.chargebee.com", "https://localhost", "is no host"),
    ("https://{settings.site}.chargebee.com", "https://a@b.example.com", "is no host"),
    ('user = "{secret}"', 'user = "{args.x}"', "there is no `args.x` here"),
    # where it goes
    ('payee = "subscription {subscription.id}"', 'payee = "{plam}"', "nothing is read as `plam`"),
    # whose it is
    (
        'owner = { path = "subscription.customer_id" }',
        'owner = { path = "args.subscription" }',
        "what the provider says",
    ),
    (
        'owner = { path = "subscription.customer_id" }',
        'owner = { path = "subject.id" }',
        "what the provider says",
    ),
    (
        'owner = { path = "subscription.customer_id" }',
        "owner = { path = \"'cus_1'\" }",
        "what the provider says",
    ),
    (
        'owner = { path = "subscription.customer_id" }',
        'owner = { path = "customer.id" }',
        "nothing is read as `customer`",
    ),
    (
        'query = { "customer_id[is]" = "{subject.id}", limit = 50 }',
        "query = { limit = 50 }",
        "does not name the customer",
    ),
    # what is read
    ('resolve = ["subscription"]', 'resolve = ["subscriptio"]', "there is no read `subscriptio`"),
    (
        'status = "subscription.status"\nsubscription_age',
        'status = "sub.status"\nsubscription_age',
        "nothing is read as `sub`",
    ),
    (
        'payee = "subscription {subscription.id}"',
        'payee = "subscription {sub.id}"',
        "nothing is read as `sub`",
    ),
    ("[reads.customer]", "[reads.keep]", "is a name of ours"),
    (
        'get = "/subscriptions/{args.subscription}"',
        'get = "subscriptions/{args.subscription}"',
        "is no path",
    ),
    (
        'get = "/subscriptions/{args.subscription}"',
        'get = "/subscriptions/{call.ref}"',
        "is not known here",
    ),
    (
        'payee = "subscription {subscription.id}"',
        'payee = "subscription {subscription.id}"\nchanges = { "subscription.stat" = ["paused"] }',
        "no action has the precondition `subscription.stat`",
    ),
    # the call
    ('reference = "{call.ref}" }', 'reference = "x" }', "does not hold our reference"),
    (
        'reference = "{call.ref}" }',
        'reference = "{args.amount} {call.ref}" }',
        "other people's words",
    ),
    ('at = "form.reference", max = 500', 'at = "form.reference", max = 20', "30 characters"),
    (
        'form = { pause_option = "{args.when}" }',
        'form = { pause_option = "{args.whem}" }',
        "there is no `args.whem`",
    ),
    (
        'form = { pause_option = "{args.when}" }',
        'form = { pause_option = "{amount.minor}" }',
        "has no `amount`",
    ),
    (
        'form = { pause_option = "{args.when}" }',
        'form = { x = "{keep.y}" }',
        "there is no `keep.y`",
    ),
    (
        'form = { pause_option = "{args.when}" }',
        'form = { x = "{peer.email.address}" }',
        "names no peer",
    ),
    (
        'at = "header.chargebee-idempotency-key", keeps = "30m", max = 100, other_body = "refused", replayed = "chargebee-idempotency-replayed", source = "https://apidocs.chargebee.com/docs/api/idempotency" }\nform = { pause',
        'at = "form.pause_option", keeps = "30m" }\nform = { pause',
        "holds something else",
    ),
    # what is found again
    ('ours = "reference", amount', "amount", "nothing tells our effect from others"),
    ('effect = "cancellation"', 'effect = "message"', "never money, credit or a message"),
    ('by = "args.when"\nabsent', 'by = "args.subscription"\nabsent', "a few words"),
    (
        "so = { now = \"status == 'paused'\", ",
        "so = { later = \"status == 'paused'\", ",
        "exactly the words",
    ),
    # words
    (
        'sentence = "Pause {plan} {when}"',
        'sentence = "Pause {plans} {when}"',
        "there is no `plans`",
    ),
    (
        'done = "Your subscription {plan} is paused {when}."',
        'done = "Done {email}."',
        "there is no `email`",
    ),
    ('title = "{plan}, {status}, until {until}"', 'title = "{plam}"', "there is no `plam`"),
    (
        'undo = { action = "chargebee.resume"',
        'undo = { action = "chargebee.resum"',
        "there is no `chargebee.resum`",
    ),
    (
        'undo = { action = "chargebee.resume"',
        'undo = { action = "stripe.resume"',
        "there is no `stripe.resume`",
    ),
    (
        'args = { subscription = "object" }, only = { when = "now" }',
        'args = { sub = "object" }, only = { when = "now" }',
        "does not take these",
    ),
    # money
    ('[money]\nunit = "minor"\n', "", "how amounts are written"),
    (
        'args.amount = { type = "money"',
        'args.amoun = { type = "money"',
        "there is no argument `amount`",
    ),
    # arguments that nobody may pass
    (
        'args.amount = { type = "money", max = "200.00", says = "how much credit" }',
        'args = { amount = { type = "money" }, customer = { type = "text", max = 9 } }',
        "never an argument",
    ),
    ('pattern = "[A-Za-z0-9_.-]{1,50}", says', 'pattern = "(?=x)y", says', "look-around"),
    # errors
    ("when = { status = [422] }", "when = {}", "about every answer"),
    (
        'when = { status = [422] }\nmeans = "key_reused"',
        'when = { status = [500] }\nmeans = "later"',
        "surer",
    ),
    (
        'when = { status = [422] }\nmeans = "key_reused"',
        'when = { code = ["x"] }\nmeans = "provider_refused"',
        "surer",
    ),
    (
        'page = { token = "next_offset", into = "query.offset", max_pages = 2 }',
        'page = { token = "next_offset", into = "form.offset", max_pages = 2 }',
        "is a parameter",
    ),
]


@pytest.mark.promise("manifests:check")
@pytest.mark.parametrize(("before", "after", "message"), CHARGEBEE)
def test_a_mistake_is_found(before: str, after: str, message: str) -> None:
    """Each rule of docs/reference/manifests.md, by a manifest that breaks it."""
    found = mistakes(source_of(changed("chargebee", (before, after))))
    assert any(message in one.problem for one in found), [str(one) for one in found]


@pytest.mark.parametrize(
    ("name", "before", "after", "message"),
    [
        (
            "zendesk",
            'updated_stamp = "{before.ticket.updated_at}"',
            'updated_stamp = "x"',
            "does not hold it",
        ),
        (
            "zendesk",
            'preconditions = { "ticket.updated_at" =',
            'preconditions = { "ticket.updated" =',
            "no precondition",
        ),
        ("zendesk", "safe_update = true", 'safe_update = "{subject.form}"', ""),
        (
            "twilio",
            'any = "participants[].identity"',
            'any = "args.people"',
            "what the provider says",
        ),
        (
            "twilio",
            'owner = { peer = "phone_from" }',
            'owner = { peer = "phones" }',
            "no setting `phones`",
        ),
        ("shopify", 'nothing_done = "https://shopify.dev/docs/api/usage/limits"', "", "surer"),
        (
            "shopify",
            'variables = { id = "{subject.form}", after = "{page.cursor}" }',
            'variables = { id = "{subject.form}" }',
            "takes the cursor",
        ),
        ("shopify", 'root = "order" ', 'root = "data.order" ', "begins at `data`"),
        # A whole host is a setting's alone, and is nothing but a host.
        ("rt", '"https://{settings.host}"', '"https://{settings.host}.example"', "a whole host"),
        ("rt", "host = true\npattern = '", "host = true\npattern = '.*|", "another pattern"),
        ("rt", "host = true\n", "", "more than a label"),
        ("freshdesk", 'number = "query.page"', 'number = "page"', "`number` is a parameter"),
        (
            "shopify",
            'accepted = "orderCancel.job.id"  # only accepted: the receipt comes from the look-up',
            "receipt = { id = 'x', status = 'y' }",
            "",
        ),
    ],
)
def test_a_mistake_of_another_kind_is_found(
    name: str, before: str, after: str, message: str
) -> None:
    """Guards, peers, several owners, GraphQL."""
    found = mistakes(source_of(changed(name, (before, after))))
    if message:
        assert any(message in one.problem for one in found), [str(one) for one in found]
    else:
        assert not found


@pytest.mark.parametrize(
    ("name", "before", "after", "message"),
    [
        (
            "stripe_billing",
            'owner = { path = "payment.customer", peer = "address_from" }',
            'owner = { peer = "address_from" }',
            "the address on file proves none",
        ),
        (
            "sendgrid",
            'to = [{ email = "{peer.email.address}" }]',
            'to = [{ email = "ben@example.com" }]',
            "another place than the address on file",
        ),
        (
            "chargebee",
            'get = "/subscriptions/{args.subscription}"',
            'get = "/subscriptions/sub_1"',
            "nothing reads whose it is",
        ),
    ],
)
def test_an_object_that_nobody_has_shown_to_be_theirs_is_found(
    name: str, before: str, after: str, message: str
) -> None:
    """A text for one customer went to another, and the file had passed `check` and its review."""
    text = changed(name, (before, after))
    if name == "chargebee":
        text = text.replace(
            "/subscriptions/{object.id}/pause", "/subscriptions/{args.subscription}/pause"
        )
    found = mistakes(source_of(text))
    assert any(message in one.problem for one in found), [str(one) for one in found]


def test_several_owners_need_a_word_about_the_others() -> None:
    """A member of a list is not the only one who reads it."""
    text = changed(
        "chargebee",
        ('owner = { path = "customer.id" }', 'owner = { any = "customer.ids" }'),
        ('require = [{ that = "customer.deleted != `true`", else = "unknown_subject" }]\n', ""),
    )
    assert any("several people" in one.problem for one in mistakes(source_of(text)))


def test_a_mistake_has_its_line() -> None:
    """And reads as a sentence."""
    text = changed("chargebee", ('sentence = "Pause {plan} {when}"', 'sentence = "Pause {x}"'))
    (found,) = [one for one in mistakes(source_of(text)) if "pause" in one.at]
    assert found.line == text[: text.index("Pause {x}")].count("\n") + 1
    assert str(found).startswith(f"line {found.line}: `actions.pause.sentence`:")
