"""What every connector has to keep, as tests that any plugin can run.

A plugin's test file is its bench and three lines:

    @asynccontextmanager
    async def my_bench() -> AsyncGenerator[ConnectorBench, None]:
        yield ConnectorBench(connector=..., cases=(...), effects=lambda: len(books))

    class TestMine(ConnectorSuite):
        def bench(self) -> AbstractAsyncContextManager[ConnectorBench]:
            return my_bench()

A bench that names its provider's address (`http`) is judged under every fault of the network, too.
The tests run with plain pytest; each opens the bench anew.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace

from sayso.actions.model.customer_words import filled
from sayso.actions.model.definition import Action, FactType, FactValue, Subject
from sayso.actions.model.snapshot import Absence, Finality, Receipt, Resolved
from sayso.connectors.base import SubjectBook
from sayso.connectors.person import PersonBook, PersonSearch
from sayso.connectors.registry import Connectors
from sayso.errors import RefusedError, RetryableError
from sayso.money import Money
from sayso.testing.faults import LIES, QUICK_FAULTS
from sayso.testing.suites.bench import (
    Case,
    ConnectorBench,
    HttpProvider,
    call_for,
    done,
    error_of,
    resolve_case,
)
from sayso.testing.suites.http_faults import (
    REFUSED,
    Fault,
    check_rolled_back,
    check_time_outs,
    check_under_faults,
    is_before,
)

__all__ = ["NOBODY", "Case", "ConnectorBench", "ConnectorSuite", "HttpProvider"]

NOBODY = Subject(id="nobody-of-that-name")
"""A subject that no provider knows."""


class ConnectorSuite:
    """The promises of `sayso.connectors.base.Connector`, judged one by one."""

    def bench(self) -> AbstractAsyncContextManager[ConnectorBench]:
        """A fresh provider with the connector on it; a subclass gives it."""
        raise NotImplementedError

    def test_the_registry_takes_it_and_every_action_has_a_case(self) -> None:
        """Its definitions are valid, and none of them is left unjudged."""

        async def check(bench: ConnectorBench) -> None:
            registry = Connectors([bench.connector])
            named = {action.name for action in registry.actions}
            assert named, "it has no action"
            assert {case.action for case in bench.cases} == named
            assert bench.connector.version

        self._run(check)

    def test_resolving_changes_nothing_and_tells_all(self) -> None:
        """`resolve` only reads; its snapshot is whole, typed as declared, and repeatable."""

        async def check(bench: ConnectorBench) -> None:
            for case in bench.cases:
                action, resolved = await resolve_case(bench, case)
                again = (await resolve_case(bench, case))[1]
                assert bench.effects() == 0, f"{case.action} did something while resolving"
                assert again == resolved, f"{case.action} resolves differently each time"
                _check_snapshot(action, resolved, case.subject)

        self._run(check)

    def test_what_was_resolved_resolves_again_from_its_own_arguments(self) -> None:
        """Nothing is left open: judged again, the snapshot's arguments give the same snapshot."""

        async def check(bench: ConnectorBench) -> None:
            for case in bench.cases:
                _, resolved = await resolve_case(bench, case)
                _, again = await resolve_case(bench, replace(case, args=resolved.args))
                assert again == resolved

        self._run(check)

    def test_one_key_is_one_effect(self) -> None:
        """A second try is dropped by its key, or found by the look-up that has to come first."""
        self._each(_one_key_is_one_effect)

    def test_a_look_up_finds_what_the_call_did_and_nothing_else(self) -> None:
        """Before the call nothing is found, after it the effect, and by its own reference only."""
        self._each(_look_up_is_exact)

    def test_two_equal_actions_stay_two(self) -> None:
        """The same arguments under another key are another effect or refused, never dropped."""
        self._each(_two_stay_two)

    def test_an_unknown_subject_is_refused(self) -> None:
        """Nobody's action never reaches the provider's books."""

        async def check(bench: ConnectorBench) -> None:
            if not bench.knows_subjects:
                return
            for case in bench.cases:
                error = await error_of(resolve_case(bench, replace(case, subject=NOBODY)))
                assert isinstance(error, RefusedError), f"{case.action}: {error!r}"
            assert bench.effects() == 0

        self._run(check)

    def test_records_are_well_formed(self) -> None:
        """A planner gets at most 50 records, each with a title, and nobody's are none."""

        async def check(bench: ConnectorBench) -> None:
            for case in bench.cases:
                records = await bench.connector.list_records(case.subject)
                assert len(records) <= 50
                assert all(record.kind and record.id and record.title for record in records)
                assert len({record.id for record in records}) == len(records)
            with suppress(RefusedError):
                assert not await bench.connector.list_records(NOBODY)
            assert bench.effects() == 0

        self._run(check)

    def test_who_is_known_is_told_apart_from_nobody(self) -> None:
        """A connector that says whom it knows says yes to its subjects, and no to nobody."""

        async def check(bench: ConnectorBench) -> None:
            book = bench.connector
            if not isinstance(book, SubjectBook):
                return
            for case in bench.cases:
                assert await book.knows(case.subject), f"{case.action}: {case.subject.id}"
            assert not await book.knows(NOBODY)
            assert bench.effects() == 0

        self._run(check)

    def test_who_a_customer_is_is_said_of_that_one_alone(self) -> None:
        """A connector that says who a customer is finds them by their own address, if it finds."""

        async def check(bench: ConnectorBench) -> None:
            name, book = bench.connector.name, bench.connector
            registry = Connectors([book])
            if not isinstance(book, PersonBook):
                return
            for case in bench.cases:
                person = await registry.person_of(name, case.subject)
                assert person is not None
                if isinstance(book, PersonSearch) and person.email:
                    found = await registry.find_people(name, person.email) or ()
                    assert person.id in {one.id for one in found}, "its own address finds another"
            error = await error_of(registry.person_of(name, NOBODY))
            assert isinstance(error, RefusedError), f"nobody is somebody: {error!r}"
            assert bench.effects() == 0

        self._run(check)

    def test_with_nobody_at_the_other_end_it_says_that_nothing_was_done(self) -> None:
        """No connection is a `RetryableError` everywhere: not a refusal, not an unknown."""

        async def check(bench: ConnectorBench) -> None:
            away = bench.unreachable
            if away is None:
                return
            for case in bench.cases:
                call = call_for(case, (await resolve_case(bench, case))[1], 1)
                assert isinstance(await error_of(away.call(call)), RetryableError)
            assert bench.effects() == 0
            await away.close()

        self._run(check)

    def test_what_never_reached_the_provider_is_made_good_once(self) -> None:
        """Lost requests, 429, 5xx and refused connections: never a no, and one effect at last."""
        self._under((REFUSED, *(fault for fault in QUICK_FAULTS if is_before(fault))))

    def test_an_effect_whose_answer_is_lost_is_never_done_again(self) -> None:
        """Dropped, cut, unreadable and redirected answers: one effect, found or dropped by key."""
        self._under((*(fault for fault in QUICK_FAULTS if not is_before(fault)), *LIES))

    def test_a_payment_whose_record_is_rolled_back_is_not_made_again(self) -> None:
        """Paid, its record lost, an error answered: unknown, and nothing is called once more."""
        asyncio.run(check_rolled_back(self.bench))

    def test_an_answer_that_does_not_end_is_an_unknown_outcome(self) -> None:
        """Slow, trickling and endless answers end by the connector's own time-out."""
        asyncio.run(check_time_outs(self.bench))

    def _under(self, faults: Iterable[Fault]) -> None:
        asyncio.run(check_under_faults(self.bench, faults))

    def _each(self, judge: Callable[[ConnectorBench, Case], Awaitable[None]]) -> None:
        async def count() -> int:
            async with self.bench() as bench:
                return len(bench.cases)

        for index in range(asyncio.run(count())):

            async def check(bench: ConnectorBench, index: int = index) -> None:
                await judge(bench, bench.cases[index])

            self._run(check)

    def _run(self, check: Callable[[ConnectorBench], Awaitable[None]]) -> None:
        async def opened() -> None:
            async with self.bench() as bench:
                await check(bench)
                await bench.connector.close()

        asyncio.run(opened())


