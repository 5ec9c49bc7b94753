"""What a button carries: the name of one revision of one approval, and nothing that is believed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from sayso.actions.approvals.decision import DIGEST_PREFIX
from sayso.errors import Code, RefusedError

_SHAPE = re.compile(r"(apr_[0-9a-z]{26})\.([1-9][0-9]{0,5})\.([0-9a-f]{12})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """Names one revision of one approval; whatever else is shown or done is looked up.

    Attributes:
        digest: the first 12 hex digits.
    """

    approval_id: str
    revision: int
    digest: str

    @classmethod
    def to(cls, approval_id: str, revision: int, digest: str) -> Self:
        """The pointer to what is shown now; `digest` is the whole one."""
        return cls(approval_id=approval_id, revision=revision, digest=digest[:DIGEST_PREFIX])

    def __str__(self) -> str:
        return f"{self.approval_id}.{self.revision}.{self.digest}"

    @classmethod
    def read(cls, value: str) -> Self:
        """The pointer that a button or a form carried.

        Raises:
            RefusedError: `invalid_input`, when it has another shape.
        """
        found = _SHAPE.fullmatch(value)
        if found is None:
            raise RefusedError(
                Code.INVALID_INPUT,
                "this button is not one of ours",
                next_step="use the card that Sayso posted",
            )
        return cls(approval_id=found[1], revision=int(found[2]), digest=found[3])
