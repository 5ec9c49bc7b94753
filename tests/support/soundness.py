"""Whether the log of a workspace verifies against its rows when a test closes it.

Every workspace that a test closes in its own process is judged, whoever opened it: the SDK, a
command, a server. A test that writes the database behind Sayso's back says so:
`@pytest.mark.tampers("why")`. `EXCUSED` are whole files.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from sayso.audit.verifier.verification import Verdict
from sayso.errors import Code, ConfigError, SaysoError
from sayso.sdk.audit.audit import Audit
from sayso.sdk.client import Sayso
from sayso.sdk.wiring.database import is_postgres

EXCUSED: Mapping[str, str] = {
    "walk/test_walk.py": "a walk judges its workspaces itself, and more often"
}
"""Files of which no test is judged, below `tests/`, each with why not."""
_TESTS = Path(__file__).resolve().parent.parent
_excused: list[str] = ["no test runs"]
_judged: dict[str, list[tuple[int, int]]] = {}
"""Databases as they were when they were judged last in this test: size and time of each file."""


def excuse(reason: str) -> None:
    """Verify nothing; for the test that says so."""
    _excused.append(reason)


def begin(file: Path) -> None:
    """From here on the workspaces are those of a test of this file."""
    _excused.clear()
    _judged.clear()
    reason = EXCUSED.get(file.relative_to(_TESTS).as_posix())
    if reason:
        excuse(reason)


def watch() -> None:
    """Judge each workspace once it is closed.

    NOTE: the one place where the tests change something of ours, and only around it: what opens a
    workspace is everywhere, and a test that forgets to be judged would be one that cannot fail.
    """
    if Sayso.__aexit__.__module__ == __name__:
        return  # a process that was forked after it had begun to watch
    close = Sayso.__aexit__

    async def closed(
        self: Sayso,
        *exc_info: object,
    ) -> None:
        # Of one that is closed after an error, the error is to be seen.
        failed = any(isinstance(one, BaseException) for one in exc_info)
        audit: Audit | None = None
        with contextlib.suppress(ConfigError):  # closed already
            audit = None if failed else self.audit
        await close(self, *exc_info)
        if audit is not None and not _excused:
            _check(audit, self)

    Sayso.__aexit__ = closed  # type: ignore[method-assign]


def _check(audit: Audit, sayso: Sayso) -> None:
    """Verify every log of the workspace deep, with its rows; none where none has begun."""
    if not is_postgres(sayso.workspace):
        path = sayso.workspace.store_path
        if not path.exists():
            return
        files = [path, path.with_name(f"{path.name}-wal")]
        now = [(one.st_size, one.st_mtime_ns) for one in map(_stat, files) if one is not None]
        if _judged.get(str(path)) == now:
            return  # nothing was written since
        _judged[str(path)] = now
    try:
        found = audit.verify()
    except SaysoError as error:
        if error.code is Code.TAMPERED:
            raise
        return  # what the test has taken away cannot be read: the disk, the server, the key
    assert found.verdict is not Verdict.TAMPERED, found.all_findings


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None
