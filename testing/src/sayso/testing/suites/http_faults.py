"""A connector under every fault between it and its provider: what it says must be true."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Literal, TypeAlias

from sayso.actions.model.definition import MONEY, Guarantee
from sayso.actions.model.snapshot import Absence, Call, Receipt
from sayso.connectors.base import Connector
from sayso.errors import OutcomeUnknownError, RetryableError, SaysoError
from sayso.testing.faults import LIES, FaultProxy, HttpFault, waiting_faults
from sayso.testing.suites.bench import (
    Case,
    ConnectorBench,
    call_for,
    resolve_case,
)

REFUSED: Literal["refused"] = "refused"
"""Connections are refused."""

Fault: TypeAlias = HttpFault | Literal["refused"]
OpenBench: TypeAlias = Callable[[], AbstractAsyncContextManager[ConnectorBench]]

HASTY_S = (0.4, 2.0, 10.0)
"""The time-out of a connector that is to meet it; a longer one where it was over too soon, on a
machine so busy that the request that is to be spoilt was not reached."""
PATIENT_S = 60.0
"""The time-out of one that is not."""
_BEFORE = {"drop_before", "answer_before", "cut_request"}
_READS = {"GET", "HEAD"}
_NOT_MET = "the fault did not happen"
_AT_READS: tuple[Fault, ...] = (
    REFUSED,
    HttpFault(kind="drop_before"),
    HttpFault(kind="answer_after", status=500),
    HttpFault(kind="html_garbage"),
)


def is_before(fault: HttpFault) -> bool:
    """Whether the provider never gets the whole request."""
    return fault.kind in _BEFORE


async def check_under_faults(bench: OpenBench, faults: Iterable[Fault]) -> None:
    """Each case of a bench, with each fault at each request that its call makes.

    A request that only reads is spoilt in three ways, every other in all.

    Raises:
        AssertionError: with every case and fault under which the connector was untrue.
    """
    chosen = tuple(faults)
    wrong: list[str] = []
    for case in await _cases_of(bench):
        methods = await _methods_of(bench, case)
        for fault in chosen:
            for at, method in enumerate(methods):
                if fault == REFUSED and at > 0:
                    break
                if method in _READS and fault not in _AT_READS:
                    continue
                wrong += await _judge(bench, case, fault, at)
    assert not wrong, "\n".join([f"{len(wrong)} wrong:", *wrong])


async def check_time_outs(bench: OpenBench) -> None:
    """One case for each guarantee, with each fault that only the connector's time-out ends.

    Raises:
        AssertionError: with every case and fault under which the connector was untrue.
    """
    wrong: list[str] = []
    judged: set[str] = set()
    for case in await _cases_of(bench):
        async with bench() as opened:
            action, _ = await resolve_case(opened, case)
            await opened.connector.close()
        if action.guarantee.kind in judged:
            continue
        judged.add(action.guarantee.kind)
        methods = await _methods_of(bench, case)
        last = max(at for at, method in enumerate(methods) if method not in _READS)
        for faults in zip(*map(waiting_faults, HASTY_S), strict=True):
            wrong += await _judge_hastily(bench, case, faults, last)
    assert not wrong, "\n".join([f"{len(wrong)} wrong:", *wrong])


async def check_rolled_back(bench: OpenBench) -> None:
    """Each payment of a bench: done, its record rolled back, and answered with an error.

    Then nothing shows of it, for ever, and a second call would be a second payment.

    Raises:
        AssertionError: with every case that would be paid once more, or is told as not done.
    """
    wrong: list[str] = []
    for case in await _cases_of(bench):
        methods = await _methods_of(bench, case)
        last = max(at for at, method in enumerate(methods) if method not in _READS)
        async with bench() as opened:
            assert opened.http is not None
            action, resolved = await resolve_case(opened, case)
            if action.effect in MONEY and opened.http.roll_back is not None:
                call = call_for(case, resolved, 1)
                wrong += await _judge_rolled_back(opened, action.guarantee, call, last)
            await opened.connector.close()
    assert not wrong, "\n".join([f"{len(wrong)} wrong:", *wrong])


async def _judge_rolled_back(
    bench: ConnectorBench, guarantee: Guarantee, call: Call, last: int
) -> list[str]:
    http = bench.http
    assert http is not None
    assert http.roll_back is not None
    with FaultProxy.start(http.url) as proxy:
        connector = http.connect(proxy.url, PATIENT_S)
        try:
            proxy.add(HttpFault(kind="answer_after", status=500, skip=last))
            try:
                outcome: object = await connector.call(call)
            except SaysoError as error:
                outcome = error
            assert not proxy.waiting(), _NOT_MET
            http.roll_back()
            if not isinstance(outcome, OutcomeUnknownError):
                return [f"{call.action}: paid, answered with an error, and told as {outcome!r}"]
            found = await connector.look_up(call)
        finally:
            await connector.close()
    if isinstance(found, Receipt):
        return []
    if guarantee.kind == "at_most_once":
        return []
    again = f"it is paid, nothing shows of it, and `{guarantee.kind}` has it paid again"
    return [f"{call.action}: {again}; a shop that has somebody else pay is at most once"]


async def _judge_hastily(
    bench: OpenBench, case: Case, faults: Iterable[HttpFault], at: int
) -> list[str]:
    """Judge under the first of these faults, of each time-out one, that is met."""
    found: list[str] = []
    for fault, timeout_s in zip(faults, HASTY_S, strict=True):
        found = await _judge(bench, case, fault, at, timeout_s=timeout_s)
        if not any(one.endswith(_NOT_MET) for one in found):
            break
    return found


async def _cases_of(bench: OpenBench) -> tuple[Case, ...]:
    async with bench() as opened:
        await opened.connector.close()
        return opened.cases if opened.http is not None else ()


async def _methods_of(bench: OpenBench, case: Case) -> list[str]:
    """The method of each request that the call of a case makes."""
    async with bench() as opened:
        assert opened.http is not None
        with FaultProxy.start(opened.http.url) as proxy:
            connector = opened.http.connect(proxy.url, PATIENT_S)
            _, resolved = await resolve_case(opened, case)
            try:
                await connector.call(call_for(case, resolved, 1))
            except OutcomeUnknownError as error:
                if error.look_up_after_s is None:  # else it was taken on, and is done later
                    raise
            await connector.close()
            await opened.connector.close()
            assert proxy.requests, f"the call of {case.action} does not go by way of `http.connect`"
            return [request.method for request in proxy.requests]


async def _judge(
    bench: OpenBench, case: Case, fault: Fault, at: int, *, timeout_s: float = PATIENT_S
) -> list[str]:
    """What the connector said that is not true; empty when all was."""
    async with bench() as opened:
        assert opened.http is not None
        action, resolved = await resolve_case(opened, case)
        lies = fault in LIES and action.guarantee.kind != "idempotent"
        with FaultProxy.start(opened.http.url) as proxy:
            connector = opened.http.connect(proxy.url, timeout_s)
            patient = opened.http.connect(opened.http.url, PATIENT_S)
            life = _Life(opened, connector, patient, action.guarantee, call_for(case, resolved, 1))
            try:
                if not lies:
                    await life.live(proxy, fault, at)
            except AssertionError as error:
                label = fault if fault == REFUSED else fault.label
                return [f"{case.action}, {label} at request {at + 1}: {error}"]
            finally:
                await connector.close()
                await patient.close()
                await opened.connector.close()
    return []


class _Life:
    """One call under one fault, and what the engine does about it."""

    def __init__(
        self,
        bench: ConnectorBench,
        connector: Connector,
        patient: Connector,
        guarantee: Guarantee,
        call: Call,
    ) -> None:
        self._bench = bench
        self._connector = connector
        self._patient = patient
        self._guarantee = guarantee
        self._call = call

    async def live(self, proxy: FaultProxy, fault: Fault, at: int) -> None:
        """Call, and recover from what came of it as the engine does."""
        if fault == REFUSED:
            with proxy.refusing():
                outcome = await self._try(self._connector)
        else:
            proxy.add(replace(fault, skip=at))
            outcome = await self._try(self._connector)
            assert not proxy.waiting(), _NOT_MET
            if not is_before(fault):
                await asyncio.to_thread(proxy.wait_until_reached, at + 1)
        honest = fault == REFUSED or fault not in LIES
        effects = self._bench.effects()
        assert effects <= 1, f"{effects} effects at once"
        match outcome:
            case Receipt():
                assert effects == 1, "a receipt, and no effect"
            case RetryableError():
                assert effects == 0 or not honest, f"retryable, and there is an effect: {outcome}"
                await self._again()
            case OutcomeUnknownError():
                await self._recover(effects)
            case _:
                raise AssertionError(f"nobody said no, and yet: {outcome!r}")

    async def _recover(self, effects: int) -> None:
        found = await self._patient.look_up(self._call)
        if isinstance(found, Receipt):
            assert effects == 1, "the look-up found what is not there"
        elif found is Absence.ABSENT and self._guarantee.settle_after_s is not None:
            assert effects == 0, "the look-up does not find the effect"
            await self._again()
        elif self._guarantee.kind == "idempotent":
            await self._again()

    async def _again(self) -> None:
        """The same call with the same key, now that nothing is wrong."""
        outcome: object = await self._try(self._patient)
        if not isinstance(outcome, Receipt) and self._guarantee.kind != "at_most_once":
            outcome = await self._patient.look_up(self._call)  # a provider may replay its error
        assert isinstance(outcome, Receipt), f"tried again: {outcome!r}"
        effects = self._bench.effects()
        assert effects == 1, f"tried again: {effects} effects"

    async def _try(self, connector: Connector) -> Receipt | SaysoError:
        try:
            return await connector.call(self._call)
        except SaysoError as error:
            return error
