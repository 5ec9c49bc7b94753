"""The ten questions, asked of an open workspace: of entries that lie under its signed head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sayso.audit.entry import Json
from sayso.audit.queries.query import Query
from sayso.audit.questions.answer import Answer, Covered, QuestionScope, answer
from sayso.audit.questions.catalog import NamedQuestion
from sayso.audit.questions.index import QuestionIndex
from sayso.audit.segments.rows import read_segments
from sayso.audit.segments.sealed import frontier_at
from sayso.audit.tree.merkle import Frontier, leaf_hash
from sayso.errors import Code, IntegrityError
from sayso.ids import Tenant
from sayso.sdk.audit.exporting import ExportSource
from sayso.sdk.views.base import View
from sayso.store.base import Reader


class NamedQuestionView(View):
    """A question that can be asked by its name.

    Attributes:
        title: in words. tells: what a row of its answer is.
    """

    name: str
    title: str
    tells: str


class AnswerView(View):
    """An answer, each row of which comes from entries that lie under the signed head.

    Attributes:
        columns: the heads of the table. items: the rows by them, texts and numbers.
        more: there are more rows than these; fewer days show them.
        nothing: what it means that there is no row; None where there is one.
        entries: that were read. size: of the signed head.
        complete: whether all that are kept were read. pinned: whether by a key that is known.
        verified: what the rows rest on, in one sentence.
    """

    question: str
    title: str
    columns: tuple[str, ...]
    items: tuple[dict[str, str | int], ...]
    more: bool
    nothing: str | None = None
    entries: int
    size: int
    complete: bool
    pinned: bool
    verified: str


def question_view(question: NamedQuestion) -> NamedQuestionView:
    """The external form of a question."""
    return NamedQuestionView(name=question.name, title=question.title, tells=question.tells)


def answer_view(found: Answer) -> AnswerView:
    """The external form of an answer."""
    said: dict[str, Any] = found.to_json()
    return AnswerView(**said)


def answer_now(
    reader: Reader,
    tenant: Tenant,
    own: Sequence[str],
    question: NamedQuestion,
    asked: QuestionScope,
) -> Answer:
    """Read the whole log, hold it against its signed head, and ask.

    Args:
        own: the workspace's keys, one of which signed the head.

    Raises:
        IntegrityError: `tampered`, when the entries are not those that the head signs;
            `key_mismatch`, when none of the keys signed it.
        RefusedError: `invalid_input`, where the question takes too long.
    """
    source = ExportSource.open(reader, tenant, own, None)
    head, low = source.checkpoint, source.low
    tree = frontier_at(read_segments(reader, tenant), low) if low else Frontier()
    with QuestionIndex() as index:
        for seq, body in source.entries(Query()):
            if seq != tree.size:
                raise _not_signed(f"the entry {tree.size} is missing")
            tree.append(leaf_hash(body))
            index.add(seq, body)
        if (tree.size, tree.root()) != (head.size, head.root):
            raise _not_signed("the entries are not those that the signed head covers")
        index.finish(size=head.size, low=low, complete=True)
        covered = Covered(
            entries=index.count,
            size=head.size,
            complete=True,
            pinned=True,
            words=_said(low, head.size),
        )
        return answer(index, question, asked, covered)


def _said(low: int, size: int) -> str:
    what = f"all {size:,} entries"
    if low:
        what = f"entries {low:,} to {size - 1:,}, and the hashes of those before,"
    return f"{what} lie under the signed head; `sayso audit verify` judges them by the rules, too"


def _not_signed(message: str) -> IntegrityError:
    return IntegrityError(
        Code.TAMPERED,
        f"{message}, so nothing is answered",
        next_step="run `sayso audit verify`",
    )


def loggable_question(
    question: NamedQuestion, since: str, until: str, over: str
) -> dict[str, Json]:
    """A question as the log keeps it: nothing in it is anybody's words."""
    given = {"since": since, "until": until, "over": over}
    more = [f"{name}:{value}" for name, value in given.items() if value]
    return {"query": " ".join([f"question:{question.name}", *more])}
