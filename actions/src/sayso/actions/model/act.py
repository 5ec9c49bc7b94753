"""Which act of the vocabulary an action carries out, on what, and how its arguments are filled.

The words of an act belong to no connector (`sayso.agent.acts`); an action says which act it is, so
that a customer's words reach it, and every restatement, card and reply names act and object.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

NO_ACT = "none"
"""The act of what customers do not ask for, such as an internal note."""
ACCOUNT = "account"
"""What an act is on that is on nothing but the customer's own account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActUse:
    """The act that an action carries out.

    Attributes:
        name: of the act, such as `cancel_order`; `none` for what customers do not ask for.
        on: the kind of record it is on, such as `order`, or `account`.
        because: why customers do not ask for it, where the act is `none`.
        fills: its arguments by name, each with the slot that fills it, such as `object` or
            `to.street`; see `ActUse.filled`.
        fixed: its arguments that are the same whatever is said.
        does: slots that it settles in any case, such as `{"when": "period_end"}`: what a customer
            asks for otherwise is not this action.
        status, needs: in which states a record can be meant, and of which fact something has to be
            left; see `sayso.agent.understanding.playbook.ObjectSlot`.
        duplicates_within_h: likewise, of records that are one thing paid twice.
    """

    name: str
    on: str = ACCOUNT
    because: str = ""
    fills: Mapping[str, str] = field(default_factory=dict[str, str])
    fixed: Mapping[str, str | int | bool] = field(default_factory=dict[str, str | int | bool])
    does: Mapping[str, str] = field(default_factory=dict[str, str])
    status: tuple[str, ...] = ()
    needs: str | None = None
    duplicates_within_h: int = 0

    @property
    def is_asked(self) -> bool:
        """Whether customers ask for it."""
        return self.name != NO_ACT
