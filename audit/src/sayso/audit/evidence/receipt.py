"""The receipt of an action: what became of it, for somebody outside, as one C2SP tlog-proof.

The entry of its outcome travels in the proof as extra data, so that one file, or the page around
it, is all that a customer or a court needs beside the log's public key. It holds nothing personal:
an entry names the customer by a pseudonym. A page is the same bytes for the same receipt.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from html import unescape
from typing import NoReturn, Self

from sayso.audit.entry import StoredEntry
from sayso.audit.evidence.page import code, fields, shown
from sayso.audit.evidence.style import STYLES
from sayso.audit.fields import text_or_none
from sayso.audit.tree.proof import FIRST_LINE, EntryProof
from sayso.errors import Code, IntegrityError
from sayso.ids import rfc3339
from sayso.json import JsonValue
from sayso.money import Money

BEGINS = f"{FIRST_LINE}\n".encode()
_STYLE = STYLES[max(STYLES)]
_PROOF = re.compile(r'<pre class="proof">([^<]*)</pre>')


@dataclass(frozen=True)
class ActionReceipt:
    """What became of an action, with what proves it.

    Attributes:
        proof: leads from the entry, its extra data, to a signed head.
    """

    proof: EntryProof

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Read what `text` or `page` gave; nothing is verified by it.

        Raises:
            IntegrityError: `not_a_database`, when it is no receipt; `tampered`, when it is broken.
        """
        try:
            text = data.decode()
        except UnicodeDecodeError:
            _no_receipt()
        if not data.startswith(BEGINS):
            found = _PROOF.findall(text)
            if len(found) != 1:
                _no_receipt()
            text = unescape(found[0])
        receipt = cls(EntryProof.parse(text))
        if not receipt.proof.extra:
            _no_receipt()
        return receipt

    @cached_property
    def stored(self) -> StoredEntry:
        """The entry.

        Raises:
            IntegrityError: `tampered`, when the extra data is none.
        """
        return StoredEntry.read(self.proof.extra)

    def text(self) -> str:
        """The file; its name should end in `.tlog-proof`."""
        return self.proof.text()

    def lines(self) -> list[tuple[str, str]]:
        """What it says, as labels and texts."""
        entry, data = self.stored.entry, self.stored.entry.data
        approvers = data.get("approvers")
        people = [str(one) for one in approvers] if isinstance(approvers, list) else []
        told = [text_or_none(data, name) or "" for name in ("provider_status", "receipt")]
        pairs = [
            ("action", f"{entry.name} ({entry.action})"),
            ("outcome", (entry.status or "").replace("_", " ")),
            ("asked for", "" if entry.amount is None else str(entry.amount)),
            ("moved", _money(data.get("moved"))),
            ("the provider says", ", ".join(filter(None, told))),
            ("agreed to by", ", ".join(people)),
            ("allowed by the rule", "" if people else entry.rule or ""),
            ("customer", f"{entry.subject} (a pseudonym)" if entry.subject else ""),
            ("at", rfc3339(self.stored.at_micros).replace("T", " ").replace("Z", " UTC")),
            ("log", self.proof.note.partition("\n")[0]),
            ("entry", f"{self.stored.seq}"),
        ]
        return [(label, said) for label, said in pairs if said]

    def page(self) -> bytes:
        """The receipt as a page to read and to print, with the file in it."""
        style_hash = base64.b64encode(sha256(_STYLE.encode()).digest()).decode()
        policy = f"default-src 'none'; style-src 'sha256-{style_hash}'"
        title = f"Receipt: {shown(self.stored.entry.name)}, {shown(self.stored.entry.status)}"
        said = fields([(label, shown(text)) for label, text in self.lines()])
        return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>{_STYLE}</style>
</head>
<body>
<header>
<div class="over">Receipt of an action</div>
<h1>{title.removeprefix("Receipt: ")}</h1>
{said}
</header>
<section>
<h2>The proof</h2>
<p>What stands above is entry {self.stored.seq} of the log. These lines lead from it to the log's
signed head; they are a proof in the form {code(FIRST_LINE)}.</p>
<pre class="proof">{shown(self.text())}</pre>
</section>
<footer>
<p><strong>How to check it.</strong> Run <code>sayso audit verify RECEIPT.html --vkey KEY</code>
with the log's public key, which you should have from elsewhere. It needs no server, and checks the
signature, the proof, and that this page says what its entry says. Any program that reads the form
above can check the lines alone.</p>
<p class="note">It says what was so at that time. What came later, such as a payment that came back,
stands in later entries of the log.</p>
</footer>
</body>
</html>
""".encode()


def is_receipt_page(page: bytes) -> bool:
    """Whether a page carries a receipt, and not the evidence of an action."""
    return b'<pre class="proof">' in page


def _money(value: JsonValue) -> str:
    return str(Money.from_json(value)) if isinstance(value, dict) else ""


def _no_receipt() -> NoReturn:
    raise IntegrityError(
        Code.NOT_A_DATABASE,
        "that is no receipt of an action",
        next_step="give a file that `sayso audit receipt` wrote",
    )
