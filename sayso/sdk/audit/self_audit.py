"""A server judges its own logs while it serves, and signs nothing on top of one that fails.

It reads in pieces of some milliseconds and rests between them, so it takes its share of a busy
server and next to nothing of an idle one. What it finds stops all that has to be written down:
proposing, deciding, calling. It goes on looking, and a log that verifies again is signed again.
"""

from __future__ import annotations

import asyncio
import logging
import time

from sayso.audit.authority.keyring import REWRAP
from sayso.audit.verifier.verification import Damage
from sayso.errors import Code, IntegrityError, SaysoError, logged, logged_with_frames
from sayso.ids import Tenant
from sayso.sdk.audit.alarms import write_alarms
from sayso.sdk.audit.kept_heads import keep_heads, read_heads
from sayso.sdk.audit.log_judge import JudgeProgress, Known, LogJudge
from sayso.sdk.audit.pace import Pace
from sayso.sdk.audit.stored import read_tenants
from sayso.sdk.audit.vault_key import OPENED
from sayso.sdk.client import Sayso
from sayso.sdk.wiring.database import is_postgres
from sayso.store.base import Reader, text
from sayso.verdicts import AccusationKind, Cause, cause_of, older_build, unverified, wrong_key

logger = logging.getLogger("sayso.audit")

LOOK_EVERY_S = 1.0
"""So often it is looked whether anything has changed."""
WHOLE_EVERY_S = 900.0
"""So often everything is read where nothing seems to have changed."""
_SHORTEST_REST_S = 0.02
_JUDGE = "judge"
_TROUBLES = {Damage.WRONG_KEY: Cause.WRONG_KEY, Damage.OLDER_BUILD: Cause.OLDER_BUILD}
"""What keeps a log from being judged, and accuses nobody."""
_MOST_JUDGES = 64
"""So many logs are followed at once; of others the reading begins anew each time."""


