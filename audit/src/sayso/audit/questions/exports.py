"""Asks an export, without a server and without a workspace; one that does not verify says nothing.

The rows are taken while the export is verified, from the very bytes that were judged, and are
looked at only if all of it verified.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path

from sayso.audit.entry import StoredEntry
from sayso.audit.log_of_logs import LOGS
from sayso.audit.queries.query import fits, parse_query
from sayso.audit.questions.answer import Answer, Covered, QuestionScope, answer
from sayso.audit.questions.catalog import question_of
from sayso.audit.questions.index import QuestionIndex
from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.verification import LogVerification, Verdict, Verification
from sayso.audit.verifier.walk import Progress, decode
from sayso.audit.verify import NO_TRUST, verify
from sayso.errors import Code, IntegrityError, RefusedError, SaysoError

Take = Callable[[int, bytes], None]


def ask_export(
    path: Path,
    name: str,
    asked: QuestionScope,
    *,
    trust: Trust = NO_TRUST,
    tenant: str | None = None,
    progress: Progress | None = None,
) -> Answer:
    """Verify an export or a database, and answer a question from it.

    Args:
        path: whatever `verify` takes.
        name: of the question. asked: its days and amounts.
        tenant: whose log, where a database has several.

    Raises:
        IntegrityError: `tampered`, `damaged`, `key_mismatch`: then nothing is answered.
        RefusedError: `nothing_to_verify`, where the verdict stays open, likewise; `not_found` for
            no such question; `invalid_input`.
    """
    question = question_of(name)
    with QuestionIndex() as index:
        log = _take(path, index.add, trust, tenant, progress)
        covered = _covered(log)
        index.finish(size=covered.size, low=log.pruned_to, complete=covered.complete)
        return answer(index, question, asked, covered)


def query_export(
    path: Path,
    words: str,
    *,
    limit: int = 50,
    before: int | None = None,
    trust: Trust = NO_TRUST,
    tenant: str | None = None,
    progress: Progress | None = None,
) -> tuple[list[StoredEntry], Covered]:
    """Verify an export or a database, and find the entries that fit a query, newest first.

    Args:
        words: see `parse_query`; customers by the log's pseudonym alone. before: only entries with
            a lower index.

    Raises: as `ask_export`.
    """
    query = parse_query(words)
    if query.subject is not None and not query.subject.startswith("sub_"):
        raise RefusedError(
            Code.INVALID_INPUT,
            "an export doesn't tell whose pseudonym is whose",
            next_step="write customer:sub_…, as the entries name them",
        )
    if not 1 <= limit <= _MOST:
        raise RefusedError(
            Code.INVALID_INPUT, f"a page has 1 to {_MOST} entries", next_step="choose another limit"
        )
    found: deque[bytes] = deque(maxlen=limit)

    def take(seq: int, body: bytes) -> None:
        fields = decode(body)
        if fields is not None and (before is None or seq < before) and fits(query, fields):
            found.append(body)

    log = _take(path, take, trust, tenant, progress)
    return [StoredEntry.read(body) for body in reversed(found)], _covered(log)


_MOST = 1000


def _take(
    path: Path, take: Take, trust: Trust, tenant: str | None, progress: Progress | None
) -> LogVerification:
    """Verify, handing on each body; what did not verify is an error."""
    tenants: set[str] = set()

    def seen(whose: str, seq: int, body: bytes) -> None:
        if whose == LOGS and tenant != LOGS:
            return
        tenants.add(whose)
        if len(tenants) == 1:
            take(seq, body)

    found = verify(path, trust=trust, tenant=tenant, progress=progress, seen=seen)
    if found.verdict is not Verdict.VERIFIED:
        raise _unverified(found)
    logs = [log for log in found.logs if log.tenant in tenants]
    if len(logs) != 1:
        raise RefusedError(
            Code.INVALID_INPUT,
            f"`{path}` holds {len(logs)} logs, and a question is asked of one",
            next_step=f"pass --tenant with one of {', '.join(sorted(tenants)) or 'them'}",
        )
    return logs[0]


def _covered(log: LogVerification) -> Covered:
    return Covered(
        entries=log.entries,
        size=log.size or 0,
        complete=log.is_whole,
        pinned=log.pinned,
        words=log.coverage,
    )


_CODES = {
    Verdict.TAMPERED: Code.TAMPERED,
    Verdict.WRONG_KEY: Code.KEY_MISMATCH,
    Verdict.DAMAGED: Code.DAMAGED,
}


def _unverified(found: Verification) -> SaysoError:
    """INVARIANT: no row of a log that does not verify is an answer."""
    inside = (one for log in found.logs for one in log.findings)
    first = next(inside, next(iter(found.findings), None))
    why = "" if first is None else f": {first.message}"
    said = {Verdict.TAMPERED: "is tampered with", Verdict.DAMAGED: "is damaged"}
    message = f"the log {said.get(found.verdict, 'could not be verified')}, so nothing is answered"
    step = f"run `sayso audit verify {found.source}`, and have it exported once more"
    code = _CODES.get(found.verdict)
    if code is None:
        return RefusedError(Code.NOTHING_TO_VERIFY, f"{message}{why}", next_step=step)
    return IntegrityError(code, f"{message}{why}", next_step=step)
