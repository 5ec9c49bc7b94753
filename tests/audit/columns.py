"""For every column of the schema: what holds it against the log, or why nothing has to.

Whatever is not listed here as free is edited by a generator, which counts what goes unnoticed; so
a new column fails the tests until it is checked, or stands here with a reason.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping

_AGAIN = "by which a repeated call is found again; another one is judged like any new call"
_RUN = "when and by whom it is tried next; each try is judged anew, and is an entry"
_MODEL = "what a model used; nothing was done by it"
_TOUCHED = "when the row was written last; what happened stands in entries with their own time"
_TRACE = "links to a trace"

FREE: Mapping[str, Mapping[str, str]] = {
    "log_entry": {"id": "a number of SQLite's own; order and place are `tenant` and `seq`"},
    "request": {
        **dict.fromkeys(("tokens", "cost_micro_usd"), _MODEL),
        "traceparent": _TRACE,
        **dict.fromkeys(
            ("fence", "attempts", "due_at", "priority", "wakes", "nudges", "nudge_at"), _RUN
        ),
        "updated_at": _TOUCHED,
    },
    "action": {
        **dict.fromkeys(("attempts", "due_at", "priority", "wakes", "nudges", "nudge_at"), _RUN),
        "traceparent": _TRACE,
        "updated_at": _TOUCHED,
        "held_by": "which stop is waited for; stops are read from the log at each claim",
    },
    "approval": {"updated_at": _TOUCHED},
    "outbox": {
        "id": "a number of SQLite's own",
        **dict.fromkeys(
            ("version", "state", "attempts", "due_at"),
            "when a card is sent again, and where it stands; who decides is told by the log",
        ),
    },
    "stop": {
        "reason": "of a customer's stop, words for whoever looks; of others the entry says it",
        **dict.fromkeys(("asked_key", "released_key", "idempotency_key"), _AGAIN),
    },
    "token": {"seen_at": "when it was used last, for people to look at; it opens nothing"},
    "erasure": {"key_sha256": _AGAIN},
    "work": {"updated_at": _TOUCHED},
    "limit_use": {
        "tenant": "whose counter; the log's entries are added up without it",
        "home": "another one takes the row away, and what is gone is added up all the same",
        "key": "of a customer it is hashed, and the log's own sum goes by the pseudonym",
    },
    "hold": dict.fromkeys(("key_sha256", "asked_key_sha256", "released_key_sha256"), _AGAIN),
}
"""Columns of tables that are checked."""

_POSTED = "tells who is called; nothing follows from it for an action"
_PLACES = "what was published; each note counts by its own signatures alone"

FREE_TABLES: Mapping[str, str] = {
    "connection_token": "sealed by the vault's key for its very row; a changed one does not open",
    "rate": "how fast a provider is called",
    "process": "what a process says of itself, for people to read; decides nothing",
    "publication": _PLACES,
    "log_timestamp": _PLACES,
    "session": "when a session was used last; who, how and since when is its token's entry",
    "webhook": f"{_POSTED}; its address, and how far it was told, are sealed by the vault's key",
    "push_browser": f"{_POSTED}; where it is pushed to is sealed by the vault's key for its person",
    "webhook_delivery": f"{_POSTED}; what is deleted is not told, as when nobody listens",
    "limit_counter": "one that holds less than the log's entries say lets nothing pass, and one"
    " that holds more only refuses",
    "request_answer": _AGAIN,
    "spending": _MODEL,
    "shadow_comparison": "an opinion on what was done; nothing follows from it by itself",
    "action_wrong": "an opinion on what was done; its entry tells it",
    "rollout_brake": "what the log tells of holds without its row, and a row more only brakes",
    "authority": "a note that only the vault's key can seal; what is not sealed is not read",
    "canary": "compared with its entries, by tests of their own",
    "policy_change": "compared with its entries, by tests of their own",
    "log_segment": "compared with its entries and files, by tests of their own",
    "prompt_choice": "a model may only plan, whatever its prompt says; its entry tells it",
    "desk": "how far a desk was read: less is read again, and a message is a turn by its key; what"
    " is left out stands at the desk, where people see it",
    "desk_thread": "when a thread is read next, and where a colleague goes on; it does nothing",
    "desk_message": "what came in; by its key, which stands in the request's entry, it is one turn",
    "desk_said": "what was said, and in which order; each is an action, whose text the law"
    " compares with the ledger",
    "migration": "which schema there is",
    "commit_mark": "whether a commit of PostgreSQL arrived",
}
"""Tables without a check of the generator's, and why."""

