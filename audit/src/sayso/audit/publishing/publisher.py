"""Hands every log's newest head to every place, again and again, and stands in nobody's way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type
from tenacity.wait import wait_exponential_jitter

from sayso.audit.log_of_logs import LOGS
from sayso.audit.publishing.base import CheckpointSubmission, PublishTarget
from sayso.audit.publishing.reading import (
    Published,
    SignedHead,
    prove_consistency,
    read_pair,
    read_tenants,
)
from sayso.audit.signed_note.cosignature import MlDsaCosigner
from sayso.errors import Code, IntegrityError, RetryableError, SaysoError, logged_with_frames
from sayso.ids import Clock, Tenant, to_micros
from sayso.store.base import Store, Transaction

logger = logging.getLogger("sayso.publishing")

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
_TRIES = 3

_Due = Callable[[SignedHead, Published | None], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishingPace:
    """How often a head is published: after so many seconds or so many entries, what comes first."""

    every_s: float = 10.0
    every_entries: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetState:
    """How far a place is behind a log.

    Attributes:
        place: its name.
        tenant: whose log.
        size: how many entries the log has.
        published: how many the place has seen; 0 for none.
        at_micros: when it saw them; None for never.
        problem: why the last try failed; empty when it did not.
    """

    place: str
    tenant: str
    size: int
    published: int
    at_micros: int | None
    problem: str = ""

    @property
    def lag(self) -> int:
        """Entries that no such place vouches for."""
        return max(self.size - self.published, 0)


class Publisher:
    """Publishes the heads of all logs of a database.

    Args:
        places: each is served by itself, so one that does not answer holds no other up.
        pace: how often a head goes to a place.
        paces: likewise of single places, by name.
        only_logs: names of places that get the log of logs alone.
        second: signs published heads with ML-DSA-44 as well; None for Ed25519 alone.

    Guarantees: only what the log has signed is published. A place's row is written after the
    place has answered, so a crash in between publishes the same head once more, which is no harm.
    Nothing waits for it.
    """

    def __init__(
        self,
        store: Store,
        places: Sequence[PublishTarget],
        clock: Clock,
        *,
        pace: PublishingPace | None = None,
        paces: Mapping[str, PublishingPace] | None = None,
        only_logs: Collection[str] = (),
        second: MlDsaCosigner | None = None,
    ) -> None:
        self._store = store
        self._places = tuple(places)
        self._clock = clock
        self._pace = pace or PublishingPace()
        self._paces = dict(paces or {})
        self._only_logs = frozenset(only_logs)
        self._second = second
        self._problems: dict[tuple[str, str], SaysoError] = {}

    @property
    def problems(self) -> dict[tuple[str, str], SaysoError]:
        """Why the last try of a place with a tenant's log failed, by both names."""
        return dict(self._problems)

    async def run(self) -> None:
        """Publish until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for place in self._places:
                    group.create_task(self._serve(place), name=f"publish to {place.name}")
        finally:
            await self.close()

    async def close(self) -> None:
        """Close the places."""
        for place in self._places:
            await place.close()

    async def publish_now(self) -> list[TargetState]:
        """One try of every place with every log, due or not.

        Returns:
            How far each is; `problem` says what failed.
        """
        for place in self._places:
            for tenant in await self._tenants(place):
                await self._try(place, tenant, due=_always)
        return await self.states()

    async def publish_due(self) -> None:
        """One try of every place with every log that is due."""
        for place in self._places:
            for tenant in await self._tenants(place):
                await self._try(place, tenant, due=partial(self._due, place))

    async def states(self) -> list[TargetState]:
        """How far each place is behind each log, by name."""
        found: list[TargetState] = []
        for place in self._places:
            for tenant in await self._tenants(place):
                head, published = await read_pair(self._store, tenant, place.name)
                problem = self._problems.get((place.name, tenant))
                found.append(
                    TargetState(
                        place=place.name,
                        tenant=tenant,
                        size=head.checkpoint.size if head else 0,
                        published=published.size if published else 0,
                        at_micros=published.at_micros if published else None,
                        problem=problem.message if problem else "",
                    )
                )
        return found

    def _pace_of(self, place: PublishTarget) -> PublishingPace:
        return self._paces.get(place.name, self._pace)

    async def _tenants(self, place: PublishTarget) -> list[Tenant]:
        """Whose logs go to a place; the log of logs does not hold its own heads."""
        tenants = await read_tenants(self._store)
        if place.name in self._only_logs:
            return [tenant for tenant in tenants if tenant == LOGS]
        return [tenant for tenant in tenants if tenant != place.name]

    async def _serve(self, place: PublishTarget) -> None:
        poll_s = min(1.0, self._pace_of(place).every_s)
        while True:
            async for attempt in AsyncRetrying(
                wait=wait_exponential_jitter(initial=FIRST_PAUSE_S, max=LONGEST_PAUSE_S),
                retry=retry_if_exception_type(RetryableError),
                before_sleep=partial(_say_later, place),
            ):
                with attempt:
                    await self._round(place)
            await asyncio.sleep(poll_s)

    async def _round(self, place: PublishTarget) -> None:
        """Serve every log that is due; one that fails holds no other up."""
        retry: RetryableError | None = None
        try:
            for tenant in await self._tenants(place):
                error = await self._try(place, tenant, due=partial(self._due, place))
                retry = error if isinstance(error, RetryableError) else retry
        except SaysoError as error:  # the database itself; the next round may find it well
            logger.warning("publishing to %s: %s", place.name, error.message)
        except Exception as error:  # noqa: BLE001  (it must not end publishing for good)
            told = logged_with_frames(error)
            logger.error("publishing to %s raised an unexpected error: %s", place.name, told)  # noqa: TRY400
        if retry is not None:
            raise retry

    async def _try(self, place: PublishTarget, tenant: Tenant, *, due: _Due) -> SaysoError | None:
        try:
            await self._publish_newest(place, tenant, due)
        except SaysoError as error:
            before = self._problems.get((place.name, tenant))
            self._problems[place.name, tenant] = error
            if before is None or before.message != error.message:
                level = logging.ERROR if isinstance(error, IntegrityError) else logging.WARNING
                logger.log(level, "publishing %s to %s: %s", tenant, place.name, error.message)
            return error
        self._problems.pop((place.name, tenant), None)
        return None

    async def _publish_newest(self, place: PublishTarget, tenant: Tenant, due: _Due) -> None:
        for left in reversed(range(_TRIES)):
            head, published = await read_pair(self._store, tenant, place.name)
            if head is None or head.checkpoint.size == 0 or not due(head, published):
                return
            try:
                _check_growth(place, head, published)
                await self._publish(place, tenant, head, published)
            except IntegrityError:
                # Another process may have published a newer head in the meantime: then the newest
                # one fits. What is wrong stays wrong.
                if not left:
                    raise
            else:
                return

    async def _publish(
        self, place: PublishTarget, tenant: Tenant, head: SignedHead, published: Published | None
    ) -> None:
        async def prove(old_size: int) -> Sequence[bytes]:
            size = head.checkpoint.size
            return await prove_consistency(self._store, tenant, old_size, size, published)

        taken = await place.publish(
            CheckpointSubmission(
                checkpoint=head.checkpoint,
                note=self._signed_twice(head),
                old_size=published.size if published else 0,
                prove=prove,
            )
        )

        at = to_micros(self._clock.now())

        def keep(tx: Transaction) -> None:
            tx.run(
                "publication.keep",
                tenant=tenant,
                place=place.name,
                size=head.checkpoint.size,
                frontier=head.frontier,
                note=taken.note,
                at=at,
            )
            if taken.token is not None:
                tx.run(
                    "publication.stamp",
                    tenant=tenant,
                    place=place.name,
                    size=head.checkpoint.size,
                    note=taken.note,
                    token=taken.token,
                    at=at,
                )

        await self._store.write(keep, tenant=tenant)

    def _signed_twice(self, head: SignedHead) -> str:
        if self._second is None:
            return head.note
        text = head.checkpoint.text()
        at_s = to_micros(self._clock.now()) // 1_000_000
        return head.note + self._second.named(head.checkpoint.origin).cosign(text, at_s).text()

    def _due(self, place: PublishTarget, head: SignedHead, published: Published | None) -> bool:
        if published is None:
            return True
        added = head.checkpoint.size - published.size
        if added < 0:
            return True  # somebody shortened the log
        pace = self._pace_of(place)
        waited = to_micros(self._clock.now()) - published.at_micros
        # A clock that was put back counts as having waited, or nothing would go out for long.
        late = waited >= pace.every_s * 1e6 or waited < 0
        return added > 0 and (late or added >= pace.every_entries)


def _always(_head: SignedHead, _published: Published | None) -> bool:
    return True


def _check_growth(place: PublishTarget, head: SignedHead, published: Published | None) -> None:
    if published is None or published.size < head.checkpoint.size:
        return
    if published.size > head.checkpoint.size or published.frontier != head.frontier:
        raise IntegrityError(
            Code.TAMPERED,
            f"`{place.name}` was given another history of `{head.checkpoint.origin}`",
            next_step="run `sayso audit verify` with what was published",
            detail=f"{published.size} entries then, {head.checkpoint.size} now",
        )


def _say_later(place: PublishTarget, state: RetryCallState) -> None:
    pause = state.next_action.sleep if state.next_action else 0.0
    logger.info("publishing to %s is tried again in %.0f s", place.name, pause)
