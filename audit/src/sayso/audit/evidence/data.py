"""What an evidence pack is made of. The page follows from it, byte by byte."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import orjson

from sayso.audit.entry import Json, StoredEntry
from sayso.audit.evidence.style import STYLES
from sayso.audit.verifier.bundle import ProvenRow
from sayso.errors import Code, IntegrityError

FORMAT = "sayso-evidence"
VERSION = max(STYLES)
"""Of the page that is drawn now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalWords:
    """A personal text that an entry names by digest; it is kept beside the log, not in it.

    Attributes:
        seq: the entry that names it.
        text: None when it was erased.
    """

    seq: int
    text: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything about one action.

    Attributes:
        action: its id.
        customer: the customer's id at the provider.
        made_at: microseconds since 1970; made_by: who made the pack, such as `person:maria`.
        note: the signed head. vkeys: the log's public keys.
        rows: exact bodies with their inclusion proofs, in the order of the log; at least one.
        cards: what was shown, as it is hashed, oldest first.
        words: the personal texts.
        version: of the page's layout.
    """

    action: str
    customer: str
    made_at: int
    made_by: str
    note: str
    vkeys: tuple[str, ...]
    rows: tuple[tuple[bytes, tuple[bytes, ...]], ...]
    cards: tuple[dict[str, Json], ...]
    words: tuple[PersonalWords, ...]
    version: int = VERSION

    def entries(self) -> list[StoredEntry]:
        """The bodies, read.

        Raises:
            IntegrityError: `tampered`, when one of them is no entry.
        """
        return [StoredEntry.read(body) for body, _ in self.rows]

    def encoded(self) -> bytes:
        """The one form in which a page carries it."""
        rows = [
            {
                "body": body.decode("utf-8", "replace"),
                "proof": [base64.b64encode(one).decode() for one in proof],
            }
            for body, proof in self.rows
        ]
        value = {
            "format": FORMAT,
            "version": self.version,
            "action": self.action,
            "customer": self.customer,
            "made_at": self.made_at,
            "made_by": self.made_by,
            "note": self.note,
            "vkeys": list(self.vkeys),
            "rows": rows,
            "cards": list(self.cards),
            "words": [{"seq": one.seq, "text": one.text} for one in self.words],
        }
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)

    @classmethod
    def decoded(cls, encoded: bytes) -> Self:
        """Read what `encoded` writes.

        Raises:
            IntegrityError: `tampered`; `not_a_database` for another version.
        """
        try:
            value: Any = orjson.loads(encoded)
            version = value["version"]
            if value["format"] != FORMAT or type(version) is not int or version not in STYLES:
                raise IntegrityError(
                    Code.NOT_A_DATABASE,
                    "the evidence is of another version",
                    next_step="use the version of Sayso that wrote it, or a newer one",
                )
            evidence = cls(
                action=str(value["action"]),
                customer=str(value["customer"]),
                made_at=int(value["made_at"]),
                made_by=str(value["made_by"]),
                note=str(value["note"]),
                vkeys=tuple(map(str, value["vkeys"])),
                rows=tuple(
                    (
                        str(row["body"]).encode(),
                        tuple(base64.b64decode(one, validate=True) for one in row["proof"]),
                    )
                    for row in value["rows"]
                ),
                cards=tuple(dict(card) for card in value["cards"]),
                words=tuple(
                    PersonalWords(seq=int(one["seq"]), text=one["text"]) for one in value["words"]
                ),
                version=version,
            )
            again = evidence.encoded()
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise IntegrityError(
                Code.TAMPERED, "the evidence is not in the form of its writer", detail=repr(error)
            ) from error
        if again != encoded:
            raise IntegrityError(Code.TAMPERED, "the evidence is not in the form of its writer")
        return evidence

    def proven_rows(self, *, agrees: bool) -> Iterator[ProvenRow]:
        """The rows for the verifier.

        Args:
            agrees: whether the page says what its data gives.
        """
        for body, proof in self.rows:
            try:
                seq = StoredEntry.read(body).seq
            except IntegrityError:
                seq, agrees = -1, False
            yield ProvenRow(seq=seq, body=body, proof=proof, agrees=agrees)
