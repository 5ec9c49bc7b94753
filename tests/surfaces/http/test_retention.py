"""Sealing, pruning and sweeping over HTTP: by a person with the scope `admin` and a role."""

from __future__ import annotations

import asyncio

import pytest
from audit.small_log import plain_entry
from surfaces.http.api_server import ApiServer, as_json, problem, token

from sayso.errors import Code, RefusedError, RetryableError
from sayso.ids import Tenant
from sayso.sdk.audit.segments import LogSegments
from sayso.sdk.resources.tokens import Scope, Token
from sayso.store.base import Transaction
from sayso.surfaces.http.retention import UpkeepView
from sayso.surfaces.http.upkeep import Far, Job, Progress, Upkeep

ENTRIES = 256
ADMIN = frozenset({Scope.ADMIN})
POSTS = ("/v1/audit/segments", "/v1/audit/prunings", "/v1/privacy/sweeps")
JOB = Job(Tenant("main"), "sealing")
DONE = UpkeepView(status="done")


def admin(api: ApiServer, person: str, tenant: str = "main") -> Token:
    """Give a person a token that only administers, as `PERSON-admin`."""
    made = token(api.sayso, person, "person", ADMIN, tenant=Tenant(tenant))
    found, api.secrets[f"{person}-admin"] = api.run(made)
    return found


def enter(api: ApiServer, tenant: str, count: int) -> None:
    """Append so many entries to a tenant's log."""
    opened = api.sayso.container

    def work(tx: Transaction) -> None:
        for _ in range(count):
            opened.log.append(tx, Tenant(tenant), plain_entry())

    api.run(opened.store.write(work))


@pytest.mark.promise("http:retention")
def test_a_person_seals_what_is_full(api: ApiServer) -> None:
    """As `sayso audit seal`: done by them, in the log, and listed; a second call does nothing."""
    by = admin(api, "maria", "sealed")
    enter(api, "sealed", 300)
    small = LogSegments(api.sayso.container, api.sayso.workspace, entries=ENTRIES)
    api.run(small.seal(by=by))
    enter(api, "sealed", 300)
    key = api.new("key-")
    first = api.post("/v1/audit/segments?wait=60", {}, by="maria-admin", key=key)
    assert first.status_code == 200, first.text
    found = as_json(first)
    assert (found["status"], [one["first"] for one in found["sealed"]]) == ("done", [ENTRIES])
    again = api.post("/v1/audit/segments", {}, by="maria-admin", key=key)
    assert as_json(again) == found, "the same call is told of the same run"
    other = as_json(api.post("/v1/audit/segments", {}, by="maria-admin"))
    assert other["sealed"] == []
    listed = as_json(api.get("/v1/audit/segments?limit=1", by="maria-admin"))
    assert ([one["first"] for one in listed["items"]], listed["next_after"]) == ([0], 0)
    rest = as_json(api.get("/v1/audit/segments?after=0", by="maria-admin"))
    assert ([one["first"] for one in rest["items"]], rest["next_after"]) == ([ENTRIES], None)
    assert rest["items"][0]["at_hand"] is True
    entries = api.run(api.sayso.audit.query("kind:log.sealed", tenant="sealed"))
    assert {entry.actor for entry in entries} == {"person:maria"}
    pruned = as_json(api.post("/v1/audit/prunings", {}, by="maria-admin"))
    assert pruned["pruned"]["to"] == pruned["pruned"]["first"], "nothing has a time here"


@pytest.mark.promise("http:retention")
def test_a_person_sweeps_their_own_tenant(api: ApiServer) -> None:
    """Nothing is blanked where sayso.toml keeps everything, which the answer says."""
    admin(api, "finn")
    found = as_json(api.post("/v1/privacy/sweeps", {}, by="finn-admin"))
    assert (found["status"], found["swept"]["before"]) == ("done", None)


@pytest.mark.promise("http:retention")
@pytest.mark.parametrize("path", POSTS)
def test_who_does_not_administer_does_none_of_it(api: ApiServer, path: str) -> None:
    """A decider's token and a service's have not the scope; a person without a role is recorded."""
    for holder in ("maria", "bot", "auditor", "reader"):
        problem(api.post(path, {}, by=holder), 403, "forbidden")
    admin(api, "stranger")
    problem(api.post(path, {}, by="stranger-admin"), 403, "not_an_approver")
    (entry,) = as_json(api.get("/v1/audit/entries?limit=1"))["items"]
    assert entry["kind"] in {"log.refused", "subject.refused"}
    assert entry["actor"] == "person:stranger"
    assert entry["body"]["data"]["code"] == "not_an_approver"


