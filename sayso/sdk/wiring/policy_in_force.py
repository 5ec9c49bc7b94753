"""The policy of an open workspace: the version in force, and who may put the next one in force."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sayso.actions.limits.definition import NO_LIMITS
from sayso.actions.limits.fill import Filling, check_unchanged
from sayso.actions.limits.reservations import LimitReservations
from sayso.actions.model.definition import Action
from sayso.actions.policy.activation import FILES, Activations, Along, Weighed
from sayso.actions.policy.active import ActiveVersion, read_active, read_in_force
from sayso.actions.policy.document import PolicyDocument, changed_parts
from sayso.actions.policy.versions import EVERY_TENANT, Version, get_version
from sayso.actions.rollout.checks import SALT
from sayso.audit.entry import Json
from sayso.errors import Code, ConfigError, SaysoError
from sayso.sdk.workspace import Workspace, compile_here, compile_policy
from sayso.store.base import Reader, Store, Transaction

if TYPE_CHECKING:
    # They bring Cedar along.
    from sayso.actions.policy.analysis.weigh import Weighing
    from sayso.actions.policy.reading import ReadPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyState:
    """The version in force beside what the files say.

    Attributes:
        version: in force; None where there is none yet, and the files become the first one.
        draft: what the files say; None where they cannot be read, or are of no interest.
        changed: what differs, by name; empty when nothing does.
    """

    version: Version | None
    document: PolicyDocument | None
    draft: PolicyDocument | None
    changed: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether the files say something else than what is in force."""
        return bool(self.changed)

    @property
    def sentence(self) -> str:
        """The difference, for a person."""
        assert self.version is not None
        named = ", ".join(self.changed)
        return f"version {self.version.number} of the policy is in force, and {named} differs"

    @property
    def next_step(self) -> str:
        """What to do about it."""
        return "see `sayso policy diff`, and put it in force with `sayso policy activate`"


async def read_state(store: Store, draft: PolicyDocument | None) -> PolicyState:
    """What is in force, beside a draft.

    Raises:
        IntegrityError: `tampered`, when the version in force is not what the log says.
    """

    def work(reader: Reader) -> tuple[Version, PolicyDocument] | None:
        if read_active(reader, EVERY_TENANT) is None:
            return None
        return read_in_force(reader)

    found = await store.read(work)
    if found is None:
        return PolicyState(version=None, document=None, draft=draft, changed=())
    version, document = found
    changed = () if draft is None else changed_parts(document, draft)
    return PolicyState(version=version, document=document, draft=draft, changed=changed)


def weigh_change(
    was: PolicyDocument, now: PolicyDocument, actions: Sequence[Action]
) -> tuple[Weighed, Weighing | None]:
    """What a change does to who may do what without whom; what is not known counts as looser.

    Returns:
        For the log, and in full; without the latter where what is in force cannot be read here.

    Raises:
        ConfigError: `invalid_policy` for what is to be put in force.
    """
    from sayso.actions.policy.analysis.weigh import weigh  # Cedar loads when it is used

    after, parts = compile_policy(now, tuple(actions)), changed_parts(was, now)
    try:
        before = compile_policy(was, tuple(actions))
    except SaysoError:
        return Weighed(direction="looser", decided=False, changes=parts), None
    if before.absent or after.absent:  # whose rules nobody can compare here
        return Weighed(direction="looser", decided=False, changes=parts), None
    found = weigh(before, after, [action.name for action in actions])
    changes = (*parts, *found.loosens, *found.tightens)
    return Weighed(direction=found.direction, decided=found.decided, changes=changes), found


def along_of(
    book: LimitReservations,
    was: PolicyDocument | None,
    now: ReadPolicy,
    actions: Sequence[Action],
) -> Along:
    """What has to happen in the transaction that puts a document in force.

    Raises:
        ConfigError: `invalid_policy`, where a limit that stays would count something else.
    """
    from sayso.actions.policy.reading import limits_of  # Cedar loads when it is used

    before = NO_LIMITS if was is None else limits_of(was, actions)[0]
    check_unchanged(before, now.limits)
    filling = Filling(
        book=book,
        was=before,
        now=now.limits,
        calendar=now.calendar,
        actions={action.name: action for action in actions},
        entropy=secrets.token_bytes,
    )

    def along(tx: Transaction, at: int) -> dict[str, Json]:
        if not now.dials.is_open:
            tx.run("log.meta_insert", key=SALT, value=secrets.token_hex(32))
        return filling.put_in_force(tx, at)

    return along


class PolicyDrafts:
    """What the files say, and how it becomes the first version where there is none.

    Args:
        book: keeps what is used of limits.
        actions: those of this program.
    """

    def __init__(
        self,
        workspace: Workspace,
        store: Store,
        activations: Activations,
        book: LimitReservations,
        actions: tuple[Action, ...],
    ) -> None:
        self._book = book
        self._workspace = workspace
        self._store = store
        self._activations = activations
        self._actions = actions
        self._compiled: tuple[str, ReadPolicy] | None = None

    def compile(self, document: PolicyDocument) -> ReadPolicy:
        """A policy that can be asked; the newest one is kept.

        Raises:
            ConfigError: `invalid_policy`, with file, rule and the next step.
        """
        kept = self._compiled
        if kept is None or kept[0] != document.sha256:
            read = compile_here(self._workspace, document, self._actions)
            kept = self._compiled = document.sha256, read
        return kept[1]

    async def check(self) -> None:
        """Whether the files can be judged by, where they become the version in force.

        Raises:
            ConfigError: `invalid_policy`, `invalid_setting`.
        """
        try:
            active = await self._store.read(_active)
        except SaysoError:
            return  # whoever judges something says that the database is away
        if active is None or self._follows:
            await asyncio.to_thread(self._draft)

    async def begin(self) -> None:
        """Put what the files say in force, where there is nothing yet or the workspace follows.

        Raises:
            ConfigError: as `check`.
        """
        active = await self._store.read(_active)
        if active is not None and not self._follows:
            return
        if self._workspace.database:
            raise ConfigError(
                Code.STORE_VERSION,
                "the database has no copy of the operator's log yet, and so no policy",
                next_step="run `sayso migrate`, which makes it",
            )
        document = await asyncio.to_thread(self._draft)
        if active is None:
            along = along_of(self._book, None, self.compile(document), self._actions)
            by = replace(FILES, via="first_start")
            await self._activations.begin(document, by=by, along=along)
        elif active.sha256 != document.sha256:
            _, was = await self._store.read(lambda reader: get_version(reader, active.number))
            weighed, _ = await asyncio.to_thread(weigh_change, was, document, self._actions)
            along = along_of(self._book, was, self.compile(document), self._actions)
            await self._activations.follow(document, weighed, active.number, along=along)

    @property
    def _follows(self) -> bool:
        # The policy is put in force where the operator's log goes on, and copied from there.
        in_home = not self._workspace.database
        return in_home and self._workspace.settings.policy.follow == "files"

    def _draft(self) -> PolicyDocument:
        document = self._workspace.draft(self._actions)
        self.compile(document)
        return document


def _active(reader: Reader) -> ActiveVersion | None:
    return read_active(reader, EVERY_TENANT)
