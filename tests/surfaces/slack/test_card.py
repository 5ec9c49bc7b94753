"""The card as a pure function: valid for every input, and nothing foreign is ever rendered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block

from sayso.actions.policy.card import Card
from sayso.block_kit import check_view
from sayso.json import JsonObject, JsonValue
from sayso.money import Money
from sayso.sdk.chat.news import late_news, reminder
from sayso.sdk.resources.work import WorkView
from sayso.sdk.views.rows import (
    ActionView,
    ApprovalView,
    ErrorView,
    EscalationView,
    ReceiptView,
    VoteView,
)
from sayso.sdk.views.solution import CustomerView, LeadView, LetterView, SolutionView, StepView
from sayso.sdk.words.approval_outcome import outcome_of
from sayso.surfaces.slack import build_message, check_blocks
from sayso.surfaces.slack.card import SlackMessage
from sayso.surfaces.slack.forms import build_form, note
from sayso.surfaces.slack.thread import build_evidence, post_of
from sayso.surfaces.slack.wording import escape, fit
from sayso.text import show_hidden

ID = "apr_01m8997dg01t8nczra0j7efdc6"
DIGEST = "ab" * 32
AT = "2026-11-25T12:00:00.000000Z"
HOSTILE = (
    "<!channel> <!here> <@U1> <#C1> <!subteam^S1> <https://evil.example|bank.com>",
    "*bold* `code` ```pre``` _it_ ~no~ > quote :smile: @here",
    "\u202egro.live\u202c \u2066x\u2069 zero\u200bwidth \U000e0041\U000e0042 \ufeff",
    "&lt;!channel&gt; &amp;amp; &#60;!here&#62;",
    "first line\nAmount: $1.00\r\nGoes to: you\u2028next\x0bmore\x00",
    "\u3164\u2800\u115f\u00ad\u034f",
)


def card(**changes: Any) -> Card:
    """A plain card."""
    fields: dict[str, Any] = {
        "title": "Refund $129.00 of Order 1042",
        "action": "stripe.refund",
        "effect": "money_out",
        "reversible": False,
        "guarantee": "done once (idempotent, 24 h): the provider drops a repeated call",
        "amount": Money(129_00, "USD"),
        "payee": "Visa ..4242, which paid",
        "account": "acct_1 (Acme)",
        "fields": (("order", "1042: blue mug"), ("paid", "$129.00")),
        "customer": (("id", "cus_1"), ("identified", "signed in"), ("name", "Dana Ruiz")),
        "history": "none like it in 30 days",
        "why": "Up to $500 once a support manager has approved",
        "rules": ("refund-manager",),
        "roles": ("support_manager",),
        "quote": "my mug broke, please refund me",
        "planner": "playbooks",
        "on_yes": "Refund $129.00 of Order 1042; done once; it can not be undone",
        "on_no": "no money moves, and the customer is told that it was declined",
        "deadline": AT,
        "may_lower": True,
        "salt": "00",
    }
    return Card(**{**fields, **changes})


def approval(
    shown: Card, status: str = "pending", votes: tuple[VoteView, ...] = ()
) -> ApprovalView:
    """An approval with that card."""
    return ApprovalView(
        id=ID,
        action_id="act_1",
        status=status,
        revision=3,
        digest=DIGEST,
        roles=shown.roles,
        card=shown.to_json(),
        votes=votes,
        expires_at=AT,
        created_at=AT,
        updated_at=AT,
    )


def solution(
    shown: Card, status: str = "pending", votes: tuple[VoteView, ...] = (), state: str = ""
) -> SolutionView:
    """The same as what is asked with one yes, of one step."""
    step = StepView(
        id="act_1",
        action_id="act_1",
        approval_id=ID,
        action=shown.action,
        effect=shown.effect,
        title=shown.title,
        amount=shown.amount,
        payee=shown.payee,
        consequence=f"To {shown.payee}. Cannot be undone.",
        asks=status == "pending",
        needs="people",
        status=state or "pending_approval",
        may_lower=shown.may_lower and shown.amount is not None,
        revision=3,
        digest=DIGEST,
        card=shown.to_json(),
        updated_at=AT,
    )
    lead = LeadView(
        headline=f"{shown.amount} to Dana",
        split=((str(shown.amount or ""), shown.title),),
        quote=shown.quote,
        why=shown.reason or shown.why,
        needed=shown.needed,
        unusual=shown.unusual,
        quiet=shown.quiet,
        facts=tuple((label.capitalize(), value) for label, value in shown.fields),
        on_yes=shown.on_yes,
        on_no=shown.on_no,
    )
    return SolutionView(
        id=ID,
        request_id="req_1",
        status=status,
        revision=3,
        digest=DIGEST,
        customer=CustomerView(
            id="cus_1", name=dict(shown.customer).get("name", "Dana"), assurance="signed_in"
        ),
        lead=lead,
        steps=(step,),
        money=(),
        totals=() if shown.amount is None else (shown.amount,),
        roles=shown.roles,
        agreed=tuple(one.person for one in votes if one.decision == "approve"),
        votes=votes,
        planner=shown.planner,
        expires_at=AT,
        created_at=AT,
        updated_at=AT,
    )


def message_of(
    shown: Card,
    status: str = "pending",
    votes: tuple[VoteView, ...] = (),
    now: ActionView | None = None,
) -> SlackMessage:
    """The card with what became of it, as the notifier makes it."""
    return build_message(
        solution(shown, status, votes), outcome_of(approval(shown, status, votes), now)
    )


def action(status: str, **changes: Any) -> ActionView:
    """Its action in some state."""
    fields: dict[str, Any] = {
        "id": "act_1",
        "status": status,
        "action": "stripe.refund",
        "subject": "cus_1",
        "assurance": "verified",
        "args": {},
        "planner": "playbooks",
        "revision": 3,
        "created_at": AT,
        "updated_at": AT,
    }
    return ActionView(**{**fields, **changes})


def vote(decision: str, person: str = "maria") -> VoteView:
    """Somebody's vote about the present revision."""
    return VoteView(person=person, decision=decision, revision=3, via="slack", at=AT)


