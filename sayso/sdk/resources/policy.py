"""The policy on the SDK's front: what is in force, what the files say, who may change it."""

from __future__ import annotations

import asyncio
import contextlib
import difflib
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Literal

from sayso.actions.policy.activation import (
    Along,
    Change,
    Confirming,
    Order,
    get_change,
    read_change,
)
from sayso.actions.policy.document import PolicyDocument
from sayso.actions.policy.versions import Version, get_version, read_version
from sayso.audit.authority.by import By
from sayso.audit.entry import Actor
from sayso.errors import Code, ConfigError, RefusedError, RetryableError, SaysoError
from sayso.ids import rfc3339
from sayso.sdk.resources.base import Resource, page_of
from sayso.sdk.resources.processes import LackView, ProcessResource, named_in
from sayso.sdk.resources.tokens import Token
from sayso.sdk.views.base import View
from sayso.sdk.wiring.policy_in_force import PolicyState, along_of, read_state, weigh_change
from sayso.sdk.workspace import Workspace, compile_here
from sayso.store.base import Reader

if TYPE_CHECKING:
    from sayso.sdk.container import Container


_Status = Literal["waiting", "activated", "moved", "withdrawn"]
_STATUS: dict[str | None, _Status] = {
    None: "waiting",
    "activated": "activated",
    "moved": "moved",
    "withdrawn": "withdrawn",
}


class PolicyVersionView(View):
    """A version of the policy.

    Attributes:
        version: its number; the highest one is in force.
        sha256: of its content. parent: the version before it; None for the first.
        direction: `first`, `same`, `looser` or `tighter`; what could not be decided is `looser`.
        activated_by: kind and id. asked_by: the first of two people, likewise.
        seq: its entry in the log of the workspace's own tenant.
    """

    version: int
    sha256: str
    parent: int | None
    direction: Literal["first", "same", "looser", "tighter"]
    activated_by: str
    asked_by: str | None
    activated_at: str
    via: str
    note: str
    seq: int


class PolicyTextView(View):
    """A version with what it says.

    Attributes:
        files: text by name. settings: what decides beside them.
    """

    version: PolicyVersionView
    files: Mapping[str, str]
    roles: tuple[str, ...]
    max_people: int
    activate: tuple[str, ...]
    loosening_needs: int
    confirm: tuple[str, ...]


class PolicyChangeView(View):
    """A change that waits for a second person, or did.

    Attributes:
        sha256: what has to be named, whole or its first 12 digits, to confirm it.
        status: `waiting`, `activated`, `moved` (another version came between) or `withdrawn`.
        next_step: what is to be done; empty when nothing is.
    """

    id: str
    sha256: str
    parent: int
    direction: Literal["first", "same", "looser", "tighter"]
    status: _Status
    asked_by: str
    asked_at: str
    note: str
    ended_by: str | None = None
    next_step: str


class PolicyDraftView(View):
    """What the files say, beside what is in force.

    Attributes:
        version: in force; None where there is none yet, and the files become the first one.
        sha256: of what the files say.
        changed: names of the files and settings that differ.
        text_diff: the difference as a unified diff.
    """

    version: int | None
    sha256: str
    changed: tuple[str, ...]
    text_diff: str


class ActivationView(View):
    """What came of an order to put a draft in force: a version, or a change that waits.

    Attributes:
        lacking: the live processes that lack an action which it names; a warning, no refusal.
    """

    version: PolicyVersionView | None = None
    waits: PolicyChangeView | None = None
    lacking: tuple[LackView, ...] = ()


