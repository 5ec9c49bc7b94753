"""Two tenants in one database, with the same customers, orders and keys: neither meets the other.

Each has said words of its own and got ids of its own. Every way of reading is gone through for one
of them, and nothing of the other may be in it; every way of writing is tried with the other's ids.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from actions.steps import usd
from agent.test_run import Scripted, plan, refund
from pydantic import BaseModel
from support.shop import ShopFault
from support.shop_workspace import STORE_URLS, ShopWorkspace, make_shop_workspace, open_shop

from sayso.actions.approvals.decision import Decision, DecisionChoice
from sayso.actions.controls.kill_switch import Resumption
from sayso.actions.controls.manual_resolution import ManualSettlement
from sayso.audit.entry import Actor, ActorKind
from sayso.errors import Code, RefusedError, SaysoError
from sayso.ids import Tenant
from sayso.json import JsonValue
from sayso.money import Money
from sayso.sdk.resources.tokens import Scope, Token
from sayso.sdk.wiring.database import open_store
from sayso.surfaces.http.app import create_app

pytestmark = pytest.mark.promise("tenants:apart")

NAMES = ("main", "rival")
BOT = Actor(kind=ActorKind.SERVICE, id="bot")
CUSTOMER = "cus_same"
_IDS = re.compile(
    r"\b(?:act|apr|req|stp|hld|ers|pii|tok)_[0-9a-hjkmnp-tv-z]{26}\b|\bsub_[a-z2-7]{24}\b"
)


@dataclass(kw_only=True)
class Side:
    """One tenant: what it did, and what came out for it.

    Attributes:
        words: what only this tenant has said.
        ids: of its actions, approvals, requests and stops.
        people: tokens of everybody, with their secrets.
    """

    tenant: Tenant
    words: str
    action: str = ""
    done: str = ""
    unknown: str = ""
    approval: str = ""
    request: str = ""
    stop: str = ""
    hold: str = ""
    people: dict[str, tuple[Token, str]] = field(default_factory=dict[str, "tuple[Token, str]"])
    out: str = ""

    def keep(self, said: object) -> None:
        """Something came out for it."""
        self.out += (
            said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        ) + "\n"


@dataclass(kw_only=True)
class Two:
    """Two tenants of one workspace."""

    workspace: ShopWorkspace
    main: Side
    rival: Side
    folder: Path
    http: httpx.AsyncClient


@pytest.fixture
async def two(tmp_path: Path, store_url: str) -> AsyncGenerator[Two]:
    """Both have done the very same, for the same customer and orders, under the same keys."""
    assert STORE_URLS[-1] == store_url
    if store_url.startswith("postgresql"):
        await open_store(make_shop_workspace(tmp_path), create=True).close()
    planner = Scripted(plan(refund(1100)), plan(refund(1100)))
    async with open_shop(tmp_path, planner=planner) as workspace:
        for order in ("o1", "o2", "o3", "o4"):
            workspace.shop.books.add(order, CUSTOMER, Money(1_000_000, "USD"))
        sides = [Side(tenant=Tenant(name), words=f"words that only {name} said") for name in NAMES]
        for side in sides:
            await _live(workspace, side)
        transport = httpx.ASGITransport(create_app(workspace.sayso), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            yield Two(
                workspace=workspace, main=sides[0], rival=sides[1], folder=tmp_path, http=client
            )


async def _live(workspace: ShopWorkspace, side: Side) -> None:
    sayso, tenant = workspace.sayso, side.tenant
    scopes = frozenset(Scope) - {Scope.ADMIN}
    for holder in ("maria", "noor"):
        side.people[holder] = await sayso.tokens.create(
            tenant, "person", holder, scopes, days=1, by=BOT
        )
    ask = sayso.propose
    args: dict[str, JsonValue] = {"order": "o1", "amount": usd(12_900)}
    asked = await ask(
        "shop.refund",
        args,
        subject=CUSTOMER,
        reason=side.words,
        idempotency_key="k1",
        tenant=tenant,
    )
    side.action = asked.id
    assert asked.approval is not None
    side.approval = asked.approval.id
    args = {"order": "o2", "amount": usd(900)}
    done = await ask(
        "shop.refund",
        args,
        subject=CUSTOMER,
        reason=side.words,
        idempotency_key="k2",
        tenant=tenant,
    )
    side.done = done.id
    workspace.shop.faults.append(ShopFault.LOST_BEFORE)
    args = {"order": "o3", "amount": usd(800)}
    lost = await ask("shop.refund", args, subject=CUSTOMER, idempotency_key="k3", tenant=tenant)
    side.unknown = lost.id
    assert (done.status, lost.status) == ("succeeded", "unknown")
    said = f"please give me back $11.00, {side.words}"
    side.request = (await sayso.ask(CUSTOMER, said, idempotency_key="k4", tenant=tenant)).id
    stop = await sayso.stops.engage(
        "customer", CUSTOMER, reason=side.words, idempotency_key="k5", tenant=tenant
    )
    side.stop = stop.id
    hold = await sayso.privacy.hold(CUSTOMER, reason="court_order", by=side.people["maria"][0])
    side.hold = hold.id


# ---- reading -------------------------------------------------------------------------------------


async def _read_everything(two: Two, side: Side) -> None:
    sayso, tenant = two.workspace.sayso, side.tenant
    audit = sayso.audit
    read: list[Sequence[BaseModel]] = [
        await sayso.actions.list(limit=200, tenant=tenant),
        await sayso.actions.list(limit=200, subject=CUSTOMER, tenant=tenant),
        await sayso.actions.list(limit=200, status="succeeded", tenant=tenant),
        await sayso.approvals.list(status=None, limit=200, tenant=tenant),
        await sayso.approvals.list(status="pending", limit=200, tenant=tenant),
        await sayso.requests.list(limit=200, tenant=tenant),
        await sayso.stops.list(released=None, limit=200, tenant=tenant),
        await sayso.privacy.holds(limit=200, tenant=tenant),
        await sayso.privacy.erasures(limit=200, tenant=tenant),
        await audit.query(limit=200, tenant=tenant),
        await audit.query("kind:action.succeeded", limit=200, tenant=tenant),
        await audit.query(f"customer:{CUSTOMER}", limit=200, tenant=tenant),
        await audit.query("refund", limit=200, verified=True, tenant=tenant),
        await audit.tail(200, tenant=tenant),
    ]
    for found in read:
        side.keep([one.model_dump_json() for one in found])
    side.keep((await sayso.actions.get(side.action, tenant=tenant)).model_dump_json())
    side.keep((await sayso.requests.get(side.request, tenant=tenant)).model_dump_json())
    side.keep((await sayso.approvals.get(side.approval, tenant=tenant)).model_dump_json())
    side.keep(await audit.checkpoint(tenant=tenant))
    tiles = two.folder / f"{side.tenant}-tiles"
    await audit.tree.write(tenant, tiles)
    for file in tiles.rglob("*"):
        side.keep(file.read_bytes() if file.is_file() else "")
    side.keep(await audit.tree.prove_inclusion(tenant, 3))
    side.keep(await sayso.privacy.export(CUSTOMER, by=side.people["maria"][0]))
    for form in ("jsonl", "ocsf", "cloudevents"):
        place = two.folder / f"{side.tenant}-{form}"
        await audit.export(place, format=form, tenant=tenant)
        for file in place.rglob("*") if place.is_dir() else [place]:
            side.keep(file.read_bytes())
    pack = two.folder / f"{side.tenant}.html"
    await audit.evidence(side.done, pack, tenant=tenant)
    side.keep(pack.read_bytes())
    verified = audit.verify(deep=True, tenant=tenant)
    assert verified.exit_status == 0
    side.keep(json.dumps(verified.to_json()))


async def _read_over_http(two: Two, side: Side) -> None:
    paths = [
        *("/v1/actions?limit=100", "/v1/approvals?limit=100", "/v1/requests?limit=100"),
        *("/v1/stops?limit=100", f"/v1/actions?subject={CUSTOMER}", "/metrics", "/readyz"),
        *("/v1/audit/entries?limit=100", "/v1/audit/checkpoint", "/v1/audit/tile/0/000"),
        *(f"/v1/actions/{side.action}", f"/v1/approvals/{side.approval}"),
        *(f"/v1/requests/{side.request}", f"/v1/stops/{side.stop}", "/v1/audit/proof?seq=2"),
        *("/v1/privacy/erasures", "/v1/privacy/holds?ended=true"),
        f"/v1/privacy/holds/{side.hold}",
    ]
    for path in paths:
        answer = await two.http.get(path, headers=_bearer(side, "maria"))
        assert answer.status_code in {200, 404, 405, 422}, (path, answer.text)
        side.keep(answer.text)
    headers = {**_bearer(side, "maria"), "Idempotency-Key": "access"}
    answer = await two.http.post("/v1/privacy/exports", json={"subject": CUSTOMER}, headers=headers)
    assert answer.status_code == 200, answer.text
    side.keep(answer.text)


def _bearer(side: Side, holder: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {side.people[holder][1]}"}


async def test_nothing_that_one_tenant_reads_has_anything_of_the_other(two: Two) -> None:
    """Invariant 9: SDK, HTTP, index, proofs, tiles, exports and evidence, under the same ids."""
    for side in (two.main, two.rival):
        await _read_everything(two, side)
        await _read_over_http(two, side)
    own = {side.tenant: set(_IDS.findall(side.out)) for side in (two.main, two.rival)}
    for side, other in ((two.main, two.rival), (two.rival, two.main)):
        assert {side.action, side.done, side.approval, side.request} <= own[side.tenant]
        assert side.words in side.out
        assert other.words not in side.out
    assert own[two.main.tenant] & own[two.rival.tenant] == set()


# ---- the other's ids ---------------------------------------------------------------------------

Try = Callable[[Two, Side, Side], Awaitable[object]]


async def _decide(two: Two, side: Side, other: Side) -> object:
    card = await two.workspace.sayso.approvals.get(other.approval, tenant=other.tenant)
    decision = Decision(
        tenant=side.tenant,
        approval_id=card.id,
        revision=card.revision,
        digest=card.digest,
        choice=DecisionChoice.APPROVE,
        person="maria",
        via="test",
        credential="host",
    )
    return await two.workspace.sayso.approvals.decide_as(decision)


async def _resolve(two: Two, side: Side, other: Side) -> object:
    return await two.workspace.sayso.actions.settle_as(
        ManualSettlement(
            tenant=side.tenant,
            action_id=other.unknown,
            outcome="failed",
            evidence="seen",
            receipt_id="",
            person="maria",
            via="test",
            credential="host",
        )
    )


async def _resume(two: Two, side: Side, other: Side) -> object:
    word = Resumption(
        tenant=side.tenant,
        stop_id=other.stop,
        person="maria",
        via="test",
        credential="host",
        key="resume",
    )
    return await two.workspace.sayso.stops.resume_as(word)


TRIES: dict[str, Try] = {
    "read an action": lambda two, side, other: two.workspace.sayso.actions.get(
        other.action, tenant=side.tenant
    ),
    "read an approval": lambda two, side, other: two.workspace.sayso.approvals.get(
        other.approval, tenant=side.tenant
    ),
    "read a request": lambda two, side, other: two.workspace.sayso.requests.get(
        other.request, tenant=side.tenant
    ),
    "read a hold": lambda two, side, other: two.workspace.sayso.privacy.hold_of(
        other.hold, tenant=side.tenant
    ),
    "evidence": lambda two, side, other: two.workspace.sayso.audit.evidence(
        other.done, two.folder / "foreign.html", tenant=side.tenant
    ),
    "advance": lambda two, side, other: two.workspace.sayso.container.engine.advance(
        side.tenant, other.action
    ),
    "decide": _decide,
    "resolve": _resolve,
    "resume": _resume,
    "release": lambda two, side, other: two.workspace.sayso.privacy.release(
        other.hold, by=side.people["noor"][0]
    ),
}


async def test_with_the_others_ids_nothing_is_found_and_nothing_changes(two: Two) -> None:
    """Invariant 9: each way in, with an id that exists, is answered as if it did not."""
    sayso = two.workspace.sayso
    before = [await _state(two, side) for side in (two.main, two.rival)]
    for side, other in ((two.main, two.rival), (two.rival, two.main)):
        for name, attempt in TRIES.items():
            with pytest.raises(RefusedError) as refused:
                await attempt(two, side, other)
            assert refused.value.code is Code.NOT_FOUND, name
        assert await sayso.audit.query(f"action:{other.action}", tenant=side.tenant) == []
    assert [await _state(two, side) for side in (two.main, two.rival)] == before


async def _state(two: Two, side: Side) -> list[tuple[str, str, int]]:
    views = await two.workspace.sayso.actions.list(limit=200, tenant=side.tenant)
    return [(view.id, view.status, view.revision) for view in views]


async def test_over_http_the_others_ids_are_not_found_either(two: Two) -> None:
    """Every route with an id, by somebody who may do everything in their own tenant."""
    for side, other in ((two.main, two.rival), (two.rival, two.main)):
        ids = {
            "actions": other.action,
            "approvals": other.approval,
            "requests": other.request,
            "stops": other.stop,
            "privacy": other.hold,
        }
        card = await two.workspace.sayso.approvals.get(other.approval, tenant=other.tenant)
        yes = {"decision": "approve", "revision": card.revision, "digest": card.digest}
        resolved = {"outcome": "failed", "evidence": "seen"}
        document = (await two.http.get("/openapi.json")).json()
        tried = 0
        for path, methods in document["paths"].items():
            noun = path.split("/")[2] if path.startswith("/v1/") else ""
            if "{" not in path or noun not in ids:
                continue
            where = re.sub(r"\{[^}]*\}", ids[noun], path)
            for method in methods:
                tried += 1
                body: object = yes if "decision" in path else resolved
                if path.startswith("/v1/privacy"):
                    body = {}
                if path.startswith("/v1/requests") and "decision" in path:
                    body = {"decisions": [{"approval": card.id, **yes}]}
                headers = {**_bearer(side, "maria"), "Idempotency-Key": secrets.token_hex(8)}
                answer = await two.http.request(
                    method, where, headers=headers, json=body if method == "post" else None
                )
                assert answer.status_code in {404, 422}, (method, path, answer.text)
                assert other.words not in answer.text
        assert tried >= 9
        for noun, found in (("holds", side.hold), ("erasures", None)):
            answer = await two.http.get(f"/v1/privacy/{noun}", headers=_bearer(side, "noor"))
            assert [one["id"] for one in answer.json()["items"]] == ([found] if found else [])
    assert {
        (await two.workspace.sayso.actions.get(side.action, tenant=side.tenant)).status
        for side in (two.main, two.rival)
    } == {"pending_approval"}


async def test_the_same_keys_and_ids_are_two_things(two: Two) -> None:
    """A key of one tenant is no key of the other; a stop holds its own tenant only."""
    main, rival = two.main, two.rival
    held = {"subject": CUSTOMER, "reason": "litigation"}
    placed = [
        (
            await two.http.post(
                "/v1/privacy/holds",
                json=held,
                headers={**_bearer(side, "maria"), "Idempotency-Key": "same"},
            )
        ).json()
        for side in (main, rival)
    ]
    assert placed[0]["id"] != placed[1]["id"]
    assert placed[0]["subject"] != placed[1]["subject"]
    pairs = [
        (getattr(main, name), getattr(rival, name))
        for name in ("action", "done", "unknown", "approval", "request", "stop", "hold")
    ]
    assert all(one != other for one, other in pairs)
    with contextlib.suppress(SaysoError):
        await two.workspace.sayso.stops.resume_as(
            Resumption(
                tenant=main.tenant,
                stop_id=main.stop,
                person="maria",
                via="t",
                credential="host",
                key="1",
            )
        )
    await two.workspace.sayso.stops.resume_as(
        Resumption(
            tenant=main.tenant,
            stop_id=main.stop,
            person="noor",
            via="t",
            credential="host",
            key="2",
        )
    )
    left = await two.workspace.sayso.stops.list(tenant=rival.tenant)
    assert [stop.id for stop in left] == [rival.stop]
    assert await two.workspace.sayso.stops.list(tenant=main.tenant) == []
