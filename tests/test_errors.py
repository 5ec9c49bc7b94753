"""What may be told of an error where customers must not be quoted."""

from __future__ import annotations

import pytest

from sayso.errors import Code, RefusedError, RetryableError, logged, logged_with_frames

WORDS = "Ann Lee, ann@example.com"


def _caught() -> RefusedError:
    try:
        try:
            raise KeyError(WORDS)
        except KeyError as error:
            raise RefusedError(Code.NOT_OWNER, WORDS, next_step=WORDS, detail=WORDS) from error
    except RefusedError as error:
        return error


@pytest.mark.promise("logs:wordless")
def test_an_error_is_logged_by_its_code_and_kinds() -> None:
    """Invariant 6: whatever was quoted in it or in its cause stays out of a log."""
    error = _caught()
    assert logged(error) == "RefusedError not_owner < KeyError"
    assert "_caught" in logged_with_frames(error)
    assert WORDS not in logged_with_frames(error)


def test_a_group_is_logged_by_all_that_is_in_it() -> None:
    """Several at once, as tasks raise them."""
    group = ExceptionGroup(WORDS, [ValueError(WORDS), RetryableError(Code.STORE_BUSY, WORDS)])
    assert logged(group) == "ExceptionGroup (ValueError, RetryableError store_busy)"
