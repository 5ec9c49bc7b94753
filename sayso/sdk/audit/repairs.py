"""The way out for a log that is accused for its rows or by the rules: two people's yes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from sayso.audit.authority.credentials import DECIDE, HOST
from sayso.audit.authority.state import ended_credential
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, Json
from sayso.audit.repair.plan import plan_repair, told
from sayso.audit.repair.writing import write_repair
from sayso.audit.verifier.damage import Damage
from sayso.audit.verifier.verification import LogVerification, Verification
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant, to_micros
from sayso.sdk.audit.repair_view import (
    WORDS,
    MendedView,
    RepairView,
    RowChange,
    Said,
    word_in,
)
from sayso.sdk.container import Container
from sayso.sdk.resources.tokens import Scope, Token
from sayso.store.base import Reader, Transaction, integer, text
from sayso.verdicts import AccusationKind, damaged, unverified, wrong_key

_NEWEST = 50
_SAYS_YES = frozenset({Scope.READ, Scope.DECIDE})


class RepairResource:
    """Shows, repairs and accepts.

    Args:
        verify: judges one tenant's log, deep, with all its rows.
    """

    def __init__(self, container: Container, verify: Callable[[str], Verification]) -> None:
        self._container = container
        self._verify = verify

    async def show(self, tenant: str | None = None) -> RepairView:
        """What is wrong with a log, and what would be written; changes nothing.

        Raises:
            IntegrityError: `tampered`, when entries, the tree or a signature are wrong.
            ConfigError: `damaged`, `key_mismatch`, while it cannot be judged.
        """
        where = self._container.tenant if tenant is None else Tenant(tenant)
        log = await self._judged(where)
        plan = plan_repair(log.findings)
        rows = [one for one in log.findings if one.row is not None]
        named = {(one.row.table, one.row.name): one.id for one in rows if one.row is not None}
        return RepairView(
            tenant=where,
            id=plan.id,
            changes=tuple(
                RowChange(
                    table=one.fault.table,
                    row=one.fault.name,
                    how=one.how,
                    finding=named.get((one.fault.table, one.fault.name), ""),
                    entry=one.fault.seq,
                    columns=one.fault.columns if one.how == "update" else (),
                    found=dict(one.fault.found or {}),
                    said={
                        name: value
                        for name, value in (one.fault.said or {}).items()
                        if name in one.fault.columns
                    },
                )
                for one in plan.changes
            ),
            left=plan.left,
            rules=tuple(one for one in log.findings if one.sort is AccusationKind.RULE),
            asked_by=log.asked.get(plan.digest),
            accept_asked={
                one.id: log.asked[one.digest] for one in log.findings if one.digest in log.asked
            },
            accepted=log.accepted,
        )

    async def repair(
        self, repair_id: str | None = None, *, token: str, via: str = "sdk"
    ) -> MendedView:
        """Ask for the repair that `show` tells of, or confirm it as another person.

        Args:
            repair_id: what was shown; another state of the rows is another repair, and is refused.

        Raises:
            RefusedError: `unauthenticated`, `forbidden`, `not_an_approver`, `own_request`;
                `wrong_state` where nothing can be written; `stale_revision`.
            IntegrityError, ConfigError: as `show`.
        """
        holder = await self._container.authentication.person(token, via=via)
        return await self.repair_as(holder, repair_id, via=via)

    async def repair_as(
        self, holder: Token, repair_id: str | None = None, *, via: str
    ) -> MendedView:
        """The same for a person whom the calling surface has authenticated itself."""
        log = await self._judged(holder.tenant)
        plan = plan_repair(log.findings)
        if repair_id is not None and plan.changes and repair_id != plan.id:
            raise RefusedError(
                Code.STALE_REVISION,
                f"what would be written now is another repair than `{repair_id[:40]}`",
                next_step="run `sayso audit repair` again, and look at what it shows now",
            )
        if not plan.changes:
            raise RefusedError(
                Code.WRONG_STATE,
                "no row can be written from the log",
                next_step="run `sayso audit verify`; what only a backup has is restored from there",
            )
        data: dict[str, Json] = {"repair": plan.digest, "rows": told(plan)}
        kinds = (EntryKind.REPAIR_ASKED, EntryKind.REPAIRED)

        def done(tx: Transaction) -> None:
            write_repair(tx, holder.tenant, plan, self._container.keyring)

        found = await self._say(log, holder, via, plan.digest, data, kinds, done)
        return MendedView(
            about=plan.id,
            status=found[0],
            entry=found[1],
            rows=len(plan.changes) if found[0] == "done" else 0,
        )

    async def accept(
        self, finding: str, *, token: str, reason: str = "", via: str = "sdk"
    ) -> MendedView:
        """Ask that exactly this finding is accepted, or confirm it as another person.

        Args:
            finding: its id, `fnd_…`. reason: a code, such as `known_defect`.

        Raises:
            RefusedError: `not_found` where there is no such finding now; else as `repair`.
        """
        holder = await self._container.authentication.person(token, via=via)
        return await self.accept_as(finding, holder, reason=reason, via=via)

    async def accept_as(
        self, finding: str, holder: Token, *, reason: str = "", via: str
    ) -> MendedView:
        """The same for a person whom the calling surface has authenticated itself."""
        log = await self._judged(holder.tenant)
        named = next((one for one in log.findings if one.id and one.id == finding), None)
        if named is None:
            raise RefusedError(
                Code.NOT_FOUND,
                f"there is no finding `{finding[:40]}` to be accepted",
                next_step="`sayso audit repair` lists them with their ids",
            )
        data: dict[str, Json] = {
            "finding": named.digest,
            "check": named.check.value,
            "reason": reason[:200],
        }
        if named.row is not None:
            data |= {"table": named.row.table, "row": named.row.name}
        if named.seq is not None:
            data["entry"] = named.seq
        kinds = (EntryKind.ACCEPT_ASKED, EntryKind.FINDING_ACCEPTED)
        status, entry = await self._say(
            log, holder, via, named.digest, data, kinds, lambda tx: None
        )
        return MendedView(about=named.id, status=status, entry=entry)

    async def admit(
        self, person: str, *, by: Actor, tenant: str | None = None
    ) -> tuple[Token, str]:
        """Make a token of one day for somebody who has none to say yes with.

        An accused log takes no others. It is told of by whoever may make tokens at any time: the
        host, as `sayso token create` does.

        Raises:
            RefusedError: `not_found` for nobody of ours; `stale_revision`.
            IntegrityError, ConfigError: as `show`.
        """
        where = self._container.tenant if tenant is None else Tenant(tenant)
        log = await self._judged(where)
        return await self._container.tokens.create(
            where,
            "person",
            person,
            _SAYS_YES,
            days=1,
            by=by,
            mending=lambda tx: self._check_same(tx, where, log),
        )

    async def words_of(self, holder: Token) -> Sequence[tuple[str, MendedView]]:
        """What a person has lately asked for and confirmed, each with the call that said so.

        For a surface whose answer was lost: the same call sent again is told what it did.
        """

        def read(reader: Reader) -> list[tuple[str, MendedView]]:
            return [
                found
                for kind in WORDS
                for row in reader.all(
                    "log.page_by_kind",
                    tenant=holder.tenant,
                    kind=kind.value,
                    low=0,
                    before=2**62,
                    limit=_NEWEST,
                )
                if (found := word_in(text(row, "body"), integer(row, "seq"), holder.holder))
            ]

        return await self._container.store.read(read)

    # ---- two people ------------------------------------------------------------------------------

    async def _judged(self, tenant: Tenant) -> LogVerification:
        """The log, of which everything was read a moment ago; only rows and rules may be wrong."""
        found = await asyncio.to_thread(self._verify, tenant)
        for one in found.all_findings:
            if one.damage is Damage.DAMAGED:
                raise damaged(one.message)
            if one.damage is Damage.WRONG_KEY:
                raise wrong_key(one.message)
            if one.sort not in {AccusationKind.ROW, AccusationKind.RULE}:
                raise unverified(tenant, one.message)
        log = next((one for one in found.logs if one.tenant == tenant), None)
        if log is None or not log.deep or log.dropped or not log.pinned:
            raise unverified(tenant, "more is wrong with it than a repair can tell")
        self._note(tenant, log)
        return log

    def _note(self, tenant: Tenant, judged: LogVerification) -> None:
        """Take in that the bytes are whole, whatever was thought of the log before."""
        log = self._container.log
        refused = log.refused.get(tenant)
        accusing = next((one for one in judged.findings if one.sort is not None), None)
        if refused is not None and refused[1] is AccusationKind.BYTES and accusing is not None:
            sort = accusing.sort or AccusationKind.ROW
            log.refuse(tenant, unverified(tenant, accusing.message, sort), sort)

    async def _say(
        self,
        log: LogVerification,
        holder: Token,
        via: str,
        about: str,
        data: dict[str, Json],
        kinds: tuple[EntryKind, EntryKind],
        done: Callable[[Transaction], None],
    ) -> tuple[Said, int]:
        """One person's word: the first asks, another one's confirms, in the very transaction."""
        tenant = holder.tenant
        asking, confirming = kinds

        def work(tx: Transaction) -> tuple[Said, int]:
            self._check_same(tx, tenant, log)
            asked_by = self._check_person(tx, holder, log.asked.get(about))
            said = {**data, "via": via, "credential": holder.id}
            if asked_by is not None:
                said["asked_by"] = asked_by
            entry = Entry(
                kind=asking if asked_by is None else confirming,
                actor=Actor(kind=ActorKind.PERSON, id=holder.holder),
                data=said,
            )
            seq = self._container.log.append(tx, tenant, entry, mends=True)
            if asked_by is None:
                return "asked", seq
            done(tx)
            return "done", seq

        status, seq = await self._container.store.write(work)
        if status == "done":
            await asyncio.to_thread(self._verify, tenant)  # accepts the log again where it verifies
        return status, seq

    def _check_same(self, tx: Transaction, tenant: Tenant, log: LogVerification) -> None:
        head = self._container.log.committed(tx, tenant)
        if head is None or head.note != log.note:
            raise RefusedError(
                Code.STALE_REVISION,
                "the log has grown since it was judged",
                next_step="run it again",
            )

    def _check_person(self, tx: Transaction, holder: Token, asked_by: str | None) -> str | None:
        """Who had asked, if somebody has whose word counts; None when this is the first word."""
        # INVARIANT: by the log alone; what the files say of people is told of a whole log only.
        authority = self._container.directory.follower.at(tx, holder.tenant)
        now = to_micros(self._container.clock.now())
        named = holder.id
        if named == HOST or not authority.shows(named, holder.holder, now, {DECIDE}):
            raise ended_credential()
        person = authority.person(holder.holder)
        if person is None or not person.roles:
            raise RefusedError(
                Code.NOT_AN_APPROVER,
                "only somebody with a role has a say in this",
                next_step="ask two people with a role",
            )
        if asked_by is None:
            return None
        if asked_by == holder.holder:
            raise RefusedError(
                Code.OWN_REQUEST,
                "you asked for this yourself, so somebody else has to confirm it",
                next_step="ask another person to run the same command",
            )
        other = authority.person(asked_by)
        return asked_by if other is not None and other.roles else None
