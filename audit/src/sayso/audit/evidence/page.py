"""Draws the page of an evidence pack. No script runs in it, and nothing is loaded from outside."""

from __future__ import annotations

import base64
import json
import unicodedata
from collections.abc import Iterable, Sequence
from hashlib import sha256
from html import escape
from typing import cast

from sayso.audit.entry import EntryKind, Json, StoredEntry, canonical_bytes
from sayso.audit.evidence.data import Evidence
from sayso.audit.evidence.style import STYLES
from sayso.audit.queries.query import ENDS
from sayso.ids import rfc3339
from sayso.json import JsonValue
from sayso.money import Money
from sayso.text import JOINERS, is_hidden

DATA_START = '<pre class="data" hidden>'
DATA_END = "</pre>"
_IN_LOG = "<small>proven: in the log</small>"
_BESIDE = '<small class="beside">kept beside the log</small>'
_TONES = {
    "succeeded": "good",
    "compensated": "good",
    "unknown": "open",
    "accepted": "open",
    "pending_approval": "open",
}


def render(evidence: Evidence) -> bytes:
    """The page, the same bytes for the same evidence.

    Raises:
        IntegrityError: `tampered`, when one of the bodies is no entry.
    """
    entries = evidence.entries()
    about = [one for one in entries if one.entry.action == evidence.action]
    title = _title(evidence, about)
    style = STYLES[evidence.version]
    style_hash = base64.b64encode(sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{style_hash}'"
    sections = [
        _asked(evidence, entries, about),
        _judged(evidence, about),
        *(_card(evidence, card, about) for card in evidence.cards),
        _decided(evidence, entries, about),
        _ran(about),
        _receipt(evidence, about),
        _timeline(entries),
        _proofs(evidence, entries),
    ]
    page = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Evidence: {shown(title)}</title>
<style>{style}</style>
</head>
<body>
<header>
<div class="over">Evidence of an action</div>
<h1>{shown(title)}</h1>
{_status(about)}
{
        fields(
            [
                ("action", code(evidence.action)),
                ("log", code(evidence.note.partition(chr(10))[0])),
                ("made", f"{_moment(evidence.made_at)} by {shown(evidence.made_by)}"),
            ]
        )
    }
</header>
{"".join(section for section in sections if section)}
<footer>
<p><strong>How to check this page.</strong> Run <code>sayso audit verify PAGE.html --vkey KEY</code>
with the log's public key, which you should have from elsewhere. It needs no server. It checks the
signature of the head, the proof of each entry, and that this page says what its data gives.</p>
<p class="note">Proven are the entries and, where the page says so, the card. Personal words are
kept encrypted beside the log, so that they can be erased; the log holds that cipher's digest.</p>
</footer>
{DATA_START}{_in_lines(evidence.encoded())}{DATA_END}
</body>
</html>
"""
    return page.encode()


def _in_lines(data: bytes) -> str:
    text = base64.b64encode(data).decode()
    return "\n".join(text[at : at + 100] for at in range(0, len(text), 100))


def _section(title: str, content: str, mark: str = _IN_LOG) -> str:
    return f"<section>\n<h2>{title} {mark}</h2>\n{content}\n</section>\n" if content else ""


def _title(evidence: Evidence, about: Sequence[StoredEntry]) -> str:
    if evidence.cards:
        return str(evidence.cards[-1].get("title", ""))
    names = [one.entry.name for one in about if one.entry.name]
    return names[0] if names else evidence.action


def _status(about: Sequence[StoredEntry]) -> str:
    statuses = [one.entry.status for one in about if one.entry.status]
    if not statuses:
        return ""
    tone = _TONES.get(statuses[-1], "bad" if statuses[-1] in ENDS else "")
    return f'<p><span class="badge {tone}">{shown(statuses[-1].replace("_", " "))}</span></p>'


def _moment(micros: int) -> str:
    return rfc3339(micros).replace("T", " ").replace("Z", " UTC")


def _second(micros: int) -> str:
    """For tables; the exact time stands in the entry."""
    return _moment(micros)[:19]


def _words_of(evidence: Evidence, about: StoredEntry) -> str:
    texts = [one.text for one in evidence.words if one.seq == about.seq]
    return "".join(_words(evidence, about.entry.kind, text) for text in texts)


def _words(evidence: Evidence, kind: EntryKind, text: str | None) -> str:
    if text is None:
        return "<p class='note'>erased</p>"
    if evidence.version > 1:
        if kind is EntryKind.REQUEST_ASKED and (turns := conversation(text)):
            return turns
        if kind is EntryKind.REQUEST_REPLIED:
            return f"<p class='note'>our reply</p>{quote(text)}"
    return quote(text)


def _asked(evidence: Evidence, entries: Sequence[StoredEntry], about: Sequence[StoredEntry]) -> str:
    first = entries[0]
    pseudonym = next((one.entry.subject for one in about if one.entry.subject), "")
    facts = fields(
        [
            ("asked by", shown(f"{first.entry.actor.kind}:{first.entry.actor.id}")),
            ("at", _moment(first.at_micros)),
            ("customer", code(evidence.customer)),
            ("known in the log as", code(pseudonym) if pseudonym else ""),
            ("request", code(first.entry.request) if first.entry.request else ""),
            ("planned by", _data(about, "planner")),
        ]
    )
    words = "".join(_words_of(evidence, one) for one in entries if "decision" not in one.entry.data)
    beside = f"<p class='note'>The words, kept beside the log:</p>{words}" if words else ""
    return _section("1. Who asked", facts + beside)


def _data(entries: Sequence[StoredEntry], name: str) -> str:
    """What the newest entry that knows it says."""
    for one in reversed(entries):
        value = one.entry.data.get(name)
        if value not in (None, "", []):
            return shown(", ".join(map(str, value)) if isinstance(value, list) else value)
    return ""


def _asking(asked: Json) -> str:
    """What asked for people, by name, where the entry says it."""
    named: list[str] = []
    for one in asked if isinstance(asked, list) else []:
        if isinstance(one, dict):
            by, facts = one.get("by"), one.get("facts")
            names = [str(name) for name in by] if isinstance(by, list) else []
            about = f" ({', '.join(map(str, facts))})" if isinstance(facts, list) else ""
            named.append(f"{', '.join(names) or str(one.get('kind'))}{about}")
    return code("; ".join(named)) if named else ""


def _lowered(evidence: Evidence, about: Sequence[StoredEntry]) -> dict[int, str]:
    """By the number of its entry, what each yes to less has lowered, already HTML."""
    told: dict[int, str] = {}
    before = None
    for one in about if evidence.version > 2 else ():
        amount = one.entry.amount
        if one.entry.kind is EntryKind.ACTION_EDITED and before and amount:
            told[one.seq] = f"{shown(before)} lowered to {shown(amount)}"
        before = amount or before
    return told


def _judged(evidence: Evidence, about: Sequence[StoredEntry]) -> str:
    judged = [one for one in about if "outcome" in one.entry.data]
    if not judged:
        return ""
    last = judged[-1]
    amount = last.entry.amount
    by = {one.seq: shown(one.entry.actor.id) for one in about}
    lowered = _lowered(evidence, about)
    return _section(
        "2. How it was judged",
        fields(
            [
                ("outcome", shown(last.entry.data["outcome"])),
                ("asked by rule", _asking(last.entry.data.get("asked"))),
                (
                    "once agreed, by rule" if last.entry.data.get("asked") else "rule",
                    code(last.entry.rule) if last.entry.rule else "",
                ),
                ("because", _data(judged, "explain")),
                ("amount", shown(amount) if amount else ""),
                *(
                    ("lowered", f"{told} by {by[seq]}, entry {seq}")
                    for seq, told in lowered.items()
                ),
                ("object", _data(judged, "object")),
                ("account", _data(judged, "account")),
                ("belongs to the customer by", _data(judged, "owner_proof")),
                ("people needed", _data(judged, "roles")),
                ("policy", code(last.entry.data.get("policy_version", ""))),
            ]
        ),
    )


def _card(evidence: Evidence, card: dict[str, Json], about: Sequence[StoredEntry]) -> str:
    digest = sha256(canonical_bytes(card)).hexdigest()
    bound = [one.seq for one in about if one.entry.data.get("view_sha256") == digest]
    lowered = _lowered(evidence, about)
    last = about[-1].entry.status if about else None
    if lowered and not bound and last != "pending_approval":
        seq = max(lowered)
        who = next(shown(one.entry.actor.id) for one in about if one.seq == seq)
        told = f"Nobody was shown a card of what ran: {who} was shown more, {lowered[seq]}"
        return _section("3. What was shown", f"<p>{told}, and that is the yes (entry {seq}).</p>")
    mark = "<small>proven: its digest is in the log</small>" if bound else _BESIDE
    pairs: list[tuple[str, str]] = []
    for name in ("fields", "customer"):
        # The object has an id too, which stands above the customer's.
        calls_it = {"id": "customer"} if name == "customer" and evidence.version > 1 else {}
        pairs += [
            (shown(calls_it.get(str(pair[0]), pair[0])), shown(pair[1]))
            for pair in _list(card.get(name))
            if isinstance(pair, list) and len(pair) == 2
        ]
    for name, label in _CARD_LABELS.items():
        value = card.get(name)
        if value not in (None, "", []):
            text = ", ".join(map(str, value)) if isinstance(value, list) else value
            pairs.append((label, shown(text)))
    said = card.get("quote")
    ended = evidence.version > 2 and last in ENDS
    nobody = "nobody has decided about it" if ended else "no decision names it yet"
    where = f"entry {bound[-1]}" if bound else nobody
    content = (
        f'<div class="card"><h3>{shown(card.get("title", ""))}</h3>{fields(pairs)}'
        f"{quote(str(said)) if said else ''}</div>"
        f'<p class="note">SHA-256 {code(digest)}, {where}</p>'
    )
    return _section("3. What was shown, exactly", content, mark)


_CARD_LABELS = {
    "payee": "paid to",
    "account": "account",
    "effect": "effect",
    "guarantee": "guarantee",
    "history": "history",
    "why": "why a person",
    "roles": "people needed",
    "planner": "proposed by",
    "on_yes": "a yes means",
    "on_no": "a no means",
    "deadline": "no answer by",
}


def _decided(
    evidence: Evidence, entries: Sequence[StoredEntry], about: Sequence[StoredEntry]
) -> str:
    rows: list[list[str]] = []
    lowered = _lowered(evidence, about)
    for one in entries:
        data = one.entry.data
        if "decision" not in data:
            continue
        refused = one.entry.kind is EntryKind.APPROVAL_REFUSED
        told = f"{data['decision']}{', refused: ' + str(data.get('code')) if refused else ''}"
        reason = f"{data['reason_code']}" if data.get("reason_code") else ""
        rows.append(
            [
                str(one.seq),
                _second(one.at_micros),
                f"<strong>{shown(one.entry.actor.id)}</strong><br>"
                + shown(", ".join(map(str, _list(data.get("roles"))))),
                f"yes to less: {lowered[one.seq]}" if one.seq in lowered else shown(told),
                code(data.get("via", "")),
                f"revision {shown(data.get('revision', ''))}<br>{shown(reason)}"
                + _words_of(evidence, one),
            ]
        )
    head = ["entry", "at (UTC)", "person", "decision", "login", "about"]
    return _section("4. Who decided", table(head, rows) if rows else "")


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _ran(about: Sequence[StoredEntry]) -> str:
    rows = [
        [
            str(one.seq),
            _second(one.at_micros),
            code(one.entry.data.get("call_key", "")),
            shown(one.entry.data.get("guarantee", "")),
            shown(", ".join(map(str, _list(one.entry.data.get("approvers"))))),
        ]
        for one in about
        if one.entry.kind is EntryKind.ACTION_INTENT
    ]
    head = ["entry", "before the call (UTC)", "the call's key", "guarantee", "on whose yes"]
    return _section("5. What ran", table(head, rows) if rows else "")


def _receipt(evidence: Evidence, about: Sequence[StoredEntry]) -> str:
    ended = [one for one in about if one.entry.status in ENDS]
    if not ended:
        return ""
    last = ended[-1]
    value_of = _value if evidence.version > 1 else _value_as_at_first
    pairs = [
        (shown(name.replace("_", " ")), value_of(value)) for name, value in last.entry.data.items()
    ]
    content = fields([("told by", f"entry {last.seq}, {_moment(last.at_micros)}"), *pairs])
    return _section("6. What the provider said", content)


def _value(value: Json) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case {"amount_minor": int(), "currency": str(), **more} if not more:
            return shown(Money.from_json(value))
        case _:
            return _value_as_at_first(value)


def _value_as_at_first(value: Json) -> str:
    return (
        code(canonical_bytes(value).decode()) if isinstance(value, (dict, list)) else shown(value)
    )


def _timeline(entries: Sequence[StoredEntry]) -> str:
    rows = [
        [
            str(one.seq),
            _second(one.at_micros),
            shown(one.entry.kind.value),
            shown(f"{one.entry.actor.kind}:{one.entry.actor.id}"),
            shown(one.entry.status or ""),
        ]
        for one in entries
    ]
    return _section("7. All entries", table(["entry", "at (UTC)", "what", "by", "status"], rows))


def _proofs(evidence: Evidence, entries: Sequence[StoredEntry]) -> str:
    shown_rows = "".join(
        f'<div class="entry"><strong>entry {one.seq}</strong> '
        f'<span class="note">leaf {code(one.leaf.hex())}, {len(proof)} hashes</span>'
        f"<pre>{shown(one.encoded.decode())}</pre></div>\n"
        for one, (_, proof) in zip(entries, evidence.rows, strict=True)
    )
    keys = "".join(f"<li>{code(key)}</li>" for key in evidence.vkeys)
    return _section(
        "8. The proofs",
        f"<p>The signed head of the log:</p><pre>{shown(evidence.note)}</pre>"
        f"<p>The keys that the log lists:</p><ul>{keys}</ul>"
        f"<p>The exact entries; each is led to that head by a proof in this page's data:</p>"
        f"{shown_rows}",
        "",
    )


def shown(text: object) -> str:
    """A text as it can stand in a page: escaped, and with invisible characters made visible.

    Customers' words may hold marks that turn the direction of a line around or hide a part of it.
    """
    return escape("".join(map(_visible, str(text))), quote=True)


def _visible(char: str) -> str:
    if char == "\t" or (is_hidden(char) and char not in JOINERS):
        return f"\u27e8U+{ord(char):04X}\u27e9"
    return " " if unicodedata.category(char) == "Zs" else char


def fields(pairs: Iterable[tuple[str, str]]) -> str:
    """Labels and values, already HTML; empty values are left out."""
    rows = [f"<dt>{label}</dt><dd>{value}</dd>" for label, value in pairs if value]
    return f"<dl>{''.join(rows)}</dl>" if rows else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are already HTML."""
    top = "".join(f"<th>{cell}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>\n" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>\n{body}</tbody></table>"


def code(text: object) -> str:
    """A short technical text."""
    return f"<code>{shown(text)}</code>"


def quote(text: str) -> str:
    """Somebody's own words."""
    return f"<blockquote>{shown(text)}</blockquote>"


def conversation(text: str) -> str:
    """The turns of a conversation, each under who spoke; empty when the text is none."""
    try:
        turns = cast("JsonValue", json.loads(text))
    except (ValueError, RecursionError):
        return ""
    drawn: list[str] = []
    for turn in turns if isinstance(turns, list) else [turns]:
        match turn:
            case [str(who), str(said)] | [str(who), str(said), None, dict()]:
                drawn.append(f"<p class='note'>{shown(who)}</p>{quote(said)}")
            case _:
                return ""
    return "".join(drawn)