class PolicyResource(Resource):
    """`sayso.policy`."""

    def __init__(self, container: Container, workspace: Workspace) -> None:
        super().__init__(container)
        self._workspace = workspace

    async def in_force(self) -> PolicyTextView | None:
        """The version in force; None where there is none yet.

        Raises:
            IntegrityError: `tampered`, when it is not what the log says was activated.
        """
        state = await read_state(self._container.store, None)
        if state.version is None or state.document is None:
            return None
        return _text_view(state.version, state.document)

    async def version(self, number: int) -> PolicyTextView:
        """One version with what it says.

        Raises:
            RefusedError: `not_found`.
        """
        found = await self._container.store.read(lambda reader: get_version(reader, number))
        return _text_view(*found)

    async def history(
        self, *, limit: int = 50, after: int | None = None
    ) -> list[PolicyVersionView]:
        """Versions, newest first; `after` is the number of the last one of the page before.

        Raises:
            RefusedError: `invalid_input`.
        """
        size = page_of(limit)

        def work(reader: Reader) -> list[PolicyVersionView]:
            rows = reader.all("policy.page", after=after, limit=size)
            return [_version_view(read_version(row)) for row in rows]

        return await self._container.store.read(work)

    async def changes(self) -> list[PolicyChangeView]:
        """What waits for a second person, oldest first."""

        def work(reader: Reader) -> list[PolicyChangeView]:
            return [_change_view(read_change(row)) for row in reader.all("policy.changes_open")]

        return await self._container.store.read(work)

    async def to_confirm(self, holder: Token, roles: Collection[str]) -> list[PolicyChangeView]:
        """The changes that a person with these roles may confirm now, oldest first."""
        waiting = await self.changes()
        if not waiting or holder.tenant != self._container.tenant:
            return []
        state = await read_state(self._container.store, None)
        if state.version is None or state.document is None:
            return []
        if not state.document.rules.may_confirm.intersection(roles):
            return []
        number = state.version.number
        return [one for one in waiting if one.parent == number and one.asked_by != holder.actor.id]

    async def change(self, change_id: str) -> PolicyChangeView:
        """A change that waits, or did.

        Raises:
            RefusedError: `not_found`.
        """
        found = await self._container.store.read(lambda reader: get_change(reader, change_id))
        return _change_view(found[0])

    async def draft(self, given: Mapping[str, str] | None = None) -> PolicyDraftView:
        """What the files say, beside what is in force.

        Args:
            given: texts in place of files of these names; an empty one for no file.

        Raises:
            ConfigError: `invalid_policy`, `invalid_setting`; what is wrong with the files.
            RefusedError: `invalid_input`, for a name that no file of the policy has.
        """
        document = await self._read_draft(given)
        state = await read_state(self._container.store, document)
        return PolicyDraftView(
            version=None if state.version is None else state.version.number,
            sha256=document.sha256,
            changed=state.changed,
            text_diff=_text_diff(state),
        )

    async def begin(self, *, by: Actor, via: str) -> PolicyVersionView | None:
        """Put what the files say in force as the first version; None where there is one already.

        Raises:
            ConfigError: `invalid_policy`, `invalid_setting`.
        """
        document = await self._read_draft()
        along = await self._along(None, document)
        first = await self._container.activations.begin(
            document, by=By(actor=by, via=via), along=along
        )
        return None if first is None else _version_view(first)

    async def notes(self) -> list[str]:
        """What whoever starts a program should know of the policy, in lines; mostly nothing."""
        try:
            document = await self._read_draft()
        except SaysoError as error:
            return [f"the files of the policy are not right: {error.message}", "next: sayso check"]
        state = await read_state(self._container.store, document)
        if self._workspace.settings.policy.follow == "files":
            return ["the policy follows the files: what they say is put in force by whoever starts"]
        return [state.sentence, f"next: {state.next_step}"] if state.differs else []

    async def activate(
        self,
        *,
        token: str,
        note: str = "",
        sha256: str = "",
        given: Mapping[str, str] | None = None,
        via: str = "sdk",
    ) -> ActivationView:
        """Put what the files say in force, as the person whose token this is.

        Args:
            given: as for `draft`. The files themselves stay as they are.
            note: why, for whoever looks.
            sha256: of the draft that was looked at, whole or its first 12 digits; any when empty.

        Raises:
            RefusedError: `unauthenticated`, `forbidden`; `digest_mismatch` when the files say
                something else meanwhile; see `Activations.activate`.
            ConfigError: `invalid_policy`.
        """
        holder = await self._container.authentication.person(token, via=via)
        return await self.activate_as(holder, note=note, sha256=sha256, given=given, via=via)

    async def activate_as(
        self,
        holder: Token,
        *,
        note: str = "",
        sha256: str = "",
        given: Mapping[str, str] | None = None,
        second: bool = False,
        via: str,
    ) -> ActivationView:
        """The same for a person whom the calling surface has authenticated itself.

        Args:
            second: a loosening waits for a second person, also where one would be enough.
        """
        self.check_home(holder)
        document = await self._read_draft(given)
        if sha256 and not (len(sha256) >= 12 and document.sha256.startswith(sha256)):
            raise RefusedError(
                Code.DIGEST_MISMATCH,
                "the files say something else than what you looked at",
                next_step="look at `sayso policy diff` again",
            )
        return await self._put(document, _by(holder, via), note, second=second)

    async def rollback(
        self, number: int, *, token: str, note: str = "", via: str = "sdk"
    ) -> ActivationView:
        """Put an earlier version's content in force again, under a new number.

        Raises:
            RefusedError: `not_found`, and as `activate`. ConfigError: as `activate`.
        """
        holder = await self._container.authentication.person(token, via=via)
        return await self.rollback_as(number, holder, note=note, via=via)

    async def rollback_as(
        self, number: int, holder: Token, *, note: str = "", via: str
    ) -> ActivationView:
        """The same for a person whom the calling surface has authenticated itself."""
        self.check_home(holder)
        _, document = await self._container.store.read(lambda reader: get_version(reader, number))
        await self._compile(document)
        return await self._put(document, _by(holder, via), note or f"back to version {number}")

    async def confirm(
        self, change_id: str, *, sha256: str, token: str, via: str = "sdk"
    ) -> PolicyVersionView:
        """Put in force what somebody else asked for, as the person whose token this is.

        Args:
            sha256: of the change that was looked at, whole or its first 12 digits.

        Raises:
            RefusedError: `unauthenticated`, `forbidden`; see `Activations.confirm`.
            ConfigError: `invalid_policy`.
        """
        holder = await self._container.authentication.person(token, via=via)
        return await self.confirm_as(change_id, holder, sha256=sha256, via=via)

    async def confirm_as(
        self, change_id: str, holder: Token, *, sha256: str, via: str
    ) -> PolicyVersionView:
        """The same for a person whom the calling surface has authenticated itself."""
        self.check_home(holder)
        container = self._container
        _, document = await container.store.read(lambda reader: get_change(reader, change_id))
        await self._compile(document)
        state = await read_state(container.store, None)
        along = await self._along(state.document, document)
        confirming = Confirming(sha256=sha256, by=_by(holder, via), along=along)
        version = await container.activations.confirm(change_id, confirming)
        return _version_view(version)

    async def withdraw(self, change_id: str, *, token: str, via: str = "sdk") -> PolicyChangeView:
        """End a change that waits for a second person.

        Raises:
            RefusedError: `unauthenticated`, `forbidden`; see `Activations.withdraw`.
        """
        holder = await self._container.authentication.person(token, via=via)
        return await self.withdraw_as(change_id, holder, via=via)

    async def withdraw_as(self, change_id: str, holder: Token, *, via: str) -> PolicyChangeView:
        """The same for a person whom the calling surface has authenticated itself."""
        self.check_home(holder)
        change = await self._container.activations.withdraw(change_id, by=_by(holder, via))
        return _change_view(change)

    async def put_as(
        self, document: PolicyDocument, holder: Token, *, note: str, via: str
    ) -> ActivationView:
        """Put any document in force, as `activate_as` does with what the files say."""
        self.check_home(holder)
        await self._compile(document)
        return await self._put(document, _by(holder, via), note)

    async def state(self) -> PolicyState:
        """What is in force, read and checked."""
        return await read_state(self._container.store, None)

    def check_home(self, holder: Token) -> None:
        """Only people of the workspace's own tenant have to do with its drafts.

        Raises:
            RefusedError: `forbidden`.
        """
        check_of_home(self._container.tenant, holder, "the policy is")

    # ---- inside --------------------------------------------------------------------------------

    async def lacking(self, document: PolicyDocument | None = None) -> tuple[LackView, ...]:
        """The live processes that lack an action which a policy names; that in force when None."""
        container = self._container
        if document is None:
            document = (await read_state(container.store, None)).document
        if document is None:
            return ()
        kinds = await container.action_catalog.read()
        names = named_in(document.files, (action.name for action in kinds.actions))
        return tuple(await ProcessResource(container.store, container.clock).lacking(names))

    async def _put(
        self, document: PolicyDocument, by: By, note: str, *, second: bool = False
    ) -> ActivationView:
        done = await self._put_in_force(document, by, note, second=second)
        lacking: tuple[LackView, ...] = ()
        with contextlib.suppress(RetryableError):  # it is done, whoever lacks something
            lacking = await self.lacking(document)
        if isinstance(done, Version):
            return ActivationView(version=_version_view(done), lacking=lacking)
        return ActivationView(waits=_change_view(done), lacking=lacking)

    async def _put_in_force(
        self, document: PolicyDocument, by: By, note: str, *, second: bool
    ) -> Version | Change:
        container = self._container
        state = await read_state(container.store, document)
        if state.version is None or state.document is None:
            along = await self._along(None, document)
            first = await container.activations.begin(document, by=by, along=along)
            if first is not None:
                return first
            # Somebody else was faster.
            return await self._put_in_force(document, by, note, second=second)
        kinds = await container.action_catalog.read()
        weighed, _ = await asyncio.to_thread(weigh_change, state.document, document, kinds.actions)
        return await container.activations.activate(
            Order(
                document=document,
                parent=state.version.number,
                weighed=weighed,
                by=by,
                note=note,
                second=second,
                along=await self._along(state.document, document),
            )
        )

    async def _along(self, was: PolicyDocument | None, now: PolicyDocument) -> Along:
        kinds = await self._container.action_catalog.read()
        compiled = await asyncio.to_thread(compile_here, self._workspace, now, kinds.actions)
        return along_of(self._container.limit_book, was, compiled, kinds.actions)

    async def _read_draft(self, given: Mapping[str, str] | None = None) -> PolicyDocument:
        kinds = await self._container.action_catalog.read()
        document = await asyncio.to_thread(self._workspace.draft, kinds.actions, given)
        await self._compile(document)
        return document

    async def _compile(self, document: PolicyDocument) -> None:
        kinds = await self._container.action_catalog.read()
        if kinds.unread:
            place, why = next(iter(kinds.unread.items()))
            raise ConfigError(
                Code.INVALID_SETTING,
                f"`{place}` cannot be loaded, so nobody can tell whether the policy fits: {why}",
                next_step="run `sayso check`",
            )
        await asyncio.to_thread(compile_here, self._workspace, document, kinds.actions)


