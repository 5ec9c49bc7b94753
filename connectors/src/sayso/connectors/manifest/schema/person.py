"""Who a customer is at the provider, and how they are found by their address."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sayso.actions.customers.contact import Medium
from sayso.connectors.manifest.schema.base import ManifestTable, Path, Word
from sayso.connectors.manifest.schema.request import Read

IdPlace = Annotated[
    str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,59}(\.[A-Za-z0-9_-]{1,60}){0,3}(\.\*)?$")
]
"""Where a record holds another system's id, as `[customers.links]` names it: `external_id`, or
`metadata.*` for each of what stands there."""


class Contact(Read):
    """Where the customer is written to, for connectors that ask for an address.

    `PersonTable` says it too, and more; this is what manifests had before.
    """

    email: Path | None = None
    phone: Path | None = None
    name: Path | None = None


class CodeSenderTable(ManifestTable):
    """How a customer is sent a code by which they show that an account is theirs.

    Attributes:
        sends_to: where it goes: `email` or `phone`.
        by: the action whose call sends it; its owner is a `peer`, in whose place the code's own
            recipient stands.
        text: the argument of that action that takes what is sent, in one line.
    """

    sends_to: Medium
    by: Word
    text: Word


class PersonFind(Read):
    """The customers of an address, `{find.email}`.

    Attributes:
        items: path of them; each in the form in which the table's own paths read one.
    """

    items: Path


class PersonTable(Contact):
    """Who a customer is: a read by `{subject.id}` or `{subject.form}`.

    Attributes:
        id: where the answer has the provider's id of whom it speaks, in the provider's form.
        email, phone, name: as the provider has them.
        email_verified: whether the provider itself has seen that they read mail at that address.
        since: when the provider came to know them.
        address_changed, phone_changed: when the e-mail address, or the number, last changed.
        ids: what the record holds of other systems, by place; only where the shop alone can write.
            A place that ends in `.*` is a table, or a list of `{key, value}`.
        find: how they are found by their address.
    """

    id: Path
    email_verified: Path | None = None
    since: Path | None = None
    address_changed: Path | None = None
    phone_changed: Path | None = None
    ids: Annotated[dict[IdPlace, Path], Field(max_length=20)] = Field(default_factory=dict)
    find: PersonFind | None = None
