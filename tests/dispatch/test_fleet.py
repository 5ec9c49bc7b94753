"""A fleet: real workers on PostgreSQL that share, die, stand still, and lose their engine."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Generator

import pytest
from dispatch.conftest import fresh_fleet
from dispatch.fleet_workspace import Fleet, Worker, claims, make_fleet, refund
from support.postgres_server import PostgresServer

from sayso.actions.approvals.decision import Decision, DecisionChoice
from sayso.sdk.client import Sayso


@pytest.fixture(scope="module")
def crew(
    postgres_server: PostgresServer, fleet_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Fleet]:
    """A stage that several tests share, since a worker takes some seconds to start."""
    with fresh_fleet(postgres_server, fleet_template) as url:
        made = make_fleet(tmp_path_factory.mktemp("crew"), url)
        yield made
        made.end_all()


def two_of(crew: Fleet) -> list[Worker]:
    """Two quick workers that run; dead ones are replaced."""
    crew.let_go()
    running = [worker for worker in crew.workers if worker.runs]
    return running + [crew.quick_worker() for _ in range(2 - len(running))]


def effects(crew: Fleet, action_id: str) -> int:
    """How often the provider did it."""
    return Counter(line[0] for line in crew.lines("effects"))[action_id]


def verified(sayso: Sayso) -> bool:
    """Whether the log holds and tells what the rows say."""
    found = sayso.audit.verify()
    assert not found.all_findings
    return found.verdict == "verified"


@pytest.mark.promise("fleet:shared")
async def test_two_workers_share_what_is_due(crew: Fleet) -> None:
    """Each is done once, by whichever has room; both the engine and the sweep may bring it."""
    two = two_of(crew)
    assert [worker.engine for worker in two] == ["dbos", "dbos"], crew.log()
    before = {name: len(crew.lines(name)) for name in ("calls", "effects")}
    async with crew.open() as sayso:
        crew.hold("before")
        views = await asyncio.gather(*(refund(sayso, f"m{at}") for at in range(50)))
        # Keys, since a call whose lease ran out on a busy machine is made once more.
        await crew.until(
            lambda: len({line[0] for line in crew.lines("calls")[before["calls"] :]}) == 50
        )
        crew.let_go()
        await crew.settled(sayso, [view.id for view in views])
        assert verified(sayso)
    done = crew.lines("effects")[before["effects"] :]
    assert sorted(line[0] for line in done) == sorted(view.id for view in views)
    assert {int(line[1]) for line in done} == {worker.pid for worker in two}


@pytest.mark.promise("fleet:recovered")
@pytest.mark.parametrize("where", ["before", "after"])
async def test_another_worker_takes_over_from_one_that_was_killed(crew: Fleet, where: str) -> None:
    """kill -9 beside the call: whoever is left looks it up, and it is done once (invariant 2)."""
    two = two_of(crew)
    async with crew.open() as sayso:
        crew.hold(where)
        view = await refund(sayso, f"killed-{where}")
        holder = await crew.holder()
        next(worker for worker in two if worker.pid == holder).kill()
        crew.let_go()
        await crew.settled(sayso, [view.id])
        assert verified(sayso)
    assert effects(crew, view.id) == 1


@pytest.mark.promise("fleet:fenced")
async def test_a_worker_that_stood_still_past_its_lease_changes_nothing(crew: Fleet) -> None:
    """SIGSTOP inside the call, until another one has settled it; woken, it is fenced off."""
    two = two_of(crew)
    async with crew.open() as sayso:
        crew.hold("after")
        view = await refund(sayso, "stopped")
        holder = await crew.holder()
        stopped = next(worker for worker in two if worker.pid == holder)
        stopped.tell(signal.SIGSTOP)
        crew.let_go()
        await crew.settled(sayso, [view.id])
        told = (await sayso.actions.get(view.id)).timeline
        stopped.tell(signal.SIGCONT)
        after = await refund(sayso, "after-stop")
        await crew.settled(sayso, [after.id])
        stopped.tell(signal.SIGTERM)
        assert await stopped.ended() == 0
        assert (await sayso.actions.get(view.id)).timeline == told
        assert verified(sayso)
    assert effects(crew, view.id) == 1


@pytest.mark.promise("fleet:drained")
async def test_a_worker_that_is_told_to_end_finishes_what_it_does(crew: Fleet) -> None:
    """SIGTERM: no new work, the call that is under way is written down, and the status is 0."""
    for worker in two_of(crew):
        worker.kill()
    only = crew.quick_worker()
    async with crew.open() as sayso:
        crew.hold("after")
        view = await refund(sayso, "drained")
        assert await crew.holder() == only.pid
        only.tell(signal.SIGTERM)
        late = await refund(sayso, "late")
        crew.let_go()
        assert await only.ended() == 0
        assert (await sayso.actions.get(view.id)).status == "succeeded"
        assert (await sayso.actions.get(late.id)).status == "approved"
    assert [line for line in crew.lines("calls") if line[1] == str(only.pid)] == [
        [line[0], str(only.pid)] for line in crew.lines("calls")[-1:]
    ]


@pytest.mark.promise("fleet:approved")
async def test_what_a_person_approves_is_run_by_a_worker(crew: Fleet) -> None:
    """The yes and its delivery are one transaction; whoever said it sees the outcome."""
    two_of(crew)
    async with crew.open() as sayso:
        asked = await refund(sayso, "asked", 9000)
        assert asked.approval is not None
        shown = await sayso.approvals.get(asked.approval.id)
        await sayso.approvals.decide_as(
            Decision(
                tenant=sayso.container.tenant,
                approval_id=shown.id,
                revision=shown.revision,
                digest=shown.digest,
                choice=DecisionChoice.APPROVE,
                person="maria",
                via="test",
                credential="host",
            )
        )
        assert (await sayso.actions.get(asked.id)).status == "succeeded"
    assert effects(crew, asked.id) == 1


@pytest.mark.promise("fleet:sweep")
async def test_what_the_engine_loses_is_found(fleet: Fleet) -> None:
    """Its tables emptied, or its deliveries of a version nobody has: everything still settles."""
    async with fleet.open() as sayso:
        lost = [await refund(sayso, "lost")]
        # What a busy machine's reading of the clock puts off is left to the sweep at once.
        while not fleet.sql("delete from dbos.workflow_status returning 1"):
            lost.append(await refund(sayso, f"lost-{len(lost)}"))
            assert len(lost) < 20
        other = await refund(sayso, "other-version")
        fleet.sql("update dbos.workflow_status set application_version = 'sayso-0'")
        fleet.quick_worker()
        await fleet.settled(sayso, [*(view.id for view in lost), other.id])
        for table in ("workflow_status", "queues", "application_versions", "workflow_input"):
            fleet.sql(f"delete from dbos.{table}")
        emptied = await refund(sayso, "emptied")
        await fleet.settled(sayso, [emptied.id])
    assert len(fleet.lines("effects")) == len(lost) + 2


@pytest.mark.promise("fleet:sweep")
async def test_a_fleet_without_its_engine_goes_on(fleet: Fleet) -> None:
    """The schema gone: what hands over does not fail, a worker says so, and its sweep works."""
    fleet.sql("drop schema dbos cascade")
    async with fleet.open() as sayso:
        before = await refund(sayso, "before")
        worker = fleet.worker()
        assert worker.engine == "sweep"
        assert "engine_unavailable" in fleet.log()
        asked = await refund(sayso, "asked", wait=True)
        await fleet.settled(sayso, [before.id, asked.id])
        assert verified(sayso)
    assert len(fleet.lines("effects")) == 2


@pytest.mark.promise("serve:reload")
async def test_a_worker_of_a_fleet_reloads_by_sighup_with_its_engine(fleet: Fleet) -> None:
    """The engine begins anew in the same process: it delivers, and nothing was logged but that."""
    worker = fleet.worker()
    assert worker.engine == "dbos"
    async with fleet.open() as sayso:
        (before,) = await sayso.processes.list()
        worker.tell(signal.SIGHUP)
        await fleet.until(lambda: "reloaded" in fleet.log())
        view = await refund(sayso, "m1")
        await fleet.settled(sayso, [view.id])
        await fleet.until(lambda: fleet.sql(_DELIVERED) != [])
        (after,) = await sayso.processes.list()
        assert (before.id, before.pid, before.kind) == (after.id, worker.pid, "worker")
        worker.tell(signal.SIGTERM)
        assert await worker.ended() == 0
        assert await sayso.processes.list() == []
    assert "engine_unavailable" not in fleet.log()


@pytest.mark.promise("fleet:engine")
async def test_a_worker_is_one_process_to_the_engine(fleet: Fleet) -> None:
    """Executor id per process, version pinned, no notices, only ids in its tables."""
    worker = fleet.worker("--at-once", "4")
    async with fleet.open() as sayso:
        view = await refund(sayso, "m1")
        await fleet.settled(sayso, [view.id])
        await fleet.until(lambda: fleet.sql(_DELIVERED) != [])
    (row,) = fleet.sql(_DELIVERED)
    assert row[0] == f"sayso:main:{view.id}:1"
    assert f"-{worker.pid}-" in row[1]
    assert row[2:] == ("sayso-1", "sayso", f'["action","main","{view.id}"]')
    assert fleet.sql("select worker_concurrency from dbos.queues") == [(4,)]
    worker.tell(signal.SIGTERM)
    assert await worker.ended() == 0
    assert not {"INFO", "DBOS", "onductor"} & set(fleet.log().replace(":", " ").split())


_DELIVERED = (
    "select workflow_uuid, executor_id, application_version, application_name,"
    " workflow_input.inputs::json ->> 'positionalArgs' from dbos.workflow_status"
    " join dbos.workflow_input using (workflow_uuid) where status = 'SUCCESS'"
)


@pytest.mark.promise("rates:shared")
async def test_a_fleet_keeps_to_one_rate(fleet: Fleet) -> None:
    """Two workers and 12 calls at 6/s: by when they were claimed, no more than that at once."""
    with (fleet.folder / "sayso.toml").open("a") as file:
        file.write('[rates.connectors]\ntill = "6/s"\n')
    fleet.quick_worker()
    fleet.quick_worker()
    async with fleet.open() as sayso:
        views = await asyncio.gather(*(refund(sayso, f"m{at}") for at in range(12)))
        await fleet.settled(sayso, [view.id for view in views])
    began = claims(fleet)
    assert len(began) == 12
    # Six at once, then one each 1/6 s, by the very times that the bucket was asked with; one may
    # have been written down anew, by a worker that stood still for longer than its lease.
    assert began[11] - began[0] >= 5 * (1_000_000 // 6)


@pytest.mark.promise("fleet:recovered")
async def test_workers_outlive_every_lost_connection(crew: Fleet) -> None:
    """All are cut inside the call, the engine's too: they come back, and it is done once."""
    two_of(crew)
    async with crew.open() as sayso:
        crew.hold("after")
        view = await refund(sayso, "cut")
        await crew.holder()
        cut = crew.sql(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        assert len(cut) > 4
        crew.let_go()
        later = await refund(sayso, "after-cut")
        await crew.settled(sayso, [view.id, later.id])
        assert verified(sayso)
    assert (effects(crew, view.id), effects(crew, later.id)) == (1, 1)
