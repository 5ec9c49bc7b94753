"""What every manifest has to keep: the shipped suite on a generated provider, and its own rules."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from sayso.actions.model.snapshot import Receipt
from sayso.connectors.manifest.derive import receipt_of
from sayso.connectors.manifest.requests import templates_of
from sayso.connectors.manifest.schema import RefArg
from sayso.connectors.manifest.source import ManifestSource
from sayso.connectors.manifest.template import names_in
from sayso.errors import OutcomeUnknownError, RefusedError
from sayso.testing.clock import FakeClock
from sayso.testing.manifests.bench import manifest_bench
from sayso.testing.manifests.cases import Cases, CaseTable
from sayso.testing.manifests.people import unasked
from sayso.testing.manifests.provider import GeneratedProvider
from sayso.testing.suites.bench import Case, ConnectorBench, call_for, error_of, resolve_case
from sayso.testing.suites.connector import ConnectorSuite


class ManifestSuite(ConnectorSuite):
    """One case of a manifest, judged.

    Args:
        source: the manifest.
        cases: what stands beside it.
        case: the one to be judged.
    """

    def __init__(self, source: ManifestSource, cases: Cases, case: CaseTable) -> None:
        self._source = source
        self._cases = cases
        self._case = case

    def bench(self) -> AbstractAsyncContextManager[ConnectorBench]:
        """See `ConnectorSuite.bench`."""
        return manifest_bench(self._source, self._cases, self._case)

    def test_the_registry_takes_it_and_every_action_has_a_case(self) -> None:
        """Every action has a case that works, and a refused one for each thing it requires."""
        assert not uncovered(self._source, self._cases)

    def test_the_card_shows_what_the_case_expects(self) -> None:
        """What a manager reads is what the provider had."""

        async def check(bench: ConnectorBench) -> None:
            _, resolved = await resolve_case(bench, bench.cases[0])
            for name, wanted in self._case.expect.items():
                shown = str(resolved.amount) if name == "amount" else resolved.fields.get(name)
                assert shown == wanted, f"`{name}` is `{shown}`, not `{wanted}`"

        self._run(check)

    def test_somebody_elses_object_is_not_touched(self) -> None:
        """Another customer's is refused before anything else is said of it."""

        async def check(bench: ConnectorBench) -> None:
            if not self._source.manifest.actions[self._case.action].resolve:
                return
            case = bench.cases[0]
            stranger = replace(case.subject, id=_another(case.subject.id))
            error = await error_of(resolve_case(bench, replace(case, subject=stranger)))
            assert isinstance(error, RefusedError), f"{error!r}"
            assert bench.effects() == 0

        self._run(check)

    def test_an_object_that_there_is_not_is_refused(self) -> None:
        """An id that the provider does not know is `unknown_object`, in the words of any other."""

        async def check(bench: ConnectorBench) -> None:
            case = bench.cases[0]
            other = self._with_another_ref(case)
            if other is None:
                return
            error = await error_of(resolve_case(bench, other))
            assert isinstance(error, RefusedError), f"{error!r}"
            assert "this customer has no" in error.message

        self._run(check)

    def test_a_success_without_our_reference_is_unknown(self) -> None:
        """INVARIANT: what does not show that it is ours is nobody's success."""

        async def check(bench: ConnectorBench, provider: GeneratedProvider) -> None:
            receipt = provider.defined.receipt
            if receipt is None or receipt.ours is None:
                return
            provider.hides_reference = True
            case = bench.cases[0]
            call = call_for(case, (await resolve_case(bench, case))[1], 1)
            error = await error_of(bench.connector.call(call))
            assert isinstance(error, OutcomeUnknownError), f"{error!r}"
            assert bench.effects() == 1

        self._with_provider(check)

    def test_an_effect_on_a_later_page_is_found(self) -> None:
        """The look-up reads on until it has found it, or the list has ended."""

        async def check(bench: ConnectorBench, provider: GeneratedProvider) -> None:
            look_up = provider.defined.look_up
            if look_up is None or look_up.page is None or look_up.proof == "state":
                return
            if receipt_of(provider.defined.table).ours is None:
                return
            case = bench.cases[0]
            _, resolved = await resolve_case(bench, case)
            first, second, third = (call_for(case, resolved, number) for number in (1, 2, 3))
            for call in (first, second):
                error = await error_of(bench.connector.call(call))
                assert not isinstance(error, RefusedError), f"{error!r}"
            if provider.effects < 2:
                return
            provider.page_size = 1
            found = await bench.connector.look_up(first)
            assert isinstance(found, Receipt), f"on page two it is {found}"
            assert not isinstance(await bench.connector.look_up(third), Receipt)

        self._with_provider(check)

    def test_who_a_customer_is_is_said_of_that_one_alone(self) -> None:
        """Nothing: `people` judges `[person]` by cases of its own, once for a manifest."""

    def _with_another_ref(self, case: Case) -> Case | None:
        table = self._source.manifest.actions[self._case.action]
        reads = [{**self._source.manifest.reads, **table.reads}[name] for name in table.resolve]
        read = {
            name for one in reads for template in templates_of(one) for name in names_in(template)
        }
        for name, arg in table.args.items():
            given = case.args.get(name)
            if isinstance(arg, RefArg) and isinstance(given, str) and ("args", name) in read:
                return replace(case, args={**case.args, name: _another(given)})
        return None

    def _with_provider(
        self, check: Callable[[ConnectorBench, GeneratedProvider], Awaitable[None]]
    ) -> None:
        async def opened() -> None:
            provider = GeneratedProvider(
                source=self._source, cases=self._cases, case=self._case, clock=FakeClock()
            )
            async with manifest_bench(self._source, self._cases, self._case, provider) as bench:
                await check(bench, provider)
                await bench.connector.close()

        asyncio.run(opened())


