"""Which plans a message names: by their names, or by the one word that no other plan has."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sayso.agent.understanding.reading import Reading, Span

_NEAR = 2
_FOLLOWS = ("thing", "kind:", "plan:", "instead", "polite", "replaced", "yes")
"""What may stand behind such a word, beside the end of the clause: `the small one`."""


def find_plans(reading: Reading, own: Collection[str] = ()) -> list[str]:
    """The plans that a message names and that are meant, in its order.

    Args:
        own: names, as tags, of the plan that it is now: no plan to change to.
    """
    named = sorted(_named(reading, Span(0, len(reading.tokens))), key=lambda one: one[1].start)
    left = [(name, span) for name, span in named if f"plan:{name}" not in own]
    meant = [name for name, span in left if not _is_left_behind(reading, span)]
    return list(dict.fromkeys(meant or [name for name, _ in left]))


def names_plan(reading: Reading, span: Span) -> bool:
    """Whether a plan is named within a span."""
    return next(_named(reading, span), None) is not None


def _named(reading: Reading, span: Span) -> Iterator[tuple[str, Span]]:
    covered: set[int] = set()
    for tag in reading.starting("plan:", within=span):
        covered.update(range(tag.start, tag.end))
        yield tag.name.removeprefix("plan:"), Span(tag.start, tag.end)
    words = reading.lexicon.plan_words
    for at in range(span.start, span.end):
        name = words.get(reading.tokens[at].text)
        if name is not None and at not in covered and _stands_alone(reading, at):
            yield name, Span(at, at + 1)


def _stands_alone(reading: Reading, at: int) -> bool:
    """Whether the word is no adjective of something else: `a small refund`."""
    behind = at + 1
    if behind not in reading.clause_at(at) or reading.tokens[behind].kind != "word":
        return True
    return (
        behind in reading.titles
        or reading.begins(behind, *_FOLLOWS)
        or reading.tokens[behind].text in reading.lexicon.words
    )


def _is_left_behind(reading: Reading, span: Span) -> bool:
    """`From Basic`, `rather than the large`, `I don't need Plus`."""
    clause = reading.clause_at(span.start)
    near = [*reading.found("replaced", within=clause)]
    if any(0 <= span.start - tag.end <= _NEAR for tag in near):
        return True
    denied = reading.found("negation", within=clause)
    return any(tag.end <= span.start for tag in denied) and not reading.has(
        "instead", within=clause
    )
