"""Who somebody is at one provider: asked of that one alone, and not believed where it can't be."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
from connectors.benches import ANA, FakeAddressBook, email_over, stripe_on
from connectors.test_registry import Fine

from sayso.actions.customers.account import AccountId
from sayso.actions.model.definition import Subject
from sayso.connectors.email import FileTransport
from sayso.connectors.email_address import is_same_address
from sayso.connectors.person import MOST_PEOPLE, Person, PersonBook, PersonSearch
from sayso.connectors.registry import Connectors
from sayso.errors import Code, ConfigError, RefusedError, RetryableError
from sayso.json import JsonValue
from sayso.sandbox import Sandbox
from sayso.sandbox.rows import Customer
from sayso.secret import Secret
from sayso.testing.clock import FakeClock

ADA = "ada@example.com"
MEMBER = Person(id="m_1", name="Ada Byron", email=ADA, email_verified=True, since=1)


class Shop(Fine):
    """Answers whatever a test has put there, whoever was asked about."""

    name = "shop"
    customers_of = "shop"
    answer: ClassVar[Person] = MEMBER
    found: ClassVar[Sequence[Person]] = (MEMBER,)

    async def person_of(self, subject: Subject) -> Person:
        """See `PersonBook.person_of`."""
        return self.answer

    async def find_people(self, email: str) -> Sequence[Person]:
        """See `PersonSearch.find_people`."""
        return self.found


def shop(answer: Person = MEMBER, found: Sequence[Person] = (MEMBER,)) -> Connectors:
    """A registry whose one connector gives these answers."""

    class Told(Shop):
        pass

    Told.answer, Told.found = answer, found
    return Connectors([Told()])


# ---- asking ------------------------------------------------------------------------------------


async def test_a_person_is_read_at_one_provider_and_tidied() -> None:
    """What people wrote about themselves comes on one line; an address is a plain one or none."""
    odd = replace(
        MEMBER,
        name="Ada\n\u202eBob" + "x" * 200,
        email="Ada <ada@example.com>",
        phone="+49\n30",
        ids={"metadata.shop": "7723", "metadata.note": "x" * 201, "metadata.none": ""},
    )
    told = await shop(odd).person_of("shop", Subject(id="m_1"))
    assert told is not None
    assert told.name.startswith("Ada Bobxxx")
    assert len(told.name) == 120
    assert (told.email, told.email_verified, told.masked) == ("", False, "")
    assert told.phone == "+49 30"
    assert told.ids == {"metadata.shop": "7723"}


async def test_where_a_connector_cannot_say_nothing_is_said() -> None:
    """An old connector goes on; one that there is not is no error."""
    old = Connectors([Fine()])
    assert await old.person_of("fine", ANA) is None
    assert await old.find_people("fine", ADA) is None
    assert await old.person_of("gone", ANA) is None
    assert await old.find_people("gone", ADA) is None


@pytest.mark.promise("connectors:person")
async def test_whoever_answers_about_somebody_else_is_not_believed() -> None:
    """INVARIANT: an answer counts for the id that was asked, whatever the provider says."""
    with pytest.raises(RetryableError) as caught:
        await shop(replace(MEMBER, id="m_2")).person_of("shop", Subject(id="m_1"))
    assert caught.value.code is Code.CONNECTOR_FAILED
    assert "m_2" not in str(caught.value)


@pytest.mark.promise("connectors:person")
@pytest.mark.parametrize(
    "found",
    [
        [replace(MEMBER, email="ada@example.com.evil.example")],
        [MEMBER, replace(MEMBER, id="m_2", email="")],
        [MEMBER, replace(MEMBER, id="m_2", email="ada+2@example.com")],
        [replace(MEMBER, email="ada@example.com\n")],
        [MEMBER, MEMBER],
    ],
    ids=["longer", "none", "tagged", "broken", "twice"],
)
async def test_whoever_finds_another_address_is_not_believed(found: list[Person]) -> None:
    """That an address is one person's alone is what a link rests on, so nothing near it counts."""
    with pytest.raises(RetryableError) as caught:
        await shop(found=found).find_people("shop", ADA)
    assert caught.value.code is Code.CONNECTOR_FAILED
    assert "ada" not in str(caught.value)


