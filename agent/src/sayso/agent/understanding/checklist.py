"""What a language and the act of an action still lack, in a workspace of its own words.

Read only to say it: what lacks something works, without that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sayso.actions.model.definition import Action
from sayso.agent.phrases import LANGUAGES
from sayso.agent.understanding.act_file import read_shipped_acts
from sayso.agent.understanding.pack import LanguagePack, Lists, read_shipped_packs
from sayso.agent.understanding.vocabulary import unfilled

MOST_NAMED = 6
"""So many missing lists are named; the others are counted."""
_OPTIONAL = frozenset({"before_last", "third", "other", "authority", "reason", "towards"})
"""Lists that not every language needs."""


def lacking_language(pack: LanguagePack, actions: Sequence[Action]) -> Iterator[str]:
    """What a language lacks that the shipped ones have, one sentence each.

    Args:
        actions: what is connected; acts that none of them carries out need no words.
    """
    empty = [
        name.rstrip("_")
        for name in Lists.model_fields
        if name not in _OPTIONAL and not getattr(pack.lists, name)
    ]
    if empty:
        rest = f" and {len(empty) - MOST_NAMED} more" if len(empty) > MOST_NAMED else ""
        yield f"`lists` has no {', '.join(f'`{one}`' for one in empty[:MOST_NAMED])}{rest}"
    if not pack.numbers:
        yield "`numbers` has no number words"
    if pack.days is None:
        yield "`days` is missing, so that no day is understood"
    if pack.language not in LANGUAGES:
        yield f"nothing is said in `{pack.language}`: customers are answered in English"
    acts = read_shipped_acts()
    used = {one.act.name: one.act for one in actions if one.act is not None and one.act.is_asked}
    for kind in sorted({use.on for use in used.values()} - {"account"}):
        if kind in read_shipped_packs()[0].called and kind not in pack.called:
            yield f"`called.{kind}` does not say how we call one"
    for name in sorted(used.keys() & acts.keys()):
        if pack.language not in acts[name].words:
            yield f"the act `{name}` has no words in `{pack.language}`"


def lacking_acts(actions: Sequence[Action]) -> Iterator[tuple[str, str]]:
    """The actions that no customer's words can reach, each with why."""
    acts = read_shipped_acts()
    for action in actions:
        why = unfilled(action, acts) if action.act is not None else None
        if why is not None:
            yield action.name, why
