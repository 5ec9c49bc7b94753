"""Words that no list knows, where a name would stand: they may name what is not theirs."""

from __future__ import annotations

from sayso.agent.understanding.acts import Cue
from sayso.agent.understanding.patterns import Tag
from sayso.agent.understanding.reading import Reading, Span

_NAMING = frozenset("thing account unit cause twice whole half part newest oldest".split())
_NAMING_KINDS = ("product", "kind", "plan", "ask", "open", "weak", "done", "choice", "count")
_LONGEST_PHRASE = 3
_NEAR = 2


def strange_noun(reading: Reading, cue: Cue) -> str | None:
    """What an act is of behind an article, and that no list knows: `cancel my reservation`.

    A verb in two parts has it in between: `zeg mijn krantenabonnement op`.
    """
    for article in reading.found("determiner", within=Span(cue.start, cue.clause.end)):
        if article.start > cue.end + _NEAR:
            return None
        end = article.end
        last = min(cue.clause.end, article.end + _LONGEST_PHRASE)
        while end < last and _is_content(reading, end):
            end += 1
        phrase = Span(article.end, end)
        unknown = [
            at
            for at in range(phrase.start, phrase.end)
            if not reading.lexicon.matcher.knows(reading.tokens[at].text)
            and at not in reading.titles
        ]
        # `The lot of knives` is named by what it is of.
        behind = Span(end, min(cue.clause.end, end + _NEAR))
        of_theirs = reading.starting("product:", within=behind)
        theirs = any(at in reading.titles for at in range(phrase.start, phrase.end))
        if unknown and not theirs and not _named(reading, phrase) and not of_theirs:
            return reading.tokens[unknown[-1]].text
    return None


def strange_addition(reading: Reading, cue: Cue) -> str | None:
    """A noun that no list knows, joined to the request: `refund the pot and the spatula`."""
    for clause in reading.sentence_at(cue.start).clauses:
        if clause.start <= cue.start or clause.end - clause.start > _LONGEST_PHRASE + 2:
            continue
        joins = reading.found("and", within=clause)
        if not joins or joins[0].start != clause.start:
            continue
        rest = range(joins[0].end, clause.end)
        last = reading.tokens[clause.end - 1]
        articled = any(tag.start == joins[0].end for tag in reading.found("determiner"))
        if (
            articled
            and all(reading.tokens[at].kind == "word" for at in rest)
            and not reading.lexicon.matcher.knows(last.text)
            and clause.end - 1 not in reading.titles
        ):
            return last.text
    return None


def strange_payee(reading: Reading, clause: Span) -> str | None:
    """A name that no list knows where the money would go: `refund it to Nadia`."""
    for way in reading.found("towards", within=clause):
        if way.end in clause and reading.tokens[way.end].capital and _is_content(reading, way.end):
            token = reading.tokens[way.end]
            if not reading.lexicon.matcher.knows(token.text) and way.end not in reading.titles:
                return token.text
    return None


def strange_shop(reading: Reading) -> str | None:
    """A name that no list knows where it was bought: `I got the mugs at Target`."""
    for sentence in reading.sentences:
        if not reading.has("bought", within=sentence.span):
            continue
        for place in reading.found("place", within=sentence.span):
            at = place.end
            if at in sentence.span and reading.tokens[at].capital and _is_content(reading, at):
                token = reading.tokens[at]
                if not reading.lexicon.matcher.knows(token.text) and at not in reading.titles:
                    return token.text
    return None


def stranger_beside(reading: Reading, tag: Tag, clause: Span) -> str | None:
    """A word that no list knows right before a noun, or a strange name right behind it."""
    behind = tag.end
    if behind in clause and reading.tokens[behind].text in reading.lexicon.words:
        behind += 1
    for at in (tag.start - 1, behind):
        if at not in clause or not _is_content(reading, at) or at in reading.titles:
            continue
        token = reading.tokens[at]
        strange = not reading.lexicon.matcher.knows(token.text)
        if strange and (at < tag.start or token.capital):
            return token.text
    return None


def _named(reading: Reading, phrase: Span) -> bool:
    return any(
        name in _NAMING or name.partition(":")[0] in _NAMING_KINDS
        for name in reading.names_within(phrase)
    )


def _is_content(reading: Reading, at: int) -> bool:
    token = reading.tokens[at]
    return token.kind == "word" and token.text not in reading.lexicon.words
