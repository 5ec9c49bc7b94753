"""The log of logs as a place: each head that is handed over becomes an entry of it."""

from __future__ import annotations

from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind
from sayso.audit.log import AuditLog
from sayso.audit.log_of_logs import LOGS
from sayso.audit.publishing.base import CheckpointSubmission, PublishReceipt
from sayso.audit.signed_note.note import encode64
from sayso.ids import Tenant
from sayso.store.base import Store, Transaction


class LogOfLogs:
    """Enters heads into the log of logs of the same database.

    Guarantees: when `publish` returns, the entry is durable. Handing over a head twice enters it
    twice, which says nothing else.
    """

    def __init__(self, store: Store, log: AuditLog) -> None:
        self._store = store
        self._log = log

    @property
    def name(self) -> str:
        """The tenant of the log of logs, which no place of the settings can be called."""
        return LOGS

    async def publish(self, submission: CheckpointSubmission) -> PublishReceipt:
        """Enter a head; see `PublishTarget`."""
        checkpoint = submission.checkpoint
        entry = Entry(
            kind=EntryKind.LOG_HEAD,
            actor=Actor(kind=ActorKind.SYSTEM, id="sayso"),
            data={
                "tenant": checkpoint.origin.rpartition("/")[2],
                "size": checkpoint.size,
                "root": encode64(checkpoint.root),
            },
        )

        def work(tx: Transaction) -> None:
            self._log.append(tx, Tenant(LOGS), entry)

        await self._store.write(work)
        return PublishReceipt(note=submission.note)

    async def close(self) -> None:
        """Nothing is open."""
