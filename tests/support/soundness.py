"""Whether the log of a workspace verifies against its rows when a test closes it.

`open_shop` asks for it at its end, in the files of `JUDGED`. A test there that writes the database
behind Sayso's back says so: `@pytest.mark.tampers("why")`. A file that is not listed is not judged
yet: many of them tamper on purpose, and each such test has to say so first.
"""

from __future__ import annotations

from pathlib import Path

from sayso.audit.verifier.verification import Verdict
from sayso.errors import Code, SaysoError
from sayso.sdk.client import Sayso

JUDGED = frozenset(
    {
        *("actions/engine/test_accepted.py", "actions/engine/test_after_paying.py"),
        *("actions/engine/test_denied_calls.py", "actions/engine/test_engine.py"),
        *("actions/engine/test_follow_up.py", "actions/engine/test_late_effects.py"),
        *("actions/engine/test_reconcile.py", "actions/approvals/test_after_the_yes.py"),
        *("actions/approvals/test_escalation.py", "actions/approvals/test_outdated_cards.py"),
        *("actions/approvals/test_service.py", "actions/controls/test_blocking.py"),
        *("actions/controls/test_manual_resolution.py", "actions/rollout/test_requests.py"),
        *("agent/test_lowered.py", "agent/test_told_anew.py", "audit/test_meaning.py"),
        *("sdk/test_customer_questions.py", "sdk/test_deciding.py", "sdk/test_erasing.py"),
        *("sdk/test_signed_facts.py", "sdk/test_work.py"),
    }
)
"""The files of which every test is judged, below `tests/`."""
_EXCUSED: list[str] = ["no test runs"]


_TESTS = Path(__file__).resolve().parent.parent


def excuse(reason: str) -> None:
    """Verify nothing; for the test that says so."""
    _EXCUSED.append(reason)


def judge(file: Path) -> None:
    """Verify whatever a test of this file closes, if it is one of `JUDGED`."""
    _EXCUSED.clear()
    if file.relative_to(_TESTS).as_posix() not in JUDGED:
        excuse("not judged yet")


def check_closed(sayso: Sayso) -> None:
    """Verify every log of the workspace deep, with its rows; none where none has begun."""
    if _EXCUSED:
        return
    try:
        found = sayso.audit.verify()
    except SaysoError as error:
        if error.code is Code.TAMPERED:
            raise
        return  # what the test has taken away cannot be read: the disk, the server, the key
    assert found.verdict is not Verdict.TAMPERED, found.all_findings
