"""Routes of the way out for an accused log: what is wrong with it, and two people's yes."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Literal

from fastapi import APIRouter
from pydantic import Field

from sayso.errors import RefusedError
from sayso.sdk.audit.repair_view import MendedView, RepairView
from sayso.sdk.client import Sayso
from sayso.sdk.resources.tokens import Token
from sayso.sdk.views.base import View
from sayso.surfaces.http.auth import Decider, Keeper, Open
from sayso.surfaces.http.documents import asked, problems, reads, shown
from sayso.surfaces.http.edge import GuardedRoute
from sayso.surfaces.http.idempotency import Key, make_mark, was_made
from sayso.surfaces.http.shapes import Body, NoQuery

router = APIRouter(tags=["audit"], route_class=GuardedRoute)

_REPAIR = "rep_0b3f5a1c9d2e4f60718293a4b5c6d7e8"
_FINDING = "fnd_5feceb66ffc86f38d952786c6d696c79"
_SHOWN = {
    "tenant": "main",
    "id": _REPAIR,
    "asked_by": None,
    "changes": [
        {
            "table": "action",
            "row": "act_01m8997dg0jw1993dqct7cjj2z",
            "how": "update",
            "finding": _FINDING,
            "entry": 17,
            "columns": {"amount_minor": {"found": "1", "said": "9900"}},
        }
    ],
    "left": [],
    "rules": [],
    "accepted": [],
}
_ASKED = {"about": _REPAIR, "status": "asked", "entry": 41, "rows": 0}
_ACCEPTED = {"about": _FINDING, "status": "asked", "entry": 41, "rows": 0}
_ERRORS = problems(400, 401, 403, 404, 409, 413, 415, 422, 503)


class FoundSaid(View):
    """A column of a row that is not what the log says, as text."""

    found: str
    said: str


class ChangeShape(View):
    """A row that would be written."""

    table: str
    row: str
    how: Literal["update", "insert", "delete"]
    finding: str = Field(description="the id of what was found wrong with it, `fnd_…`")
    entry: int | None = Field(default=None, description="the last entry about it")
    columns: dict[str, FoundSaid]


class FindingShape(View):
    """One thing that is wrong with a log."""

    id: str | None = Field(default=None, description="`fnd_…`, to accept it by")
    check: str
    damage: str
    sort: str | None = None
    message: str
    seq: int | None = Field(default=None, description="the entry that it is about")
    last_seq: int | None = None
    table: str | None = None
    row: str | None = None
    columns: list[str]


class OpenFinding(FindingShape):
    """One that nobody has accepted."""

    asked_by: str | None = Field(default=None, description="who asked that it is accepted")


class AcceptedFinding(FindingShape):
    """One that two people have accepted."""

    accepted_by_entry: int


class RepairShape(View):
    """What is wrong with a log, and what a repair would write."""

    tenant: str
    id: str | None = Field(
        default=None, description="names exactly this repair; null where nothing is written"
    )
    asked_by: str | None = Field(default=None, description="who asked for just this repair")
    changes: tuple[ChangeShape, ...]
    left: tuple[OpenFinding, ...] = Field(description="rows that no repair writes")
    rules: tuple[OpenFinding, ...] = Field(description="what can only be accepted")
    accepted: tuple[AcceptedFinding, ...] = Field(description="what two people have accepted")

    @classmethod
    def of(cls, view: RepairView) -> RepairShape:
        """The same in the form of this surface."""
        return cls.model_validate(view.to_json())


class MendedShape(View):
    """What a person's word has done."""

    about: str = Field(description="the repair or the finding")
    status: Literal["asked", "done"] = Field(description="`asked` waits for a second person")
    entry: int = Field(description="the entry that says so")
    rows: int = Field(description="how many rows were written")

    @classmethod
    def of(cls, view: MendedView) -> MendedShape:
        """The same in the form of this surface."""
        return cls(about=view.about, status=view.status, entry=view.entry, rows=view.rows)


class RepairBody(Body):
    """Which repair somebody says yes to."""

    repair: str = Field(min_length=1, max_length=80, description="`rep_…`, as it was shown")


class AcceptBody(Body):
    """Which finding somebody says yes to, as it is."""

    finding: str = Field(min_length=1, max_length=80, description="`fnd_…`, as it was shown")
    reason: str = Field(
        default="", max_length=200, description="a code, which stands in the log for good"
    )


@router.get(
    "/v1/audit/repair",
    summary="Verify the log now: what is wrong with rows and rules, and what a repair would write",
    responses=reads("what was found", _SHOWN),
)
async def show_repair(sayso: Open, token: Keeper, _query: NoQuery) -> RepairShape:
    """Scope: `audit:read` or `approvals:decide`. Reads the whole log; changes nothing.

    500 `tampered` where entries, the tree or a signature are wrong: only a backup has them.
    """
    return RepairShape.of(await sayso.repairs.show(token.tenant))


@router.post(
    "/v1/audit/repair",
    summary="Ask for a repair, or confirm it as another person",
    responses={200: shown("asked for, or done", _ASKED), **_ERRORS},
    openapi_extra=asked(repair={"repair": _REPAIR}),
)
async def repair(
    sayso: Open, token: Decider, key: Key, _query: NoQuery, body: RepairBody
) -> MendedShape:
    """Scope: `approvals:decide`, which only a person's token can have; people with a role.

    The first person asks, another one confirms, which writes the rows. 409 `stale_revision` when
    another repair is due by now. The same call sent again changes nothing.
    """
    mark = make_mark(key, body.model_dump(mode="json"))
    again = await _made(sayso, token, mark)
    if again is not None:
        return again
    return await _once(sayso, token, mark, sayso.repairs.repair_as(token, body.repair, via=mark))


@router.post(
    "/v1/audit/accept",
    summary="Ask that one finding is accepted as it is, or confirm it as another person",
    responses={200: shown("asked for, or accepted", _ACCEPTED), **_ERRORS},
    openapi_extra=asked(accept={"finding": _FINDING, "reason": "known_defect"}),
)
async def accept(
    sayso: Open, token: Decider, key: Key, _query: NoQuery, body: AcceptBody
) -> MendedShape:
    """Scope: `approvals:decide`, which only a person's token can have; people with a role.

    Each later verification shows what was accepted, by whom, and in which entry. The same call
    sent again changes nothing.
    """
    mark = make_mark(key, body.model_dump(mode="json"))
    again = await _made(sayso, token, mark)
    if again is not None:
        return again
    done = sayso.repairs.accept_as(body.finding, token, reason=body.reason, via=mark)
    return await _once(sayso, token, mark, done)


async def _once(sayso: Sayso, token: Token, mark: str, done: Awaitable[MendedView]) -> MendedShape:
    try:
        return MendedShape.of(await done)
    except RefusedError:
        made = await _made(sayso, token, mark)  # by the same call, sent twice at once
        if made is None:
            raise
        return made


async def _made(sayso: Sayso, token: Token, mark: str) -> MendedShape | None:
    """What this very call has done already."""
    words = dict(await sayso.repairs.words_of(token))
    return MendedShape.of(words[mark]) if was_made(mark, words, "word") else None
