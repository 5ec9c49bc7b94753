"""`/v1/customers`: who somebody is at several providers, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sdk.test_several_accounts import opened, stocked
from surfaces.http.api_server import token

from sayso.actions.model.definition import Assurance, Subject
from sayso.sdk.client import Sayso
from sayso.sdk.resources.tokens import Scope
from sayso.surfaces.http.app import create_app

WHY = "They told us the number on the invoice"
PAIR = {"account": "desk:7723", "other": "pay:cus_ada", "reason": WHY}


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls as one token's holder."""

    sayso: Sayso
    client: httpx.AsyncClient
    secrets: dict[str, str]

    async def send(
        self, path: str, body: dict[str, Any] | None = None, *, by: str = "maria", key: str = "k"
    ) -> httpx.Response:
        """POST where there is a body, else GET."""
        headers = {"Authorization": f"Bearer {self.secrets[by]}"}
        if body is None:
            return await self.client.get(path, headers=headers)
        return await self.client.post(path, headers=headers | {"Idempotency-Key": key}, json=body)


@asynccontextmanager
async def served(folder: Path, **customers: Any) -> AsyncGenerator[Calls]:
    """Ada at three providers, served to Maria, a program that may look, and one that may not."""
    async with opened(folder, stocked(), None, **customers) as sayso:
        secrets = {
            "maria": await token(sayso, "maria", "person", frozenset({Scope.DECIDE})),
            "looks": await token(sayso, "looks", "service", frozenset({Scope.FIND})),
            "reads": await token(sayso, "reads", "service", frozenset({Scope.READ})),
        }
        transport = httpx.ASGITransport(create_app(sayso))
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            yield Calls(sayso, client, {name: secret for name, (_, secret) in secrets.items()})


@pytest.mark.promise("customers:found")
async def test_somebody_is_found_shown_linked_and_unlinked(tmp_path: Path) -> None:
    """By one call each; the same call again changes nothing, and says the same."""
    async with served(tmp_path, by_email=False) as calls:
        found = await calls.send("/v1/customers/search", {"query": "ada@example.com"}, by="looks")
        assert [one["accounts"][0]["account"] for one in found.json()["items"]] == [
            "desk:7723",
            "pay:cus_ada",
            "store:1001",
        ]
        made = await calls.send("/v1/customers/links", PAIR)
        assert made.status_code == 201, made.text
        assert (await calls.send("/v1/customers/links", PAIR)).json() == made.json()
        other = await calls.send("/v1/customers/links", PAIR, key="another")
        assert (other.status_code, other.json()["code"]) == (409, "already_in_state")
        (customer,) = made.json()["customers"]
        shown = await calls.send(f"/v1/customers/{customer['id']}", by="looks")
        assert shown.json()["links"] == [made.json()["link"]]
        end = f"/v1/customers/links/{made.json()['link']['id']}/end"
        ended = await calls.send(end, {"reason": "another Ada"}, key="end")
        assert (ended.status_code, len(ended.json()["customers"])) == (200, 2)
        again = await calls.send(end, {"reason": "another Ada"}, key="end")
        assert again.json() == ended.json()
        late = await calls.send(end, {"reason": "another Ada"}, key="later")
        assert late.json()["code"] == "already_in_state"


async def test_two_customers_are_merged_once(tmp_path: Path) -> None:
    """Sent again it is the same merge; by another key they are one already."""
    async with served(tmp_path, by_email=False) as calls:
        body = {"customer": "store:1001", "other": "pay:cus_ada", "reason": WHY}
        made = await calls.send("/v1/customers/merges", body)
        assert made.status_code == 201, made.text
        assert (await calls.send("/v1/customers/merges", body)).json() == made.json()
        other = await calls.send("/v1/customers/merges", body, key="another")
        assert other.json()["code"] == "already_in_state"


@pytest.mark.promise("customers:who-may")
async def test_who_may_not_is_refused_and_no_account_stands_in_a_path(tmp_path: Path) -> None:
    """A scope to look, a person to tie; ids of providers in bodies alone."""
    async with served(tmp_path) as calls:
        ask = {"query": "ada@example.com"}
        assert (await calls.send("/v1/customers/search", ask, by="reads")).status_code == 403
        assert (await calls.send("/v1/customers/links", PAIR, by="looks")).status_code == 403
        assert (await calls.send("/v1/customers/pay:cus_ada")).status_code == 422
        assert (await calls.send("/v1/customers/ada@example.com")).status_code == 422
        unknown = await calls.send("/v1/customers/cst_none")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
        bare = await calls.send("/v1/customers/links", {**PAIR, "account": "7723"})
        assert bare.json()["code"] == "invalid_input"
        assert "desk:7723" in bare.json()["next_step"]
        nobody = await calls.send("/v1/customers/links", {**PAIR, "account": "desk:1"})
        assert (nobody.status_code, nobody.json()["code"]) == (404, "unknown_subject")


@pytest.mark.promise("customers:step-up:people")
async def test_somebody_vouches_for_who_writes(tmp_path: Path) -> None:
    """A person with a role, with a reason; once by one key, and never for who is known."""
    async with served(tmp_path) as calls:
        writer = Subject(id="pay:cus_ada", assurance=Assurance.UNVERIFIED)
        asked = await calls.sayso.ask(writer, "Please refund $20.00 of payment p1")
        assert (asked.status, asked.assurance, asked.verified) == (
            "handed_over",
            "unverified",
            None,
        )
        work = (await calls.send(f"/v1/work/{asked.id}")).json()
        assert work["unknown_writer"]
        vouch = {"request": asked.id, "reason": WHY}
        path = "/v1/customers/vouch"
        assert (await calls.send(path, vouch, by="looks")).status_code == 403
        wordless = await calls.send(path, {**vouch, "reason": " "})
        assert (wordless.status_code, wordless.json()["code"]) == (422, "reason_required")
        unknown = await calls.send(path, {**vouch, "request": "req_none"})
        assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
        made = await calls.send(path, vouch)
        assert (made.status_code, made.json()["verified"]["by"]) == (200, "person"), made.text
        assert (await calls.send(path, vouch)).json()["verified"] == made.json()["verified"]
        again = await calls.send(path, vouch, key="another")
        assert (again.status_code, again.json()["code"]) == (409, "already_in_state")
        told = [one.kind for one in await calls.sayso.audit.query(limit=50)]
        assert told.count("customer.verified") == 1
        assert not (await calls.send(f"/v1/work/{asked.id}")).json()["unknown_writer"]
        known = await calls.sayso.ask("pay:cus_ada", "Please refund $20.00 of payment p1")
        refused = await calls.send(path, {**vouch, "request": known.id}, key="known")
        assert (refused.status_code, refused.json()["code"]) == (409, "already_in_state")
