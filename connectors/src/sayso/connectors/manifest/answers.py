"""What an answer holds, and what it means by the manifest's rules and our own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, cast

from sayso.connectors.http import HttpAnswer, no_answer, problem_of, retry_after_of
from sayso.connectors.manifest.schema import ErrorRule, Manifest
from sayso.errors import (
    Code,
    OutcomeUnknownError,
    RefusedError,
    RetryableError,
    SaysoError,
)
from sayso.json import JsonValue
from sayso.nesting import read_json
from sayso.reading import ReadingError, read
from sayso.text import plain

MAX_NODES: Final = 100_000
"""Values in one answer; an expression is never run over more."""
MAX_DEPTH: Final = 60

CODES: Mapping[str, Code] = {
    "unknown_subject": Code.UNKNOWN_SUBJECT,
    "unknown_object": Code.UNKNOWN_OBJECT,
    "nothing_refundable": Code.NOTHING_REFUNDABLE,
    "already_in_state": Code.ALREADY_IN_STATE,
    "wrong_state": Code.WRONG_STATE,
    "amount_too_large": Code.AMOUNT_TOO_LARGE,
    "currency_mismatch": Code.CURRENCY_MISMATCH,
    "provider_refused": Code.PROVIDER_REFUSED,
    "needs_reauth": Code.NEEDS_REAUTH,
    "needs_permission": Code.NEEDS_PERMISSION,
}
"""What a rule means, where it is a refusal."""
_AT_A_CALL = {Code.NEEDS_REAUTH, Code.NEEDS_PERMISSION}
_NONE: Final = object()


class UnreadableBodyError(ValueError):
    """The body is no JSON, or more than is meant for us."""


def parse(body: bytes) -> JsonValue:
    """The JSON of a body, with exact decimal numbers.

    Raises:
        UnreadableError: for what is no JSON, has too many values or too deep a nesting.
    """
    try:
        value = read_json(body, parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise UnreadableBodyError("it is no JSON") from error
    _bounded(value)
    return cast("JsonValue", value)


def _refuse(constant: str) -> object:
    raise UnreadableBodyError(f"it holds {constant}")


def _bounded(value: object) -> None:
    count, level = 0, [value]
    for _ in range(MAX_DEPTH):
        deeper: list[object] = []
        for one in level:
            if isinstance(one, dict):
                deeper += cast("dict[str, object]", one).values()
            elif isinstance(one, list):
                deeper += cast("list[object]", one)
        count += len(deeper)
        if count > MAX_NODES:
            raise UnreadableBodyError(f"it has more than {MAX_NODES} values")
        if not deeper:
            return
        level = deeper
    raise UnreadableBodyError(f"it is nested more than {MAX_DEPTH} levels deep")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRules:
    """Reads answers by one manifest.

    Attributes:
        who: the connector, for messages.
        manifest: its rules.
    """

    who: str
    manifest: Manifest

    def payload(
        self,
        answer: HttpAnswer,
        *,
        writing: bool,
        graphql: bool = False,
        user_errors: str | None = None,
        keyed: bool = False,
        guard: int | None = None,
    ) -> JsonValue:
        """What an answer holds, when it says yes; `data` of GraphQL's.

        Args:
            writing: whether the request could have changed something.
            user_errors: path of GraphQL's own list of errors.
            keyed: whether an earlier try with the same key may still be running.
            guard: the status by which the provider refuses what was changed meanwhile.

        Raises:
            RefusedError, RetryableError, OutcomeUnknownError: as the rules say.
        """
        body: object = _NONE
        if answer.body.strip():
            with suppress(UnreadableBodyError):
                body = parse(answer.body)
        own_words = body is not _NONE or not answer.body.strip()
        if own_words and answer.status == guard:
            raise changed_meanwhile(self.who, guarded=True)
        self._judge(answer, body, writing=writing, own_words=own_words, keyed=keyed)
        # A call may be answered by a bare 204; a read that says nothing is no empty list.
        if not own_words or (body is _NONE and not writing):
            raise no_answer(self.who, "its answer is no JSON", writing=writing)
        payload = cast("JsonValue", {} if body is _NONE else body)
        if graphql:
            return self._graphql(answer, payload, user_errors, writing=writing)
        return payload

    def _judge(
        self, answer: HttpAnswer, body: object, *, writing: bool, own_words: bool, keyed: bool
    ) -> None:
        is_error = not 200 <= answer.status < 300
        said = self._said(body) if is_error else ""
        if is_error and own_words:
            code = self._code(body)
            for rule in self.manifest.errors:
                when = rule.when
                if when.graphql_code is not None or when.user_error_text is not None:
                    continue
                if when.status is not None and answer.status not in when.status:
                    continue
                if when.code is not None and not _has(when.code, code):
                    continue
                raise self._meant(rule, answer, said, writing=writing)
        problem = problem_of(
            self.who,
            answer.status,
            answer.headers,
            writing=writing,
            own_words=own_words,
            said=said,
            retry_after=self.manifest.connection.rate.retry_after,
        )
        if problem is None:
            return
        if answer.status == 409 and keyed and writing and isinstance(problem, RefusedError):
            # An earlier try with this very key may be what it is in conflict with.
            raise no_answer(self.who, "it speaks of a conflict", "http 409", writing=True)
        raise problem

    def _graphql(
        self, answer: HttpAnswer, payload: JsonValue, user_errors: str | None, *, writing: bool
    ) -> JsonValue:
        whole: Mapping[str, JsonValue] = payload if isinstance(payload, Mapping) else {}
        errors = whole.get("errors")
        if errors:
            raise self._graphql_error(answer, errors, writing=writing)
        data = whole.get("data")
        if data is None:
            raise no_answer(self.who, "its answer has no data", writing=writing)
        if user_errors is not None:
            found = _quietly(user_errors, data)
            # A union has one error in place of its result, and the path leads to its words.
            listed = [found] if isinstance(found, str) else found
            if isinstance(listed, (list, tuple)) and found:
                raise self._user_error(answer, listed)
        return data

    def _graphql_error(self, answer: HttpAnswer, errors: JsonValue, *, writing: bool) -> SaysoError:
        listed = errors if isinstance(errors, (list, tuple)) else []
        codes = [_quietly("extensions.code", one) for one in listed if isinstance(one, Mapping)]
        words = [_quietly("message", one) for one in listed if isinstance(one, Mapping)]
        said = next((plain(word, limit=160) for word in words if isinstance(word, str)), "")
        for rule in self.manifest.errors:
            wanted = rule.when.graphql_code
            if wanted is not None and any(code in wanted for code in codes):
                return self._meant(rule, answer, said, writing=writing)
        if writing:
            why = f"graphql failed: {said or 'no words'}"
            return no_answer(self.who, why, writing=True, answered=True)
        return RetryableError(
            Code.CONNECTOR_FAILED,
            f"{self.who} could not run the query: {said or 'no words'}",
            next_step="compare the manifest with the provider's schema",
        )

    def _user_error(self, answer: HttpAnswer, errors: Sequence[JsonValue]) -> SaysoError:
        words = [_quietly("message", one) if isinstance(one, Mapping) else one for one in errors]
        said = "; ".join(plain(word, limit=120) for word in words if isinstance(word, str))
        for rule in self.manifest.errors:
            texts = rule.when.user_error_text
            if texts is not None and any(text.casefold() in said.casefold() for text in texts):
                return self._meant(rule, answer, said, writing=True)
        return self._refused(Code.PROVIDER_REFUSED, said)

    def _meant(
        self, rule: ErrorRule, answer: HttpAnswer, said: str, *, writing: bool
    ) -> SaysoError:
        detail = f"http {answer.status}"
        match rule.means:
            case "later":
                header = self.manifest.connection.rate.retry_after
                return RetryableError(
                    Code.PROVIDER_RATE_LIMITED,
                    f"{self.who} asks to come back later",
                    next_step="try again later",
                    detail=detail,
                    retry_after_s=retry_after_of(answer.headers, header),
                )
            case "unknown":
                why = said or "its answer says nothing sure"
                return no_answer(self.who, why, detail, writing=writing, answered=True)
            case "key_reused":
                why = "it knows the key from a call in another shape"
                return no_answer(self.who, why, detail, writing=writing)
            case "stale":
                return changed_meanwhile(self.who)
            case _:
                code = CODES[rule.means]
                at_call = writing and code not in _AT_A_CALL
                found = self._refused(Code.PROVIDER_REFUSED if at_call else code, said, detail)
                return DocumentedError(
                    found.code, found.message, next_step=found.next_step, detail=detail
                )

    def _refused(self, code: Code, said: str, detail: str = "") -> RefusedError:
        words = f": {plain(said, limit=200).rstrip('.')}" if said else ""
        return RefusedError(
            code,
            f"{self.who} said no{words}",
            next_step="look at the object at the provider, then ask anew",
            detail=detail,
        )

    def _code(self, body: object) -> JsonValue:
        path = self.manifest.errors_at.code
        return None if path is None or body is _NONE else _quietly(path, cast("Any", body))

    def _said(self, body: object) -> str:
        path = self.manifest.errors_at.message
        found = None if path is None or body is _NONE else _quietly(path, cast("Any", body))
        return found if isinstance(found, str) else ""


class DocumentedError(RefusedError):
    """A no by a rule of the manifest: who reviewed it says that nothing was done then."""


class ChangedError(RetryableError):
    """The provider itself refused, since the object is not what it was when it was read."""


def changed_meanwhile(who: str, *, guarded: bool = False) -> ChangedError:
    """The error of a guard that held; `guarded` where it is the call's own, by what it sent.

    NOTE: a rule of `[[errors]]` alone says nothing of an earlier call: it may have sent no stamp.
    """
    return ChangedError(
        Code.PROVIDER_UNAVAILABLE,
        f"{who} refused it: the object was changed since it was read, and nothing was done",
        next_step="it is read again before the next try",
        outdated=guarded,
    )


def undocumented(who: str, refusal: RefusedError) -> OutcomeUnknownError:
    """An error that somebody answered who has others pay, and of which no rule says what it means.

    INVARIANT: such a one may be said after the payment, so it proves nothing.
    """
    return OutcomeUnknownError(
        Code.OUTCOME_UNKNOWN,
        f"{who} answered with an error that no rule of its manifest knows, and may have had it"
        f" paid: {refusal.message}",
        next_step="look at the provider; where it surely means that nothing was done, say so in"
        " `[[errors]]`",
        detail=refusal.detail,
        answered=True,
    )


def not_ours(who: str) -> OutcomeUnknownError:
    """A success that does not show what was asked for."""
    return OutcomeUnknownError(
        Code.OUTCOME_UNKNOWN,
        f"{who}'s answer does not show the effect of this action",
        next_step="wait for the look-up, or look at the provider",
    )


def _has(wanted: Sequence[str | int], code: JsonValue) -> bool:
    return any(code == one or str(code) == str(one) for one in wanted)


def _quietly(path: str, document: JsonValue) -> JsonValue:
    try:
        return read(path, document)
    except ReadingError:
        return None
