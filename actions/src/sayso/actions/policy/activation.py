"""Putting a version of the policy in force: one person, or two where a change loosens anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from sayso.actions.model.digest import is_text, storable
from sayso.actions.policy.active import forget, read_active
from sayso.actions.policy.document import PolicyDocument, PolicyRules, sha256_of
from sayso.actions.policy.versions import (
    EVERY_TENANT,
    Direction,
    Version,
    get_version,
    insert_version,
)
from sayso.audit.authority.by import By
from sayso.audit.authority.directory import Directory
from sayso.audit.authority.state import check_credential, read_body
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, Json
from sayso.audit.event import texts_of
from sayso.audit.fields import Fields, object_in
from sayso.audit.log import AuditLog
from sayso.errors import Code, IntegrityError, RefusedError
from sayso.ids import Clock, IdSource, Tenant, to_micros
from sayso.store.base import Reader, Store, Transaction, text
from sayso.store.rows import RowReader

_Done = TypeVar("_Done")
MAX_NOTE_CHARS = 500
MOST_CHANGES = 40
"""So many words of what a change does stand in its entry."""
FILES = By(actor=Actor(kind=ActorKind.SYSTEM, id="policy"), via="follow_files")
"""Where the files are followed, they speak for themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """What a change does, as far as it could be found out.

    Attributes:
        direction: `looser` also where it could not.
        decided: whether it could.
        diff_sha256: of what people were shown of the change; empty when nothing was.
        changes: what differs, in words: files and settings, limits, dials; never personal.
    """

    direction: Direction
    decided: bool = True
    diff_sha256: str = ""
    changes: tuple[str, ...] = ()


Along = Callable[[Transaction, int], "dict[str, Json]"]
"""What happens in the transaction that puts a document in force, at this moment: limits are filled.
Returns what the entry says of it."""


