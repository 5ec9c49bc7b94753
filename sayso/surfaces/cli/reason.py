"""Why a request was handed over to a person: the log knows."""

from __future__ import annotations

from sayso.audit.entry import EntryKind
from sayso.audit.pages import read_page
from sayso.audit.query import Query
from sayso.sdk.app import Sayso
from sayso.sdk.views import RequestView


async def hand_over_reason(sayso: Sayso, request: RequestView) -> str:
    """The planner's reason; empty when the request was not handed over."""
    if request.status != "handed_over":
        return ""
    query = Query(request=request.id, kind=EntryKind.REQUEST_HANDED_OVER)
    found = await sayso.house.store.read(
        lambda reader: read_page(reader, sayso.house.tenant, query, limit=1)
    )
    return str(found[0].entry.data.get("reason", "")) if found else ""
