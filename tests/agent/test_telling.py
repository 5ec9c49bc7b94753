"""What asks for nothing to be done makes no work, and is told from records and ledger alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from actions.steps import assert_verified
from agent.test_run import decide, stock
from sdk.customers import MARIA, refund_of
from support.shop import Shop
from support.shop_workspace import open_shop

from sayso.actions.approvals.decision import DecisionChoice
from sayso.actions.model.customer_words import CustomerWords
from sayso.actions.model.definition import Assurance, FactValue, Subject
from sayso.actions.model.snapshot import TOLD_STATES, Record, RecordState
from sayso.agent.answers import read_remarks, read_replies, read_topics
from sayso.agent.phrases import LANGUAGES
from sayso.agent.telling import sentence, written_day
from sayso.agent.understanding.patterns import Matcher
from sayso.money import Money

SHIPPED = RecordState(
    topic="order",
    state="shipped",
    values={"shipped_on": "2026-01-02", "eta": "2026-01-05", "tracking": "DX77 {amount}"},
)


class Courier(Shop):
    """A shop that says where each order is."""

    told: RecordState | None = SHIPPED

    async def list_records(self, subject: Subject) -> Sequence[Record]:
        found = await super().list_records(subject)
        return [replace(one, told=self.told, references=("1042",)) for one in found]


GREETINGS = {
    "en": "Hi there, thank you!",
    "de": "Hallo, vielen Dank!",
    "fr": "Bonjour, merci beaucoup !",
    "es": "¡Hola, muchas gracias!",
    "it": "Ciao, grazie mille!",
    "nl": "Hallo, dank je wel!",
    "pt": "Olá, muito obrigado!",
}
WHERE = {
    "en": ("Where is order 1042?", "expected on 5 January 2026"),
    "de": ("Wo ist meine Bestellung 1042?", "Zustellung am 5. Januar 2026"),
    "fr": ("Où est ma commande 1042 ?", "prévue le 5 janvier 2026"),
    "es": ("¿Dónde está mi pedido 1042?", "prevista el 5 de enero de 2026"),
    "it": ("Dov'è il mio ordine 1042?", "prevista il 5 gennaio 2026"),
    "nl": ("Waar blijft mijn bestelling 1042?", "verwacht op 5 januari 2026"),
    "pt": ("Onde está a minha encomenda 1042?", "prevista em 5 de janeiro de 2026"),
}
TERMS = (
    "What are your opening hours?",
    "Wie lange dauert eine Lieferung normalerweise?",
    "Livrez-vous en Suisse ?",
    "How long do refunds usually take?",
)
WISHES = (
    "Hi, thanks for the quick delivery! Please refund order 1042.",
    "Thank you. The lamp is broken, though.",
    "Great shop! I want my money back.",
    "Where is order 1042? If it has not left, give me my money back.",
    "thanks for nothing, it never arrived",
)


@pytest.mark.promise("agent:remarks")
@pytest.mark.usefixtures("store_url")
async def test_small_talk_and_questions_about_terms_make_no_work(tmp_path: Path) -> None:
    """In every language: answered with a friendly word, nobody has to take it, the log verifies."""
    async with open_shop(tmp_path, shop=Courier()) as opened:
        stock(opened)
        for language, words in GREETINGS.items():
            view = await opened.sayso.ask("cus_1", words)
            assert (view.status, view.kind, view.actions) == ("answered", "talk", ()), words
            assert view.reply == read_replies().says["thanks"][language]
        for words in TERMS:
            view = await opened.sayso.ask("cus_1", words)
            assert (view.status, view.kind, view.actions) == ("answered", "answer", ()), words
        stranger = await opened.sayso.ask("cus_nobody", "Good morning!")
        assert (stranger.status, stranger.kind) == ("answered", "talk")
        assert await opened.sayso.work.list() == []
        assert_verified(opened)


@pytest.mark.promise("agent:remarks")
@pytest.mark.parametrize("words", WISHES)
async def test_a_message_with_a_wish_or_trouble_in_it_is_no_small_talk(
    tmp_path: Path, words: str
) -> None:
    """Whatever else it says: it is planned, asked about, or a person's."""
    async with open_shop(tmp_path, shop=Courier()) as opened:
        stock(opened)
        view = await opened.sayso.ask("cus_1", words)
        assert view.kind == "action"
        assert view.status != "answered" or view.actions


