"""Routes of the audit log."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

import sayso.surfaces.http.examples as examples
from sayso.ids import Tenant
from sayso.sdk.audit.cases import CasesFoundView, CaseView
from sayso.sdk.audit.publishing import PublicationView, read_publications
from sayso.sdk.audit.questions import AnswerView, NamedQuestionView
from sayso.sdk.views.base import View
from sayso.sdk.views.rows import EntryView
from sayso.store.replica import acting
from sayso.surfaces.http.auth import Auditor, Open
from sayso.surfaces.http.documents import asked, problems, reads, writes
from sayso.surfaces.http.edge import LookingRoute
from sayso.surfaces.http.idempotency import Key
from sayso.surfaces.http.shapes import MAX_SEQ, Body, NoQuery, QueryModel

router = APIRouter(tags=["audit"], route_class=LookingRoute)


MAX_AUDIT_PAGE = 1000


class EntriesQuery(QueryModel):
    """A page of the audit log."""

    q: str = Field(
        default="",
        max_length=500,
        description="qualifiers such as `approver:maria amount:>100.00USD created:2026-11-01..`,"
        " and words to look for",
    )
    verified: bool = Field(
        default=False, description="prove each entry against the newest signed head"
    )
    limit: int = Field(default=50, ge=1, le=MAX_AUDIT_PAGE, description="entries on this page")
    after: int | None = Field(
        default=None, ge=0, le=MAX_SEQ, description="`next_after` of the page before"
    )


class EntryPage(View):
    """Entries of the audit log, newest first.

    Those below `pruned_to` are in sealed segments only.
    """

    items: tuple[EntryView, ...]
    next_after: int | None
    pruned_to: int = 0


@router.get(
    "/v1/audit/entries",
    summary="Ask the log, newest first",
    responses=reads("a page", examples.page(examples.ENTRY)),
)
async def query_entries(
    sayso: Open, token: Auditor, query: Annotated[EntriesQuery, Query()]
) -> EntryPage:
    """Scope: `audit:read`. Each query is itself recorded.

    Qualifiers of `q`: `actor approver kind name status outcome rule digest action request approval
    customer amount created text`, such as `amount:>100.00USD` and `created:2026-11-01..2026-11-24`.
    Words without a colon are looked for in the texts of the entries; `disput*` is the beginning of
    one. With `verified`, each entry carries a `proof` (C2SP tlog-proof) that was checked.
    """
    items = await sayso.audit.query(
        query.q,
        limit=query.limit,
        before=query.after,
        verified=query.verified,
        by=token.actor,
        tenant=token.tenant,
    )
    more = len(items) == query.limit
    low = await sayso.audit.pruned_to(tenant=token.tenant)
    last = items[-1].seq if more else None
    return EntryPage(items=tuple(items), next_after=last, pruned_to=low)


@router.get(
    "/v1/audit/checkpoint",
    summary="The newest signed head of the log",
    response_class=PlainTextResponse,
    responses={
        200: {
            "description": "a C2SP signed note; keep it elsewhere to prove a later rewrite",
            "content": {"text/plain": {"example": examples.CHECKPOINT}},
        },
        **problems(401, 403, 422, 503),
    },
)
async def show_checkpoint(sayso: Open, token: Auditor, _query: NoQuery) -> PlainTextResponse:
    """Scope: `audit:read`."""
    with acting():  # an older one than somebody has seen would look like a log that was put back
        return PlainTextResponse(await sayso.audit.checkpoint(tenant=token.tenant))


class QuestionPage(View):
    """Every question that has a name."""

    items: tuple[NamedQuestionView, ...]


class QuestionQuery(BaseModel):
    """What a question is asked about."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    since: str = Field(default="", max_length=10, description="a day in UTC, such as 2026-11-01")
    until: str = Field(default="", max_length=10, description="a day in UTC, included")
    over: str = Field(default="", max_length=24, description="only more than this: `100USD`")


