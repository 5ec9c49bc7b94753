"""`[desk.NAME]`: where customers write and colleagues sit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from sayso.settings.base import Name, Reference, Section

MOST_ANSWERS_AN_HOUR = 6


class DeskSection(Section):
    """A help desk or a mailbox in which Sayso answers.

    Attributes:
        connector: which connector reaches it, by its table under `[connectors]`; the one of the
            desk's own name unless said.
        assurance: how surely it is known who writes there: `verified` where the desk lets nobody
            write in another one's name; what the desk says of each message unless said.
        customers: whose account ids its writers have, such as `shop`; the connector's own unless
            said.
        close: end a thread once all that was asked in it is done and told.
        hand_over: what the action that gives a thread to colleagues takes besides, such as
            `{ group = 42 }`; without it nobody is assigned, and a note says what there is to do.
        sweep_s: seconds between two looks for what no webhook told.
        secret: where the secret is by which its webhooks to `POST /v1/inbound/NAME` are signed;
            without one only an `[inbound]` section of the same provider rings.
        answers_an_hour: of Sayso in one thread, before a person takes it over.
    """

    connector: Name | None = None
    assurance: Literal["unverified", "verified"] | None = None
    customers: Name | None = None
    close: bool = False
    hand_over: Mapping[Name, str | int] = Field(default_factory=dict)
    sweep_s: Annotated[float, Field(ge=1, le=3600)] = 120.0
    secret: Reference | None = None
    answers_an_hour: Annotated[int, Field(ge=1, le=MOST_ANSWERS_AN_HOUR)] = MOST_ANSWERS_AN_HOUR