@pytest.mark.promise("agent:told-from-records")
@pytest.mark.usefixtures("store_url")
async def test_where_is_my_order_is_told_from_the_record(tmp_path: Path) -> None:
    """The state, its dates and the time of the look, in seven languages; the entry says what."""
    async with open_shop(tmp_path, shop=Courier()) as opened:
        stock(opened)
        for words, expected in WHERE.values():
            view = await opened.sayso.ask("cus_1", words)
            assert (view.status, view.kind, view.actions) == ("answered", "status", ()), words
            assert expected in view.reply
            assert "DX77 (amount)" in view.reply  # a provider's text is never a template
            assert "2026" in view.reply.partition(":")[0]
        entries = await opened.sayso.audit.query("kind:request.replied")
        assert [one.body["data"]["told"] for one in entries] == [["order shipped"]] * len(WHERE)
        assert all("DX77" not in str(one.body) for one in entries)
        assert_verified(opened)


@pytest.mark.promise("agent:told-from-records")
async def test_whom_nobody_knows_is_told_of_no_record(tmp_path: Path) -> None:
    """Whether there is such an order is nothing for a stranger, so a person takes it."""
    async with open_shop(tmp_path, shop=Courier()) as opened:
        stock(opened)
        unknown = Subject(id="cus_1", assurance=Assurance.UNVERIFIED)
        view = await opened.sayso.ask(unknown, "Where is order 1042?")
        assert view.status == "handed_over"
        assert "January" not in view.reply


@pytest.mark.promise("agent:told-from-records")
async def test_what_nobody_can_tell_is_a_persons(tmp_path: Path) -> None:
    """A question about an order of which the connector says nothing, and nothing was done."""
    shop = Courier()
    shop.told = None
    async with open_shop(tmp_path, shop=shop) as opened:
        stock(opened)
        view = await opened.sayso.ask("cus_1", "Where is order 1042?")
        assert (view.status, view.kind) == ("handed_over", "action")


@pytest.mark.promise("agent:told-from-records")
async def test_nothing_is_told_of_a_message_that_nobody_has(tmp_path: Path) -> None:
    """Where nothing was asked for in the thread, a person answers whether it was read."""
    async with open_shop(tmp_path, shop=Courier()) as opened:
        stock(opened)
        view = await opened.sayso.ask("cus_1", "Has anybody read my e-mail?", conversation="t")
        assert (view.status, view.kind) == ("handed_over", "action")


@pytest.mark.promise("agent:told-from-records")
@pytest.mark.usefixtures("store_url")
@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (None, "has to agree"),
        (DecisionChoice.REJECT, "cannot agree"),
        (DecisionChoice.APPROVE, "pay_1"),
    ],
)
async def test_the_ledger_tells_what_became_of_a_refund(
    tmp_path: Path, choice: DecisionChoice | None, said: str
) -> None:
    """A colleague has it, said no, or it was done, with its reference; nothing is done for it."""
    shop = Courier()
    async with open_shop(tmp_path, shop=shop) as opened:
        stock(opened)
        first = await opened.sayso.ask(
            "cus_1", "Please give $80 back for order 1042", conversation="t"
        )
        if choice is not None:
            await decide(opened, first, choice)
        paid = len(shop.books.payouts)
        for words in (
            "Has order 1042 been refunded?",
            "When will I get my money?",
            "Is somebody dealing with it?",
        ):
            view = await opened.sayso.ask("cus_1", words, conversation="t")
            assert (view.kind, view.actions) == ("status", ())
            assert said in view.reply
            # It is kept as it was written: what is said of what is not over needs its time.
            assert view.reply.startswith("As of ")
        assert len(shop.books.payouts) == paid
        assert_verified(opened)


@pytest.mark.promise("agent:told-from-records")
async def test_what_somebody_else_proposed_is_not_what_the_customer_asked_for(
    tmp_path: Path,
) -> None:
    """A colleague's refund waits, and is told by its name."""
    words = {"en": CustomerWords(thing="the refund", done="we have paid it")}
    shop = Courier()
    shop.actions = [replace(one, words=words) for one in shop.actions]
    async with open_shop(tmp_path, shop=shop) as opened:
        stock(opened)
        mine = refund_of("o1", 8_000)
        await opened.sayso.propose("shop.refund", mine, subject="cus_1", wait=False)
        view = await opened.sayso.ask("cus_1", "Where is order 1042?")
        assert "has to agree to the refund" in view.reply
        assert "what you asked for" not in view.reply


