"""Where a customer is reached, and a code on its way there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Medium: TypeAlias = Literal["email", "phone"]
"""Where a code goes: an e-mail address, or a phone number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeMessage:
    """A code on its way; nothing of it is printed, logged or kept.

    Attributes:
        recipient: the address, or the number, on file at the account that is to be shown.
        title: one line. text: what is sent, with the code in it.
        short: the same in one line, of 70 characters at most, which is one text message in every
            alphabet.
        key: the same for every try of one code; the code cannot be read from it.
        about: the id of the request.
    """

    recipient: str = field(repr=False)
    title: str
    text: str = field(repr=False)
    key: str
    about: str
    short: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactOnFile:
    """Where a customer can be sent a code, as the account at their provider has it on file.

    Attributes:
        email, phone: empty where there is none.
        email_verified: whether the provider itself has seen that they read mail there.
        address_changed_at: when the address or the number last changed, microseconds since 1970;
            None where the provider does not tell it.
    """

    email: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    email_verified: bool = False
    address_changed_at: int | None = None