def texts(value: JsonValue) -> Iterator[str]:
    """Every text that a message shows."""
    if isinstance(value, Mapping):
        text = value.get("text")
        if isinstance(text, str):
            yield text
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for inner in value:
            yield from texts(inner)


MARKUP = re.compile(r"[<>]|&(?!(?:amp|lt|gt);)")


def assert_clean(blocks: Sequence[JsonObject], fallback: str) -> None:
    """No markup, nothing invisible, and valid for both checkers; ours allows no mrkdwn."""
    assert check_blocks(blocks) == []
    for block in blocks:
        parsed = Block.parse(dict(block))  # pyright: ignore[reportUnknownMemberType]
        assert parsed is not None
        parsed.to_dict()  # pyright: ignore[reportUnknownMemberType]
    for text in (*texts(cast("JsonValue", blocks)), fallback):
        assert not MARKUP.search(text)
        assert show_hidden(text, lines=True) == text


words = st.one_of(st.text(max_size=30), st.sampled_from((*HOSTILE, "x" * 5000, "<" * 900)))
pairs = st.lists(st.tuples(words, words), max_size=24).map(tuple)


@st.composite
def cards(draw: st.DrawFn) -> Card:
    """Any card at all, hostile ones included."""
    amount = draw(
        st.one_of(st.none(), st.integers(1, 10**12).map(lambda minor: Money(minor, "USD")))
    )
    return card(
        **{name: draw(words) for name in ("title", "payee", "account", "history", "why", "quote")},
        **{name: draw(words) for name in ("planner", "on_yes", "on_no", "deadline", "action")},
        amount=amount,
        fields=draw(pairs),
        customer=draw(pairs),
        rules=draw(st.lists(words, max_size=5).map(tuple)),
        roles=draw(st.lists(words, max_size=3).map(tuple)),
        may_lower=draw(st.booleans()),
    )


STATES = (
    ("pending", "pending_approval"),
    ("approved", "succeeded"),
    ("approved", "failed"),
    ("approved", "unknown"),
    ("approved", "stale"),
    ("approved", "executing"),
    ("rejected", "rejected"),
    ("expired", "expired"),
    ("superseded", "refused"),
)