_QUESTION = {
    "name": "four-eyes",
    "title": "Did two people agree wherever two must?",
    "tells": "Each call that needed two people or more, and who agreed.",
}
_ANSWER = {
    "question": "four-eyes",
    "title": "Did two people agree wherever two must?",
    "columns": ["entry", "at", "what", "needed", "agreed", "held", "about"],
    "items": [
        {
            "entry": 41,
            "at": "2026-11-12 14:32:09Z",
            "what": "stripe.refund $900.00",
            "needed": 2,
            "agreed": "maria,finn",
            "held": "yes",
            "about": "act_01kb2m9h3f",
        }
    ],
    "more": False,
    "nothing": None,
    "entries": 57,
    "size": 57,
    "complete": True,
    "pinned": True,
    "verified": "all 57 entries lie under the signed head",
}


@router.get(
    "/v1/audit/questions",
    summary="The questions that have a name",
    responses=reads("all of them", {"items": [_QUESTION]}),
)
async def list_questions(sayso: Open, token: Auditor, _query: NoQuery) -> QuestionPage:
    """Scope: `audit:read`. The same as `sayso audit ask` lists."""
    return QuestionPage(items=tuple(sayso.audit.questions()))


@router.get(
    "/v1/audit/questions/{name}",
    summary="Ask a question by its name",
    responses=reads("a table", _ANSWER, 404),
)
async def ask_question(
    sayso: Open, token: Auditor, name: str, query: Annotated[QuestionQuery, Query()]
) -> AnswerView:
    """Scope: `audit:read`. The whole log is read and held against its signed head first; a log
    that does not fit answers nothing (`tampered`). Each question is itself recorded.
    """
    return await sayso.audit.ask(
        name,
        since=query.since,
        until=query.until,
        over=query.over,
        by=token.actor,
        tenant=token.tenant,
    )


_MAX_SIZE = 2**53 - 1
_HEAD = """acme/main
3
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— acme/main Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo\
+zyWE+xeMcTOAYQ8=
"""
_PROOF = f"""c2sp.org/tlog-proof@v1
index 1
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=

{_HEAD}"""
PUBLICATIONS = {
    "items": [
        {
            "place": "finance",
            "size": 3,
            "lag": 0,
            "at": "2026-11-25T12:00:10.000000Z",
            "checkpoint": _HEAD,
        }
    ]
}


