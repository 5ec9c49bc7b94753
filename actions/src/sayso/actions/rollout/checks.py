"""The roll-out where something is judged and where it is claimed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from sayso.actions.model.action_row import ActionRow
from sayso.actions.policy.base import Asker, Judgement, Outcome, PolicyQuestion, Reason
from sayso.actions.rollout.definition import RULE_PREFIX, Rollout, Stage
from sayso.audit.authority.state import read_body
from sayso.audit.entry import ActorKind
from sayso.errors import Code, IntegrityError
from sayso.store.base import Reader, integer, text

if TYPE_CHECKING:
    from sayso.actions.policy.active import LoadedPolicy
    from sayso.actions.rollout.dials import Draw, Staged

SALT = "rollout_salt"
"""Under which name a database keeps what decides who is in a share."""


class StageChecks:
    """Says how far an action may go by the version in force."""

    def __init__(self) -> None:
        self._salt = ""

    def staged(
        self,
        reader: Reader,
        loaded: LoadedPolicy,
        row: ActionRow,
        question: PolicyQuestion,
        opened: frozenset[str] = frozenset(),
    ) -> Staged | None:
        """The stage of an action; None where nothing is held back.

        Args:
            opened: see `Dials.stage`.
        """
        dials = loaded.dials
        if dials is None:
            return None
        braked: frozenset[str] = frozenset()
        if dials.rollout.has_brakes:
            braked = frozenset(braked_dials(reader, dials.rollout))
        draw = partial(self._draw, reader, row, question)
        staged = dials.stage(question, draw, braked, opened)
        if _is_proposed_by_a_person(row) and staged.stage.rank < Stage.SUGGEST.rank:
            # A dial says how far it goes by itself; this was taken up by somebody, and never goes
            # without somebody else's yes.
            return replace(staged, stage=Stage.SUGGEST)
        return staged

    def _draw(self, reader: Reader, row: ActionRow, question: PolicyQuestion) -> Draw:
        from sayso.actions.rollout.dials import Draw  # loaded with the policy

        account = question.resolved.account.partition(" (")[0]
        connector = row.name.partition(".")[0]
        customer = f"{connector}|{account}|{row.subject.id}"
        return Draw(salt=self._salt_of(reader), customer=customer)

    def _salt_of(self, reader: Reader) -> str:
        if not self._salt:
            found = reader.one("log.meta", key=SALT)
            if found is None:
                raise IntegrityError(
                    Code.TAMPERED,
                    "what decides who is in a share is gone",
                    next_step="restore the database from a backup",
                )
            self._salt = text(found, "value")
        return self._salt


def _is_proposed_by_a_person(row: ActionRow) -> bool:
    """Whether somebody took it from a draft: a request's other steps are the agent's."""
    return row.request_id is not None and row.requester.startswith(f"{ActorKind.PERSON}:")


def braked_dials(reader: Reader, rollout: Rollout) -> dict[str, int]:
    """The number of the brake of each dial that went left by itself and was not released."""
    known = rollout.by_id()
    numbers = {text(row, "dial"): integer(row, "number") for row in reader.all("rollout.braked")}
    # INVARIANT: a brake that the log tells of holds, though somebody has deleted its row.
    for entry in reader.all("rollout.braked_entries"):
        data = read_body(text(entry, "body"))["data"]
        numbers[data["dial"]] = max(data["number"], numbers.get(data["dial"], 0))
    return {
        name: number
        for name, number in numbers.items()
        if name in known and number > known[name].released
    }


def capped(
    judgement: Judgement, staged: Staged | None, roles: tuple[str, ...], policy: int
) -> Judgement:
    """A judgement under the ceiling of a stage, which never permits anything.

    Args:
        roles: all that are declared, the least first; without one nobody can be asked.
        policy: number of the version that judged, which is noted.
    """
    if staged is None:
        return replace(judgement, policy=policy)
    stage = staged.stage
    if stage is Stage.SUGGEST and not roles:
        stage = Stage.OFF
    outcome = judgement.outcome
    asks = stage is Stage.SUGGEST
    if outcome is Outcome.DENY or stage is Stage.AUTO or (asks and outcome is Outcome.ASK):
        return replace(judgement, policy=policy, stage=stage.value, dial=staged.rule)
    said = f"a person does this for now ({staged.say})"
    if asks:
        said = f"somebody is asked about each for now ({staged.say}); {judgement.explain}"
    return replace(
        judgement,
        outcome=Outcome.ASK if asks else Outcome.DENY,
        rules=(staged.rule, *judgement.rules),
        explain=said,
        roles=roles[:1] if asks else (),
        policy=policy,
        stage=stage.value,
        dial=staged.rule,
        would=outcome.value,
    )


def lower(staged: Staged | None, ceiling: Staged | None) -> Staged | None:
    """The stage that goes less far; None for no stage at all."""
    if ceiling is not None and (staged is None or ceiling.stage.rank < staged.stage.rank):
        return ceiling
    return staged


def dial_reasons(staged: Callable[[frozenset[str]], Staged | None]) -> list[Reason]:
    """Why the roll-out has people asked, or a person do it: each dial of it that does.

    Args:
        staged: the stage, where the rules of some dials are taken to hold nothing back.
    """
    found: list[Reason] = []
    opened: frozenset[str] = frozenset()
    while (one := staged(opened)) is not None and one.stage is not Stage.AUTO:
        if one.rule in opened:
            break
        opened |= {one.rule}
        found.append(_dial_reason(one))
    return found


def _dial_reason(staged: Staged) -> Reason:
    asks = staged.stage is Stage.SUGGEST
    said = "For now each of these is asked" if asks else "For now a person does these"
    return Reason(
        asking=Asker(kind="dial", by=(staged.rule,)),
        say=f"{said}: {staged.say}",
        to=f"roll-out {staged.rule.removeprefix(RULE_PREFIX)} at `auto`",
    )


def held_back(staged: Staged | None, judgement: Judgement) -> str | None:
    """Why what was judged may not go on by the present stage, in words."""
    if staged is None:
        return None
    if staged.stage.rank < Stage.SUGGEST.rank:
        return f"a person does this for now ({staged.say})"
    if staged.stage is Stage.SUGGEST and judgement.outcome is Outcome.ALLOW:
        return f"somebody is to be asked about each for now ({staged.say})"
    return None