FREE_ROWS: Mapping[str, Mapping[str, str]] = {
    "limit_counter": {
        "deleted": "what the log's entries say is used counts without it, and nothing passes",
        "inserted": "counts more than was used, which only refuses",
    },
    "limit_use": {
        "deleted": "one that counts no more is forgotten; the log adds up without it",
    },
    "meta": {
        "deleted": "of notes of this process and of the database's own, which are made again",
        "inserted": "nobody reads a name that nobody knows",
    },
    "commit_mark": {
        "replayed": "of a commit that is over; its own process asks, once, right after it",
    },
    "migration": {
        "deleted": "the schema counts as an older one, and no process opens it",
        "inserted": "the schema counts as a newer one, and no process opens it",
    },
    "outbox": {
        "replayed": "is told once more, or not this time, as the network can; its topic and key"
        " stay, and who decides is told by the log",
    },
    "session": {
        "deleted": "ends the session, which is all it can do",
        "inserted": "of a token that the log calls no session: it opens no page",
        "replayed": "was used last at another moment; the token ends by its entries",
    },
    "subject": {
        "deleted": "of an account that is only linked: who asks for its links is refused",
    },
    "webhook": {
        "deleted": "stops telling, as the network can",
        "inserted": "what is sealed for another row does not open, and is called by nobody",
        "replayed": "the log knows that it has ended; else all since is told once more",
    },
}
"""Tables of which a row may be gone, older or planted without the verifier saying so, and why that
gives nobody a power. Those that have no row in a busy workspace are `FREE_TABLES`."""

CHECKED: Mapping[str, str] = {
    "meta": "the origin in the signed head",
    "log_entry": "the tree, and the columns beside each body with the body",
    "log_head": "its signature, and the tree",
    "log_key": "the entries about keys, and the head's signature",
    "subject": "the names in the log, which follow from the keys; the key's own seal",
    "personal": "the digests in entries; with the vault's key, whether it opens",
    "request": "the entries about it, of which the last seals the row",
    "action": "the entries about it, of which the last seals the row; the digest that was judged",
    "approval": "the entries about it, the digest of its card, its action and its place in outbox",
    "vote": "the decision's entry",
    "outbox": "each approval has its line",
    "token": "its entries",
    "stop": "its entries",
    "erasure": "its entries",
    "hold": "its entries",
    "customer_link": "its entries, each of which seals the row",
    "limit_use": "the entries about its action, whose uses are added up anew",
    "work": "the entries about it",
    "work_note": "its entry, which surfaces read who, when and what from",
    "policy_version": "the entry that activated it, by its digest",
}
"""What the columns of a table are held against that are not free."""


def columns_of(database: sqlite3.Connection) -> Iterator[tuple[str, str, str]]:
    """`(table, column, type)` of everything that is stored."""
    tables = [
        str(name)
        for (name,) in database.execute(
            "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'"
            " order by name"
        )
    ]
    for table in tables:
        for row in database.execute(f'pragma table_xinfo("{table}")'):
            if row[6] not in {2, 3}:  # computed from others
                yield table, str(row[1]), str(row[2]).lower()


def rows_of_page(database: sqlite3.Connection) -> Iterator[str]:
    """The table of the docs."""
    yield "| table | column | held against, or why nothing is |"
    yield "|---|---|---|"
    seen: dict[tuple[str, str], list[str]] = {}
    for table, column, _ in columns_of(database):
        why = answer_for(table, column)
        seen.setdefault((table, why), []).append(column)
    for (table, why), columns in seen.items():
        yield f"| `{table}` | {' '.join(f'`{one}`' for one in columns)} | {why} |"


def rows_of_attacks() -> Iterator[str]:
    """The table of the docs about whole rows."""
    yield "| table | a row that is | goes unseen, since it |"
    yield "|---|---|---|"
    for table, reasons in FREE_ROWS.items():
        for kind, why in reasons.items():
            yield f"| `{table}` | {kind} | {why} |"


def answer_for(table: str, column: str) -> str:
    """What a column is held against, or why nothing is; empty where nobody has said."""
    if table in FREE_TABLES:
        return f"free: {FREE_TABLES[table]}"
    free = FREE.get(table, {}).get(column)
    if free is not None:
        return f"free: {free}"
    return CHECKED.get(table, "")


DAY_MICROS = 86_400_000_000


def changed(value: object, column: str, kind: str) -> object:
    """Another value for a column, which somebody might put there."""
    if isinstance(value, int):
        return value + (DAY_MICROS if re.search(r"_at$|^at$", column) else 1)
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1]) + value[1:] if value else b"x"
    return 7 if kind == "integer" else "x" if kind == "text" else b"x"
