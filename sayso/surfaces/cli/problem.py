"""How a command says what went wrong: two lines for a person, one document for a program."""

from __future__ import annotations

from sayso.errors import (
    CODES,
    Code,
    ConfigError,
    RetryableError,
    SaysoError,
)
from sayso.surfaces.cli.words import one_line

_LINE = 1000

OK, FAILED, USAGE, LATER = 0, 1, 2, 3
"""Exit status: done · refused, failed or not verified · usage or settings · try again later."""

INTERRUPTED = 130
"""Ended by Ctrl-C, as a shell counts it: 128 and the number of the signal."""

HUNG_UP = 129
"""The terminal was closed, as a shell counts it."""

UNREAD = 141
"""Whoever read the output has gone, as a shell counts it; 1 is a verdict of `audit verify`."""

_USAGE_CODES = frozenset({Code.MALFORMED_JSON, Code.INTERNAL})


def exit_status(error: SaysoError) -> int:
    """The exit status that says what the caller must do next."""
    if isinstance(error, RetryableError):
        return LATER
    if isinstance(error, ConfigError) or error.code in _USAGE_CODES:
        return USAGE
    return FAILED


def problem_text(error: SaysoError) -> str:
    """The lines for a person: what is wrong, the code, and the next step."""
    step = one_line(next_step(error.code, error.next_step), limit=_LINE)
    return f"error: {one_line(error.message, limit=_LINE)} [{error.code}]\nnext: {step}"


def next_step(code: str, step: str) -> str:
    """The next step; where nobody named one, what a code of its kind asks for."""
    if step:
        return step
    if code in _BY_CODE:
        return _BY_CODE[code]
    known = CODES.get(Code(code)) if code in set(Code) else None
    return _BY_STATUS.get(0 if known is None else known.status, _REPORT)


_REPORT = "run `sayso doctor`, and report what it and this line say"
_BY_CODE = {
    Code.NOT_ROLLED_OUT.value: "do it by hand; `sayso rollout list` says how far each action goes",
    Code.LIMIT_REACHED.value: "see `sayso limits`, and wait until there is room, or do it by hand",
}
_BY_STATUS = {
    400: "correct what is named, and run it again",
    401: "set SAYSO_TOKEN to a token that `sayso token create` printed",
    403: "ask somebody who may",
    404: "check the id, and in which workspace and tenant it is",
    409: "look at it as it is now, and decide again",
    410: "it is over; ask for it anew if it is still wanted",
    413: "make it shorter, and run it again",
    422: "correct what is named, and run it again",
    429: "wait a moment, and run it again",
    502: "run it again later; what is open is looked up by `sayso serve`",
    503: "run it again later",
}
"""What whoever reads an error can do, by the status that HTTP answers with."""


def problem_json(error: SaysoError) -> dict[str, object]:
    """The RFC 9457 problem, in the words of the HTTP API."""
    info = CODES[error.code]
    return {
        "type": f"urn:sayso:error:{error.code}",
        "title": info.title,
        "status": info.status,
        "detail": error.message,
        "code": error.code.value,
        "next_step": error.next_step,
    }


def internal(error: BaseException) -> SaysoError:
    """The error for what nobody foresaw; its text may hold anything, so only its kind is told."""
    return ConfigError(
        Code.INTERNAL,
        f"an error inside Sayso: {type(error).__name__}",
        next_step="run it again with `sayso --debug …` and report what it shows",
        detail=str(error),
    )


def usage(message: str, next_step: str = "see `sayso --help`") -> ConfigError:
    """The error for a command that is written wrongly."""
    return ConfigError(Code.INVALID_INPUT, message, next_step=next_step)
