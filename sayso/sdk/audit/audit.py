"""The auditor's side of the SDK: ask the log, verify it, export it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sayso.actions.model.action_row import get_action
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, Json, StoredEntry
from sayso.audit.queries.index import LogIndex
from sayso.audit.queries.pages import needs_index, read_page
from sayso.audit.queries.query import Query, loggable, parse_query, parts_of
from sayso.audit.questions.answer import QuestionScope
from sayso.audit.questions.catalog import question_of, questions
from sayso.audit.segments.rows import pruned_to
from sayso.audit.signed_note.note import Verifier, open_note
from sayso.audit.signing.rotate import rotate_key
from sayso.audit.tree.proof import EntryProof
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant, to_micros
from sayso.sdk.audit.alarms import write_alarms
from sayso.sdk.audit.exporting import ExportFormat, ExportSource, nothing_fits, write_export
from sayso.sdk.audit.index import LogIndexes, fill_whole, prove_all, size_of, unindexed, unproven
from sayso.sdk.audit.questions import (
    AnswerView,
    NamedQuestionView,
    answer_now,
    answer_view,
    loggable_question,
    question_view,
)
from sayso.sdk.audit.segments import LogSegments
from sayso.sdk.audit.stored import (
    own_vkeys,
    read_deployment,
    read_entered_heads,
    read_sources,
    tenants_of,
)
from sayso.sdk.audit.tree import LogTree
from sayso.sdk.resources.base import Resource
from sayso.sdk.views.presenters import by_customer, show_entry
from sayso.sdk.views.rows import EntryView
from sayso.sdk.wiring.database import is_postgres, open_snapshot, store_name
from sayso.store.base import Reader, Transaction, text

if TYPE_CHECKING:
    from sayso.audit.evidence.data import Evidence
    from sayso.audit.evidence.receipt import ActionReceipt
    from sayso.audit.signed_note.timestamps import Authorities, StampedNote
    from sayso.audit.signed_note.witness_policy import WitnessPolicy
    from sayso.audit.verifier.verification import Verification
    from sayso.sdk.audit.cases import CaseResource
    from sayso.sdk.container import Container
    from sayso.sdk.workspace import Workspace

T = TypeVar("T")
Progress = Callable[[int, int], None]
_PAGE = 1000


class Audit(Resource):
    """Reads the log of an open workspace; each query and export is itself an entry."""

    def __init__(self, container: Container, workspace: Workspace, indexes: LogIndexes) -> None:
        super().__init__(container)
        self._workspace = workspace
        self._indexes = indexes

    async def about_request(
        self, request_id: str, *, after: int = -1, tenant: str | None = None
    ) -> list[EntryView]:
        """The entries about a request and its actions behind the index `after`, oldest first.

        Following something is not a query of an auditor, so it leaves no entry of its own.
        """
        where = self._tenant(tenant)
        query = Query(request=request_id)
        found = await self._container.store.read(
            lambda reader: read_page(reader, where, query, limit=_PAGE)
        )
        return [show_entry(stored) for stored in reversed(found) if stored.seq > after]

    async def rotate_key(self, *, by: Actor) -> list[tuple[str, str]]:
        """Have `signing.next_key` sign every log of the database from here on.

        Returns:
            Each log's tenant with its new key as a line of a policy; empty where there is no log.

        Raises:
            RefusedError, ConfigError: see `sayso.audit.signing.rotate`.
        """
        log = self._container.log
        tenants = await self._container.store.write(lambda tx: rotate_key(tx, log, by))
        return [(tenant, log.signers_of(tenant)[-1].vkey) for tenant in tenants]

    async def query(
        self,
        words: str = "",
        *,
        limit: int = 50,
        before: int | None = None,
        verified: bool = False,
        by: Actor | None = None,
        tenant: str | None = None,
    ) -> list[EntryView]:
        """Entries that fit the qualifiers of `words`, newest first; see `parse_query`.

        Args:
            before: index of the last entry of the page before.
            verified: give each entry its `proof`, a C2SP tlog-proof against the newest head, which
                has been checked; a log that does not fit its head is an error.
            by: who asks; recorded.

        Raises:
            RefusedError: `invalid_input`.
            IntegrityError: `tampered`, `bad_signature` or `key_mismatch`, with `verified` only.
        """
        where = self._tenant(tenant)
        asked = parse_query(words)
        query = await self._container.store.read(lambda reader: by_customer(reader, where, asked))
        found: list[StoredEntry] = []
        proofs: list[EntryProof] = []
        if query is not None:
            found, proofs = await self._page(where, query, limit, before, verified=verified)

        def record(tx: Transaction) -> None:
            # NOTE: a unit of its own, since a long search must not keep those who write waiting.
            data: dict[str, Json] = {"query": _loggable_query(words, query), "found": len(found)}
            entry = Entry(kind=EntryKind.AUDIT_QUERIED, actor=by or _auditor(), data=data)
            self._container.log.append(tx, where, entry)

        await self._container.store.write(record)
        views = [show_entry(stored) for stored in found]
        if not verified:
            return views
        return [
            view.model_copy(update={"proof": proof.text()})
            for view, proof in zip(views, proofs, strict=True)
        ]

    async def ask(
        self,
        question: str,
        *,
        since: str = "",
        until: str = "",
        over: str = "",
        by: Actor | None = None,
        tenant: str | None = None,
    ) -> AnswerView:
        """Ask one of the ten questions with a name; all that it rests on is held against the head.

        Args:
            question: such as `four-eyes`; `questions()` lists them.
            since, until: days in UTC, such as `2026-11-01`, both included.
            over: only more money than this, such as `100USD`, where the question is about money.
            by: who asks; recorded.

        Raises:
            RefusedError: `not_found`, `invalid_input`, `nothing_to_verify`.
            IntegrityError: `tampered`, `key_mismatch`: then nothing is answered.
        """
        where, named = self._tenant(tenant), question_of(question)
        asked = QuestionScope.read(since, until, over)
        await self.checkpoint(tenant=where)
        own = self._own_vkeys(where)
        found = await self._container.store.read(
            lambda reader: answer_now(reader, where, own, named, asked)
        )
        said = loggable_question(named, since, until, over) | {"found": len(found.rows)}

        def record(tx: Transaction) -> None:
            entry = Entry(kind=EntryKind.AUDIT_QUERIED, actor=by or _auditor(), data=said)
            self._container.log.append(tx, where, entry)

        await self._container.store.write(record)
        return answer_view(found)

    @staticmethod
    def questions() -> list[NamedQuestionView]:
        """The questions that `ask` answers."""
        return [question_view(one) for one in questions().values()]

    async def why_nothing(self, words: str, *, tenant: str | None = None) -> str:
        """Why no entry fits the qualifiers of `words`: which of them finds none, or keeps out all.

        Nothing is recorded: it is asked beside a question that was.

        Raises:
            RefusedError: `invalid_input`.
        """
        where, parts = self._tenant(tenant), parts_of(words)

        async def finds(some: list[str]) -> bool:
            asked = parse_query(" ".join(some))
            store = self._container.store
            query = await store.read(lambda reader: by_customer(reader, where, asked))
            return query is not None and bool(
                (await self._page(where, query, 1, None, verified=False))[0]
            )

        parse_query(words)
        alone = [part for part in parts if not await finds([part])]
        if alone:
            return f"nothing in the log fits {_named(alone)}"
        rest = [part for part in parts if await finds([one for one in parts if one != part])]
        if rest and len(parts) > 1:
            return f"each part finds entries; they fit without {_named(rest, 'or without')}"
        return "each part finds entries, and none has all of them"

    async def _page(
        self, tenant: Tenant, query: Query, limit: int, before: int | None, *, verified: bool
    ) -> tuple[list[StoredEntry], list[EntryProof]]:
        store, index = self._container.store, None
        if verified:
            index = await self._indexes.filled(store, tenant)
        elif needs_index(query):
            index = await self._indexes.filling(store, tenant)
        if not verified:
            found = await store.read(
                lambda reader: read_page(
                    reader, tenant, query, limit=limit, before=before, index=index
                )
            )
            return found, []
        if index is None:
            raise unindexed()
        for attempt in (1, 2):
            page = await store.read(partial(self._proven_page, tenant, query, limit, before, index))
            if page is not None:
                return page
            if attempt == 1:  # perhaps it is only the index that is wrong
                index.forget()
                await self._indexes.filled(store, tenant)
        raise unproven()

    def _proven_page(
        self,
        tenant: Tenant,
        query: Query,
        limit: int,
        before: int | None,
        index: LogIndex,
        reader: Reader,
    ) -> tuple[list[StoredEntry], list[EntryProof]] | None:
        fill_whole(index, reader, size_of(reader, tenant))  # what came since
        found = read_page(reader, tenant, query, limit=limit, before=before, index=index)
        proofs = prove_all(reader, tenant, index, self._own_vkeys(tenant), found)
        return None if proofs is None else (found, proofs)

    async def pruned_to(self, *, tenant: str | None = None) -> int:
        """The lowest index that is in the database; what is below is in sealed segments only."""
        where = self._tenant(tenant)
        return await self._container.store.read(lambda reader: pruned_to(reader, where))

    async def tail(
        self, limit: int = 20, *, before: int | None = None, tenant: str | None = None
    ) -> list[EntryView]:
        """The newest entries, newest first, without leaving an entry of their own.

        Args:
            before: the number of the last entry of the page before.

        Raises:
            RefusedError: `invalid_input`, for a limit that is not 1 to 1000.
        """
        where = self._tenant(tenant)
        found = await self._container.store.read(
            lambda reader: read_page(reader, where, Query(), limit=limit, before=before)
        )
        return [show_entry(stored) for stored in found]

    async def checkpoint(self, *, tenant: str | None = None) -> str:
        """The newest signed head, a C2SP note; keep it elsewhere to prove a later rewrite.

        Raises:
            RefusedError: `nothing_to_verify`, when the log is empty.
        """
        where = self._tenant(tenant)
        row = await self._container.store.read(lambda reader: reader.one("log.head", tenant=where))
        if row is None:
            raise RefusedError(
                Code.NOTHING_TO_VERIFY,
                "the log is empty",
                next_step="propose something first",
            )
        return text(row, "note")

    @property
    def tree(self) -> LogTree:
        """Proofs and tiles, for those who verify from outside."""
        return LogTree(self._container, self._indexes)

    @property
    def cases(self) -> CaseResource:
        """Finds who decided about what for whom, by name, and shows all that proves it."""
        from sayso.sdk.audit.cases import CaseResource  # only auditors need it

        async def page(
            tenant: Tenant, query: Query, limit: int
        ) -> tuple[list[StoredEntry], list[EntryProof]]:
            return await self._page(tenant, query, limit, None, verified=True)

        return CaseResource(self._container, page)

    @property
    def segments(self) -> LogSegments:
        """Seals the log in files, and takes out of the database what was kept long enough."""
        return LogSegments(self._container, self._workspace)

    def vkey(self, *, tenant: str | None = None) -> str:
        """The public key that an auditor pins."""
        return self._container.log.vkey_of(self._tenant(tenant))

    async def head_vkey(self, *, tenant: str | None = None) -> str:
        """The public key that signed the newest head, and so what is exported now.

        It is another one than `vkey` from a change of keys until the settings name it as the key.

        Raises:
            RefusedError: `nothing_to_verify`, when the log is empty.
            IntegrityError: `key_mismatch`, when none of the keys at hand signed it.
        """
        own = map(Verifier.parse, self._own_vkeys(self._tenant(tenant)))
        return open_note(await self.checkpoint(tenant=tenant), own).verified_by[0].vkey

    def _own_vkeys(self, tenant: Tenant) -> list[str]:
        return [signer.vkey for signer in self._container.log.signers_of(tenant)]

    def verify(
        self,
        *,
        vkeys: Sequence[str] = (),
        checkpoints: Sequence[bytes] = (),
        remembered: Sequence[bytes] = (),
        witnessed: Sequence[bytes] = (),
        policy: WitnessPolicy | None = None,
        segments: Path | None = None,
        authorities: Authorities | None = None,
        stamped: Sequence[StampedNote] = (),
        deep: bool = True,
        progress: Progress | None = None,
        tenant: str | None = None,
    ) -> Verification:
        """Verify every log of the database, or one tenant's, with the workspace's own key pinned.

        Args:
            vkeys: the keys to pin instead.
            checkpoints: signed heads seen earlier; a log that was rewritten since is found out.
            remembered: heads that verified before, whatever key signed them.
            witnessed: notes that count as far as witnesses of the policy cosigned them.
            policy: which keys and witnesses count; its keys are pinned, as with `vkeys`.
            segments: the folder of the sealed segments' files; the workspace's own when None.
            authorities: whose time stamps count; None when no time stamp is looked at.
            stamped: heads with time stamps that were kept elsewhere.
            tenant: only this log; all of the database's when None.

        Raises:
            IntegrityError: `key_mismatch`, when one of the keys is none.
        """
        from sayso.audit.verifier.checks import Trust  # only auditors need the verifier
        from sayso.audit.verify import verify_database, verify_sources

        def trusting(tenants: Iterable[str]) -> Trust:
            own = () if policy and policy.logs else own_vkeys(self._container.log, tenants)
            return Trust.parse(
                vkeys or own,
                checkpoints,
                remembered=remembered,
                witnessed=witnessed,
                policy=policy,
                segments=segments or self._workspace.segments_path,
                authorities=authorities,
                stamped=stamped,
                keyring=self._container.keyring,
            )

        if not is_postgres(self._workspace):
            path = self._workspace.store_path
            trust = trusting([tenant] if tenant else {self._container.tenant, *tenants_of(path)})
            found = verify_database(
                path,
                trust=trust,
                tenant=tenant,
                deep=deep,
                progress=progress,
                copies=self._workspace.copies,
            )
            return self._noted(found)
        with open_snapshot(self._workspace) as reader:
            sources = list(read_sources(reader, tenant, copies=self._workspace.copies))
            trust = trusting({tenant or self._container.tenant, *(one.tenant for one in sources)})
            entered = read_entered_heads(reader) if tenant is None else ()
            found = verify_sources(
                store_name(self._workspace),
                sources,
                trust=trust,
                entered=entered,
                deployment=read_deployment(reader) if tenant is None else None,
                deep=deep,
                progress=progress,
            )
        return self._noted(found)

    def _noted(self, found: Verification) -> Verification:
        """The same; a log that did not verify, and does now, is signed again."""
        log = self._container.log
        good = {one.tenant for one in found.logs if one.deep and one.pinned and not one.findings}
        if not found.findings and good & log.refused.keys():
            for tenant in good:
                log.accept(Tenant(tenant))
            write_alarms(self._workspace.state, log.refused)
        return found

    async def export(
        self,
        path: Path,
        words: str = "",
        *,
        format: str = "jsonl",  # noqa: A002  (the word of the command line)
        by: Actor | None = None,
        tenant: str | None = None,
    ) -> int:
        """Write the log, or the entries that fit a query, so that it verifies offline.

        Args:
            path: a new folder for `jsonl`, a new file for the other formats.
            format: `jsonl` (a bundle of the exact bytes), `parquet`, `ocsf` or `cloudevents`;
                docs/reference/audit-exports.md tells their fields.

        Returns:
            How many entries were written.

        Raises:
            RefusedError: `invalid_input`, `nothing_to_verify`.
            ConfigError: `missing_extra`, for `parquet`.
            IntegrityError: when the log does not fit its signed head.
        """
        where, kind = self._tenant(tenant), ExportFormat.named(format)
        asked = parse_query(words)

        def record(tx: Transaction) -> Query | None:
            query = by_customer(tx, where, asked)
            data: dict[str, Json] = {"query": _loggable_query(words, query), "format": kind.value}
            self._record_export(tx, where, by, data)
            return query

        query = await self._container.store.write(record)
        if query is None:
            raise nothing_fits()
        index = await self._indexes.filled(self._container.store, where)
        own = self._own_vkeys(where)
        return await self._container.store.read(
            lambda reader: write_export(
                ExportSource.open(reader, where, own, index), path, kind, query
            )
        )

    async def evidence(
        self, action_id: str, path: Path, *, by: Actor | None = None, tenant: str | None = None
    ) -> int:
        """Write everything about one action as a page to read, to print and to verify offline.

        Args:
            path: a new file, such as `pack.html`.

        Returns:
            How many entries are in it.

        Raises:
            RefusedError: `not_found`, `invalid_input`.
            IntegrityError: when the log does not fit its signed head.
        """
        from sayso.audit.atomic_files import new_file
        from sayso.audit.evidence.page import render  # only packs need it

        found = await self._evidence(action_id, by, tenant)
        with new_file(path) as file:
            file.write(render(found))
        return len(found.rows)

    async def evidence_page(
        self, action_id: str, *, by: Actor | None = None, tenant: str | None = None
    ) -> bytes:
        """The same page, for who hands it on; nothing is written to a file.

        Raises: as `evidence`.
        """
        from sayso.audit.evidence.page import render  # only packs need it

        return render(await self._evidence(action_id, by, tenant))

    async def receipt(
        self, action_id: str, *, by: Actor | None = None, tenant: str | None = None
    ) -> ActionReceipt:
        """How an action ended, with its proof, for a customer or a court; nothing personal.

        Raises:
            RefusedError: `not_found`; `wrong_state`, when it has not ended; `pruned`.
            IntegrityError: when the log does not fit its signed head.
        """
        from sayso.sdk.audit.exporting import receipt_of  # only who hands one out needs it

        return await self._proven(
            "receipt", action_id, by, tenant, lambda source: receipt_of(source, action_id)
        )

    async def _evidence(self, action_id: str, by: Actor | None, tenant: str | None) -> Evidence:
        from sayso.sdk.audit.exporting import gather  # only packs need it

        actor, now = by or _auditor(), to_micros(self._container.clock.now())
        made_by, personal = f"{actor.kind}:{actor.id}", self._container.personal
        return await self._proven(
            "evidence",
            action_id,
            by,
            tenant,
            lambda source: gather(source, action_id, now, made_by, personal),
        )

    async def _proven(
        self,
        form: str,
        action_id: str,
        by: Actor | None,
        tenant: str | None,
        make: Callable[[ExportSource], T],
    ) -> T:
        """What is made of the log about one action, once an entry tells of it."""
        where = self._tenant(tenant)

        def record(tx: Transaction) -> None:
            get_action(tx, where, action_id)
            self._record_export(tx, where, by, {"format": form, "of_action": action_id})

        await self._container.store.write(record)
        index = await self._indexes.filled(self._container.store, where)
        own = self._own_vkeys(where)
        return await self._container.store.read(
            lambda reader: make(ExportSource.open(reader, where, own, index))
        )

    def _record_export(
        self, tx: Transaction, tenant: Tenant, by: Actor | None, data: dict[str, Json]
    ) -> None:
        entry = Entry(kind=EntryKind.AUDIT_EXPORTED, actor=by or _auditor(), data=data)
        self._container.log.append(tx, tenant, entry)


def _named(parts: list[str], between: str = "and nothing") -> str:
    return f" {between} ".join(f"`{part}`" for part in parts)


def _loggable_query(words: str, query: Query | None) -> str:
    return loggable(words, None if query is None else query.subject)


def _auditor() -> Actor:
    return Actor(kind=ActorKind.SERVICE, id="sdk")