async def test_a_search_finds_the_address_in_any_case_and_ten_at_most() -> None:
    """Two are already more than one; what is no plain address is nobody's and is not asked for."""
    many = [replace(MEMBER, id=f"m_{n}", email="ADA@Example.com") for n in range(12)]
    found = await shop(found=many).find_people("shop", ADA)
    assert found is not None
    assert len(found) == MOST_PEOPLE
    assert await shop().find_people("shop", "ada") == ()
    assert await shop().find_people("shop", f"{ADA}\nBcc: x@y.z") == ()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("ada@example.com", "Ada@EXAMPLE.com", True),
        ("ada@example.com", "a.da@example.com", False),
        ("ada@example.com", "ada+x@example.com", False),
        ("ada@example.com", "\u0430da@example.com", False),
        ("stra\u00dfe@example.com", "strasse@example.com", False),
        ("", "", False),
    ],
)
def test_two_addresses_are_one_by_the_case_of_letters_alone(
    one: str, other: str, *, same: bool
) -> None:
    """Dots, tags and letters of other scripts make other people's mailboxes."""
    assert is_same_address(one, other) is same


async def test_a_connector_that_breaks_or_hangs_is_one_error_and_no_words_of_its_own(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither the caller nor the process's log reads what it said, which may name the customer."""

    class Broken(Shop):
        async def person_of(self, subject: Subject) -> Person:
            raise KeyError(ADA)

        async def find_people(self, email: str) -> Sequence[Person]:
            await asyncio.Event().wait()
            return ()

    found = Connectors([Broken()], read_s=0.05)
    with caplog.at_level(logging.DEBUG), pytest.raises(RetryableError) as caught:
        await found.person_of("shop", Subject(id="m_1"))
    assert caught.value.code is Code.CONNECTOR_FAILED
    assert ADA not in caplog.text + str(caught.value)
    with pytest.raises(RetryableError) as caught:
        await asyncio.wait_for(found.find_people("shop", ADA), 60)
    assert caught.value.code is Code.PROVIDER_UNAVAILABLE


def test_a_person_is_shown_without_what_names_them() -> None:
    """A traceback or a debug line holds the id and no more; a card has the masked address."""
    whole = replace(MEMBER, phone="+49 30 1234", ids={"external_id": "cus_9"})
    assert whole.masked == "a…@example.com"
    assert not [word for word in ("Ada", "ada@", "1234", "cus_9") if word in repr(whole)]


# ---- Stripe ------------------------------------------------------------------------------------


@pytest.mark.promise("connectors:person")
async def test_stripe_says_who_a_customer_is_and_holds_the_shops_ids() -> None:
    """Its address is nobody's proof, and metadata is what the shop wrote with its secret key."""
    with Sandbox.start(seed="demo") as sandbox:
        sandbox.add(
            Customer(
                id="cus_ada",
                created=1_700_000_000,
                name="Ada Byron",
                email=ADA,
                phone="+49301234",
                metadata={"shopify_customer": "7723", "sayso_action": "act_1"},
            ),
            Customer(id="cus_bare", created=1_700_000_000),
        )
        stripe = stripe_on(sandbox.url, sandbox.api_key)
        found = Connectors([stripe])
        assert isinstance(stripe, PersonBook)
        assert isinstance(stripe, PersonSearch)
        ada = await found.person_of("stripe", Subject(id="cus_ada"))
        bare = await found.person_of("stripe", Subject(id="cus_bare"))
        with pytest.raises(RefusedError) as caught:
            await found.person_of("stripe", Subject(id="cus_nobody"))
        await found.close()
    assert ada == Person(
        id="cus_ada",
        name="Ada Byron",
        email=ADA,
        phone="+49301234",
        since=1_700_000_000_000_000,
        ids={"metadata.shopify_customer": "7723"},
    )
    assert ada.email_verified is False
    assert ada.address_changed_at is None
    assert bare == Person(id="cus_bare", since=1_700_000_000_000_000)
    assert caught.value.code is Code.UNKNOWN_SUBJECT


async def test_stripe_finds_every_customer_of_an_address_and_none_of_one_near_it() -> None:
    """Stripe keeps the case in which an address came, so small letters are asked for, too."""
    with Sandbox.start(seed="demo") as sandbox:
        for who, email in (("1", ADA), ("2", ADA), ("3", "Ada@example.com"), ("4", f"x{ADA}")):
            sandbox.add(Customer(id=f"cus_{who}", created=1_700_000_000, email=email))
        found = Connectors([stripe_on(sandbox.url, sandbox.api_key)])
        plain = await found.find_people("stripe", ADA)
        cased = await found.find_people("stripe", "Ada@example.com")
        nobody = await found.find_people("stripe", "nobody@example.com")
        await found.close()
    assert plain is not None
    assert {one.id for one in plain} == {"cus_1", "cus_2"}
    assert cased is not None
    assert {one.id for one in cased} == {"cus_1", "cus_2", "cus_3"}
    assert nobody == ()


# ---- whose customers ---------------------------------------------------------------------------


class Desk(Fine):
    """Its ids may hold a colon."""

    name = "desk"
    customers_of = "desk"
    ids_hold_colons = True


class Second(Fine):
    """A second connector of the shop's provider."""

    name = "second"
    customers_of = "shop"


class Mailer(Fine):
    """Writes to the customers of whoever `second` acts for."""

    name = "mailer"
    customers_of = "second"


class Status(Fine):
    """Has to do with no customer."""

    name = "status"
    customers_of = None


def test_only_who_has_customers_of_their_own_is_a_provider(tmp_path: Path) -> None:
    """Who acts on another connector's ids takes its customers, at however many removes."""
    found = Connectors([Shop(), Desk(), Second(), Mailer(), Status()])
    assert [found.customers_of(name) for name in found.names] == [
        "desk", "shop", "shop", "shop", None,
    ]  # fmt: skip
    names = found.account_names()
    assert names.providers == {"desk": True, "shop": False}
    assert names.default is None
    assert names.read("shop:7") == AccountId("shop", "7")
    mail = email_over(FileTransport(tmp_path), FakeAddressBook())
    assert Connectors([mail]).customers_of("email") is None
    assert Connectors([Shop(), Mailer(), Second()]).account_names().default == "shop"


SETS: Mapping[str, Mapping[str, JsonValue]] = {
    "stripe": {"api_key": "env:KEY"},
    "email": {"from": "shop@example.com"},
    "stripe_billing": {"api_key": "env:KEY"},
    "sendgrid": {"api_key": "env:KEY", "sender": "shop@example.com"},
    "zendesk": {"subdomain": "acme"},
    "shopify": {"api_key": "env:KEY", "shop": "acme"},
}


@pytest.mark.promise("connectors:person")
@pytest.mark.parametrize(
    ("names", "providers", "default"),
    [
        (["stripe", "email", "stripe_billing", "sendgrid"], ["stripe"], "stripe"),
        (["stripe_billing", "email"], ["stripe_billing"], "stripe_billing"),
        (["zendesk", "sendgrid"], ["zendesk"], "zendesk"),
        (["email", "shopify", "stripe", "zendesk"], ["shopify", "stripe", "zendesk"], None),
    ],
    ids=["one", "billing", "desk", "three"],
)
def test_what_ships_is_as_many_providers_as_it_has_kinds_of_ids(
    names: list[str], providers: list[str], default: str | None
) -> None:
    """As a workspace names them, in whatever order; a second one of Stripe's is none of its own."""
    for order in (names, names[::-1]):
        tables = {name: SETS[name] for name in order}
        found = Connectors.load(tables, clock=FakeClock(), secret=Secret)
        told = found.account_names()
        assert (list(told.providers), told.default) == (providers, default)
        assert not any(told.providers.values())


def test_a_circle_and_a_name_that_there_is_not_are_nobodys_customers() -> None:
    """Nothing is guessed: such a connector has no accounts, and its actions no customer."""

    class Round(Fine):
        name = "round"
        customers_of = "second"

    class Back(Second):
        customers_of = "round"

    found = Connectors([Round(), Back()])
    assert (found.customers_of("round"), found.customers_of("second")) == (None, None)
    assert Connectors([Second()]).account_names().providers == {}


@pytest.mark.parametrize(
    ("default", "step"),
    [
        ("shpo", "did you mean `shop`?"),
        ("nowhere", "set it to one that has some: `desk`, `shop`"),
        ("second", 'set `default = "shop"`'),
        ("status", "set it to one that has some: `desk`, `shop`"),
    ],
)
def test_a_default_that_has_no_customers_is_refused_with_the_next_step(
    default: str, step: str
) -> None:
    """Before an id could be read as somebody's who is nobody's."""
    found = Connectors([Shop(), Desk(), Second(), Status()])
    with pytest.raises(ConfigError) as caught:
        found.account_names(default)
    assert caught.value.code is Code.INVALID_SETTING
    assert step in (caught.value.next_step or "")
    assert found.account_names("desk").default == "desk"
