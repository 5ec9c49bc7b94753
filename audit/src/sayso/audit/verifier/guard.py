"""Sources that break off: that is a finding, and what was read until then is still judged."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import TypeVar

from sayso.audit.verifier.checks import LogSource
from sayso.audit.verifier.verification import Check, Damage, Findings
from sayso.audit.verifier.walk import in_pages
from sayso.errors import Code, IntegrityError
from sayso.verdicts import is_damage

_T = TypeVar("_T")


def guard_source(source: LogSource, findings: Findings) -> LogSource:
    """The same log; a source that breaks off is a finding, and what was read is still judged."""
    state, stored = source.state, source.stored
    if state is not None:
        state = {name: guard_rows(rows, findings, name) for name, rows in state.items()}
    if stored is not None:
        stored = {name: guard_rows(rows, findings, name) for name, rows in stored.items()}
    return replace(
        source,
        pages=guard(source.pages, findings, "log_entry"),
        state=state,
        stored=stored,
        stamped=guard_rows(source.stamped, findings, "log_timestamp"),
    )


def guard_rows(rows: Iterable[_T], findings: Findings, table: str) -> Iterator[_T]:
    """Rows, until reading them breaks off, which is a finding."""
    # In lists, since a generator that hands on each row by itself is felt with millions.
    return chain.from_iterable(guard(in_pages(rows), findings, table))


def guard(pages: Iterable[_T], findings: Findings, table: str = "") -> Iterator[_T]:
    """The same of what is handed on one by one.

    INVARIANT: an error of the system passes, since what a disk does not give says nothing about
    whoever wrote it; judged as the end of the log, it would accuse them.
    """
    try:
        yield from pages
    except (sqlite3.Error, IntegrityError) as error:
        add_unreadable(error, findings, table)


def add_unreadable(error: Exception, findings: Findings, table: str = "") -> None:
    """Say that reading failed: where the medium is damaged, that accuses nobody."""
    message = error.message if isinstance(error, IntegrityError) else str(error)
    if is_damage(error) or (isinstance(error, IntegrityError) and error.code is Code.DAMAGED):
        named = f"the table `{table}`: " if table and f"`{table}`" not in message else ""
        findings.break_off(f"reading broke off at {named}{message}")
        return
    findings.add(Check.SOURCE_READABLE, Damage.UNREADABLE, f"reading failed: {message}")
