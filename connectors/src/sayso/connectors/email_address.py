"""E-mail addresses, as far as they have to be understood: plain ones only."""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,190}")


def is_address(address: str) -> bool:
    """Whether it is a plain address, which cannot carry a header, a second recipient or a name."""
    return _ADDRESS.fullmatch(address) is not None and ".." not in address


def is_same_address(one: str, other: str) -> bool:
    """Whether two plain addresses are one: the case of letters makes no other mailbox.

    Everything else counts, such as dots and what stands after a `+`: at most providers those are
    other people's. What is no plain address is nobody's.
    """
    return is_address(one) and is_address(other) and one.lower() == other.lower()


def masked(address: str) -> str:
    """An address as cards show it, such as `a…@example.com`."""
    local, _, host = address.rpartition("@")
    return f"{local[:1]}…@{host}"