def nothing_along(tx: Transaction, now: int) -> dict[str, Json]:
    """Nothing."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Somebody wants a document in force.

    Attributes:
        document: all of it. parent: the version that they saw in force.
        weighed: what the change does, found out against that version.
        by: whoever it is, authenticated. note: why; may be empty. along: see `Along`.
        second: a loosening waits for a second person, also where one would be enough.
    """

    document: PolicyDocument
    parent: int
    weighed: Weighed
    by: By
    note: str = ""
    second: bool = False
    along: Along = nothing_along


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirming:
    """A second person's yes.

    Attributes:
        sha256: of the document that they looked at, or at least twelve digits of it.
    """

    sha256: str
    by: By
    along: Along = nothing_along


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change that waits for a second person, or did. Times are microseconds since 1970, UTC."""

    id: str
    home: Tenant
    sha256: str
    parent: int
    direction: Direction
    asked_by: str
    asked_at: int
    via: str
    note: str
    ended: str | None
    ended_at: int | None
    ended_by: str | None
    last_seq: int


class Activations:
    """Puts versions in force.

    Whether a document can be judged by at all is for the caller to see to: only a program with
    connectors can tell.

    Args:
        home: the tenant whose people may, and whose log tells of it.
    """

    def __init__(
        self,
        *,
        store: Store,
        log: AuditLog,
        directory: Directory,
        clock: Clock,
        ids: IdSource,
        home: Tenant,
    ) -> None:
        self._store = store
        self._log = log
        self._directory = directory
        self._clock = clock
        self._ids = ids
        self._home = home

    async def begin(
        self, document: PolicyDocument, *, by: By, along: Along = nothing_along
    ) -> Version | None:
        """Put the first version in force; None where there is one already.

        Nobody is asked: what the first version says is what the workspace was made with.
        """
        weighed = Weighed(direction="first")
        order = Order(document=document, parent=0, weighed=weighed, by=by, along=along)
        return await self._store.write(lambda tx: self._begin(tx, order))

    async def follow(
        self,
        document: PolicyDocument,
        weighed: Weighed,
        parent: int,
        *,
        along: Along = nothing_along,
    ) -> Version | None:
        """Put what the files say in force, where the workspace follows its files; nobody is asked.

        Returns:
            None when another version than `parent` is in force meanwhile.
        """

        def work(tx: Transaction) -> Version | None:
            active = read_active(tx, EVERY_TENANT)
            if active is None or active.number != parent or active.sha256 == document.sha256:
                return None
            order = Order(document=document, parent=parent, weighed=weighed, by=FILES, along=along)
            return self._insert(tx, order, None)

        return await self._store.write(work)

    async def activate(self, order: Order) -> Version | Change:
        """Put a document in force; or ask for a second person, where the version in force says so.

        The same person's same order once more gives the change that waits already.

        Raises:
            RefusedError: `forbidden` for whoever is no person; `not_an_approver`, `version_moved`,
                `already_in_force`, `invalid_input`; each but the last is recorded.
        """
        _check_note(order.note)
        return await self._recorded(lambda tx: self._activate(tx, order), order.by, order.document)

    async def confirm(self, change_id: str, confirming: Confirming) -> Version:
        """Put in force what somebody else asked for: this digest, on this parent.

        Raises:
            RefusedError: `not_found`, `forbidden`, `not_an_approver`, `own_request`,
                `digest_mismatch`, `version_moved`, `already_decided`; each but the first is
                recorded.
        """
        change, document = await self._store.read(lambda reader: get_change(reader, change_id))
        by = confirming.by
        try:
            return await self._recorded(
                lambda tx: self._confirm(tx, change.id, confirming), by, document
            )
        except RefusedError as error:
            if error.code is Code.VERSION_MOVED:
                await self._store.write(lambda tx: self._end(tx, change.id, "moved", by))
            raise

    async def withdraw(self, change_id: str, *, by: By) -> Change:
        """End a change that waits; anybody who may put a version in force may.

        Raises:
            RefusedError: `not_found`, `forbidden`, `not_an_approver`, `already_decided`.
        """
        _, document = await self._store.read(lambda reader: get_change(reader, change_id))

        def work(tx: Transaction) -> Change:
            rules = self._rules(tx)
            self._check_person(tx, by, rules.may_activate | rules.may_confirm)
            change, _ = get_change(tx, change_id)
            _check_open(change)
            return self._end(tx, change_id, "withdrawn", by)

        return await self._recorded(work, by, document)

    # ---- inside the transaction ----------------------------------------------------------------

    def _begin(self, tx: Transaction, order: Order) -> Version | None:
        if read_active(tx, EVERY_TENANT) is not None:
            return None
        return self._insert(tx, order, None)

    def _activate(self, tx: Transaction, order: Order) -> Version | Change:
        rules = self._rules(tx)
        self._check_person(tx, order.by, rules.may_activate)
        self._check_parent(tx, order.parent, order.document)
        loosens = order.weighed.direction == "looser"
        if not loosens or (rules.loosening_needs < 2 and not order.second):
            return self._insert(tx, order, None)
        for row in tx.all("policy.changes_open"):
            known = read_change(row)
            same = (known.sha256, known.parent) == (order.document.sha256, order.parent)
            if same and known.asked_by == order.by.actor.id:
                return known
            if same:
                confirming = Confirming(sha256=known.sha256, by=order.by, along=order.along)
                return self._confirm(tx, known.id, confirming)
        return self._ask(tx, order)

    def _ask(self, tx: Transaction, order: Order) -> Change:
        now = to_micros(self._clock.now())
        change_id = self._ids.new("pol")
        data: dict[str, Json] = {
            "change": change_id,
            "sha256": order.document.sha256,
            "parent": order.parent,
            **_said_by(order.by),
            "note": order.note,
            **_weighed_data(order.weighed),
        }
        seq = self._log.append(
            tx, self._home, Entry(kind=EntryKind.POLICY_ASKED, actor=order.by.actor, data=data)
        )
        tx.run(
            "policy.change_insert",
            id=change_id,
            home=self._home,
            sha256=order.document.sha256,
            parent=order.parent,
            direction=order.weighed.direction,
            asked_by=order.by.actor.id,
            asked_at=now,
            via=order.by.via,
            note=order.note,
            last_seq=seq,
            content=order.document.content,
        )
        return get_change(tx, change_id)[0]

    def _confirm(self, tx: Transaction, change_id: str, confirming: Confirming) -> Version:
        by, sha256 = confirming.by, confirming.sha256
        rules = self._rules(tx)
        change, document = get_change(tx, change_id)
        _check_open(change)
        self._check_person(tx, by, rules.may_confirm)
        if change.asked_by == by.actor.id:
            raise RefusedError(
                Code.OWN_REQUEST,
                "you asked for this yourself, so somebody else has to confirm it",
                next_step=f"ask another person to run `sayso policy confirm {change.id}`",
            )
        if len(sha256) < 12 or not change.sha256.startswith(sha256):
            raise RefusedError(
                Code.DIGEST_MISMATCH,
                "this is not the change that waits",
                next_step="look at it again, and confirm what you saw",
            )
        changes = _check_asked(tx, change)
        self._check_parent(tx, change.parent, document)
        asked_by = Actor(kind=ActorKind.PERSON, id=change.asked_by)
        # INVARIANT: who asked counts only while they still may.
        self._check_role(tx, asked_by, rules.may_activate)
        order = Order(
            document=document,
            parent=change.parent,
            weighed=Weighed(direction=change.direction, changes=changes),
            by=by,
            note=change.note,
            along=confirming.along,
        )
        version = self._insert(tx, order, asked_by, change.id)
        self._close(tx, change, "activated", by, version.last_seq)
        return version

    def _insert(
        self, tx: Transaction, order: Order, asked_by: Actor | None, change: str | None = None
    ) -> Version:
        now = to_micros(self._clock.now())
        said: dict[str, Json] = {
            **_weighed_data(order.weighed),
            "note": order.note,
            "change": change,
            "credential": order.by.credential,
            "rules": _rules_data(order.document.rules),
        }
        version = insert_version(
            tx,
            self._log,
            home=self._home,
            document=order.document,
            parent=order.parent or None,
            direction=order.weighed.direction,
            by=order.by.actor,
            asked_by=asked_by,
            via=storable(order.by.via),
            note=order.note,
            now=now,
            data=said | order.along(tx, now),
        )
        forget(tx)
        return version

    def _end(self, tx: Transaction, change_id: str, how: str, by: By) -> Change:
        change, _ = get_change(tx, change_id)
        if change.ended is not None:
            return change
        data: dict[str, Json] = {
            "change": change.id,
            "sha256": change.sha256,
            "ended": how,
            **_said_by(by),
        }
        entry = Entry(kind=EntryKind.POLICY_WITHDRAWN, actor=by.actor, data=data)
        return self._close(tx, change, how, by, self._log.append(tx, change.home, entry))

    def _close(self, tx: Transaction, change: Change, how: str, by: By, seq: int) -> Change:
        now = to_micros(self._clock.now())
        tx.run("policy.change_end", id=change.id, ended=how, at=now, by=by.actor.id, last_seq=seq)
        return get_change(tx, change.id)[0]

    # ---- checks --------------------------------------------------------------------------------

    def _rules(self, tx: Transaction) -> PolicyRules:
        """Who may, by the version in force: a draft cannot give its own author the right."""
        active = read_active(tx, EVERY_TENANT)
        if active is None:
            raise RefusedError(
                Code.NOT_FOUND,
                "there is no version of the policy yet",
                next_step="the files become the first one with the first judgement",
            )
        return get_version(tx, active.number)[1].rules

    def _check_person(self, tx: Transaction, by: By, roles: frozenset[str]) -> None:
        if by.actor.kind is not ActorKind.PERSON:
            raise RefusedError(
                Code.FORBIDDEN,
                "only a person puts a policy in force",
                next_step="use the token of a person: `sayso token create --person ID`",
            )
        self._check_role(tx, by.actor, roles)
        authority = self._directory.at(tx, self._home)
        check_credential(authority, by.credential, by.actor.id, to_micros(self._clock.now()))

    def _check_role(self, tx: Transaction, by: Actor, roles: frozenset[str]) -> None:
        person = self._directory.at(tx, self._home).person(by.id)
        if person is None or not person.roles & roles:
            wanted = " or ".join(sorted(roles)) or "nobody has a role that may"
            raise RefusedError(
                Code.NOT_AN_APPROVER,
                f"`{storable(by.id, 40)}` may not put a policy in force; it needs {wanted}",
                next_step="ask somebody with that role",
            )

    def _check_parent(self, tx: Reader, parent: int, document: PolicyDocument) -> None:
        active = read_active(tx, EVERY_TENANT)
        assert active is not None, "whose rules were just read"
        if active.number != parent:
            raise RefusedError(
                Code.VERSION_MOVED,
                f"version {active.number} came in force meanwhile; this change was made to version"
                f" {parent}",
                next_step="look at the difference to the newest one, and begin again",
            )
        if active.sha256 == document.sha256:
            raise RefusedError(
                Code.ALREADY_IN_STATE,
                f"version {active.number} is just this, and in force",
                next_step="nothing",
            )

    async def _recorded(
        self, work: Callable[[Transaction], _Done], by: By, document: PolicyDocument
    ) -> _Done:
        try:
            return await self._store.write(work)
        except RefusedError as error:
            if error.code is not Code.NOT_FOUND:
                refused = Entry(
                    kind=EntryKind.POLICY_REFUSED,
                    actor=replace(by.actor, id=storable(by.actor.id, 200)),
                    data={"code": error.code.value, "sha256": document.sha256},
                )
                await self._store.write(lambda tx: self._log.append(tx, self._home, refused))
            raise


read_change = RowReader(Change)
"""The typed form of a stored row."""


def get_change(reader: Reader, change_id: str) -> tuple[Change, PolicyDocument]:
    """A change with the document that it is about.

    Raises:
        RefusedError: `not_found`; `digest_mismatch`, where its content is not what was asked for.
    """
    row = reader.one("policy.change_by_id", id=storable(change_id))
    if row is None:
        raise RefusedError(
            Code.NOT_FOUND,
            f"there is no change `{storable(change_id, 40)}` of the policy",
            next_step="`sayso policy history` lists what waits",
        )
    change, content = read_change(row), text(row, "content")
    if sha256_of(content) != change.sha256:
        raise RefusedError(
            Code.DIGEST_MISMATCH,
            "what waits is not what was asked for",
            next_step="run `sayso audit verify`, and ask for the change again",
        )
    return change, PolicyDocument.read(content)


def _check_open(change: Change) -> None:
    if change.ended is not None:
        raise RefusedError(
            Code.ALREADY_DECIDED,
            f"this change was {change.ended} by {change.ended_by} already",
            next_step="nothing",
        )


def _check_asked(reader: Reader, change: Change) -> tuple[str, ...]:
    """What it changes, in the words of whoever asked for it."""
    # INVARIANT: the first of two people counts by the log, not by a row that anybody could write.
    found = reader.one("log.bodies", tenant=change.home, from_seq=change.last_seq, limit=1)
    body: Fields = {} if found is None else read_body(text(found, "body"))
    match body:
        case {
            "kind": EntryKind.POLICY_ASKED.value,
            "seq": change.last_seq,
            "actor": {"kind": ActorKind.PERSON.value, "id": change.asked_by},
            "data": {
                "change": change.id,
                "sha256": change.sha256,
                "parent": change.parent,
            },
        }:
            return texts_of(object_in(body, "data").get("changes"))
        case _:
            raise IntegrityError(
                Code.TAMPERED,
                f"the change `{change.id}` was not asked for by the log",
                next_step="run `sayso audit verify`, and ask for the change again",
            )


def _check_note(note: str) -> None:
    if len(note) > MAX_NOTE_CHARS or not is_text(note) or "\0" in note:
        raise RefusedError(
            Code.INVALID_INPUT,
            f"a note is text of at most {MAX_NOTE_CHARS} characters",
            next_step="shorten it",
        )


def _weighed_data(weighed: Weighed) -> dict[str, Json]:
    return {
        "direction": weighed.direction,
        "decided": weighed.decided,
        "diff_sha256": weighed.diff_sha256 or None,
        "changes": list[Json](storable(one, 200) for one in weighed.changes[:MOST_CHANGES]),
    }


def _said_by(by: By) -> dict[str, Json]:
    return {"via": storable(by.via), "credential": by.credential}


def _rules_data(rules: PolicyRules) -> dict[str, Json]:
    """Who may put the next version in force, for whoever reads the log alone."""
    return {
        "activate": list[Json](sorted(rules.may_activate)),
        "confirm": list[Json](sorted(rules.may_confirm)),
        "loosening_needs": rules.loosening_needs,
    }
