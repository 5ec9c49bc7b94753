"""Codes by which customers show that an account is theirs: made, read, and known again.

INVARIANT: nothing keeps a code. The question that asks for it holds a hash of it under a key that
is never in the database, over all that the code is for; the log holds the digest of that question.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import orjson

from sayso.actions.customers.contact import Medium
from sayso.agent.base import Message
from sayso.agent.phrases import LANGUAGES, phrases_of
from sayso.audit.authority.keyring import Keyring
from sayso.ids import Entropy
from sayso.json import JsonObject, JsonValue

DIGITS = 8
MOST_TRIES = 5
"""So many answers may be wrong in one request; then a person takes it."""
MOST_ASKED = 3
"""So often one request asks for a code."""
MOST_A_DAY = 3
"""So many codes go to one account within a day."""
MOST_AN_HOUR = 10
"""So often whoever writes from one account is asked for a code within an hour."""

_DOTS = "•••"
_DOMAIN, _LINK_DOMAIN = b"sayso/step-up/v1\0", b"sayso/step-up-by-link/v1\0"
_PLACE_DOMAIN = b"sayso/step-up-to/v1\0"
_CODE = re.compile(
    r"(?<![0-9A-Za-z])(?<![0-9][ \u00a0-])(?<![0-9][ \u00a0-]{2})"
    r"[0-9](?:[ \u00a0-]{0,2}[0-9]){7}(?![ \u00a0-]{0,2}[0-9])(?![0-9A-Za-z])",
    re.ASCII,
)
_LETTERS = "abcdefghijklmnoprstvw"


def new_code(entropy: Entropy) -> str:
    """Eight digits, each as likely as every other."""
    return f"{int.from_bytes(entropy(16)) % 10**DIGITS:0{DIGITS}}"


def spaced(code: str) -> str:
    """A code as people read it."""
    return f"{code[:4]} {code[4:]}"


def code_in(text: str) -> str | None:
    """The first eight digits by themselves in an answer; spaces and dashes between them are fine.

    INVARIANT: one answer is one try, however many numbers it holds.
    """
    found = _CODE.search(text)
    return None if found is None else re.sub(r"[^0-9]", "", found[0])


def masked(recipient: str) -> str:
    """An address, or a number, as a question shows it, such as `j•••@e•••.com`."""
    local, at, host = recipient.rpartition("@")
    if not at:
        return _DOTS + re.sub(r"[^0-9]", "", recipient)[-2:]
    return f"{local[:1]}{_DOTS}@{host[:1]}{_DOTS}.{host.rpartition('.')[2]}"


def invented(keyring: Keyring, tenant: str, account: str, to: Medium) -> str:
    """What a question shows where nobody has an address: the same each time, as with a real one."""
    seal = keyring.seal_note(b"\0".join((_DOMAIN, tenant.encode(), account.encode())))
    if to == "phone":
        return f"{_DOTS}{int.from_bytes(seal[-2:]) % 100:02}"
    one, other = (_LETTERS[byte % len(_LETTERS)] for byte in seal[-2:])
    return f"{one}{_DOTS}@{other}{_DOTS}.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What a question for a code keeps beside its words.

    Attributes:
        accounts: pseudonyms of those that the code is for; it is sent to the address of the first.
        to: `email` or `phone`.
        seal: the keyed hash, in hex. until: microseconds since 1970.
        tries: how many answers in the request were wrong.
        link: likewise of the secret in the link beside the code; empty where there is no link.
        at: likewise of the address that it went to; empty in a question of an older Sayso.
    """

    accounts: tuple[str, ...]
    to: Medium
    until: int
    tries: int
    seal: str = ""
    link: str = ""
    at: str = ""

    def sealed(self, keyring: Keyring, place: Sequence[str], code: str) -> Challenge:
        """The same for a code.

        Args:
            place: what it is for besides: request, writer, conversation, and the question's nonce.
        """
        return replace(self, seal=keyring.seal_note(self._note(_DOMAIN, place, code)).hex())

    def linked(self, keyring: Keyring, place: Sequence[str], secret: str) -> Challenge:
        """The same for a link, too; see `sealed`."""
        return replace(self, link=keyring.seal_note(self._note(_LINK_DOMAIN, place, secret)).hex())

    def addressed(self, keyring: Keyring, place: Sequence[str], address: str) -> Challenge:
        """The same for the address that it goes to, too; see `sealed`."""
        note = self._note(_PLACE_DOMAIN, place, address.casefold())
        return replace(self, at=keyring.seal_note(note).hex())

    def went_to(self, keyring: Keyring, place: Sequence[str], address: str) -> bool:
        """Whether an address is the one that it went to."""
        note = self._note(_PLACE_DOMAIN, place, address.casefold())
        return keyring.is_own_note(note, bytes.fromhex(self.at))

    def fits(self, keyring: Keyring, place: Sequence[str], code: str) -> bool:
        """Whether it is the code that was sent."""
        return keyring.is_own_note(self._note(_DOMAIN, place, code), bytes.fromhex(self.seal))

    def fits_link(self, keyring: Keyring, place: Sequence[str], secret: str) -> bool:
        """Whether it is the secret of the link that was sent."""
        return keyring.is_own_note(
            self._note(_LINK_DOMAIN, place, secret), bytes.fromhex(self.link)
        )

    def _note(self, domain: bytes, place: Sequence[str], code: str) -> bytes:
        return domain + orjson.dumps([*place, self.accounts, self.to, self.until, code])

    def to_json(self) -> JsonObject:
        """As it stands in the question."""
        return {
            "accounts": list(self.accounts),
            "to": self.to,
            "until": self.until,
            "tries": self.tries,
            "seal": self.seal,
            **({"link": self.link} if self.link else {}),
            **({"at": self.at} if self.at else {}),
        }

    @classmethod
    def read(cls, value: JsonValue) -> Challenge:
        """What `to_json` wrote, of a question that the log tells of."""
        held = cast("Mapping[str, JsonValue]", value)
        return cls(
            accounts=tuple(cast("Sequence[str]", held["accounts"])),
            to=cast("Medium", held["to"]),
            until=cast("int", held["until"]),
            tries=cast("int", held["tries"]),
            seal=cast("str", held["seal"]),
            link=cast("str", held.get("link", "")),
            at=cast("str", held.get("at", "")),
        )


def without_codes(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """A conversation as a bot tells it, without what was answered to a question for a code.

    The newest message is left as it is.
    """
    told = list(messages)
    for place in range(1, len(told) - 1):
        before, turn = told[place - 1], told[place]
        if turn.role == "customer" and before.role == "agent" and _asks(before.content):
            told[place] = replace(turn, content=hidden(turn.content))
    return tuple(told)


def hidden(text: str) -> str:
    """A text without its numbers."""
    return re.sub(r"[0-9][0-9 \u00a0-]*[0-9]|[0-9]", _DOTS, text, flags=re.ASCII)


def _asks(text: str) -> bool:
    """Whether a turn is one of our own questions for a code."""
    for language in LANGUAGES:
        phrases = phrases_of(language)
        begins = phrases.verify.partition("{to}")[0]
        if text.startswith((begins, phrases.verify_wrong, phrases.verify_unread)):
            return True
    return False