@pytest.mark.promise("slack:plain-text")
@settings(max_examples=230, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(shown=cards(), foreign=words)
def test_every_card_is_valid_and_nothing_foreign_is_rendered(shown: Card, foreign: str) -> None:
    """Thousands of messages of random cards: 0 invalid, 0 mentions, 0 hidden."""
    receipt = ReceiptView(id=foreign, status=foreign, amount=shown.amount)
    error = ErrorView(code=foreign, message=foreign)
    for status, state in STATES:
        now = action(state, receipt=receipt, error=error)
        votes = (vote("approve", foreign[:40]),)
        message = message_of(shown, status, votes, now)
        assert_clean(message.blocks, message.text)
        whole = solution(shown, status, votes)
        plan = build_message(whole)
        assert_clean(plan.blocks, plan.text)
        known, below = build_evidence(whole, [("customer", foreign), ("agent", foreign)] * 5)
        assert_clean(below, known)
        has_buttons = any(block["type"] == "actions" for block in message.blocks)
        assert has_buttons == (status == "pending")
    asked = solution(shown)
    forms = (
        *(build_form(answer, asked) for answer in ("no", "less", "ask")),
        note("Not possible", foreign),
    )
    for view in forms:
        assert check_view(view) == []


def test_the_card_shows_what_a_decision_needs() -> None:
    """Verb, money, payee, customer, why, history, quote, consequences, deadline, digest."""
    message = message_of(card())
    text = "\n".join(texts(cast("JsonValue", message.blocks)))
    for part in (
        "$129.00 to Dana: yes or no?",
        "Dana wrote this. What it says happened is not checked; amount, payee and account were",
        "my mug broke, please refund me",
        "Why it came to you",
        "Up to $500 once a support manager has approved",
        "Needs 1 person: support manager",
        "What a yes does",
        "Refund $129.00 of Order 1042",
        "To Visa ..4242, which paid. Cannot be undone.",
        "A no: no money moves",
        "Order: 1042: blue mug · Paid: $129.00",
        "No answer by ",
        "Yes, $129.00",
        f"{ID} · revision 3 · digest abababababab · stripe.refund by playbooks",
    ):
        assert part in text
    order = "header section rich_text rich_text rich_text rich_text rich_text actions"
    assert [block["type"] for block in message.blocks] == [*order.split(), *["context"] * 2]


@pytest.mark.promise("slack:times")
def test_a_time_is_its_readers_and_in_utc_where_slack_cannot() -> None:
    """Deadline, escalation, start after a hold, reminder: none is a text of ours."""
    asked = solution(card())
    called = EscalationView(at=AT, roles=("finance",), role="director")
    held = asked.model_copy(update={"status": "approved", "starts_at": AT})
    late = WorkView.model_construct(about=ID, subject="cus_1", name="", assignee=None, since=AT)
    for blocks, form in (
        (build_message(asked).blocks, "{time}"),
        (build_message(asked.model_copy(update={"escalated": called})).blocks, "{time}"),
        (build_message(held).blocks, "{time_secs}"),
        (post_of(reminder(asked, (), fit), "1.1").blocks, "{time}"),
        (post_of(late_news(late, "", fit), "").blocks, "{time}"),
    ):
        assert check_blocks(blocks) == []
        dates = [one for one in elements(cast("JsonValue", blocks)) if one.get("type") == "date"]
        assert dates, blocks
        assert " UTC" not in "".join(texts(cast("JsonValue", blocks)))
        for date in dates:
            assert date["timestamp"] == 1795608000
            assert date["format"] == f"{{date_short_pretty}} {form}"
            seconds = ":00" if form == "{time_secs}" else ""
            assert date["fallback"] == f"2026-11-25 12:00{seconds} UTC"


def elements(value: JsonValue) -> Iterator[JsonObject]:
    """Every object in a message."""
    if isinstance(value, Mapping):
        yield value
        for inner in value.values():
            yield from elements(inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for inner in value:
            yield from elements(inner)


def test_one_step_and_several_are_one_card() -> None:
    """Nobody learns two: what stands where does not depend on how many steps there are."""
    one = solution(card())
    two = one.model_copy(update={"steps": one.steps * 2})
    assert kinds(one) == kinds(two)


def kinds(view: SolutionView) -> list[JsonValue]:
    """The kinds of its blocks, from top to bottom."""
    return [block["type"] for block in build_message(view).blocks]


def test_no_words_of_a_customer_are_claimed_where_there_are_none() -> None:
    """A caller's own action has no customer who wrote, and the card does not say that one did."""
    message = message_of(card(quote=" "))
    assert "wrote" not in str(message.blocks)
    assert_clean(message.blocks, message.text)


@pytest.mark.promise("slack:push")
@pytest.mark.parametrize("name", [*HOSTILE, "x" * 5000])
def test_a_name_in_a_notification_stays_a_name(name: str) -> None:
    """No mention, no link, nothing hidden, and short enough for a phone."""
    view = solution(card())
    lead = view.lead.model_copy(update={"headline": f"$1.00 to {name}"})
    message = build_message(view.model_copy(update={"lead": lead}))
    assert_clean(message.blocks, message.text)
    assert message.text.startswith("$1.00 to ")
    assert message.text.endswith(f": yes or no? ({ID})")
    assert len(message.text) < 250


@pytest.mark.promise("slack:cut")
def test_long_texts_are_cut_with_a_count_and_a_way_to_the_rest() -> None:
    """40,000 characters make a valid card that says what is missing."""
    message = message_of(card(quote="a" * 40_000))
    assert_clean(message.blocks, message.text)
    text = "\n".join(texts(cast("JsonValue", message.blocks)))
    found = re.search(r"\(\+([0-9,]+) characters in `sayso approvals show (apr_[a-z0-9]+)`\)", text)
    assert found is not None
    assert int(found[1].replace(",", "")) + text.count("a" * 100) * 100 >= 39_900
    assert found[2] == ID


@pytest.mark.promise("slack:cut")
def test_a_letter_is_shown_as_far_as_there_is_room() -> None:
    """A yes to an e-mail is bound to its text: it is read on the card, or where the card says."""
    letter = "we are sorry. " * 160 + "We pay you $5,000 more."
    asked = solution(card(amount=None))

    def shown(text: str, times: int = 1) -> list[str]:
        step = asked.steps[0].model_copy(
            update={"letter": LetterView(to="", sender="", subject="Sorry", text=text)}
        )
        message = build_message(asked.model_copy(update={"steps": (step,) * times}))
        assert_clean(message.blocks, message.text)
        return [one for one in texts(cast("JsonValue", message.blocks)) if text[:40] in one]

    assert shown(letter) == [f"\n{letter}"]
    cut = shown("x" * 5000, times=12)
    assert len(cut) == 12
    assert all(one.endswith(f" characters in `sayso approvals show {ID}`)") for one in cut)


@pytest.mark.promise("slack:cut")
def test_facts_beyond_the_room_are_counted() -> None:
    """What does not fit is not left out silently."""
    shown = card(fields=tuple((f"field {number}", "x" * 50) for number in range(60)))
    text = "\n".join(texts(cast("JsonValue", message_of(shown).blocks)))
    assert re.search(r"Field 0: x+ · Field 1: .*\(\+[0-9,]+ characters in `sayso approvals", text)
    known, below = build_evidence(solution(shown), [])
    assert_clean(below, known)
    assert re.search(r"\n[0-9]+ more in `sayso approvals show", str(next(texts([*below]))))


@pytest.mark.parametrize(
    ("status", "now", "votes", "expected"),
    [
        ("pending", None, (), "yes or no?"),
        ("pending", None, ("approve",), "maria said yes already"),
        ("approved", "approved", ("approve",), "maria said yes. It waits to be carried out."),
        ("approved", "executing", ("approve",), "maria said yes. It is being carried out."),
        ("approved", "succeeded", ("approve",), "receipt: re_1 (succeeded, $129.00)"),
        ("approved", "failed", ("approve",), "Why: the card was closed."),
        ("approved", "unknown", ("approve",), "never done a second time blindly"),
        ("approved", "stale", ("approve",), "Changed meanwhile: "),
        ("approved", "refused", ("approve",), "Not done: "),
        ("approved", "compensated", ("approve",), "It was undone later."),
        ("rejected", "rejected", ("reject",), "Reason: not covered."),
        ("expired", "expired", (), "Nobody decided in time, which counts as no."),
        ("superseded", "refused", (), "Withdrawn: "),
    ],
)
def test_each_outcome_has_its_words(
    status: str, now: str | None, votes: tuple[str, ...], expected: str
) -> None:
    """What became of it stands on the card, with who decided."""
    error = ErrorView(
        code="not_covered" if status == "rejected" else "x", message="the card was closed"
    )
    receipt = ReceiptView(id="re_1", status="succeeded", amount=Money(129_00, "USD"))
    done = action(now, error=error, receipt=receipt) if now else None
    message = message_of(card(), status, tuple(vote(word) for word in votes), done)
    assert expected in "\n".join(texts(cast("JsonValue", message.blocks)))


@pytest.mark.promise("slack:pointer")
def test_the_buttons_carry_the_pointer_alone() -> None:
    """Id, revision and twelve digits; no amount, no payee, no reason."""
    message = message_of(card())
    buttons = next(block for block in message.blocks if block["type"] == "actions")["elements"]
    assert {button["value"] for button in cast("list[dict[str, str]]", buttons)} == {
        f"{ID}.3.abababababab"
    }


@pytest.mark.promise("slack:plain-text")
def test_hidden_characters_become_chips() -> None:
    """Right-to-left override, zero width, TAG and blank letters are shown by number."""
    assert show_hidden("a\u202eb\u200bc\U000e0041\u3164\ufe0f") == (
        "a[U+202E]b[U+200B]c[U+E0041][U+3164][U+FE0F]"
    )
    assert show_hidden("a\nb", lines=True) == "a\nb"
    assert show_hidden("a\nb") == "a[U+000A]b"
    assert show_hidden("Zürich 東京 عربي 🙂") == "Zürich 東京 عربي 🙂"


@pytest.mark.promise("slack:cut")
@given(text=st.text(max_size=300), limit=st.integers(60, 200))
def test_cut_texts_count_what_is_missing(text: str, limit: int) -> None:
    """What is kept and what is counted are together the whole text."""
    shown = fit(text, limit)
    assert len(shown) <= limit
    found = re.fullmatch(r"(.*?) … \(\+([0-9,]+) characters\)", shown)
    if found is not None and "characters)" not in text:
        left = int(found[2].replace(",", ""))
        assert escape(show_hidden(text[: len(text) - left])) == found[1]


def _section(**changes: Any) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "plain_text", "text": "x"}, **changes}


