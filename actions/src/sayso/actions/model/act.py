"""Which act of the vocabulary an action carries out, on what, and how its arguments are filled.

The words of an act belong to no connector (`sayso.agent.acts`); an action says which act it is, so
that a customer's words reach it, and every restatement, card and reply names act and object.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

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
            `to.street`. One that is not named is filled by the object where it is called like the
            kind, by the amount where it is that, and else by the slot of its own name.
        listed_by: the connector whose records it is on; its own where it is empty.
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
    listed_by: str = ""

    def for_arguments(self, names: Iterable[str], money_arg: str | None) -> ActUse:
        """The same with every argument filled or fixed."""
        rest = [name for name in names if name not in self.fills and name not in self.fixed]
        slots = {
            name: "object" if name == self.on else "amount" if name == money_arg else name
            for name in rest
        }
        return replace(self, fills={**slots, **self.fills})

    @property
    def is_asked(self) -> bool:
        """Whether customers ask for it."""
        return self.name != NO_ACT
