"""The contract of a connector: how Sayso reaches one provider."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from sayso.actions.model.definition import Action, Args, Subject
from sayso.actions.model.snapshot import Absence, Call, Receipt, Record, Resolved, SeenEffect


class Connector(Protocol):
    """Reaches one provider with one set of credentials.

    Errors are the whole conversation with the engine, so each method keeps to the tree:
    `RetryableError` only when surely nothing was done; `RefusedError` when the provider said no;
    `OutcomeUnknownError` when the request was sent and the answer is missing or unreadable.
    Anything else is treated as `OutcomeUnknownError` by the engine once the call has begun.

    An error speaks for the one request that failed. After an earlier try with the same key whose
    outcome is unknown, a `RetryableError` or `RefusedError` says nothing about that try.
    """

    @property
    def name(self) -> str:
        """The first part of its actions' names, such as `stripe`."""
        ...

    @property
    def version(self) -> str:
        """Version of the connector; a change makes waiting approvals stale."""
        ...

    @property
    def actions(self) -> Sequence[Action]:
        """What it can do."""
        ...

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        """Read everything that is needed to judge, show and run the action. Changes nothing.

        Raises:
            RefusedError: `unknown_subject`, `unknown_object`, `not_owner`, `nothing_refundable`,
                `amount_too_large`, `currency_mismatch`, `already_in_state`, `wrong_state`.
            RetryableError: the provider cannot be read now.
        """
        ...

    async def call(self, call: Call) -> Receipt:
        """Do it, once per key, from the snapshot alone.

        It may be cancelled, by its time limit or with its lease, and sends nothing from then on.
        A receipt with `Finality.PENDING` says that the provider has taken it on and not done it:
        it is told as on its way, and `look_up` is asked at growing intervals until it ends.

        Raises:
            RefusedError: `provider_refused`: the provider said no, and nothing was done.
            EffectFailedError: the provider took it on, and it failed there at once.
            RetryableError: surely nothing was done; the engine may call again with the same key.
            OutcomeUnknownError: sent, and no readable answer.
        """
        ...

    async def look_up(self, call: Call) -> Receipt | Absence:
        """Find the effect of this very call at the provider by our reference. Changes nothing.

        Raises:
            RetryableError: the provider cannot be read now.
            EffectFailedError: the effect is there, and the provider says that it failed, such as
                a refund that a bank has returned.
        """
        ...

    async def list_records(self, subject: Subject) -> Sequence[Record]:
        """The subject's objects, newest first, for a planner. Changes nothing.

        Whoever has some is a subject that this connector knows; nothing says neither yes nor no.

        Raises:
            RefusedError: `unknown_subject`, when the provider knows no such subject.
            RetryableError: the provider cannot be read now.
        """
        ...

    async def close(self) -> None:
        """Let go of sockets and files."""
        ...


@runtime_checkable
class Warmable(Protocol):
    """A connector that can open before the first call what that call would open."""

    async def warm(self) -> None:
        """Import, connect, read what is kept. Changes nothing."""
        ...


@runtime_checkable
class SubjectBook(Protocol):
    """A connector that can say whether a subject is known who has nothing to list.

    It is asked only where another connector knows no such subject, and nobody has an object of
    theirs: without a yes the subject is unknown, and nothing is planned for them.
    """

    async def knows(self, subject: Subject) -> bool:
        """Whether the provider has a subject of that id. Changes nothing.

        Raises:
            RetryableError: the provider cannot be read now.
        """
        ...


@runtime_checkable
class EffectBook(Protocol):
    """A connector that can say what was done for a customer, also by hand.

    It is asked at night, to compare what shadow would have done with what people did.
    """

    async def effects_of(self, subject: Subject, since: int) -> Sequence[SeenEffect]:
        """What happened to a customer since a moment, microseconds since 1970. Changes nothing.

        Raises:
            RefusedError: `unknown_subject`.
            RetryableError: the provider cannot be read now.
        """
        ...


@runtime_checkable
class RefundBook(Protocol):
    """A connector that can read the refunds that its provider's webhook speaks of.

    Those without our reference become work for people: they were made outside Sayso.
    """

    async def refunds_told(self, kind: str, object_id: str) -> Sequence[SeenEffect]:
        """The refunds that an object stands for, each with `id`; empty for none. Changes nothing.

        Args:
            kind: the provider's word for the object, such as `refund` or `charge`.
            object_id: as the webhook has it, which nobody has checked.

        Raises:
            RefusedError: the provider said no.
            RetryableError: the provider cannot be read now.
        """
        ...
