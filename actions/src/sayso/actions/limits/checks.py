"""Limits where something is decided: when it is judged, when people agree, and when it is claimed.

The order is: our own guards, the rules, soft limits, hard ones, and then what fits is reserved in
the transaction that makes the action approved. A soft limit that is over demands that somebody
agrees; a hard one refuses, whoever agrees.
"""

from __future__ import annotations

from collections.abc import Sequence

from sayso.actions.limits.limit_check import LimitCheck, after_words, demand_of, sentence
from sayso.actions.limits.reservations import Circumstances, LimitReservations
from sayso.actions.limits.usage import CARDS, Use, Used, Why, uses_of
from sayso.actions.policy.base import (
    Approver,
    Asker,
    Demand,
    Judgement,
    Outcome,
    Policy,
    PolicyQuestion,
    Reason,
)
from sayso.errors import Code, RefusedError
from sayso.frozen import replace
from sayso.store.base import Reader

Reserving = list[tuple[LimitCheck, Why]]


class LimitChecks:
    """Asks the limits of a version about one action."""

    def __init__(self, book: LimitReservations) -> None:
        self._book = book

    def judged(
        self,
        reader: Reader,
        about: Circumstances,
        policy: Policy,
        question: PolicyQuestion,
        judgement: Judgement,
    ) -> Judgement:
        """The judgement with the limits taken into account; what it would use is planned."""
        if judgement.outcome is not Outcome.ASK and not about.limits.counts(about.action):
            return judgement
        reserving: Reserving = []
        over: list[LimitCheck] = []
        if judgement.outcome is not Outcome.DENY:
            automatic = judgement.outcome is Outcome.ALLOW
            looks = self._book.check(reader, about, automatic=automatic)
            over = [look for look in looks if look.is_over]
            hard = [look for look in over if look.limit.is_hard]
            if hard:
                judgement = _refused(judgement, hard, about)
            elif over:
                number, demands = judgement.policy, _demands(over, about)
                judgement = replace(policy.judge(question, demands), policy=number)
            elif automatic:
                reserving = [(look, "fits") for look in looks]
        if judgement.outcome is Outcome.ASK:
            judgement, reserving, full = self._asked(reader, about, judgement)
            over += full
        self._book.plan(reader, about.row.id, reserving, over)
        return _holding(judgement, reserving)

    def waits(self, reader: Reader, about: Circumstances, judgement: Judgement) -> Judgement:
        """The same for what is asked about only because of the plan that it belongs to."""
        if not about.limits.about(about.action):
            return judgement
        judgement, reserving, full = self._asked(reader, about, judgement)
        self._book.plan(reader, about.row.id, reserving, full)
        return _holding(judgement, reserving)

    def after(self, reader: Reader, about: Circumstances) -> tuple[tuple[str, str], ...]:
        """How full limits are once people say yes, for the card: label and words."""
        looks = self.met(reader, about)
        return tuple((f"limit {look.limit.id}", after_words(look)) for look in looks)

    def met(self, reader: Reader, about: Circumstances) -> tuple[LimitCheck, ...]:
        """The limits that count it whoever agrees, as it meets them, in currencies they have."""
        if not about.limits.counts(about.action):
            return ()
        looks = self._book.check(reader, about, automatic=False)
        return tuple(look for look in looks if not look.unknown_currency)

    def asking(
        self, reader: Reader, about: Circumstances, *, automatic: bool
    ) -> tuple[Reason, ...]:
        """The limits that ask, or refuse, since the action does not fit in them."""
        if not about.limits.counts(about.action):
            return ()
        looks = self._book.check(reader, about, automatic=automatic)
        over = {look.limit.id: look for look in looks if look.is_over}
        return tuple(_reason(look, about) for look in over.values())

    def _asked(
        self, reader: Reader, about: Circumstances, judgement: Judgement
    ) -> tuple[Judgement, Reserving, list[LimitCheck]]:
        """A question to people holds no amount, but open ones are limited too."""
        cards = self._book.check_cards(reader, about)
        full = [look for look in cards if look.is_over]
        if full:
            return _refused(judgement, full, about), [], full
        return judgement, [(look, "fits") for look in cards], []

    def agreed(
        self,
        reader: Reader,
        about: Circumstances,
        policy: Policy,
        question: PolicyQuestion,
        approvers: Sequence[Approver],
        judgement: Judgement,
    ) -> Judgement:
        """Whether it may be approved with these people\'s yes; what it uses is planned.

        Args:
            judgement: an allow, without the limits.

        Raises:
            RefusedError: `limit_reached`, for a limit beyond which nobody can approve.
        """
        if not about.limits.counts(about.action):
            self.forget(reader, about.row.id)  # whatever it would have held while people are asked
            return _holding(judgement, [])
        looks = self._book.check(reader, about, automatic=False)
        hard = [look for look in looks if look.is_over and look.limit.is_hard]
        if hard:
            raise _reached(hard, about)
        soft = [look for look in looks if look.is_over]
        alone = policy.permits(question, ())
        suggested = about.row.judgement is not None and about.row.judgement.stage == "suggest"
        if alone.outcome is Outcome.ALLOW and not suggested:
            # People were asked because it would have been one too many by itself.
            by_itself = self._book.check(reader, about, automatic=True)
            soft += [look for look in by_itself if look.is_over and look.limit.automatic]
        demands = _demands(soft, about)
        if demands:
            number = judgement.policy
            judgement = replace(policy.permits(question, approvers, demands), policy=number)
            if judgement.outcome is not Outcome.ALLOW:
                return judgement
        for approver in approvers:
            theirs = replace(about, approver=approver.person)
            looks += self._book.check(reader, theirs, automatic=False, approver=True)
        reserving: Reserving = [(look, "agreed" if look.is_over else "fits") for look in looks]
        self._book.plan(reader, about.row.id, reserving)
        return _holding(judgement, reserving)

    def forget(self, reader: Reader, action_id: str) -> None:
        """Plan nothing for an action, such as one that was only looked at."""
        self._book.plan(reader, action_id, ())

    def check_approver(self, reader: Reader, about: Circumstances) -> None:
        """Whether this person\'s yes still counts.

        Raises:
            RefusedError: `limit_reached`; somebody else\'s may.
        """
        looks = self._book.check(reader, about, automatic=False, approver=True)
        over = [look for look in looks if look.is_over]
        if over:
            said = sentence(over[0], now=about.now, calendar=about.calendar)
            raise RefusedError(
                Code.LIMIT_REACHED,
                f"your yes does not count here: {said}",
                next_step="ask somebody else to decide",
            )

    def claimed(
        self, reader: Reader, about: Circumstances, *, automatic: bool
    ) -> tuple[str | None, bool]:
        """Whether what it holds still fits at the claim.

        A hold of a window that is over is moved into the present one, and a limit that came in
        force meanwhile is reserved now; both are planned.

        Returns:
            What does not fit, in words, and whether it holds anything then.
        """
        if not about.limits.counts(about.action):
            return None, about.row.judgement is not None and about.row.judgement.holds
        row = about.row
        held = [
            use
            for revision, use in uses_of(reader, row.tenant, row.id)
            if revision == row.revision and use.state == "held" and use.place.currency != CARDS
        ]
        reserving: Reserving = []
        for look in self._book.check(reader, about, automatic=automatic):
            use = next((use for use in held if use.place == look.place), None)
            if use is not None and _counts(use, look, about):
                own = look._replace(used=_without(look, use))
                if own.is_over and (use.why == "fits" or automatic or look.limit.is_hard):
                    return sentence(own, now=about.now, calendar=about.calendar), True
                continue
            if look.is_over and (automatic or look.limit.is_hard):
                return sentence(look, now=about.now, calendar=about.calendar), bool(held)
            reserving.append((look, "agreed" if look.is_over else "fits"))
        self._book.plan(reader, row.id, reserving)
        return None, bool(held or reserving)