class SelfAudit:
    """Judges every log of a workspace's database, round after round.

    Args:
        every_s: how often it is looked whether anything has changed, at most.
    """

    def __init__(self, sayso: Sayso, every_s: float = LOOK_EVERY_S) -> None:
        self._container = sayso.container
        self._workspace = sayso.workspace
        self._judges: dict[Tenant, LogJudge] = {}
        self._known: dict[Tenant, Known] = {**read_heads(sayso.workspace.state)}
        self._kept = dict(self._known)
        self._asks_server = is_postgres(sayso.workspace)
        self._pace = Pace()
        self._every_s = every_s
        self._begun = 0
        self._judged = 0
        """The last look of which all that it found was judged."""
        self.looked = asyncio.Condition()
        """Told whenever something was judged, or could not be."""

    async def run(self) -> None:
        """Judge until cancelled; whatever breaks off is begun again."""
        loop = asyncio.get_running_loop()
        seen: object = None
        due = loop.time()
        while True:
            self._begun += 1
            try:
                moment = await self._moment()
                if moment != seen or loop.time() >= due:
                    seen = moment
                    await self._judge_all()
                    due = loop.time() + WHOLE_EVERY_S
                self._judged = self._begun
            except SaysoError as error:  # such as a server that is away
                if error.code is Code.DAMAGED:
                    self._halt(Cause.DAMAGED, error)
                else:
                    logger.warning("the log cannot be judged now: %s", logged(error))
                seen = None
            except Exception as error:  # noqa: BLE001
                # Whatever it is, it must not end this for good.
                logger.error("judging the log broke off: %s", logged_with_frames(error))  # noqa: TRY400
                seen = None
            async with self.looked:
                self.looked.notify_all()
            await asyncio.sleep(self._every_s)

    async def _moment(self) -> object:
        """What differs after anybody has written to the database."""
        if not self._asks_server:
            return await self._container.store.version()
        # NOTE: not what triggers tell, which whoever owns the tables can switch off.
        row = await self._container.store.read(lambda reader: reader.one("log.moment"))
        return None if row is None else text(row, "moment")

    async def _judge_all(self) -> None:
        tenants = await self._container.store.read(read_tenants)
        troubles: dict[Cause, SaysoError] = {}
        # Also those that were there, and that somebody has taken away whole.
        for name in dict.fromkeys((self._container.tenant, *tenants, *self._known)):
            await self._judge(Tenant(name), troubles)
        verified = {
            t: one for t, one in self._known.items() if t not in self._container.log.refused
        }
        if verified != self._kept:
            keep_heads(self._workspace.state, verified)
            self._kept = verified
        log = self._container.log
        for cause in _TROUBLES.values():
            if cause in troubles:
                self._halt(cause, troubles[cause])
                continue
            log.go_on(cause, OPENED)
            if log.is_halted(cause, _JUDGE):
                log.go_on(cause, _JUDGE)
                logger.warning("what kept the logs from being judged is over: %s", cause)
        log.go_on(Cause.DAMAGED, _JUDGE)

    async def catch_up(self) -> None:
        """Wait until all that was written before this call is judged.

        NOTE: it takes a look that begins after the call. The database never has to be at rest for
        it: on PostgreSQL what others write to the same server is a change too.
        """
        before = self._begun
        async with self.looked:
            await self.looked.wait_for(lambda: self._judged > before)

    async def _judge(self, tenant: Tenant, troubles: dict[Cause, SaysoError]) -> None:
        """One round over one log.

        Args:
            troubles: where to put what keeps it from being judged, and accuses nobody.
        """
        judge = self._judge_of(tenant)
        step, took, refused = JudgeProgress.ON, 0.0, False

        def piece(reader: Reader) -> tuple[JudgeProgress, float]:
            began = time.thread_time()
            return judge.step(reader), time.thread_time() - began

        while step is not JudgeProgress.OVER:
            try:
                step, took = await self._container.store.read(piece)
            except IntegrityError as error:
                if cause_of(error.code) is not Cause.TAMPERED:
                    raise  # such as a server that is away
                self._refuse(tenant, error.message, AccusationKind.BYTES)
                return
            except SaysoError:
                raise
            except Exception as error:  # noqa: BLE001
                # INVARIANT: a value that nobody can read is a finding, or it would blind the judge.
                logger.error("judging the log of %s: %s", tenant, logged_with_frames(error))  # noqa: TRY400
                self._refuse(tenant, "something in it cannot be read as what it should be")
                return
            wrong = _worst(judge, behind=step is JudgeProgress.BEHIND)
            if wrong is not None:
                sort, message = wrong
                if refused and tenant not in self._container.log.refused:
                    # Repaired meanwhile: what this judge has read is of before.
                    self._judges.pop(tenant, None)
                    return
                # INVARIANT: the round goes on, since behind a row that is wrong an entry can be.
                self._refuse(tenant, message, sort)
                refused = True
                if sort is AccusationKind.BYTES:
                    return
            self._known[tenant] = judge.known
            behind = step is JudgeProgress.BEHIND
            rest_s = self._pace.rest_after(took, time.monotonic(), behind=behind)
            await asyncio.sleep(max(_SHORTEST_REST_S, rest_s))
        if judge.findings.kept:
            self._judges.pop(tenant, None)  # another one finds out whether it is still so
        own = {_TROUBLES[one.damage]: one for one in judge.findings.kept if one.damage in _TROUBLES}
        troubles |= {cause: _trouble(cause, one.message) for cause, one in own.items()}
        if not judge.findings.decided and not own:
            self._accept(tenant)

    def _judge_of(self, tenant: Tenant) -> LogJudge:
        """The judge that knows the log already; one that is used seldom makes room for another."""
        judge = self._judges.pop(tenant, None)
        if judge is None:
            known = self._known.get(tenant, (0, b""))
            judge = LogJudge(
                self._container.log,
                self._container.keyring,
                tenant,
                known,
                is_copy=tenant in self._workspace.copies,
            )
        self._judges[tenant] = judge
        if len(self._judges) > _MOST_JUDGES:
            del self._judges[next(iter(self._judges))]
        return judge

    def _refuse(
        self, tenant: Tenant, why: str, sort: AccusationKind = AccusationKind.BYTES
    ) -> None:
        log = self._container.log
        if sort is AccusationKind.BYTES:
            self._judges.pop(tenant, None)  # another one finds out whether it is still so
        if tenant not in log.refused:
            logger.error(
                "the log of %s does not verify, so nothing is signed on top of it: %s", tenant, why
            )
        log.refuse(tenant, unverified(tenant, why, sort), sort)
        write_alarms(self._workspace.state, log.refused)

    def _halt(self, cause: Cause, why: SaysoError) -> None:
        log = self._container.log
        if not log.is_halted(cause, _JUDGE):
            logger.error("nothing is signed, since %s", why.message)
        log.halt(cause, why, _JUDGE)

    def _accept(self, tenant: Tenant) -> None:
        log = self._container.log
        if tenant in log.refused:
            log.accept(tenant)
            write_alarms(self._workspace.state, log.refused)
            logger.warning("the log of %s verifies again", tenant)


def _worst(judge: LogJudge, *, behind: bool) -> tuple[AccusationKind, str] | None:
    """What accuses a log so far, and of what; None while nothing does.

    Args:
        behind: whether entries were not read yet: one of them may accept what a rule forbids.
    """
    found = [one for one in judge.findings.open if one.sort is not None]
    if behind:
        found = [one for one in found if one.sort is AccusationKind.BYTES]
    sorts = {one.sort for one in found}
    sort = next((one for one in AccusationKind if one in sorts), None)
    if sort is None:
        return None
    return sort, next(one.message for one in found if one.sort is sort)


def _trouble(cause: Cause, message: str) -> SaysoError:
    if cause is Cause.WRONG_KEY:
        return wrong_key(message)
    return older_build(message, REWRAP)
