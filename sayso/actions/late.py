"""Late effects: what ended as not done after a call is looked up again, days after it has ended.

A provider can do what it denied, and show it only after the last look-up. Nothing is called again
for it: an effect that turns up is written down, and told to people, who were told something else.
"""

from __future__ import annotations

from dataclasses import replace

from sayso.actions.rows import ActionRow
from sayso.actions.state import NOT_DONE
from sayso.errors import Code

LOOKS_S = (3600, 86_400, 7 * 86_400)
"""So long after its end it is looked up: an hour, a day, a week."""


def next_look(row: ActionRow, now: int) -> int | None:
    """When it is looked up next; None where nobody looks any more.

    Not what was never called, nor what was tampered with, since it would be looked up by what
    somebody else wrote; nor what was erased.
    """
    tampered = row.error is not None and row.error["code"] == Code.TAMPERED
    if row.status not in NOT_DONE or row.call_key is None or tampered or row.erased_seq is not None:
        return None
    looks = (row.updated_at + look_s * 1_000_000 for look_s in LOOKS_S)
    return next((at for at in looks if at > now), None)


def ended_otherwise(row: ActionRow) -> dict[str, str]:
    """The error of an action whose effect is there although it had ended without one."""
    return {
        "code": Code.LATE_EFFECT.value,
        "message": f"the provider shows that it was done, after it had ended as {row.status}",
        "next_step": "look at what people were told and did since; where it was done once more in"
        " another way, take one of them back",
    }


def with_next_look(row: ActionRow) -> ActionRow:
    """An action as it is stored when it ends: due again where an effect may still turn up."""
    at = next_look(row, row.updated_at)
    return row if at is None else replace(row, due_at=at)
