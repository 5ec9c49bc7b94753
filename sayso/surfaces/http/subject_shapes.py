"""What comes in about customers' data, and what its pages look like."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sayso.sdk.subjects.views import ErasureView, HoldView
from sayso.sdk.views import View
from sayso.surfaces.http.shapes import After, Body, Limit, QueryModel, Short

Customer = Annotated[Short, Field(description="the provider's id of the customer, such as `cus_…`")]
ReasonCode = Annotated[
    str,
    Field(max_length=40, description="a code, which stands in the log for good"),
]


class AccessBody(Body):
    """Whose data is asked for."""

    subject: Customer


class EraseBody(Body):
    """Who is to be erased, and why."""

    subject: Customer
    reason: ReasonCode = "subject_request"


class HoldBody(Body):
    """Of whom everything is to be kept, and why."""

    subject: Customer
    reason: ReasonCode


class ReleaseBody(Body):
    """Nothing: the hold stands in the path, and who calls in the token."""


class ErasuresQuery(QueryModel):
    """A page of erasures."""

    limit: Limit = 50
    after: After = None


class HoldsQuery(QueryModel):
    """A page of legal holds."""

    ended: Annotated[bool, Field(description="those that were released, too")] = False
    limit: Limit = 50
    after: After = None


class ErasurePage(View):
    """Erasures, newest first."""

    items: tuple[ErasureView, ...]
    next_after: str | None


class HoldPage(View):
    """Legal holds, newest first."""

    items: tuple[HoldView, ...]
    next_after: str | None