def test_the_scope_opens_nothing_else(api: ApiServer) -> None:
    """Least privilege: who administers neither decides nor reads customers."""
    admin(api, "noor")
    for path in ("/v1/actions", "/v1/approvals", "/v1/audit/entries", "/v1/privacy/holds"):
        problem(api.get(path, by="noor-admin"), 403, "forbidden")
    body = {"subject": "cus_1"}
    problem(api.post("/v1/privacy/exports", body, by="noor-admin"), 403, "forbidden")
    assert api.get("/v1/audit/segments", by="auditor").status_code == 200
    problem(api.get("/v1/audit/segments", by="reader"), 403, "forbidden")


class Slow:
    """Work that ends when a test says so, and counts how often it was begun."""

    def __init__(self, error: Exception | None = None) -> None:
        self.begun = 0
        self.may_end = asyncio.Event()
        self.error = error

    async def __call__(self, progress: Progress) -> UpkeepView:
        self.begun += 1
        progress(3, 10)
        await self.may_end.wait()
        if self.error is not None:
            raise self.error
        return DONE


@pytest.mark.promise("http:retention")
async def test_long_work_goes_on_and_the_same_call_tells_of_its_end() -> None:
    """Nobody has to wait, nothing is begun twice, and no result is lost with the connection."""
    upkeep, work = Upkeep[UpkeepView](), Slow()
    assert await upkeep.run(JOB, "k1", work, wait_s=0.01) == Far(3, 10)
    assert await upkeep.run(JOB, "k2", work, wait_s=0) == Far(3, 10)
    waiting = asyncio.create_task(upkeep.run(JOB, "k1", work, wait_s=30))
    await asyncio.sleep(0)
    work.may_end.set()
    assert await waiting == DONE
    assert await upkeep.run(JOB, "k2", work, wait_s=0) == DONE
    assert work.begun == 1
    assert await upkeep.run(JOB, "k3", work, wait_s=5) == DONE
    assert work.begun == 2


async def test_what_failed_behind_somebodys_back_is_logged_and_begun_anew(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """By its code; the same call tries again instead of repeating the failure."""
    error = RetryableError(Code.STORE_BUSY, "words")
    upkeep, work = Upkeep[UpkeepView](), Slow(error)
    assert await upkeep.run(JOB, "k1", work, wait_s=0.01) == Far(3, 10)
    work.may_end.set()
    with pytest.raises(RetryableError):
        await upkeep.run(JOB, "k1", work, wait_s=5)
    assert "sealing of the log of main: RetryableError store_busy" in caplog.text
    work.error = None
    assert await upkeep.run(JOB, "k1", work, wait_s=5) == DONE


async def test_a_key_is_for_one_job() -> None:
    """As everywhere: the same key for something else is a conflict."""
    upkeep, work = Upkeep[UpkeepView](), Slow()
    work.may_end.set()
    await upkeep.run(JOB, "k1", work, wait_s=5)
    with pytest.raises(RefusedError) as caught:
        await upkeep.run(Job(Tenant("main"), "pruning"), "k1", work, wait_s=5)
    assert caught.value.code is Code.IDEMPOTENCY_CONFLICT


@pytest.mark.promise("http:tenant")
async def test_each_tenant_has_its_own_keys() -> None:
    """Invariant 9: who has a token in two tenants may use one key in both, for whatever it is."""
    upkeep, work, others = Upkeep[UpkeepView](), Slow(), Slow()
    work.may_end.set()
    others.may_end.set()
    assert await upkeep.run(JOB, "k1", work, wait_s=5) == DONE
    for job in (Job(Tenant("other"), "sealing"), Job(Tenant("third"), "pruning")):
        assert await upkeep.run(job, "k1", others, wait_s=5) == DONE
    assert await upkeep.run(JOB, "k1", work, wait_s=5) == DONE
    assert (work.begun, others.begun) == (1, 2)


@pytest.mark.promise("http:tenant")
def test_one_key_in_two_tenants_is_two_calls(api: ApiServer) -> None:
    """The same person with the same key, at the route itself."""
    key = api.new("key-")
    for tenant in ("main", "another"):
        admin(api, "noor", tenant)
        answer = api.post("/v1/privacy/sweeps?wait=60", {}, by="noor-admin", key=key)
        assert answer.status_code == 200, answer.text


async def test_a_server_that_ends_breaks_it_off() -> None:
    """The next run goes on where this one was; nothing is left hanging."""
    upkeep, work = Upkeep[UpkeepView](), Slow()
    await upkeep.run(JOB, "k1", work, wait_s=0.01)
    await upkeep.stop()
    work.may_end.set()
    assert await upkeep.run(JOB, "k1", work, wait_s=5) == DONE
    assert work.begun == 2
