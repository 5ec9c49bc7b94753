"""What connectors raise says no secret that they were given, nor does what caused it."""

from __future__ import annotations

import base64
import logging
import traceback

import pytest

from sayso.connectors.isolation import Hiding
from sayso.errors import Code, RefusedError, RetryableError
from sayso.secret import Secret

KEY = "sk_live_a+b/c d"


@pytest.fixture
def hiding() -> Hiding:
    found = Hiding()
    assert found.reading(lambda reference: Secret(KEY))("env:KEY").reveal() == KEY
    return found


async def _raise(error: Exception, cause: BaseException | None = None) -> None:
    raise error from cause


async def caught(hiding: Hiding, error: Exception, cause: BaseException | None = None) -> Exception:
    """What comes out of it."""
    try:
        await hiding.over(_raise(error, cause))
    except Exception as found:  # noqa: BLE001  (whatever comes out)
        return found
    raise AssertionError("nothing was raised")


@pytest.mark.promise("secrets:hidden")
@pytest.mark.parametrize(
    "form",
    [KEY, "sk_live_a%2Bb%2Fc%20d", base64.b64encode(f"{KEY}:".encode()).decode()],
    ids=["as it is", "in an address", "as basic authentication"],
)
async def test_an_echoed_secret_is_hidden_in_each_form(hiding: Hiding, form: str) -> None:
    """Message, next step and detail; the code, and how long to wait, stay."""
    words = f"no such key {form}"
    error = RetryableError(
        Code.PROVIDER_RATE_LIMITED, words, next_step=words, detail=words, retry_after_s=6.5
    )
    found = await caught(hiding, error)
    assert isinstance(found, RetryableError)
    assert found.message == found.next_step == found.detail == "no such key ***"
    assert (found.code, found.retry_after_s) == (Code.PROVIDER_RATE_LIMITED, 6.5)


@pytest.mark.promise("secrets:hidden")
async def test_an_echoed_access_token_is_hidden_as_well() -> None:
    """It is nobody's setting, and comes out of the broker while calls are made."""

    async def bearer(connection: str) -> Secret:
        return Secret(f"ya29.{connection}-token")

    hiding = Hiding()
    token = await hiding.fetching(bearer)("mail")
    found = await caught(hiding, RefusedError(Code.PROVIDER_REFUSED, f"bad {token.reveal()}"))
    assert isinstance(found, RefusedError)
    assert found.message == "bad ***"


@pytest.mark.promise("secrets:hidden")
async def test_what_caused_it_is_not_told_either(hiding: Hiding) -> None:
    """A traceback prints causes and groups: with a secret in them, none is left."""
    causes = [
        ValueError(f"https://api.example/?key={KEY}"),
        ExceptionGroup("several", [KeyError("x"), ValueError(KEY)]),
    ]
    for cause in causes:
        for error in (RefusedError(Code.PROVIDER_REFUSED, "no"), ZeroDivisionError("odd")):
            found = await caught(hiding, error, cause)
            printed = "".join(traceback.format_exception(found))
            assert KEY not in printed
            assert "no" in str(found) or "odd" in str(found)


async def test_an_error_without_a_secret_is_left_as_it_is(hiding: Hiding) -> None:
    """Its causes help whoever reads the log."""
    error = RefusedError(Code.PROVIDER_REFUSED, "no")
    assert await caught(hiding, error, ValueError("why")) is error
    assert isinstance(error.__cause__, ValueError)


@pytest.mark.promise("secrets:logs")
def test_a_librarys_log_line_that_repeats_it_is_hidden(
    hiding: Hiding, caplog: pytest.LogCaptureFixture
) -> None:
    """Stripe's library writes what the provider said, at INFO."""
    caplog.set_level(logging.DEBUG, logger="stripe")
    hiding.listen()
    try:
        logging.getLogger("stripe").info("error_message=%s", f"no such key {KEY}")
        try:
            raise ValueError(KEY)
        except ValueError:
            logging.getLogger("stripe").exception("it broke")
    finally:
        hiding.stop()
    assert "no such key ***" in caplog.text
    assert "it broke" in caplog.text
    assert KEY not in caplog.text
    logging.getLogger("stripe").info("left alone: %s", KEY)
    assert KEY in caplog.text
