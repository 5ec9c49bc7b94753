"""What the providers hold, as `records.json` of the development set says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from sayso.money import Money

Fields = dict[str, object]


@dataclass(kw_only=True)
class Thing:
    """One object at a provider; what is done to it changes its fields.

    Attributes:
        id: unique in a run, since each conversation has its own copy. number: how a customer may
            name it; empty where it has none. handle: what joins it with the same thing elsewhere.
    """

    provider: str
    kind: str
    id: str
    number: str
    handle: str
    fields: Fields = field(default_factory=dict[str, object])

    def text(self, name: str) -> str:
        """A field as text; empty where it has none."""
        value = self.fields.get(name)
        return "" if value is None else str(value)

    def money(self, name: str) -> Money | None:
        """A field in minor units as money."""
        value = self.fields.get(name)
        return None if value is None else Money(int(str(value)), self.text("currency"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Who writes."""

    name: str
    email: str
    currency: str
    address: str


@dataclass(frozen=True, kw_only=True)
class World:
    """Customers and their objects, as the file has them.

    Attributes:
        today: ISO date of the conversations.
    """

    customers: Mapping[str, Customer]
    things: Mapping[str, tuple[Thing, ...]]
    plans: tuple[str, ...]
    today: str

    @classmethod
    def read(cls, path: Path) -> World:
        """Read the file."""
        found = cast("Mapping[str, object]", json.loads(path.read_text("utf-8")))
        customers = cast("Mapping[str, Mapping[str, str]]", found["customers"])
        things: dict[str, list[Thing]] = {name: [] for name in customers}
        for row in cast("list[Fields]", found["records"]):
            fields = {k: v for k, v in row.items() if k not in _OWN and v is not None}
            things[str(row["customer"])].append(
                Thing(
                    provider=str(row["provider"]),
                    kind=str(row["kind"]),
                    id=str(row["id"]),
                    number=str(row.get("number") or ""),
                    handle=str(row["handle"]),
                    fields=fields,
                )
            )
        return cls(
            customers={
                name: Customer(**{k: one[k] for k in ("name", "email", "currency", "address")})
                for name, one in customers.items()
            },
            things={name: tuple(mine) for name, mine in things.items()},
            plans=tuple(cast("list[str]", found["plans"])),
            today=str(found["today"]),
        )


_OWN = frozenset({"provider", "kind", "id", "number", "handle", "customer"})
