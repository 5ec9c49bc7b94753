"""The log: it verifies deep, the server says so, it is ready, and an export verifies offline."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from walk.facts import FindingError
from walk.world import World

from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.verification import UNDECIDED, Finding
from sayso.audit.verify import verify_bundle
from sayso.errors import IntegrityError, SaysoError
from sayso.sdk.audit.log_judge import JudgeProgress, LogJudge


def judge_verification(world: World) -> None:
    """`sayso audit verify`, deep, with the database."""
    found = world.sayso.audit.verify()
    said = [one for log in found.logs for one in log.findings] + list(found.findings)
    _accuse("audit verify", said)


async def judge_server(world: World) -> None:
    """What a running server finds of its own logs."""
    sayso = world.sayso
    for tenant in (str(sayso.tenant), *world.variant.tenants):
        judge = world.judges.get(tenant)
        if judge is None:
            container = sayso.container
            judge = LogJudge(container.log, container.keyring, type(sayso.tenant)(tenant))
            world.judges[tenant] = judge
        try:
            while await sayso.container.store.read(judge.step) is not JudgeProgress.OVER:
                pass
        except IntegrityError as error:
            raise FindingError("accused", f"the server's own judge: {error.message}") from error
        _accuse("the server's own judge", judge.findings.open)
        if judge.findings.kept:  # and accepted: as in a server, another one finds out what is left
            del world.judges[tenant]


async def judge_ready(world: World) -> None:
    """Whether `/readyz` would say yes."""
    sayso = world.sayso
    try:
        await sayso.check_ready()
    except SaysoError as error:
        raise FindingError("accused", f"not ready: {error.code} {error.message}") from error


async def judge_export(world: World) -> None:
    """An export, verified by whoever has nothing but it and the public key."""
    place = Path(tempfile.mkdtemp(dir=world.folder.parent))
    try:
        await world.sayso.audit.export(place / "bundle")
        vkey = await world.sayso.audit.head_vkey()
        found = verify_bundle(place / "bundle", trust=Trust.parse([vkey]), deep=True)
        said = [one for log in found.logs for one in log.findings] + list(found.findings)
        _accuse("an export, offline", said)
    finally:
        shutil.rmtree(place)


def _accuse(who: str, said: Sequence[Finding]) -> None:
    wrong = [one for one in said if one.damage not in UNDECIDED]
    if wrong:
        told = "; ".join(f"{one.check}: {one.message}" for one in wrong[:3])
        raise FindingError("accused", f"{who}: {told}")