async def _one_key_is_one_effect(bench: ConnectorBench, case: Case) -> None:
    action, resolved = await resolve_case(bench, case)
    call = call_for(case, resolved, 1)
    receipt = await done(bench.connector, call)
    assert receipt.id
    assert receipt.status
    assert receipt.amount == resolved.amount
    assert bench.effects() == 1
    match action.guarantee.kind:
        case "idempotent":
            assert (await done(bench.connector, call)).id == receipt.id
        case "verifiable":
            found = await bench.connector.look_up(call)
            assert isinstance(found, Receipt)
            assert found.id == receipt.id
        case "at_most_once":
            pass
    assert bench.effects() == 1


async def _look_up_is_exact(bench: ConnectorBench, case: Case) -> None:
    action, resolved = await resolve_case(bench, case)
    call, other = call_for(case, resolved, 1), call_for(case, resolved, 2)
    before = await bench.connector.look_up(call)
    guarantee = action.guarantee
    sure = guarantee.settle_after_s is not None or guarantee.shown_after_s is not None
    assert before is (Absence.ABSENT if sure else Absence.CANNOT_TELL)
    receipt = await done(bench.connector, call)
    found, others = await bench.connector.look_up(call), await bench.connector.look_up(other)
    if action.guarantee.kind == "at_most_once" and found is Absence.CANNOT_TELL:
        # What is found all the same settles it; that it is not found never does. What can still
        # change is followed by look-ups, so without them there is no such thing.
        assert receipt.finality is Finality.FINAL, f"{case.action}: nobody can follow its effect"
    else:
        assert isinstance(found, Receipt), f"{case.action} is not found again: {found}"
        assert (found.id, found.amount) == (receipt.id, receipt.amount)
    assert not isinstance(others, Receipt) or _is_state(others), (
        f"{case.action}: another's effect is taken for its own"
    )
    assert bench.effects() == 1