def checks() -> list[str]:
    """The names of everything that a case is judged by."""
    without = ManifestSuite.test_who_a_customer_is_is_said_of_that_one_alone.__name__
    named = (name for name in dir(ManifestSuite) if name.startswith("test_"))
    return [name for name in named if name != without]


def suites_of(source: ManifestSource, cases: Cases) -> dict[str, ManifestSuite]:
    """A suite for each case that works, by a label of its own."""
    found: dict[str, ManifestSuite] = {}
    for table in cases.case:
        if table.refused is None:
            label = f"{source.manifest.connector}.{table.action}"
            number = sum(one.partition("#")[0] == label for one in found)
            found[f"{label}#{number + 1}" if number else label] = ManifestSuite(
                source, cases, table
            )
    return found


async def refusal_of(source: ManifestSource, cases: Cases, table: CaseTable) -> str | None:
    """The code with which a case is refused before anybody is asked; None when it is not."""
    async with manifest_bench(source, cases, table) as bench:
        error = await error_of(resolve_case(bench, bench.cases[0]))
        await bench.connector.close()
        return None if error is None else error.code.value


def uncovered(source: ManifestSource, cases: Cases) -> list[str]:
    """What no case is about, in words."""
    missing = unasked(source, cases)
    for verb, table in source.manifest.actions.items():
        of_it = [one for one in cases.case if one.action == verb]
        if not any(one.refused is None for one in of_it):
            missing.append(f"`{verb}` has no case that works")
        refused = sum(one.refused is not None for one in of_it)
        if refused < len(table.require):
            missing.append(f"`{verb}` requires {len(table.require)}, and {refused} refused cases")
    return missing


def _another(identifier: str) -> str:
    """An id of the same form that is somebody else's."""
    last = identifier[-1]
    other = {"0": "1", "z": "y", "Z": "Y"}.get(last)
    if other is None:
        other = chr(ord(last) - 1) if last.isalnum() and chr(ord(last) - 1).isalnum() else "1"
    return identifier[:-1] + other
