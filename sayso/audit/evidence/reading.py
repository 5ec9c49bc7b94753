"""Reads an evidence pack for the verifier."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass

from sayso.audit.evidence.data import Evidence
from sayso.audit.evidence.page import DATA_END, DATA_START, render
from sayso.audit.verifying.bundle import ProvenRow
from sayso.errors import Code, IntegrityError, SaysoError

DOCTYPE = b"<!doctype html>"
_DATA = re.compile(rf"{re.escape(DATA_START)}([A-Za-z0-9+/=\n]*){re.escape(DATA_END)}".encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadEvidence:
    """A pack: its data, and whether the page around it is the one that the data gives."""

    evidence: Evidence
    agrees: bool

    @property
    def note(self) -> str:
        """The signed head."""
        return self.evidence.note

    @property
    def vkeys(self) -> tuple[str, ...]:
        """The public keys it lists."""
        return self.evidence.vkeys

    def proven_rows(self) -> Iterator[ProvenRow]:
        """The rows; none of them agrees when one byte of the page is another one."""
        return self.evidence.proven_rows(agrees=self.agrees)


def read_evidence(page: bytes) -> ReadEvidence:
    """Read a pack, and make its page again.

    Raises:
        IntegrityError: `not_a_store`, when it carries no evidence; `tampered`, when that is broken.
    """
    found = _DATA.findall(page)
    if len(found) != 1:
        raise IntegrityError(
            Code.NOT_A_STORE,
            "the page carries no evidence",
            next_step="give a page that `sayso audit evidence` wrote",
        )
    try:
        encoded = base64.b64decode(found[0].replace(b"\n", b""), validate=True)
    except ValueError as error:
        raise IntegrityError(Code.TAMPERED, "the evidence in the page is broken") from error
    evidence = Evidence.decoded(encoded)
    # INVARIANT: nothing that a person reads can be changed without its being seen.
    try:
        agrees = render(evidence) == page
    except (SaysoError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError):
        agrees = False  # a card or an entry of no known shape: nothing that we write
    return ReadEvidence(evidence=evidence, agrees=agrees)
