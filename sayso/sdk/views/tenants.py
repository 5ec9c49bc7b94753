"""Tenants and their databases, as callers see them."""

from __future__ import annotations

from typing import Literal

from sayso.sdk.views.base import View


class Moved(View):
    """What a move did.

    Attributes:
        source, target: names of the databases. size: entries of the log when it moved.
        rows: how many were copied; 0 where an earlier call had copied them.
        had_log: False for a tenant that begins there.
    """

    tenant: str
    source: str
    target: str
    size: int = 0
    rows: int = 0
    had_log: bool = True


class TenantPlace(View):
    """Where a tenant is.

    Attributes:
        state: `here`; `leaving`, so that it takes no new work; `arriving`, once its log has ended
            in the database that it leaves; `new`, when it has no log yet.
        to: the database that it leaves for; empty else.
        entries: of its log.
    """

    tenant: str
    database: str
    state: Literal["here", "leaving", "arriving", "new"]
    to: str = ""
    entries: int = 0