@pytest.mark.promise("agent:told-from-records")
async def test_the_ledger_tells_in_the_language_of_the_question(tmp_path: Path) -> None:
    """Asked for in German and about in English: one language, and what has joined is told once."""
    shop = Courier()
    words = {
        "en": CustomerWords(thing="the refund", done="we have paid it"),
        "de": CustomerWords(thing="das Geld", done="es ist da"),
    }
    shop.actions = [replace(one, words=words) for one in shop.actions]
    async with open_shop(tmp_path, shop=shop) as opened:
        stock(opened)
        wish = (tmp_path / "playbooks" / "shop.toml").read_text() + '[words.de]\nask = ["erstatt*"]'
        (tmp_path / "playbooks" / "shop.toml").write_text(wish)
        for said in ("Bitte erstatten Sie mir $80 für Bestellung 1042", "Bitte erstatten Sie $80"):
            asked = await opened.sayso.ask("cus_1", said)
            assert "Geld" in asked.reply
        view = await opened.sayso.ask("cus_1", "Has order 1042 been refunded?")
        assert view.kind == "status"
        assert view.reply.count("has to agree to the refund") == 1
        assert "Geld" not in view.reply
        assert_verified(opened)


async def test_what_was_told_is_gone_with_the_customer(tmp_path: Path) -> None:
    """An erased customer's status reply can be read by nobody, and the log still verifies."""
    async with open_shop(tmp_path, shop=Courier()) as opened:
        stock(opened)
        view = await opened.sayso.ask("cus_1", "Where is order 1042?")
        await opened.sayso.privacy.erase("cus_1", reason="subject_request", by=MARIA)
        erased = await opened.sayso.requests.get(view.id)
        assert "January" not in erased.reply
        assert_verified(opened)


def test_every_state_has_its_sentence_in_every_language() -> None:
    """And every word list, and nothing that is named in one language is missing in another."""
    told = {name: set(topic.says) for name, topic in read_topics().items()}
    assert told.pop("request") == set()  # only the ledger tells of one
    assert told == {name: set(states) for name, states in TOLD_STATES.items()}
    for topic in read_topics().values():
        assert set(topic.open) <= set(topic.says)
        assert set(topic.asks) == set(topic.names) == set(LANGUAGES)
        for state, says in {**topic.says, **topic.also}.items():
            assert set(says) == set(LANGUAGES), (topic.name, state)
            named = {language: set(re.findall(r"{(\w+)}", text)) for language, text in says.items()}
            assert all(names == named["en"] for names in named.values()), (topic.name, state)
    remarks = read_remarks()
    for name in type(remarks).model_fields:
        if name != "version":
            assert set(getattr(remarks, name)) == set(LANGUAGES), name
    for texts in read_replies().says.values():
        assert set(texts) == set(LANGUAGES)
    for language in LANGUAGES:  # every pattern can be read
        words = [topic.asks[language] for topic in read_topics().values()]
        Matcher(("x", pattern) for one in words for pattern in one)


def test_money_is_added_only_where_some_moved() -> None:
    """A part that has no value is left out, and so is a refund of nothing."""
    nothing: dict[str, FactValue] = {
        "refunded": Money(0, "USD"),
        "delivered_on": "2026-03-01T10:00:00Z",
    }
    some: dict[str, FactValue] = {**nothing, "refunded": Money(1300, "USD"), "refund_ref": "re_1"}
    record = Record(kind="order", id="o", title="an order")
    told = RecordState(topic="order", state="delivered", values=nothing)
    assert sentence(replace(record, told=told), "en") == "an order: delivered on 1 March 2026."
    paid = sentence(replace(record, told=replace(told, values=some)), "en")
    assert paid.endswith("; $13.00 was refunded (reference re_1).")
    own = RecordState(topic="fitting", state="booked", says={"en": "booked for {day}"})
    own = replace(own, values={"day": "2026-12-24"})
    assert sentence(replace(record, told=own), "de") == "an order: booked for 24. Dezember 2026."


def test_a_providers_text_hides_and_reorders_nothing() -> None:
    """What the customer reads of a record is one line without characters that nobody sees."""
    told = RecordState(topic="order", state="shipped", values={"tracking": "DX\u202e7\u200b7"})
    said = sentence(Record(kind="order", id="o", title="an\nor\u2066der", told=told), "en")
    assert said.startswith("an order: ")
    assert "DX77" in said


def test_a_day_is_written_as_a_language_writes_it() -> None:
    """An unknown language gets English."""
    day = date(2026, 12, 1)
    assert written_day(day, "pt") == "1 de dezembro de 2026"
    assert written_day(day, "xx") == "1 December 2026"