async def _two_stay_two(bench: ConnectorBench, case: Case) -> None:
    _, resolved = await resolve_case(bench, case)
    await done(bench.connector, call_for(case, resolved, 1))
    try:
        second = await done(bench.connector, call_for(case, resolved, 2))
    except (RefusedError, RetryableError):
        assert bench.effects() == 1
    else:
        assert bench.effects() == (1 if _is_state(second) else 2)


def _is_state(receipt: Receipt) -> bool:
    """Whether it says what is so, and not who made it so: that is the same for everybody."""
    return receipt.details.get("proof") == "state"


def _check_snapshot(action: Action, resolved: Resolved, subject: Subject) -> None:
    name = action.name
    assert resolved.owner == subject.id, f"{name}: it is not the subject's"
    for part in ("object_kind", "object_id", "owner_proof", "account", "payee"):
        assert getattr(resolved, part), f"{name}: the snapshot has no {part}"
    shown = {**resolved.fields, "amount": str(resolved.amount)}
    assert action.sentence.format(**shown)
    always = {fact for fact, said in action.declared.items() if not said.on_demand}
    given = set(resolved.facts)
    assert always <= given <= set(action.declared), f"{name}: other facts than declared"
    for fact in always:
        value, said = resolved.facts[fact], action.declared[fact]
        assert _is_of(value, said.type), f"{name}: the fact `{fact}` is no {said.type}"
        assert not said.words or value in said.words, f"{name}: `{fact}` is none of its words"
    written = json.dumps(
        [dict(resolved.args), dict(resolved.preconditions), dict(resolved.fields), resolved.payee]
    )
    for what, value in resolved.personal.items():
        assert value not in written, f"{name}: `{what}` is personal, and stands outside `personal`"
    if action.money_arg is not None:
        amount = Money.from_json(resolved.args[action.money_arg])
        assert amount == resolved.amount
    _check_words(action)


def _check_words(action: Action) -> None:
    """What the customer reads of it: a thing and a sentence in each language, no unknown value."""
    values = {"amount": "$1.00", "object": "it", "when": "now", "choice": "now"}
    for language, words in action.words.items():
        place = f"{action.name}, {language}"
        assert re.fullmatch("[a-z]{2}", language), f"{place}: no language of ISO 639-1"
        for template in (words.thing, words.done, words.note):
            unknown = set(re.findall(r"\{(\w*)\}", template)) - values.keys()
            assert not unknown, f"{place}: `{unknown}` is no value of a template"
            told = filled(template, values)
            assert not set("[]{}") & set(told), f"{place}: brackets are left in `{told}`"
        assert words.thing, f"{place}: it has no name"
        assert words.done, f"{place}: nothing is said once it is done"
        assert not words.done.endswith("."), f"{place}: the full stop is ours"


def _is_of(value: FactValue, kind: FactType) -> bool:
    match kind:
        case "bool":
            return isinstance(value, bool)
        case "long":
            return isinstance(value, int) and not isinstance(value, bool)
        case "string":
            return isinstance(value, str)
        case "decimal":
            return isinstance(value, Money)
