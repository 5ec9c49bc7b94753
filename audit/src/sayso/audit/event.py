"""An entry as whoever replays the log reads it: decoded once, and nothing about it is trusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self, cast

from sayso.audit.fields import Fields, object_in, text_or_none

_NO_TEXTS: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One entry of a log, in its order.

    Attributes:
        seq: its index. at: microseconds since 1970, as the machine believed.
        kind: what it tells; empty when it says none.
        actor_kind, actor: who did it.
        data: whatever else the kind says.
        fields: the whole body.
    """

    seq: int
    at: int
    kind: str
    actor_kind: str
    actor: str
    data: Fields
    fields: Fields

    @classmethod
    def of(cls, fields: Fields, seq: int) -> Self:
        """Read a decoded body; what is missing or of another type is empty."""
        actor = object_in(fields, "actor")
        at = fields.get("at")
        return cls(
            seq=seq,
            at=at if type(at) is int else 0,
            kind=text_or_none(fields, "kind") or "",
            actor_kind=text_or_none(actor, "kind") or "",
            actor=text_or_none(actor, "id") or "",
            data=object_in(fields, "data"),
            fields=fields,
        )

    @property
    def family(self) -> str:
        """The part of the kind before the dot."""
        return self.kind.partition(".")[0]

    @property
    def amount(self) -> tuple[int, str] | None:
        """Minor units and currency that the body names; None where it names no amount."""
        found = object_in(self.fields, "amount")
        minor, currency = found.get("amount_minor"), text_or_none(found, "currency")
        return None if type(minor) is not int or currency is None else (minor, currency)

    @property
    def by(self) -> str:
        """Who did it, as rows name them: kind and id."""
        return f"{self.actor_kind}:{self.actor}"

    def top(self, name: str) -> str | None:
        """A text of the body itself, such as `action`."""
        return text_or_none(self.fields, name)

    def text(self, name: str) -> str | None:
        """A text of `data`."""
        return text_or_none(self.data, name)

    def whole(self, name: str) -> int | None:
        """A whole number of `data`."""
        value = self.data.get(name)
        return value if type(value) is int else None

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts in `data`; empty when there is none, or it holds something else."""
        return texts_of(self.data.get(name))


def texts_of(value: object) -> tuple[str, ...]:
    """A list of texts; empty when it is none, or holds something else."""
    if not isinstance(value, list):
        return _NO_TEXTS
    found = cast("list[object]", value)
    return tuple(map(str, found)) if all(type(one) is str for one in found) else _NO_TEXTS


def objects_of(value: object) -> list[Fields]:
    """A list's objects; none where it is no list."""
    found = cast("list[object]", value) if isinstance(value, list) else []
    return [cast("Fields", one) for one in found if isinstance(one, dict)]
