"""Links beside codes: they lead to a page with a button, and carry a secret of their own.

A link names its question under a seal of ours, so that one that somebody made up is turned away
before anything is read. Its secret is checked against the question, as a code is, and nowhere else.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

import orjson

from sayso.audit.authority.keyring import Keyring
from sayso.ids import Entropy, Tenant

PATH = "/confirm"
"""Where the pages are: `/confirm/LANGUAGE/TOKEN`."""
SECRET_BYTES = 32
_SEAL_BYTES = 40
_DOMAIN = b"sayso/step-up-link/v1\0"
_LONGEST = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeLink:
    """What a link says.

    Attributes:
        number: of the question. until: microseconds since 1970.
        secret: in hex; nobody but the question's seal says whether it is the right one.
    """

    tenant: Tenant
    request: str
    number: int
    until: int
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeLinks:
    """Makes links and reads them.

    Attributes:
        url: what they begin with, such as `https://help.example.com`; empty where the workspace has
            no address that customers can open, and then there are none.
        shop: what customers know it as; the address's host where it is empty.
    """

    keyring: Keyring
    url: str
    shop: str = ""

    @property
    def known_as(self) -> str:
        """What customers know the workspace as."""
        return self.shop or self.url.removeprefix("https://")

    def written(self, link: CodeLink, language: str) -> str:
        """The address of the page."""
        place = orjson.dumps([link.tenant, link.request, link.number, link.until])
        seal = self.keyring.seal_note(_DOMAIN + place)
        token = base64.urlsafe_b64encode(bytes.fromhex(link.secret) + seal + place)
        return f"{self.url}{PATH}/{language}/{token.rstrip(b'=').decode()}"

    def read(self, token: str) -> CodeLink | None:
        """What the last part of such an address says; None where it is none of ours."""
        if len(token) > _LONGEST or not token.isascii():
            return None
        try:
            whole = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        secret, rest = whole[:SECRET_BYTES], whole[SECRET_BYTES:]
        seal, place = rest[:_SEAL_BYTES], rest[_SEAL_BYTES:]
        if not place or not self.keyring.is_own_note(_DOMAIN + place, seal):
            return None
        tenant, request, number, until = orjson.loads(place)
        return CodeLink(
            tenant=Tenant(tenant), request=request, number=number, until=until, secret=secret.hex()
        )


def new_secret(entropy: Entropy) -> str:
    """What only whoever gets the link knows, in hex."""
    return entropy(SECRET_BYTES).hex()