def _holding(judgement: Judgement, reserving: Reserving) -> Judgement:
    """The judgement with whether it holds something."""
    holds = bool(reserving)
    return judgement if judgement.holds is holds else replace(judgement, holds=holds)


def _counts(use: Use, look: LimitCheck, about: Circumstances) -> bool:
    """Whether a use is in the present window of its limit."""
    window = look.limit.window
    assert window is not None, "only of what counts over a time"
    return use.bucket >= window.oldest(about.now, about.calendar)


def _without(look: LimitCheck, use: Use) -> Used:
    return Used(count=look.used.count - use.count, minor=look.used.minor - use.minor)


def _demands(over: Sequence[LimitCheck], about: Circumstances) -> list[Demand]:
    demands = {look.limit.id: look for look in over}
    return [demand_of(look, now=about.now, calendar=about.calendar) for look in demands.values()]


def _reason(look: LimitCheck, about: Circumstances) -> Reason:
    limit = look.limit
    return Reason(
        asking=Asker(kind="limit", by=(limit.rule,)),
        say=sentence(look, now=about.now, calendar=about.calendar),
        to=f"room in the limit {limit.id}",
    )


def _refused(judgement: Judgement, over: Sequence[LimitCheck], about: Circumstances) -> Judgement:
    said = "; ".join(sentence(look, now=about.now, calendar=about.calendar) for look in over)
    return replace(
        judgement,
        outcome=Outcome.DENY,
        rules=tuple(dict.fromkeys(look.limit.rule for look in over)),
        explain=said,
        roles=(),
    )


def _reached(over: Sequence[LimitCheck], about: Circumstances) -> RefusedError:
    look = over[0]
    said = sentence(look, now=about.now, calendar=about.calendar)
    return RefusedError(
        Code.LIMIT_REACHED,
        said,
        next_step="lower the amount, or wait; nobody can approve more",
    )