class ProofQuery(BaseModel):
    """What is to be proven: one of both."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seq: int | None = Field(
        default=None, ge=0, le=_MAX_SIZE, description="that this entry is in the log"
    )
    old_size: int | None = Field(
        default=None,
        ge=0,
        le=_MAX_SIZE,
        description="that the log only grew since it had so many entries",
    )

    @model_validator(mode="after")
    def _is_one_of_both(self) -> ProofQuery:
        if (self.seq is None) == (self.old_size is None):
            raise ValueError("give `seq` or `old_size`")
        return self


class PublicationPage(View):
    """Every place of the settings."""

    items: tuple[PublicationView, ...]


class CaseWordsBody(Body):
    """What a case is looked for by; it is kept nowhere."""

    words: str = Field(
        min_length=1,
        max_length=200,
        description="a name, an order, an amount, who decided, a month, in any order",
    )


_CASES: dict[str, object] = {
    "items": [
        {
            "about": "act_01k8w0e4q2x7r9m5n3b6c1d4f8",
            "customer": "Mia Fontaine",
            "what": ["Refund $139.00 of order o1"],
            "by": ["maria"],
            "at": "2026-11-21T14:20:00.000000Z",
            "totals": [{"amount_minor": 13900, "currency": "USD"}],
            "statuses": ["succeeded"],
        }
    ],
    "chips": ["mia", "$139.00", "decided 2026-11-01 to 2026-11-30, UTC, both included"],
    "looked_at": 412,
    "more": False,
    "entry": 5021,
}
_CASE: dict[str, object] = {
    "about": "act_01k8w0e4q2x7r9m5n3b6c1d4f8",
    "actions": ["act_01k8w0e4q2x7r9m5n3b6c1d4f8"],
    "entries": [examples.ENTRY],
    "size": 5022,
    "policy": examples.ENTRY,
    "people": {"maria": examples.ENTRY},
    "erased": examples.ENTRY,
    "entry": 5022,
}


@router.post(
    "/v1/audit/cases",
    summary="Find cases by a customer's name, an order, an amount, who decided, and when",
    responses=writes("what fits, the newest first", _CASES),
    openapi_extra=asked(name={"words": "139 mia november"}),
)
async def find_cases(
    sayso: Open, token: Auditor, _key: Key, _query: NoQuery, body: CaseWordsBody
) -> CasesFoundView:
    """Scope: `audit:read`. The same as `sayso audit case` finds.

    Each search is itself recorded: who looked, and not for whom; so is a call that is sent again.
    """
    return await sayso.audit.cases.find(body.words, by=token, via="http")


@router.get(
    "/v1/audit/cases/{about}",
    summary="All that the log proves of a case",
    responses=reads("each entry with its proof", _CASE, 404),
)
async def show_case(sayso: Open, token: Auditor, about: str, _query: NoQuery) -> CaseView:
    """Scope: `audit:read`. `about` is `req_…` or `act_…`. That it was opened is recorded."""
    return await sayso.audit.cases.show(about, by=token)


@router.get(
    "/v1/audit/proof",
    summary="Prove an entry, or that the log only grew",
    response_class=PlainTextResponse,
    responses={
        200: {
            "description": "for `seq` a C2SP tlog-proof; for `old_size` the lines `old SIZE`, the "
            "consistency proof, an empty line, and the newest signed head",
            "content": {"text/plain": {"example": _PROOF}},
        },
        **problems(401, 403, 404, 422, 503),
    },
)
async def prove(
    sayso: Open, token: Auditor, query: Annotated[ProofQuery, Query()]
) -> PlainTextResponse:
    """Scope: `audit:read`. What is given leads to the head that stands in it, or is an error."""
    tree, tenant = sayso.audit.tree, Tenant(token.tenant)
    with acting():  # as with the head
        if query.seq is not None:
            return PlainTextResponse(await tree.prove_inclusion(tenant, query.seq))
        assert query.old_size is not None
        return PlainTextResponse(await tree.prove_consistency(tenant, query.old_size))


@router.get(
    "/v1/audit/tile/{path:path}",
    summary="A tile of the log's tree, or a bundle of its entries",
    response_class=Response,
    responses={
        200: {
            "description": "c2sp.org/tlog-tiles: 256 hashes of 32 bytes, or entries each after its "
            "length; fewer under `….p/WIDTH`",
            "content": {
                "application/octet-stream": {
                    "schema": {"type": "string", "format": "binary"},
                    "example": "256 hashes, 8,192 bytes",
                }
            },
        },
        **problems(401, 403, 404, 422, 503),
    },
)
async def show_tile(sayso: Open, token: Auditor, path: str, _query: NoQuery) -> Response:
    """Scope: `audit:read`. Such as `0/000`, `1/000.p/3`, `entries/x001/234`."""
    with acting():  # as with the head
        found = await sayso.audit.tree.tile(Tenant(token.tenant), path)
    return Response(found, media_type="application/octet-stream")


@router.get(
    "/v1/audit/publications",
    summary="Where signed heads were published, and how far each place is behind",
    responses=reads("every place", PUBLICATIONS),
)
async def list_publications(sayso: Open, token: Auditor, _query: NoQuery) -> PublicationPage:
    """Scope: `audit:read`."""
    with acting():
        found = await read_publications(sayso, Tenant(token.tenant))
    return PublicationPage(items=tuple(found))
