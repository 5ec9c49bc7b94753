"""Following the version in force: every judging and claiming transaction reads which one it is.

A process keeps the one version that it judged by last, compiled. A transaction that finds another
number ends without having written anything; the version is loaded, and the transaction runs again.
So nobody is judged by an old version after the commit that put a new one in force, and no process
has to be told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from sayso.actions.limits.definition import NO_LIMITS, LimitSet
from sayso.actions.policy.base import Policy
from sayso.actions.policy.calendar import Calendar
from sayso.actions.policy.document import PolicyDocument
from sayso.actions.policy.versions import EVERY_TENANT, Version, get_version, tampered
from sayso.audit.log import POLICY
from sayso.errors import Code, RetryableError, SaysoError
from sayso.ids import Tenant
from sayso.store.base import Reader, Store, Transaction, integer, text
from sayso.store.replica import acting

if TYPE_CHECKING:
    # They bring Cedar along.
    from sayso.actions.policy.reading import ReadPolicy
    from sayso.actions.rollout.dials import Dials

logger = logging.getLogger("sayso.policy")
T = TypeVar("T")

_TRIES = 5
"""So often a version may move under one unit of work before its caller is asked to come again."""
_ACTIVE = "policy.active"
_OF_THE_STORE = frozenset(code for code in Code if code.value.startswith("store_"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveVersion:
    """What a transaction sees to be in force: enough to tell whether it is the one at hand."""

    number: int
    sha256: str
    last_seq: int


def read_active(reader: Reader, tenant: Tenant) -> ActiveVersion | None:
    """The version in force, as this transaction sees it; None where there was never one.

    Args:
        tenant: whose action is judged; any tenant may see it.
    """
    row = reader.one(_ACTIVE, tenant=tenant)
    if row is None:
        return None
    return ActiveVersion(
        number=integer(row, "number"), sha256=text(row, "sha256"), last_seq=integer(row, "last_seq")
    )


def ahead_of_active(tx: Reader, tenant: Tenant) -> None:
    """Say that the version in force is read next; see `Reader.ahead`."""
    tx.ahead(_ACTIVE, tenant=tenant)


def read_in_force(reader: Reader) -> tuple[Version, PolicyDocument]:
    """The version in force with its content, and as the log tells of it.

    Raises:
        RefusedError: `not_found`, where there was never one.
        IntegrityError: `tampered`, when it is not what the log says, or one was taken away.
    """
    active = read_active(reader, EVERY_TENANT)
    found = get_version(reader, 1 if active is None else active.number)
    _check_newest(reader, found[0])
    return found


def _check_newest(reader: Reader, version: Version) -> None:
    row = reader.one("policy.newest_activation", tenant=version.home)
    if row is not None and integer(row, "seq") > version.last_seq:
        raise tampered("the newest version of the policy that the log tells of is not there")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedPolicy:
    """A version that this process can judge by.

    Attributes:
        number: 0 for a policy that is no version, such as one that denies all.
        sha256: of the version's content. home: the tenant whose log tells of it.
        limits, calendar: of the version. dials: of the roll-out; None where nothing is held back.
        read: all that the version holds; None for a policy that is none.
        absent: names of actions that nobody can judge in this process.
    """

    number: int
    policy: Policy
    sha256: str = ""
    home: Tenant = EVERY_TENANT
    limits: LimitSet = NO_LIMITS
    calendar: Calendar = field(default_factory=Calendar)
    dials: Dials | None = None
    read: ReadPolicy | None = None
    absent: frozenset[str] = frozenset()


class PolicyMovedError(RetryableError):
    """The version in force is another one than this process has loaded."""

    def __init__(self, number: int) -> None:
        super().__init__(
            Code.POLICY_UNAVAILABLE,
            "the policy that is in force is not loaded yet",
            next_step="try again; if it stays so, run `sayso doctor`",
        )
        self.number = number


class Policies(Protocol):
    """Knows by which policy a transaction judges."""

    def at(self, reader: Reader, tenant: Tenant) -> LoadedPolicy:
        """The policy in force, as this transaction sees it.

        Raises:
            PolicyMovedError: it has to be loaded first; the unit ends and is run again.
        """
        ...

    def ahead(self, reader: Reader, tenant: Tenant) -> None:
        """Say that `at` is asked next; see `Reader.ahead`."""
        ...

    async def load(self, store: Store) -> None:
        """Load the version in force.

        Raises:
            RetryableError: `policy_unavailable`, when it cannot be.
        """
        ...

    @property
    def counts_across(self) -> bool:
        """Whether the version at hand counts tenants together: by a limit, or by a roll-out."""
        ...


class FixedPolicy:
    """One policy, whatever the store says: where nothing is to be judged, and in tests."""

    def __init__(self, policy: Policy) -> None:
        self._loaded = LoadedPolicy(number=0, policy=policy)

    def at(self, reader: Reader, tenant: Tenant) -> LoadedPolicy:
        """The policy."""
        return self._loaded

    def ahead(self, reader: Reader, tenant: Tenant) -> None:
        """Nothing is read."""

    async def load(self, store: Store) -> None:
        """Nothing is to be loaded."""

    @property
    def counts_across(self) -> bool:
        """No."""
        return False


class ActivePolicy:
    """The version in force, compiled.

    Args:
        compile_document: makes a policy of a version, for this program's actions; slow, no IO.
        first: puts the first version in force where there is none, or what the files say where the
            workspace follows them.
    """

    def __init__(
        self,
        compile_document: Callable[[PolicyDocument], ReadPolicy],
        first: Callable[[], Awaitable[None]],
    ) -> None:
        self._compile = compile_document
        self._first = first
        self._begun = False
        self._loaded: LoadedPolicy | None = None
        self._loading = asyncio.Lock()
        self._problem: SaysoError | None = None

    @property
    def problem(self) -> SaysoError | None:
        """Why nothing can be judged now; None when all is well."""
        return self._problem

    @property
    def loaded(self) -> LoadedPolicy | None:
        """What was judged by last."""
        return self._loaded

    @property
    def counts_across(self) -> bool:
        """See `Policies`."""
        loaded = self._loaded
        return loaded is not None and (
            loaded.dials is not None or any(one.across for one in loaded.limits.limits)
        )

    def at(self, reader: Reader, tenant: Tenant) -> LoadedPolicy:
        """See `Policies.at`."""
        number = self._number(reader, tenant)
        if self._loaded is None or self._loaded.number != number or not self._begun:
            raise PolicyMovedError(number)
        return self._loaded

    def ahead(self, reader: Reader, tenant: Tenant) -> None:
        """See `Policies.ahead`."""
        if not reader.writes:  # a writer reads the log's head, and the number with it
            ahead_of_active(reader, tenant)

    @staticmethod
    def _number(reader: Reader, tenant: Tenant) -> int:
        # INVARIANT: nobody else writes between a unit and those that share its commit, so within
        # one the number is read once; `forget` is called by whoever changes it.
        known = _recalled(reader)
        if isinstance(known, int):
            return known
        active = read_active(reader, tenant)
        number = 0 if active is None else active.number
        remember = getattr(reader, "remember", None)  # a mere reader has no commit to share
        if callable(remember):
            remember(POLICY, number)
        return number

    async def load(self, store: Store) -> None:
        """See `Policies.load`. Several at once load it once."""
        async with self._loading:
            try:
                if not self._begun:
                    await self._first()
                    self._begun = True
                with acting():
                    version, document = await store.read(read_in_force)
                if self._loaded is None or self._loaded.number != version.number:
                    read = await asyncio.to_thread(self._compile, document)
                    self._loaded = LoadedPolicy(
                        number=version.number,
                        policy=read.policy,
                        sha256=version.sha256,
                        home=version.home,
                        limits=read.limits,
                        calendar=read.calendar,
                        dials=None if read.dials.is_open else read.dials,
                        read=read,
                        absent=read.absent,
                    )
                self._problem = None
            except SaysoError as error:
                if error.code in _OF_THE_STORE:
                    raise  # that the database is away says nothing about the policy
                self._problem = error
                raise _unavailable(error) from error


def forget(tx: Transaction) -> None:
    """Have the units that share this commit read the number anew; for whoever changes it."""
    tx.remember(POLICY, None)


class FollowingStore:
    """A store whose units may find that the policy has moved: it is loaded, and they run again.

    Guarantees: as `Store`. A unit that ends with `PolicyMovedError` has written nothing.
    """

    def __init__(self, store: Store, policies: Policies) -> None:
        self._store = store
        self._policies = policies

    async def write(
        self,
        work: Callable[[Transaction], T],
        *,
        tenant: str | None = None,
        about: str | None = None,
        brief: bool = False,
    ) -> T:
        """See `Store.write`.

        Raises:
            RetryableError: also `policy_unavailable`.
        """
        for _ in range(_TRIES):
            # Else most units would find out by themselves, and run twice.
            about = None if self._policies.counts_across else about
            try:
                return await self._store.write(work, tenant=tenant, about=about, brief=brief)
            except PolicyMovedError:
                await self._policies.load(self._store)
        return await self._store.write(work, tenant=tenant, about=about, brief=brief)

    async def read(
        self, work: Callable[[Reader], T], *, tenant: str | None = None, brief: bool = False
    ) -> T:
        """See `Store.read`.

        Raises:
            RetryableError: also `policy_unavailable`.
        """
        for _ in range(_TRIES):
            try:
                return await self._store.read(work, tenant=tenant, brief=brief)
            except PolicyMovedError:
                await self._policies.load(self._store)
        return await self._store.read(work, tenant=tenant, brief=brief)

    async def version(self) -> int:
        """See `Store.version`."""
        return await self._store.version()

    async def close(self) -> None:
        """See `Store.close`."""
        await self._store.close()


def _recalled(reader: Reader) -> object | None:
    recall = getattr(reader, "recall", None)
    return recall(POLICY) if callable(recall) else None


def _unavailable(error: SaysoError) -> RetryableError:
    logger.error("the policy in force cannot be loaded: %s", error.code.value)
    return RetryableError(
        Code.POLICY_UNAVAILABLE,
        f"the policy that is in force cannot be loaded, so nothing is judged: {error.message}",
        next_step=error.next_step or "run `sayso doctor`",
        detail=error.detail,
    )
