"""Account ids: whose an id is, and that two accounts are never taken for each other."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from sayso.actions.customers.account import AccountId, AccountNames
from sayso.errors import Code, RefusedError

ONE = AccountNames(providers={"stripe": False}, default="stripe")
TWO = AccountNames(providers={"stripe": False, "zendesk": False}, default="stripe")
OPEN = AccountNames(providers={"stripe": False, "zendesk": False})
COLONS = AccountNames(providers={"jira": True, "stripe": False}, default="jira")


def test_an_id_without_a_provider_is_the_default_s() -> None:
    """As all ids were written before there were several providers."""
    assert ONE.read("cus_9") == AccountId("stripe", "cus_9")
    assert TWO.read("zendesk:7723") == AccountId("zendesk", "7723")
    assert TWO.read("stripe:cus_9") == TWO.read("cus_9")


@pytest.mark.parametrize(
    ("names", "given", "step"),
    [
        (OPEN, "7723", "write stripe:7723 or zendesk:7723, or set `default` under [customers]"),
        (TWO, "shopify:7723", "there are: `stripe`, `zendesk`"),
        (TWO, "zendesk:", "write the provider before the id"),
        (TWO, ":7723", "there are: `stripe`, `zendesk`"),
        (COLONS, "stripe:cus_9", "give the provider and the id apart"),
        (TWO, "ada lovelace", "pass the provider's id"),
        (TWO, "stripe:" + "x" * 200, "pass the provider's id"),
        (TWO, "zendesk:7723\N{ZERO WIDTH SPACE}", "pass the provider's id"),
    ],
)
def test_what_could_be_two_is_neither(names: AccountNames, given: str, step: str) -> None:
    """A clear error that says how to write it."""
    with pytest.raises(RefusedError) as caught:
        names.read(given)
    assert caught.value.code is Code.INVALID_INPUT
    assert step in caught.value.next_step


def test_who_may_choose_their_id_cannot_choose_to_be_somebody_else() -> None:
    """Where ids hold colons, one that looks like another provider's is read as neither."""
    with pytest.raises(RefusedError):
        COLONS.read("jira:victim")
    assert COLONS.named("jira", "stripe:cus_9") == AccountId("jira", "stripe:cus_9")
    assert COLONS.read("712020:ab") == AccountId("jira", "712020:ab")


def test_who_types_an_id_names_its_provider_before_the_colon() -> None:
    """At the command line; an id of the default's that looks so has the default's name before."""
    typed = replace(COLONS, typed=True)
    assert typed.read("stripe:cus_9") == AccountId("stripe", "cus_9")
    assert typed.read("jira:stripe:cus_9") == AccountId("jira", "stripe:cus_9")
    assert typed.read("712020:ab") == AccountId("jira", "712020:ab")
    assert typed.read("712020") == AccountId("jira", "712020")
    with pytest.raises(RefusedError) as caught:
        COLONS.read("stripe:cus_9")
    assert "at the command line stripe:… is always stripe's" in caught.value.next_step
    assert "jira:stripe:…" in caught.value.next_step


def test_two_accounts_are_never_written_alike() -> None:
    """Whatever the ids look like, and whoever the default is."""
    ids = ["7723", "stripe:7723", "jira:7723", "a:b", "jira:stripe:7723", "7723:", "X", "x"]
    for names in (TWO, OPEN, COLONS):
        accounts = [AccountId(who, one) for who in names.providers for one in ids]
        written = {names.write(account): account for account in accounts}
        assert len(written) == len(accounts)
        assert {text: names.stored(text) for text in written} == written


def test_other_letters_are_other_people() -> None:
    """No case is folded and no digit is read as another one."""
    twins = ["abc", "ABC", "aBc", "0abc", "O0bc", "1l", "l1"]
    assert all(TWO.read(one) != TWO.read(other) for one, other in itertools.combinations(twins, 2))
