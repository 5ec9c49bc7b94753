"""What comes in about keeping the log and old text short, and what became of it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sayso.sdk.log.segments import PrunedView, SegmentView
from sayso.sdk.subjects.views import SweepView
from sayso.sdk.views import View
from sayso.surfaces.http.shapes import MAX_WAIT_S, Body, Limit, QueryModel

WAIT_S = 10.0


class SealBody(Body):
    """What is to be sealed."""

    again: bool = Field(
        default=False,
        description="also the segments whose file is lost, while their entries are there",
    )


class PruneBody(Body):
    """Nothing: what may go says sayso.toml, and whose log it is the token."""


class SweepBody(Body):
    """Nothing: what is old says sayso.toml, and whose it is the token."""


class WaitQuery(QueryModel):
    """How long the answer may take; the work goes on in any case."""

    wait: float = Field(
        default=WAIT_S,
        ge=0,
        le=MAX_WAIT_S,
        allow_inf_nan=False,
        description="wait so many seconds for the end of it",
    )


class SegmentsQuery(QueryModel):
    """A page of sealed segments."""

    limit: Limit = 50
    after: Annotated[
        int | None,
        Field(ge=0, le=2**53 - 1, description="`next_after` of the page before"),
    ] = None


class SegmentPage(View):
    """Sealed segments, oldest first."""

    items: tuple[SegmentView, ...]
    next_after: int | None


class UpkeepView(View):
    """What was done, or how far it is.

    Attributes:
        status: `running` goes on by itself; the same call with the same key tells of its end.
        entries_done, entries_total: how far sealing or pruning is, while it runs.
        sealed: the segments that were sealed. pruned: what went. swept: what was blanked.
    """

    status: Literal["running", "done"]
    entries_done: int = 0
    entries_total: int = 0
    sealed: tuple[SegmentView, ...] | None = None
    pruned: PrunedView | None = None
    swept: SweepView | None = None
