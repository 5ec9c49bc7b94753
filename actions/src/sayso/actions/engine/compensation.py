"""Compensation: once a step of an `undo` plan has failed, what the plan did is taken back.

Taking back is an action of its own, with its own judgement, key and receipt, so it happens once,
survives a crash and can be refused like any other. The steps are taken back one after the other,
the newest first; what cannot be taken back stands, and the log says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sayso.actions.model.action_row import ActionRow, dumps
from sayso.actions.model.digest import hash_of
from sayso.actions.model.ledger import SYSTEM, Ledger, entry_of
from sayso.actions.model.plan import OnFailure
from sayso.actions.model.plan_state import DONE_WELL, Definitions, has_failed, plan_of
from sayso.actions.model.ports import ActionRegistry
from sayso.actions.model.status import FINAL, Status
from sayso.audit.customer_links import reach_data
from sayso.audit.entry import Entry, EntryKind, Json
from sayso.audit.personal import Personal
from sayso.errors import RefusedError
from sayso.ids import IdSource
from sayso.json import JsonValue
from sayso.store.base import Reader, Transaction, text


def takes_back(reader: Reader, registry: Definitions, row: ActionRow) -> bool:
    """Whether a row really takes back what its plan did, by what the ledger holds."""
    if row.undoes is None:
        return False
    plan = plan_of(reader, row)
    done = next((step for step in plan if step.id == row.undoes), None)
    if done is None or not any(map(has_failed, plan)) or done.status not in DONE_WELL:
        return False
    wanted = _undo_args(registry, done)
    return wanted is not None and (row.name, dict(row.args)) == wanted


class Compensation:
    """Follows plans whose steps stop or undo each other; see `Ledger`."""

    def __init__(self, *, registry: ActionRegistry, personal: Personal, ids: IdSource) -> None:
        self._registry = registry
        self._personal = personal
        self._ids = ids

    def step_ended(self, ledger: Ledger, tx: Transaction, row: ActionRow) -> None:
        """Draw the conclusions of a step's end, in the very transaction that ends it."""
        plan = plan_of(tx, row)
        if row.undoes is not None:
            self._taken_back(ledger, tx, row, plan)
            return
        steps = [step for step in plan if step.undoes is None]
        if not any(map(has_failed, steps)):
            return
        tx.run("action.wake_plan", tenant=row.tenant, request_id=row.request_id, now=row.updated_at)
        ended = all(step.status in FINAL for step in steps)
        begun = len(steps) < len(plan)
        if row.on_failure is OnFailure.UNDO and ended and not begun:
            self._begin(ledger, tx, row, steps)

    def _begin(
        self, ledger: Ledger, tx: Transaction, last: ActionRow, steps: Sequence[ActionRow]
    ) -> None:
        """Propose what takes the plan back, the newest step first."""
        done = sorted(
            (step for step in steps if step.status is Status.SUCCEEDED),
            key=lambda step: step.last_seq,
            reverse=True,
        )
        if not done:
            return
        undone: list[Json] = []
        kept: list[Json] = []
        before: str | None = None
        for step in done:
            wanted = _undo_args(self._registry, step)
            if wanted is None:
                kept.append(f"{step.id} {step.name}")
                continue
            name, args = wanted
            undo = self._draft(step, last, name, args, before)
            self._propose(ledger, tx, undo, step)
            before = undo.step
            undone.append(f"{step.id} {step.name}")
        entry = Entry(
            kind=EntryKind.PLAN_UNDOING,
            actor=SYSTEM,
            request=last.request_id,
            subject=self._pseudonym(tx, last),
            data={"because": f"{last.id} {last.name}", "takes_back": undone, "stands": kept},
        )
        ledger.log.append(tx, last.tenant, entry)

    def _draft(
        self,
        step: ActionRow,
        last: ActionRow,
        name: str,
        args: dict[str, JsonValue],
        before: str | None,
    ) -> ActionRow:
        now = last.updated_at
        undo_id = self._ids.new("act")
        return replace(
            step,
            id=undo_id,
            # NOTE: of a form that no caller may use.
            idempotency_key=f"{undo_id}/undo",
            fingerprint=hash_of([step.subject.id, name, dumps(args)]),
            requester=f"{SYSTEM.kind}:{SYSTEM.id}",
            step=f"{step.step}-undo",
            after=() if before is None else (before,),
            name=name,
            args=args,
            reason_ref=None,
            status=Status.PLANNED,
            revision=1,
            snapshot=None,
            judgement=None,
            error=None,
            receipt=None,
            call_key=None,
            call_key_until=None,
            called_at=None,
            fence=0,
            attempts=0,
            due_at=now,
            created_at=now,
            updated_at=now,
            on_failure=OnFailure.CONTINUE,
            undoes=step.id,
        )

    def _came_by(self, tx: Transaction, step: ActionRow) -> dict[str, Json]:
        """What the entry says of a step on another account than the one that was written from."""
        way = None if step.snapshot is None else step.snapshot.resolved.reached
        if way is None or step.request_id is None:
            return {}
        request = tx.one("request.by_id", tenant=step.tenant, id=step.request_id)
        assert request is not None, "a step of its plan stands"
        now = step.updated_at
        wrote = self._personal.pseudonym(tx, step.tenant, text(request, "subject_id"), now)
        return reach_data(wrote, way.links)

    def _propose(self, ledger: Ledger, tx: Transaction, undo: ActionRow, step: ActionRow) -> None:
        entry = entry_of(
            undo,
            EntryKind.ACTION_PROPOSED,
            pseudonym=self._pseudonym(tx, undo),
            data={
                "planner": undo.planner,
                "step": undo.step,
                "undoes": undo.undoes,
                "after": list(undo.after),
                **self._came_by(tx, step),
            },
        )
        ledger.insert(tx, undo, entry)

    def _taken_back(
        self, ledger: Ledger, tx: Transaction, undo: ActionRow, plan: Sequence[ActionRow]
    ) -> None:
        step = next((step for step in plan if step.id == undo.undoes), None)
        if step is None or undo.status is not Status.SUCCEEDED:
            return
        if step.status is not Status.SUCCEEDED:
            return
        moved = replace(step, status=Status.COMPENSATED, due_at=None, updated_at=undo.updated_at)
        data: dict[str, Json] = {"by": undo.id}
        entry = entry_of(
            moved,
            EntryKind.ACTION_COMPENSATED,
            pseudonym=self._pseudonym(tx, step),
            data=data,
        )
        stored = ledger.move(tx, step, moved, entry)
        assert stored is not None, "read in this very transaction"

    def _pseudonym(self, tx: Transaction, row: ActionRow) -> str:
        return self._personal.pseudonym(tx, row.tenant, row.subject.id, row.updated_at)


def _undo_args(registry: Definitions, done: ActionRow) -> tuple[str, dict[str, JsonValue]] | None:
    """The action that takes a step back, and its arguments; None when nothing does."""
    try:
        undo = registry.action(done.name).undo
    except RefusedError:  # it is not offered any more
        return None
    if undo is None or done.receipt is None or done.snapshot is None:
        return None
    if not undo.fits(done.snapshot.resolved.args):
        return None
    values = {"receipt": done.receipt.id, "object": done.snapshot.resolved.object_id}
    return undo.action, {name: values[source] for name, source in undo.args.items()}
