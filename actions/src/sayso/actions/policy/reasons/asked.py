"""Why people are asked about one action: every condition, limit and dial that asks.

Conditions of rules are found by `cheapest`: the fewest facts that would have to be different for
nobody to be asked. Whatever else asks is no condition but a demand of its own, and asks alone. What
is found is put to the engine before it is said.
"""

from __future__ import annotations

from collections.abc import Sequence

from sayso.actions.customers.proof import weakly_known_by
from sayso.actions.policy.base import (
    LINKED_WITH_A_PERSON,
    NOT_IN_THEIR_WORDS,
    Around,
    Asker,
    Judgement,
    PolicyQuestion,
    Reason,
    Why,
)
from sayso.actions.policy.reasons.cheapest import Values
from sayso.actions.policy.reasons.conditions import (
    AskedRules,
    Conditions,
    conditions_of,
    fewer_people,
)
from sayso.actions.policy.reasons.variables import Variants, applied
from sayso.actions.policy.slices import Slice
from sayso.actions.policy.why import needed_sentence
from sayso.audit.request_digests import ON_A_YES
from sayso.frozen import replace


def why_asked(mine: Slice, question: PolicyQuestion, judgement: Judgement, around: Around) -> Why:
    """Why an action is asked about.

    Args:
        mine: the rules about it. judgement: an `ask`. around: what asks besides.

    Guarantees: with everything that is said to be different so, nobody would be asked.
    """
    reasons, question = _guards(question)
    if mine.action.always_ask:
        said = f"A person always decides: {'; '.join(mine.action.always_ask)}"
        reasons.append(Reason(asking=Asker(kind="action", by=(mine.action.name,)), say=said))
    amount = question.resolved.amount
    plain, missing, _ = mine.form.plain(question)
    # Rules may read an amount without its currency; what is said of it has one all the same.
    values = {**plain, "currency": "" if amount is None else amount.currency}
    variants = Variants(question, mine.form.calendar)
    asked = AskedRules(slice=mine, values=values, missing=missing, at=variants.at, who=variants.who)
    found = conditions_of(asked)
    more = fewer_people(asked, len(judgement.roles), found)
    reasons = [*reasons, *found.reasons, *around.asking]
    reasons += _then(mine, question, found, around, variants, reasons)
    return Why(reasons=(*reasons, *more), needed=needed_sentence(judgement.roles))


def asked_words(
    mine: Slice, values: Values, missing: tuple[str, ...], roles: Sequence[str] | None
) -> tuple[str, ...]:
    """What asks about a question that is given by its values, by the rules alone.

    Args:
        roles: of those who have to agree; none where nobody is asked.
    """
    if not roles:
        return ()
    asked = AskedRules(slice=mine, values=values, missing=missing)
    found = conditions_of(asked)
    reasons = (*found.reasons, *fewer_people(asked, len(roles), found))
    return tuple(one.named for one in reasons)


def _guards(question: PolicyQuestion) -> tuple[list[Reason], PolicyQuestion]:
    """The demands of ours that ask, and the question without them."""
    reasons: list[Reason] = []
    words = weakly_known_by(question.resolved.reached, question.verified)
    if words is not None:
        subject = replace(question.subject, assurance=question.assurance)
        known = replace(question.resolved, reached=None, verified=None)
        question = replace(question, subject=subject, resolved=known)
        reasons.append(
            Reason(
                asking=Asker(kind="guard", by=(LINKED_WITH_A_PERSON,)),
                say=f"Known to be this customer's by {words}",
                to="the account proved by a record, a code or your shop",
            )
        )
    if question.rests_on_a_yes:
        question = replace(question, planner=question.planner.removesuffix(ON_A_YES))
        reasons.append(
            Reason(
                asking=Asker(kind="guard", by=(NOT_IN_THEIR_WORDS,)),
                say="Not shown by the customer's own words; they said yes to it",
                to="asked for in the customer's own words",
            )
        )
    return reasons, question


def _then(
    mine: Slice,
    question: PolicyQuestion,
    found: Conditions,
    around: Around,
    variants: Variants,
    known: Sequence[Reason],
) -> list[Reason]:
    """What would ask once the conditions do not: limits and dials look at the facts, too."""
    other = applied(question, found.changes, mine.facts, variants)
    named = {one.asking for one in known}
    return [one for one in around.then(other) if one.asking not in named]
