"""Asks an export without trusting the server: `python -m sayso.audit.ask PATH QUESTION`.

It verifies first, as `sayso.audit.verify` does, and answers from what verified alone: an export
that was cut or changed answers nothing. `sayso audit ask --export PATH` gives the same answers.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import orjson

from sayso.audit.questions.answer import Answer, QuestionScope
from sayso.audit.questions.catalog import questions
from sayso.audit.questions.exports import ask_export
from sayso.audit.verifier.description import printable
from sayso.audit.verify import add_flags, trust_of
from sayso.errors import Code, SaysoError

_CANNOT = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; returns 0 answered, 1 tampered, 2 not answered."""
    chosen = _parser().parse_args(arguments)
    if chosen.question is None:
        for one in questions().values():
            sys.stdout.write(f"{one.name:18}{one.title}\n")
        return 0
    try:
        asked = QuestionScope.read(chosen.since, chosen.until, chosen.over)
        trust = trust_of(chosen)
        answer = ask_export(chosen.path, chosen.question, asked, trust=trust, tenant=chosen.tenant)
    except (OSError, SaysoError) as error:
        sys.stderr.write(f"{printable(str(error))}\n")
        is_tampered = isinstance(error, SaysoError) and error.code is Code.TAMPERED
        return 1 if is_tampered else _CANNOT
    if chosen.json:
        sys.stdout.write(orjson.dumps(answer.to_json()).decode() + "\n")
    else:
        sys.stdout.write(told(answer))
    return 0


def told(answer: Answer) -> str:
    """An answer for a terminal: a line about what it rests on, and a table."""
    lines = [answer.question.title, f"verified: {answer.covered.words}"]
    if not answer.covered.pinned:
        lines.append("note: pin the log's key with --vkey, or anybody may have written this log")
    lines.append("")
    if answer.rows:
        rows = [answer.columns, *([str(cell) for cell in row] for row in answer.rows)]
        wide = [max(len(row[at]) for row in rows) for at in range(len(answer.columns))]
        lines += ["  ".join(map(str.ljust, row, wide)).rstrip() for row in rows]
    else:
        lines.append(answer.nothing)
    if answer.more:
        lines.append(f"… more than {len(answer.rows):,} rows: ask about fewer days")
    return "".join(f"{printable(line)}\n" for line in lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sayso.audit.ask",
        description="Ask an audit log one of ten questions, once it has verified.",
        epilog="Exit status: 0 answered, 1 tampered, 2 not answered. Without a question, they are "
        "listed.",
    )
    parser.add_argument("path", type=Path, help="An export, or a Sayso database.")
    parser.add_argument("question", nargs="?", help=", ".join(questions()))
    parser.add_argument("--since", default="", metavar="DAY", help="From this day on, UTC.")
    parser.add_argument("--until", default="", metavar="DAY", help="To this day, included.")
    parser.add_argument("--over", default="", metavar="AMOUNT", help="Only more, such as 100USD.")
    add_flags(parser)
    parser.add_argument("--json", action="store_true", help="Print one JSON document.")
    return parser


if __name__ == "__main__":
    sys.exit(main())
