"""Accounts in chats beside Slack: each chat's is a person's own, by entries of the log."""

from __future__ import annotations

from pathlib import Path

import pytest
from actions.steps import assert_verified, propose, shown, stock
from support.shop_workspace import open_shop

from sayso.actions.approvals.answer import SolutionDecision
from sayso.actions.approvals.decision import DecisionChoice
from sayso.audit.authority.by import By
from sayso.audit.entry import Actor, ActorKind
from sayso.errors import ConfigError, RefusedError
from sayso.sdk.client import Sayso
from sayso.sdk.resources.people import by_account
from sayso.settings import parse_settings

HOST = By(actor=Actor(kind=ActorKind.PERSON, id="host"))
PEOPLE = (
    {"id": "maria", "roles": ["support_manager"], "accounts": {"teams": "t1/maria"}},
    {"id": "noor", "roles": ["support_manager"], "slack": "T1/U1"},
)


async def account(sayso: Sayso, person: str) -> str | None:
    """Somebody's account in Teams, by the log."""
    found = (await sayso.people.authority(sayso.tenant)).person(person)
    return None if found is None else found.account("teams")


async def test_an_account_is_linked_kept_and_unlinked_by_entries(tmp_path: Path) -> None:
    """By the file and by a change; other roles leave it, and so does another chat's account."""
    async with open_shop(tmp_path, people=list(PEOPLE)) as opened:
        sayso = opened.sayso
        assert await account(sayso, "maria") == "t1/maria"
        await sayso.people.change(sayso.tenant, "noor", accounts={"teams": "t1/noor"}, by=HOST)
        await sayso.people.change(sayso.tenant, "noor", roles=("finance",), by=HOST)
        await sayso.people.change(sayso.tenant, "noor", accounts={"pager": "7"}, by=HOST)
        assert await account(sayso, "noor") == "t1/noor"
        await sayso.people.change(sayso.tenant, "noor", accounts={"teams": ""}, by=HOST)
        assert await account(sayso, "noor") is None
        authority = await sayso.people.authority(sayso.tenant)
        found = by_account(authority, "pager", "7"), by_account(authority, "slack", "T1/U1")
        assert [one.id for one in found if one is not None] == ["noor", "noor"]
        assert by_account(authority, "teams", "") is None
        assert_verified(opened)


@pytest.mark.parametrize(
    "accounts",
    [{"teams": "t1/maria"}, {"slack": "T1/U9"}, {"Teams": "t1/x"}, {"teams": "a:b"}, {"a:b": "c"}],
)
async def test_an_account_of_somebody_else_or_of_no_chat_is_refused(
    tmp_path: Path, accounts: dict[str, str]
) -> None:
    """And nothing is written."""
    async with open_shop(tmp_path, people=list(PEOPLE)) as opened:
        sayso = opened.sayso
        with pytest.raises(RefusedError, match="invalid_input"):
            await sayso.people.change(sayso.tenant, "noor", accounts=accounts, by=HOST)
        assert await account(sayso, "noor") is None


def test_a_file_gives_no_account_to_two_people() -> None:
    """Nor Slack's by the wrong name."""
    for people, word in (
        ([*PEOPLE, {**PEOPLE[0], "id": "eve"}], "two people have the account"),
        ([{"id": "eve", "accounts": {"slack": "T1/U1"}}], "named by `slack`"),
    ):
        with pytest.raises(ConfigError, match=word):
            parse_settings({"people": people}, "sayso.toml")


async def test_a_word_counts_by_the_account_of_whoever_said_it_alone(tmp_path: Path) -> None:
    """Another person's, one of nobody and one of another chat decide nothing; the log verifies."""
    async with open_shop(tmp_path, people=list(PEOPLE)) as opened:
        stock(opened)
        card = await shown(opened, await propose(opened))

        async def decide(credential: str) -> None:
            said = SolutionDecision(
                tenant=opened.sayso.tenant,
                approval_id=card.id,
                revision=card.revision,
                digest=card.digest,
                choice=DecisionChoice.APPROVE,
                person="maria",
                via="teams",
                credential=credential,
            )
            await opened.sayso.solutions.answer_as(said, wait=False)

        for credential in ("teams:t1/noor", "slack:T1/U1", "slack:t1/maria", "teams:", "pager:1"):
            with pytest.raises(RefusedError, match="unauthenticated"):
                await decide(credential)
        await decide("teams:t1/maria")
        assert (await opened.sayso.approvals.get(card.id)).status == "approved"
        assert_verified(opened)
