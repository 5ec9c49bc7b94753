"""How Sayso reaches the world: the contract, and what makes and finds connectors.

Names are imported when they are first used, so that importing this package costs next to nothing.

`base` is the contract, `define` the short way to an action of your own; `registry` has them by
name, made from a `setup` by what `sources` find, and lets no other provider's ids through;
`customers` says whose customers each takes, `person` who one of them is; `contacts` reach them, by
a `code_sender`, and `desks` are where they write, each a `desk`. What a connector may use:
`arguments`, `ahead` (reads at once), `retry`, `vault`, `signatures`, `markup`, `quotes`,
`email_address`, `outgoing_text`, `http`, `oauth`; `isolation` keeps what it raises from ending its
caller and from showing a secret. Shipped: `stripe`, `email`, and by `manifest` those in
`manifests`; `describe` and `draft` read a provider's own documents.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sayso.connectors.arguments import read_args
    from sayso.connectors.base import Connector
    from sayso.connectors.person import Person, PersonBook, PersonSearch
    from sayso.connectors.registry import Connectors
    from sayso.connectors.retry import RetryPolicy
    from sayso.connectors.setup import Address, AddressBook, Factory, Setup
    from sayso.secret import Secret, resolve_reference

_HOMES = {
    "Address": "sayso.connectors.setup",
    "AddressBook": "sayso.connectors.setup",
    "Connector": "sayso.connectors.base",
    "Connectors": "sayso.connectors.registry",
    "Factory": "sayso.connectors.setup",
    "Person": "sayso.connectors.person",
    "PersonBook": "sayso.connectors.person",
    "PersonSearch": "sayso.connectors.person",
    "RetryPolicy": "sayso.connectors.retry",
    "Secret": "sayso.secret",
    "Setup": "sayso.connectors.setup",
    "read_args": "sayso.connectors.arguments",
    "resolve_reference": "sayso.secret",
}

__all__ = [
    "Address",
    "AddressBook",
    "Connector",
    "Connectors",
    "Factory",
    "Person",
    "PersonBook",
    "PersonSearch",
    "RetryPolicy",
    "Secret",
    "Setup",
    "read_args",
    "resolve_reference",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module `{__name__}` has no `{name}`")
    return getattr(import_module(home), name)
