"""`[customers]`: whose an account id is, what ties two accounts, and how long a code holds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from pydantic import Field, model_validator

from sayso.settings.base import Name, Section

Place = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}\.[A-Za-z0-9_.-]{1,100}$")]


class CustomersSection(Section):
    """Whose an account id is, and what ties two accounts of one customer by itself.

    Attributes:
        default: the connector whose customer an id without a provider names, and whose ids were
            stored before there were several; needed where several connectors have customers.
        links: by a place of one connector's records, such as `zendesk.external_id`, the connector
            whose customer the id there names. Only what you alone can write.
        by_email: whether one address, which the provider where the customer writes has verified,
            ties two accounts; a person then decides about money.
        verified_for: how long it is known in a conversation who writes, once they have sent back
            the code that went to the address on file; such as `30m` or `1h`, and a day at most.
        address_quiet_days: an address that changed within so many days gets no code.
        url: `https://HOST` where customers can open `/confirm/` of this server; the mail with a
            code has a link beside it then. Without it there is the code alone.
        shop: what customers know you as, on that page; the address's host unless said.
    """

    default: Name | None = None
    links: Mapping[Place, Name] = Field(default_factory=dict)
    by_email: bool = True
    verified_for: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,3}[mh]$")] = "1h"
    address_quiet_days: Annotated[int, Field(ge=0, le=365)] = 7
    url: Annotated[str, Field(pattern=r"^(https://[^/\s?#@]+)?$")] = ""
    shop: Annotated[str, Field(max_length=60, pattern=r"^[^\x00-\x1f<>]*$")] = ""

    @property
    def verified_time(self) -> timedelta:
        """`verified_for` as a time."""
        number = int(self.verified_for[:-1])
        return timedelta(minutes=number if self.verified_for.endswith("m") else number * 60)

    @property
    def verified_micros(self) -> int:
        """The same in microseconds."""
        return self.verified_time // timedelta(microseconds=1)

    @model_validator(mode="after")
    def _no_longer_than_a_day(self) -> CustomersSection:
        if self.verified_time > timedelta(days=1):
            raise ValueError("`verified_for` is 24h at most")
        return self