def _button(**changes: Any) -> dict[str, Any]:
    text = {"type": "plain_text", "text": "x"}
    return {"type": "button", "action_id": "a", "text": text, **changes}


def _plain(size: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": "x" * size}


BROKEN: dict[str, list[dict[str, Any]]] = {
    "a field over 2,000": [_section(fields=[_plain(2001)])],
    "an empty text": [_section(text=_plain(0))],
    "mrkdwn in a header": [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}],
    "mrkdwn in a button": [
        {"type": "actions", "elements": [_button(text={"type": "mrkdwn", "text": "x"})]}
    ],
    "no elements": [{"type": "actions", "elements": []}],
    "one action_id twice": [{"type": "actions", "elements": [_button(), _button()]}],
    "one block_id twice": [_section(block_id="b"), _section(block_id="b")],
    "51 blocks": [_section()] * 51,
    "an unknown element": [{"type": "actions", "elements": [{"type": "slider", "action_id": "a"}]}],
    "an unknown block": [{"type": "wheel"}],
    "extra keys": [_section(colour="red")],
    "no block": [],
    "a header over 150": [{"type": "header", "text": _plain(151)}],
    "a button over 75": [{"type": "actions", "elements": [_button(text=_plain(76))]}],
    "a value over 2,000": [{"type": "actions", "elements": [_button(value="x" * 2001)]}],
    "11 fields": [_section(fields=[_plain(1)] * 11)],
    "a section without a text": [{"type": "section"}],
    "mrkdwn of ours": [_section(text={"type": "mrkdwn", "text": "x"})],
    "unescaped markup": [_section(text={"type": "plain_text", "text": "<!channel>"})],
    "13,001 characters": [_section(text=_plain(2901))] * 5,
    "an input in a message": [{"type": "input", "label": _plain(1), "element": _button()}],
    "a link in a rich text": [
        {
            "type": "rich_text",
            "elements": [
                {"type": "rich_text_quote", "elements": [{"type": "link", "url": "https://x"}]}
            ],
        }
    ],
}


@pytest.mark.promise("slack:valid")
@pytest.mark.parametrize("name", BROKEN)
def test_the_offline_check_finds(name: str) -> None:
    """Each thing that Slack refuses, or that we forbid, is found before it is sent."""
    assert check_blocks(BROKEN[name])


def test_a_long_option_is_found() -> None:
    """An option text of 76 characters in a form."""
    form = build_form("no", solution(card()))
    blocks = cast("list[dict[str, Any]]", form["blocks"])
    blocks[1]["element"]["options"][0]["text"] = _plain(76)
    assert check_view(form) == ["/blocks/1/element/options/0: has 76 characters, over 75"]
