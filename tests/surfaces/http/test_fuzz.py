"""Schemathesis against our own API: whatever is sent, no 5xx and no answer that is not documented.

Bounded here; `SAYSO_FUZZ=300 pytest tests/surfaces/http/test_fuzz.py` sends 300 of each operation.
"""

# pyright: basic
from __future__ import annotations

import os
import random
import re
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from functools import partial
from typing import Any, cast

import pytest
import schemathesis
import schemathesis.specs.openapi.schemas
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from surfaces.http.api_server import ApiServer, serving, token

from sayso.sandbox import Sandbox
from sayso.sdk.resources.tokens import Scope
from sayso.surfaces.http import server
from sayso.surfaces.http.gate import CallPace, Gate, Gates
from sayso.testing.clock import FakeClock

EXAMPLES = int(os.environ.get("SAYSO_FUZZ", "6"))
READ_AGAIN = 16
"""After so many operations it is looked anew what there is."""
TIMEOUT_S = 60
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
_ID = re.compile(r"\b[a-z]{2,4}_[0-9a-hjkmnp-tv-z]{26}\b")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> Generator[ApiServer]:
    """A server of its own: here somebody stops everything, and strangers call without a pause.

    However fast the machine is, none of them waits: 429 is documented by `default` alone.
    """
    no_limit = partial(Gate, gates=Gates(stranger=CallPace(per_s=1e6, burst=1e6)))
    folder = tmp_path_factory.mktemp("fuzzed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "Gate", no_limit)
        with serving(folder, sandbox, FakeClock()) as running:
            admin = token(running.sayso, "maria", "person", frozenset({Scope.ADMIN}))
            running.secrets["admin"] = running.run(admin)[1]
            yield running


def streams(operation: Any) -> bool:
    """Whether its answer does not end; tests of events read those."""
    responses = cast("Mapping[str, Any]", operation.definition.raw["responses"])
    return "text/event-stream" in responses.get("200", {}).get("content", {})


# The server runs in a thread of this process, so its use of `random` looks like a strategy's.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@pytest.mark.promise("http:fuzzed")
def test_no_call_breaks_it_or_is_answered_otherwise_than_documented(api: ApiServer) -> None:
    """Each operation, rightly and wrongly called, by everybody, on ids that there are and not."""
    api.propose()
    schema = schemathesis.openapi.from_dict(as_served(api))
    found: list[str] = []
    seen: list[str] = []
    known: list[str] = []
    statuses: Counter[int] = Counter()
    for result in schema.get_all_operations():
        operation: Any = cast("Any", result).ok()
        if streams(operation):
            continue
        if len(seen) % READ_AGAIN == 0:
            known[:] = known_ids(api)
        seen.append(operation.label)
        try:
            fuzz_again(api, operation, known, statuses)
        except Exception as error:  # noqa: BLE001  (all of them are told at the end)
            within = getattr(error, "exceptions", ())
            found.append(f"{operation.label}: {error} {[str(one) for one in within]}")
    assert found == []
    assert len(seen) > 40
    assert set(statuses) >= {200, 401, 403, 404, 422}, statuses
    assert sum(statuses.values()) >= len(seen) * EXAMPLES / 2  # some are drawn twice, or cannot be


def test_what_is_not_documented_is_found(api: ApiServer) -> None:
    """The check has teeth: without its 401, the first call by nobody is one too many."""
    document = as_served(api)
    del document["paths"]["/v1/actions/{action_id}"]["get"]["responses"]["401"]
    operation = schemathesis.openapi.from_dict(document)["/v1/actions/{action_id}"]["GET"]
    case = operation.Case(path_parameters={"action_id": "act_0"})
    response = case.call(base_url=api.url, timeout=TIMEOUT_S)
    with pytest.raises(FailureGroup, match="Undocumented status code"):
        case.validate_response(response, checks=CHECKS)


def as_served(api: ApiServer) -> dict[str, Any]:
    """The document that the server shows, without the answer for what goes wrong inside.

    It stands for every status that is not named, so with it none would be undocumented.
    """
    found: dict[str, Any] = api.http.get("/openapi.json").json()
    for path in found["paths"].values():
        for operation in path.values():
            operation["responses"].pop("default", None)
    return found


def fuzz_again(
    api: ApiServer, operation: Any, known: Sequence[str], statuses: Counter[int]
) -> None:
    """Once more where CPython 3.11 itself stumbles over two threads that parse (gh-106905)."""
    try:
        fuzz(api, operation, known, statuses)
    except Exception as error:
        # Hypothesis wraps it as inconsistent, since the same case passes the next time.
        told = [str(error), *map(str, getattr(error, "exceptions", ()))]
        if not any("AST constructor recursion depth" in one for one in told):
            raise
        fuzz(api, operation, known, statuses)


def fuzz(api: ApiServer, operation: Any, known: Sequence[str], statuses: Counter[int]) -> None:
    """Send examples of one operation, and check each answer."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.filter_too_much,
            HealthCheck.data_too_large,
        ],
    )
    @given(
        case=st.one_of(
            operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE),
            operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE),
        ),
        holder=st.sampled_from(["bot", "maria", "admin", None]),
        real=st.booleans(),
        chance=st.randoms(use_true_random=False),
    )
    def send(case: Any, holder: str | None, real: bool, chance: random.Random) -> None:
        if real:
            for name in case.path_parameters or {}:
                case.path_parameters[name] = chance.choice(known)
        if "wait" in (case.query or {}):
            case.query["wait"] = 0
        response = case.call(
            base_url=api.url, headers=api.headers(holder), timeout=TIMEOUT_S, verify=False
        )
        statuses[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)

    send()


def known_ids(api: ApiServer) -> list[str]:
    """Ids of what there is."""
    lists = ("/v1/actions", "/v1/approvals", "/v1/requests", "/v1/stops", "/v1/webhooks")
    texts = [api.get(path, by).text for path in lists for by in ("bot", "maria", "admin")]
    return sorted({found for text in texts for found in _ID.findall(text)}) or ["act_0"]
