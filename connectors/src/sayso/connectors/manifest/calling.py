"""`call` and `look_up`: one request from the snapshot alone, and finding its effect again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sayso.actions.model.definition import MONEY
from sayso.actions.model.snapshot import Absence, Call, EffectFailedError, Finality, Receipt
from sayso.connectors.manifest.answers import (
    ChangedError,
    DocumentedError,
    not_ours,
    undocumented,
)
from sayso.connectors.manifest.definition import Defined
from sayso.connectors.manifest.derive import receipt_of
from sayso.connectors.manifest.picks import Picker, PickError
from sayso.connectors.manifest.provider import ManifestProvider
from sayso.connectors.manifest.schema import LookUp, ReceiptTable, SubjectForm, seconds_of
from sayso.connectors.manifest.scope import OnFile, names_at_call, names_ours
from sayso.errors import (
    Code,
    OutcomeUnknownError,
    RefusedError,
    RetryableError,
    SaysoError,
)
from sayso.ids import made_at
from sayso.json import JsonObject, JsonValue
from sayso.money import Money
from sayso.reading import ReadingError, read
from sayso.text import plain

_CLOCKS_DIFFER = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSender:
    """Runs one action.

    Attributes:
        who: the connector, for messages.
        defined: the action.
        provider: who is asked.
        picker: picks values.
        settings: of sayso.toml.
        form: how customers' ids are written.
        on_file: where another connector reaches the customer now; None where no peer is named.
    """

    who: str
    defined: Defined
    provider: ManifestProvider
    picker: Picker
    settings: Mapping[str, str]
    form: SubjectForm
    on_file: OnFile | None

    async def call(self, call: Call) -> Receipt:
        """See `Connector.call`."""
        self._check_on_file(call)
        names = self._names(call)
        try:
            answered = await self.provider.write(self.defined.action.name, self.defined.call, names)
        except ChangedError as changed:
            # Our own earlier try may be what changed it.
            return await self._done_before(call, changed)
        except RefusedError as refusal:
            if refusal.code is not Code.PROVIDER_REFUSED:
                raise
            proves = self._holds_the_money or isinstance(refusal, DocumentedError)
            said = refusal if proves else undocumented(self.who, refusal)
            return await self._done_before(call, said)
        return self._receipt_of_answer(call, *answered)

    @property
    def _holds_the_money(self) -> bool:
        """Whether nobody else pays, so that the provider's no is one; also where nobody pays."""
        if self.defined.action.effect not in MONEY:
            return True
        look_up = self.defined.look_up
        return look_up is not None and look_up.record == "with" and bool(look_up.source)

    async def _done_before(
        self, call: Call, said: RefusedError | ChangedError | OutcomeUnknownError
    ) -> Receipt:
        """The effect of an earlier try, when that is why the provider says no now.

        Raises:
            RefusedError, RetryableError, OutcomeUnknownError: what it said.
        """
        if self.defined.look_up is None:
            raise said
        try:
            found = await self.look_up(call)
        except SaysoError as error:
            if isinstance(error, RefusedError) or isinstance(said, OutcomeUnknownError):
                raise said from None
            raise
        if isinstance(found, Receipt):
            return found
        raise said

    def _receipt_of_answer(
        self, call: Call, payload: JsonValue, headers: Mapping[str, str]
    ) -> Receipt:
        accepted = self.defined.call.accepted
        try:
            if accepted is not None:
                raise self._accepted(read(accepted, payload) is not None)
            table = self.defined.receipt
            assert table is not None, "checked when it was read"
            effect = payload if table.from_ is None else read(table.from_, payload)
            receipt = self._receipt(table, effect, call, headers=headers)
        except (ReadingError, PickError) as error:
            raise not_ours(self.who) from error
        look_up = self.defined.look_up
        is_state = look_up is not None and look_up.proof == "state"
        if receipt is None or (is_state and receipt.id != call.resolved.object_id):
            # INVARIANT: a success that does not show that it is ours is nobody's success.
            raise not_ours(self.who)
        return receipt

    def _accepted(self, taken_on: bool) -> OutcomeUnknownError:
        if not taken_on:
            return not_ours(self.who)
        after = self.defined.call.look_up_after
        return OutcomeUnknownError(
            Code.ACCEPTED,
            f"{self.who} has taken it on and works on it",
            next_step="wait: it is looked up",
            look_up_after_s=float(seconds_of(after)) if after is not None else 5.0,
        )

    async def look_up(self, call: Call) -> Receipt | Absence:
        """See `Connector.look_up`."""
        look_up = self.defined.look_up
        if look_up is None:
            return Absence.CANNOT_TELL
        try:
            found = await self._find(look_up, call)
        except (ReadingError, PickError) as error:
            raise RetryableError(
                Code.PROVIDER_UNAVAILABLE,
                f"{self.who}'s list of effects cannot be read: {error}",
                next_step="compare the manifest with the provider's answers",
            ) from error
        guarantee = self.defined.action.guarantee
        never = guarantee.settle_after_s is None and guarantee.shown_after_s is None
        if found is Absence.ABSENT and never:
            return Absence.CANNOT_TELL
        return found

    async def _find(self, look_up: LookUp, call: Call) -> Receipt | Absence:
        table = receipt_of(self.defined.table)
        is_state = look_up.proof == "state"
        seen, is_whole = 0, False
        async for page in self.provider.pages(
            "look_up", look_up, self._names(call), items=look_up.items, begun=_begun(call)
        ):
            for item in page.items:
                receipt = self._receipt(table, item, call, state=is_state)
                if receipt is not None and (not is_state or self._is_so(look_up, item, call)):
                    return receipt
            seen += len(page.items)
            is_whole = page.is_last
        # INVARIANT: only a list that was read to its end proves that there is none.
        if look_up.whole_below is not None and seen >= look_up.whole_below:
            is_whole = False
        if is_state and not seen:
            is_whole = False
        return Absence.ABSENT if is_whole else Absence.CANNOT_TELL

    async def effects(self, call: Call) -> int:
        """How many effects with our reference the provider lists, as far as it lists them.

        Raises:
            RefusedError, RetryableError: as `look_up`.
        """
        look_up = self.defined.look_up
        if look_up is None or look_up.proof == "state":
            return 0
        table, count = receipt_of(self.defined.table), 0
        async for page in self.provider.pages(
            "look_up", look_up, self._names(call), items=look_up.items, begun=_begun(call)
        ):
            for item in page.items:
                try:
                    count += self._receipt(table, item, call) is not None
                except EffectFailedError:
                    count += 1
        return count

    def _is_so(self, look_up: LookUp, item: JsonValue, call: Call) -> bool:
        so = look_up.so
        assert so is not None, "checked when it was read"
        if not isinstance(so, str):
            assert look_up.by is not None, "checked when it was read"
            word = read(look_up.by, {"args": dict(call.resolved.args)})
            if not isinstance(word, str) or word not in so:
                raise ReadingError(f"`so` has nothing for `{word}`")
            so = so[word]
        found = read(so, self._seen(item, call))
        if not isinstance(found, bool):
            raise ReadingError(f"`{so}` is neither true nor false")
        return found

    def _seen(
        self, effect: JsonValue, call: Call, headers: Mapping[str, str] | None = None
    ) -> Mapping[str, JsonValue]:
        """An effect as paths see it: beside its own names, `_.object`, `_.args`, `_.headers`.

        Raises:
            ReadingError: for what is no object.
        """
        if not isinstance(effect, Mapping):
            raise ReadingError("there is no effect in the answer")
        asked: JsonObject = {
            "object": call.resolved.object_id,
            "args": call.resolved.args,
            "headers": headers or {},
        }
        return {**effect, "_": asked}

    def _receipt(
        self,
        table: ReceiptTable,
        effect: JsonValue,
        call: Call,
        *,
        state: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Receipt | None:
        """What the provider says it did; None where it is not this action's.

        Raises:
            ReadingError, PickError: when it has another form.
            EffectFailedError: when it exists and came to nothing.
        """
        seen = self._seen(effect, call, headers)
        has_ours = table.ours is not None and not state
        if has_ours and not names_ours(read(table.ours or "", seen), call.action_id):
            return None
        effect_id, status = read(table.id, seen), read(table.status, seen)
        if isinstance(effect_id, bool) or not isinstance(effect_id, (str, int)) or effect_id == "":
            raise ReadingError(f"`{table.id}` is no id")
        if state and str(effect_id) != call.resolved.object_id:
            raise ReadingError("that is the state of another object")
        if isinstance(status, bool) or not isinstance(status, (str, int)) or status == "":
            raise ReadingError(f"`{table.status}` is no status")
        word = plain(str(status), limit=60)
        has_failed = word in table.failed
        receipt = Receipt(
            id=plain(str(effect_id), limit=200),
            status=word,
            amount=None if has_failed else self._amount(table, seen, call),
            details={"proof": "state"} if state else {},
            finality=_finality(table, word),
        )
        if has_failed:
            raise EffectFailedError(
                f"{self.who} took it on, and it came to nothing ({word})", receipt=receipt
            )
        return receipt

    def _amount(
        self, table: ReceiptTable, seen: Mapping[str, JsonValue], call: Call
    ) -> Money | None:
        if table.amount is None:
            return call.resolved.amount
        return self.picker.amount(table.amount, seen)

    def _check_on_file(self, call: Call) -> None:
        """Make sure that the customer is still reached where it was shown.

        Raises:
            RefusedError: `wrong_state`.
        """
        if self.on_file is None:
            return
        # INVARIANT: the address is not in the log, so it is read again and has to be the one that
        # was judged and shown.
        was = call.resolved.preconditions.get(f"{self.on_file.kind}.on_file")
        if was != self.on_file.fingerprint(call.subject_id):
            raise RefusedError(
                Code.WRONG_STATE,
                "where the customer is reached was changed since this was approved",
                next_step="ask for it anew",
            )

    def _names(self, call: Call) -> dict[str, object]:
        return names_at_call(
            defined=self.defined,
            picker=self.picker,
            settings=self.settings,
            form=self.form,
            call=call,
            on_file=self.on_file,
        )


def _begun(call: Call) -> datetime:
    """Before this the call cannot have been made."""
    return made_at(call.action_id) - _CLOCKS_DIFFER


def _finality(table: ReceiptTable, word: str) -> Finality:
    """How far the provider has come, by its own word for it."""
    if word in table.pending:
        return Finality.PENDING
    return Finality.DONE if word in table.done else Finality.FINAL
