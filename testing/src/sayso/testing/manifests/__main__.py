"""`python -m sayso.testing.manifests NAME.toml`: judge a manifest by its cases; needs no pytest.

Prints one line of JSON for each thing that was judged, and exits with 1 when one was not kept.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from sayso.connectors.manifest.check import mistakes
from sayso.connectors.manifest.source import read_source
from sayso.errors import SaysoError
from sayso.testing.manifests.cases import read_cases
from sayso.testing.manifests.people import wrong_person
from sayso.testing.manifests.suite import checks, refusal_of, suites_of, uncovered


def judge(path: Path) -> Iterator[dict[str, object]]:
    """What was judged, and what came of it: `{"what", "ok", "why"}` each."""
    try:
        source = read_source(path.read_bytes(), path.name)
        cases = read_cases(path.with_suffix(".cases.toml"))
    except (SaysoError, OSError) as error:
        yield {"what": "the files", "ok": False, "why": str(error)}
        return
    for one in mistakes(source):
        yield {"what": "the manifest", "ok": False, "why": str(one)}
    for missing in uncovered(source, cases):
        yield {"what": "the cases", "ok": False, "why": missing}
    for number, table in enumerate(cases.case, 1):
        if table.refused is not None:
            found = asyncio.run(refusal_of(source, cases, table))
            why = "" if found == table.refused else f"it is refused with `{found}`"
            what = f"case {number}: `{table.action}` is refused with `{table.refused}`"
            yield {"what": what, "ok": not why, "why": why}
    for number, case in enumerate(cases.person, 1):
        what = f"person {number}: {'who has an address' if case.email else 'who a customer is'}"
        why = asyncio.run(wrong_person(source, cases, case))
        yield {"what": what, "ok": not why, "why": why}
    for label, suite in suites_of(source, cases).items():
        for check in checks():
            words = f"{label}: {check.removeprefix('test_').replace('_', ' ')}"
            try:
                getattr(suite, check)()
            except Exception as error:  # noqa: BLE001  (whatever a check raises is its answer)
                yield {"what": words, "ok": False, "why": f"{error}" or type(error).__name__}
            else:
                yield {"what": words, "ok": True, "why": ""}


def main() -> int:
    """Judge the manifest that is named."""
    ok = True
    for line in judge(Path(sys.argv[1])):
        ok = ok and bool(line["ok"])
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
