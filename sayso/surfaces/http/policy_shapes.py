"""What comes in of the policy, its limits and its dials, and what pages of them look like."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from sayso.actions.policy.activation import MAX_NOTE_CHARS
from sayso.sdk.resources.analysis import ChangeView, PolicyTestView, ProofView
from sayso.sdk.resources.limits import LimitView
from sayso.sdk.resources.policy import PolicyChangeView, PolicyDraftView, PolicyVersionView
from sayso.sdk.resources.rollout import DialView
from sayso.sdk.views.base import View
from sayso.sdk.views.suggestion import SuggestionView
from sayso.surfaces.http.shapes import MAX_SEQ, Body, Limit, QueryModel

DraftFiles = Annotated[
    dict[Annotated[str, Field(max_length=80)], Annotated[str, Field(max_length=500_000)]],
    Field(
        max_length=100,
        description="texts in place of the workspace's files of these names, such as"
        " `policies/limits.toml`; an empty one for no file. The files themselves stay",
    ),
]
Note = Annotated[str, Field(max_length=MAX_NOTE_CHARS, description="why, for whoever looks")]
PolicyDigest = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f]{12,64}$", description="of what you looked at; its first 12 digits do"
    ),
]


class DraftBody(Body):
    """What is looked at: what the workspace's files say, with other texts in place of some."""

    files: DraftFiles = Field(default_factory=dict[str, str])


class BacktestBody(DraftBody):
    """What is played again, and by what."""

    since: Annotated[AwareDatetime, Field(strict=False)] = Field(
        description="what was judged before is left out"
    )


class ActivateBody(DraftBody):
    """What is to be put in force."""

    sha256: PolicyDigest
    note: Note = ""


class RollbackBody(Body):
    """Whose content is to be in force again."""

    version: int = Field(ge=1, le=MAX_SEQ)
    note: Note = ""


class ConfirmBody(Body):
    """What the second person looked at."""

    sha256: PolicyDigest


class DialBody(Body):
    """Where a dial is to stand."""

    stage: Literal["off", "shadow", "suggest", "auto"]
    share: float | None = Field(
        default=None, gt=0, le=100, description="of customers, in percent; as it is when left out"
    )
    otherwise: Literal["off", "shadow", "suggest", "auto"] | None = Field(
        default=None, description="the stage of the others; as it is when left out"
    )
    note: Note = ""


class LimitBody(Body):
    """Other caps of a limit, `sums` in major units; what is left out stays as it is."""

    sums: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict[str, float])
    count: int | None = Field(default=None, ge=1, le=10**9)
    cards: int | None = Field(default=None, ge=1, le=10**6, description="how many may wait")
    note: Note = ""


class WrongBody(Body):
    """In which way something was wrong."""

    how: Literal["reversed", "disputed", "mistaken"]


class VersionsQuery(QueryModel):
    """A page of versions."""

    limit: Limit = 50
    after: int | None = Field(
        default=None, ge=1, le=MAX_SEQ, description="`next_after` of the page before"
    )


class LimitsQuery(QueryModel):
    """How many keys of each limit."""

    limit: Limit = 10


class ReportQuery(QueryModel):
    """Of how many weeks."""

    weeks: int = Field(default=12, ge=1, le=104, description="the running one included")
    minutes_by_hand: float | None = Field(
        default=None, ge=0, le=10_000, description="how long one takes a person"
    )


class VersionPage(View):
    """Versions of the policy, newest first."""

    items: tuple[PolicyVersionView, ...]
    next_after: int | None


class ChangeList(View):
    """What waits for a second person, oldest first."""

    items: tuple[PolicyChangeView, ...]


class PolicyTests(View):
    """The tests of a draft; `failed` is how many are not as wanted."""

    items: tuple[PolicyTestView, ...]
    failed: int


class ProofList(View):
    """The claims about a draft."""

    items: tuple[ProofView, ...]


class SuggestionList(View):
    """Drafts that nobody has put in force."""

    items: tuple[SuggestionView, ...]


class DraftView(PolicyDraftView):
    """A draft beside what is in force, with what it changes."""

    change: ChangeView


class LimitList(View):
    """The limits in force."""

    items: tuple[LimitView, ...]


class DialList(View):
    """The dials in force, in their order."""

    items: tuple[DialView, ...]
