"""`sayso.prompts`: which prompt models get, a candidate for some requests, and the figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sayso.agent.prompts import Prompt, Prompts, load_prompt
from sayso.agent.prompts.choice import chosen_prompts, read_choice
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, Json, StoredEntry
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant
from sayso.sdk.resources.base import Resource
from sayso.sdk.views.base import View
from sayso.sdk.workspace import Workspace
from sayso.store.base import Reader, Transaction, integer, text

if TYPE_CHECKING:
    from sayso.sdk.container import Container

FOLDER = "prompts"
NEWEST = 2_000
"""So many of the newest requests of each outcome the figures count."""


class VariantView(View):
    """What became of the requests that a prompt was used for.

    Attributes:
        planned, handed_over: how many.
        micro_usd: of all of them together.
    """

    prompt: str
    planned: int = 0
    handed_over: int = 0
    micro_usd: int = 0


class PromptsView(View):
    """What is in force.

    Attributes:
        current, candidate: names, as the files are called.
        percent: of the requests that get the candidate.
    """

    current: str
    current_sha256: str
    candidate: str | None
    percent: int
    variants: tuple[VariantView, ...]


class PromptResource(Resource):
    """Chooses prompts; each choice is an entry of the log."""

    def __init__(self, container: Container, workspace: Workspace) -> None:
        super().__init__(container)
        self._folder = workspace.folder / FOLDER

    async def show(self, *, tenant: str | None = None) -> PromptsView:
        """What is in force, and how each variant did on the newest requests."""
        where = self._tenant(tenant)

        def work(reader: Reader) -> PromptsView:
            found = chosen_prompts(reader, where)
            return PromptsView(
                current=found.current.version,
                current_sha256=found.current.digest_hex,
                candidate=None if found.candidate is None else found.candidate.version,
                percent=found.percent,
                variants=_figures(reader, where),
            )

        return await self._container.store.read(work)

    async def try_out(
        self, name: str, percent: int, *, token: str, via: str = "sdk"
    ) -> PromptsView:
        """Give a part of the requests the prompt of `prompts/NAME.md`.

        Raises:
            ConfigError: `invalid_setting`, when the file cannot be read or names wrong variables.
            RefusedError: `invalid_input` for a percentage out of 1 to 99; `unauthenticated`,
                `forbidden`.
        """
        if not 1 <= percent <= 99:
            raise RefusedError(
                Code.INVALID_INPUT,
                "a candidate gets 1 to 99 percent of the requests",
                next_step="promote it to give it all of them",
            )
        candidate = self._read(name)

        def choose(_: Reader, __: Tenant, before: Prompts) -> Prompts:
            return Prompts(current=before.current, candidate=candidate, percent=percent)

        return await self._choose(choose, token, via)

    async def promote(self, name: str, *, token: str, via: str = "sdk") -> PromptsView:
        """Put the prompt of `prompts/NAME.md` in force for every request.

        Raises:
            ConfigError, RefusedError: as `try_out`.
        """
        promoted = Prompts(current=self._read(name))

        def choose(_: Reader, __: Tenant, ___: Prompts) -> Prompts:
            return promoted

        return await self._choose(choose, token, via)

    async def roll_back(self, *, token: str, via: str = "sdk") -> PromptsView:
        """Put the prompt in force again that was before, and end a candidate.

        Raises:
            RefusedError: `wrong_state` when there was none; `unauthenticated`, `forbidden`.
        """

        def choose(reader: Reader, tenant: Tenant, before: Prompts) -> Prompts:
            newest = reader.one("prompt.newest", tenant=tenant)
            if before.candidate is not None:
                return Prompts(current=before.current)
            row = newest and reader.one(
                "prompt.before",
                tenant=tenant,
                number=integer(newest, "number"),
                current_sha256=before.current.digest_hex,
            )
            if row:
                return Prompts(current=read_choice(row).current)
            if before.current == Prompts.shipped().current:
                raise RefusedError(
                    Code.WRONG_STATE,
                    "no other prompt was in force before",
                    next_step="see what is in force: `sayso prompts show`",
                )
            return Prompts.shipped()

        return await self._choose(choose, token, via)

    def _read(self, name: str) -> Prompt:
        return load_prompt(self._folder / f"{Path(name).name.removesuffix('.md')}.md")

    async def _choose(
        self, choose: Callable[[Reader, Tenant, Prompts], Prompts], token: str, via: str
    ) -> PromptsView:
        container = self._container
        holder = await container.authentication.person(token, via=via)

        def work(tx: Transaction) -> None:
            chosen = choose(tx, holder.tenant, chosen_prompts(tx, holder.tenant))
            newest = tx.one("prompt.newest", tenant=holder.tenant)
            candidate = chosen.candidate
            data: dict[str, Json] = {
                "current": chosen.current.version,
                "sha256": chosen.current.digest_hex,
                "candidate": "" if candidate is None else candidate.version,
                "candidate_sha256": "" if candidate is None else candidate.digest_hex,
                "percent": chosen.percent,
                "via": via,
            }
            entry = Entry(
                kind=EntryKind.PROMPT_CHOSEN,
                actor=Actor(kind=ActorKind.PERSON, id=holder.holder),
                data=data,
            )
            seq = container.log.append(tx, holder.tenant, entry)
            tx.run(
                "prompt.choose",
                tenant=holder.tenant,
                number=1 if newest is None else integer(newest, "number") + 1,
                current_name=chosen.current.version,
                current_text=chosen.current.text,
                current_sha256=chosen.current.digest_hex,
                candidate_name=None if candidate is None else candidate.version,
                candidate_text=None if candidate is None else candidate.text,
                percent=chosen.percent,
                seq=seq,
            )

        await container.store.write(work)
        return await self.show(tenant=holder.tenant)


def _figures(reader: Reader, tenant: Tenant) -> tuple[VariantView, ...]:
    planned, handed, cost = Counter[str](), Counter[str](), Counter[str]()
    for kind, counter in (
        (EntryKind.REQUEST_PLANNED, planned),
        (EntryKind.REQUEST_HANDED_OVER, handed),
    ):
        rows = reader.all(
            "log.page_by_kind", tenant=tenant, kind=kind.value, low=0, before=2**62, limit=NEWEST
        )
        for row in rows:
            data = StoredEntry.read(text(row, "body").encode()).entry.data
            prompt = data.get("prompt")
            if isinstance(prompt, str) and prompt:
                counter[prompt] += 1
                spent = data.get("cost_micro_usd")
                cost[prompt] += spent if isinstance(spent, int) else 0
    names: Sequence[str] = sorted({*planned, *handed})
    return tuple(
        VariantView(
            prompt=name, planned=planned[name], handed_over=handed[name], micro_usd=cost[name]
        )
        for name in names
    )
