"""The default planner: languages, playbooks and the shop's words; no model, no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sayso.actions.model.definition import Action
from sayso.actions.model.plan import Handoff, Plan
from sayso.agent.base import MAX_MESSAGE_CHARS, Handles, Message, Question
from sayso.agent.understanding import understand
from sayso.agent.understanding.act_file import read_shipped_acts
from sayso.agent.understanding.lexicon import Knowledge
from sayso.agent.understanding.pack import LanguagePack, read_packs, read_shipped_packs
from sayso.agent.understanding.playbook import Playbook, read_folder, read_shop
from sayso.agent.understanding.vocabulary import playbooks_of
from sayso.errors import Code, ConfigError

_FORMER = {"cancel": "cancel_subscription"}
"""Former names of shipped acts, by which a workspace's playbook replaces them."""
MAX_CHARS = 6_000
"""A longer conversation is nothing for rules about sentences."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybookPlanner:
    """Plans what the playbooks know, asks back what is not clear, and hands over everything else.

    Guarantees: deterministic; no network and no model.

    Attributes:
        name: recorded with each plan.
    """

    knowledge: Knowledge
    name: str = "playbooks"

    async def plan(
        self, messages: Sequence[Message], handles: Handles, actions: Sequence[Action]
    ) -> Plan | Question | Handoff:
        """Plan the conversation; see `Planner.plan`."""
        return self.plan_now(messages, handles, [action.name for action in actions])

    def plan_now(
        self, messages: Sequence[Message], handles: Handles, actions: Sequence[str]
    ) -> Plan | Question | Handoff:
        """The same, at once."""
        newest = messages[-1] if messages else None
        if newest is None or newest.role != "customer":
            # The rules would only say again what they said before.
            return self._hand_over("the customer has not written anything that is still open")
        size = sum(len(turn.content) for turn in messages if turn.role == "customer")
        if size > MAX_CHARS or len(newest.content) > MAX_MESSAGE_CHARS:
            return self._hand_over(f"the conversation is longer than {MAX_CHARS} characters")
        found = understand(messages, handles, actions, self.knowledge)
        if found.remark is not None:
            return replace(found.remark, planner=self.name)
        return found.plan or found.question or self._hand_over(found.hand_over)

    def _hand_over(self, reason: str) -> Handoff:
        return Handoff(reason=reason, planner=self.name)


def load_knowledge(
    folder: Path | None = None,
    *,
    playbooks: str = "playbooks",
    actions: Sequence[Action] | None = None,
) -> Knowledge:
    """What comes with Sayso, and what a workspace's folder adds or replaces by name.

    Args:
        folder: with `playbooks/`, `languages/` and `shop.toml`; whatever is not there adds nothing.
        playbooks: the name of the folder of playbooks in it.
        actions: what is connected; None counts every action as connected.

    Raises:
        ConfigError: `invalid_playbook`, with the file and the place.
    """
    own_packs = () if folder is None else read_packs(folder / "languages")
    own_books = () if folder is None else read_folder(folder / playbooks)
    shop = read_shop(None if folder is None else folder / "shop.toml")
    packs: dict[str, LanguagePack] = {pack.language: pack for pack in read_shipped_packs()}
    packs.update({pack.language: pack for pack in own_packs})
    acts = playbooks_of(read_shipped_acts().values(), actions or ())
    books: dict[str, Playbook] = {book.name: book for book in acts}
    for book in own_books:
        if sum(book.name == other.name for other in own_books) > 1:
            raise ConfigError(
                Code.INVALID_PLAYBOOK,
                f"two playbooks are called `{book.name}`",
                next_step="rename one of them",
            )
        books[_FORMER.get(book.name, book.name)] = book
    names = None if actions is None else {action.name for action in actions}
    return Knowledge.of(list(packs.values()), list(books.values()), shop, names)
