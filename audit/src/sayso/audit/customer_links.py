"""What entries say of links between the accounts of a customer, and of what goes over them.

A link is told with both ends, under the log's own names for them, and whatever else its row holds.
So who asks for the links of an account goes by entries, which an index finds by either end; a row
that is gone, or was put there, is noticed by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sayso.audit.authority.by import By
from sayso.audit.authority.keyring import ROW
from sayso.audit.entry import Actor, Entry, EntryKind, Json, PiiRef, StoredEntry

PROOFS = ("email", "person", "code", "record", "signed")
"""What says that two accounts are one customer's, weakest first."""
ALONE = frozenset({"code", "record", "signed"})
"""On which money may move without a person's yes."""
BY_PERSON, ERASED, SWEPT = "by_person", "erased", "swept"
ENDINGS = frozenset({"record_changed", "address_changed", BY_PERSON, ERASED, SWEPT})
"""Why a link ends; one whose time is over ends by itself."""

ACCOUNTS, ACCOUNTS_UNTIL = "accounts", "accounts_until"
"""In what tells of a customer's words: the further accounts that a signed assertion names with
them, under the log's own names, and until when it holds."""
LINK, LINKED_WITH = "link", "linked_with"
WRITTEN_AS, LINKS = "written_as", "links"
"""In the first entry of an action: who wrote, and the links from them to whom it is for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldLink:
    """A link as entries tell it.

    Attributes:
        ends: the pseudonyms of both accounts. providers: whose accounts they are.
        until: microseconds since 1970; None for no end.
        by: who ties or unties them. seal: of the row as it is from then on.
    """

    id: str
    ends: tuple[str, str]
    providers: tuple[str, str]
    proof: str
    until: int | None
    by: By
    seal: str

    def data(self) -> dict[str, Json]:
        """What both entries say."""
        return {
            LINK: self.id,
            LINKED_WITH: self.ends[1],
            "providers": list[Json](self.providers),
            "proof": self.proof,
            "via": self.by.via,
            "credential": self.by.credential,
            ROW: self.seal,
        }


def linked_entry(told: ToldLink, *, request: str | None, pii: PiiRef | None) -> Entry:
    """The entry with which a link begins.

    Args:
        request: the conversation that it holds for; None for any.
    """
    until: dict[str, Json] = {} if told.until is None else {"until": told.until}
    return Entry(
        kind=EntryKind.CUSTOMER_LINKED,
        actor=told.by.actor,
        request=request,
        subject=told.ends[0],
        data=told.data() | until,
        pii=pii,
    )


def unlinked_entry(told: ToldLink, *, why: str, pii: PiiRef | None) -> Entry:
    """The entry with which a link ends; `why` is one of `ENDINGS`."""
    assert why in ENDINGS, why
    return Entry(
        kind=EntryKind.CUSTOMER_UNLINKED,
        actor=told.by.actor,
        subject=told.ends[0],
        data=told.data() | {"why": why},
        pii=pii,
    )


def parts(body: Mapping[str, Json]) -> tuple[frozenset[str], bool] | None:
    """The accounts of which a person says that they are one customer's, or are not.

    Args:
        body: of an entry about a link.

    Returns:
        both pseudonyms, and whether they are parted; None where no person says so.
    """
    match body:
        case {
            "kind": EntryKind.CUSTOMER_LINKED.value,
            "subject": str(one),
            "data": {"linked_with": str(other), "proof": "person"},
        }:
            return frozenset((one, other)), False
        case {
            "kind": EntryKind.CUSTOMER_UNLINKED.value,
            "subject": str(one),
            "data": {"linked_with": str(other), "why": "by_person"},
        }:
            return frozenset((one, other)), True
        case _:
            return None


def told_again(body: bytes, by: Actor) -> Entry:
    """The same link once more, since the entry that told of it goes from the database.

    Args:
        body: that entry. by: who prunes.
    """
    stored = StoredEntry.read(body)
    entry = stored.entry
    first: dict[str, Json] = {
        "again": True,
        "by": f"{entry.actor.kind.value}:{entry.actor.id}",
        "since": stored.at_micros,
        "credential": "host",
    }
    return replace(entry, actor=by, data={**entry.data, **first, **_first_of(entry)})


def _first_of(entry: Entry) -> dict[str, Json]:
    """Of one that was told again already: by whom and since when at first."""
    return {name: entry.data[name] for name in ("by", "since") if "again" in entry.data}


def reach_data(written_as: str, links: Sequence[str]) -> dict[str, Json]:
    """What the first entry of an action says, of whoever asked for it by another account.

    Args:
        written_as: the pseudonym of the account that wrote.
        links: ids of the links from it to the action's account, in order.
    """
    return {WRITTEN_AS: written_as, LINKS: list[Json](links)}
