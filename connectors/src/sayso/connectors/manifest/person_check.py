"""What is wrong with `[person]`: who is asked about, and where another system's id may stand."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sayso.connectors.manifest.request_check import Found, check_request, names_of
from sayso.connectors.manifest.schema import Manifest, PersonFind, PersonTable
from sayso.connectors.manifest.template import TemplateError

_PROSE = frozenset(
    "bio comment comments description details email first_name full_name last_name memo name "
    "nickname note notes phone signature tag tags title".split()
)
"""Fields that customers fill in somewhere, or staff write prose into."""
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_person(manifest: Manifest, table: PersonTable) -> Iterator[Found]:
    """Each mistake of the table."""
    if manifest.contact is not None:
        problem = "[person] says where a customer is reached, too"
        yield ("contact",), problem, "take [contact] out, and give `email`, `phone`, `name` here"
    yield from check_request(("person",), table, {"subject", "settings"})
    if not _names(table, "subject"):
        yield ("person",), "its request does not name the customer", "put `{subject.id}` into it"
    if manifest.connection.subject.form.count("{subject.id}") != 1:
        problem = "a customer's id can't be read out of it"
        yield ("connection", "subject"), problem, "`form` holds `{subject.id}` once"
    if table.page is not None:
        yield ("person", "page"), "one customer is asked about", "take it out"
    for name in ("email_verified", "address_changed"):
        if getattr(table, name) is not None and table.email is None:
            yield ("person", name), "it is about an address that is not read", "give `email`"
    if table.phone_changed is not None and table.phone is None:
        yield ("person", "phone_changed"), "it is about a number that is not read", "give `phone`"
    yield from _ids(table)
    yield from _find(table)


def _ids(table: PersonTable) -> Iterator[Found]:
    """INVARIANT: an id counts as the shop's word, so it stands where nobody else can write."""
    for place, path in table.ids.items():
        fields = _FIELD.findall(path)
        last = next((one for one in reversed(fields) if one not in ("key", "value")), "")
        if last.lower() in _PROSE or place.removesuffix(".*").rpartition(".")[2].lower() in _PROSE:
            problem = f"customers or staff write freely into `{last or place}`: that is no id"
            step = "name a place that the shop's own systems alone write, or leave it out"
            yield ("person", "ids", place), problem, step


def _find(table: PersonTable) -> Iterator[Found]:
    find = table.find
    if find is None:
        return
    at = ("person", "find")
    yield from check_request(at, find, {"find", "settings", "page"})
    if not _names(find, "find"):
        yield at, "its request does not name the address", "put `{find.email}` into it"
    if table.email is None:
        yield at, "nothing shows that an address is theirs", "give `email` of [person]"
    if find.root is not None:
        yield (*at, "root"), "a search has `items`", "take it out"


def _names(request: PersonTable | PersonFind, head: str) -> bool:
    try:
        return any(name[0] == head for name in names_of(request))
    except TemplateError:
        return True  # said by `check_request`