def check_of_home(home: str, holder: Token, what: str = "people are") -> None:
    """Refuse a token of another tenant than the workspace's own.

    Raises:
        RefusedError: `forbidden`.
    """
    if holder.tenant != home:
        raise RefusedError(
            Code.FORBIDDEN,
            f"{what} of the tenant `{home}`, and this token of another one",
            next_step="use a token of the workspace's own tenant",
        )


def _by(holder: Token, via: str) -> By:
    return By(actor=holder.actor, credential=holder.id, via=via)


def _version_view(version: Version) -> PolicyVersionView:
    return PolicyVersionView(
        version=version.number,
        sha256=version.sha256,
        parent=version.parent,
        direction=version.direction,
        activated_by=version.activated_by,
        asked_by=version.asked_by,
        activated_at=rfc3339(version.activated_at),
        via=version.via,
        note=version.note,
        seq=version.last_seq,
    )


def _text_view(version: Version, document: PolicyDocument) -> PolicyTextView:
    rules = document.rules
    return PolicyTextView(
        version=_version_view(version),
        files=dict(document.files),
        roles=rules.roles,
        max_people=rules.max_people,
        activate=tuple(sorted(rules.may_activate)),
        loosening_needs=rules.loosening_needs,
        confirm=tuple(sorted(rules.may_confirm)),
    )


def _change_view(change: Change) -> PolicyChangeView:
    waits = change.ended is None
    step = f"another person runs `sayso policy confirm {change.id} {change.sha256[:12]}`"
    return PolicyChangeView(
        id=change.id,
        sha256=change.sha256,
        parent=change.parent,
        direction=change.direction,
        status=_STATUS[change.ended],
        asked_by=change.asked_by,
        asked_at=rfc3339(change.asked_at),
        note=change.note,
        ended_by=change.ended_by,
        next_step=step if waits else "",
    )


def _text_diff(state: PolicyState) -> str:
    if state.document is None or state.draft is None:
        return ""
    was, now = state.document.files, state.draft.files
    lines: list[str] = []
    for name in sorted(was.keys() | now.keys()):
        before, after = was.get(name, ""), now.get(name, "")
        lines += difflib.unified_diff(
            before.splitlines(),
            after.splitlines(),
            f"{name} (in force)" if name in was else "/dev/null",
            name if name in now else "/dev/null",
            lineterm="",
        )
    return "\n".join(lines)
