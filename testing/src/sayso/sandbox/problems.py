"""Everything the sandbox says no with, shaped as Stripe shapes it.

`began` tells whether the endpoint had begun to execute: such answers are saved under the
idempotency key, earlier ones (authentication, validation, conflicts) are not.

Source: Stripe docs: Errors, Error codes, Idempotent requests.
"""

from __future__ import annotations

from sayso.money import Money

_DOCS = "https://stripe.com/docs/error-codes/"


class StripeError(Exception):
    """An answer that is an error.

    Args:
        status: the HTTP status.
        message: Stripe's sentence for the developer.
        kind: Stripe's error `type`.
        code: Stripe's error `code`, where it has one.
        param: the parameter it is about.
        began: whether the endpoint had begun to execute.
        headers: further response headers.
        extra: further members of the error object.
        keeps: whether what the endpoint did until then stays (a declined charge does).
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        began: bool = True,
        headers: tuple[tuple[str, str], ...] = (),
        extra: dict[str, object] | None = None,
        keeps: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.code = code
        self.param = param
        self.began = began
        self.headers = headers
        self.extra = extra or {}
        self.keeps = keeps

    def body(self, request_id: str) -> dict[str, object]:
        """The JSON answer."""
        error: dict[str, object] = {
            "message": self.message,
            "type": self.kind,
            "request_log_url": f"https://dashboard.stripe.com/test/logs/{request_id}",
        }
        if self.code is not None:
            error |= {"code": self.code, "doc_url": _DOCS + self.code.replace("_", "-")}
        if self.param is not None:
            error["param"] = self.param
        return {"error": error | self.extra}


def no_key() -> StripeError:
    """No `Authorization` header."""
    return StripeError(
        401,
        "You did not provide an API key. You need to provide your API key in the Authorization "
        "header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
        began=False,
    )


def invalid_key(key: str) -> StripeError:
    """A key the account does not have; only its ends are repeated, as Stripe does."""
    shown = key[:8] + "*" * max(0, len(key) - 12) + key[-4:] if len(key) > 12 else "****"
    return StripeError(401, f"Invalid API Key provided: {shown}", began=False)


def not_permitted(key: str, account: str, permission: str) -> StripeError:
    """A restricted key without the permission this endpoint needs."""
    shown = key[:8] + "*" * max(0, len(key) - 14) + key[-6:]
    return StripeError(
        403,
        f"The provided key '{shown}' does not have the required permissions for this endpoint on "
        f"account '{account}'. Having the '{permission}' permission would allow this request to "
        "continue.",
        code="more_permissions_required",
        began=False,
    )


def unrecognised(method: str, path: str) -> StripeError:
    """No such endpoint, here or at Stripe."""
    return StripeError(
        404, f"Unrecognized request URL ({method}: {path}).", code="url_invalid", began=False
    )


def missing_param(name: str) -> StripeError:
    """A required parameter is absent."""
    return StripeError(
        400,
        f"Missing required param: {name}.",
        code="parameter_missing",
        param=name,
        began=False,
    )


def unknown_param(name: str) -> StripeError:
    """A parameter the endpoint does not have (or the sandbox does not model)."""
    return StripeError(
        400,
        f"Received unknown parameter: {name}",
        code="parameter_unknown",
        param=name,
        began=False,
    )


def invalid_param(
    message: str, name: str, code: str | None = None, *, began: bool = False
) -> StripeError:
    """A parameter with a value that cannot be."""
    return StripeError(400, message, code=code, param=name, began=began)


def missing_resource(noun: str, found: str, param: str, status: int = 404) -> StripeError:
    """An id that names nothing.

    Args:
        noun: Stripe's word for the object, such as `charge`.
        found: the id that was sent.
        param: the parameter it came in.
        status: 404 for the object the call is about, 400 for one it only mentions.
    """
    return StripeError(status, f"No such {noun}: '{found}'", code="resource_missing", param=param)


def already_refunded(charge: str) -> StripeError:
    """Nothing is left of the charge."""
    return StripeError(
        400, f"Charge {charge} has already been refunded.", code="charge_already_refunded"
    )


def already_captured(charge: str) -> StripeError:
    """What was only authorised was taken before."""
    return StripeError(
        400,
        f"Charge {charge} has already been captured.",
        code="charge_already_captured",
    )


def not_capturable(intent: str, status: str) -> StripeError:
    """A payment intent that does not wait for its capture."""
    return StripeError(
        400,
        f"This PaymentIntent could not be captured because it has a status of {status}. Only a "
        "PaymentIntent with one of the following statuses may be captured: requires_capture.",
        code="payment_intent_unexpected_state",
        extra={"payment_intent": {"id": intent, "object": "payment_intent", "status": status}},
    )


def charged_back(charge: str) -> StripeError:
    """The bank took the money back already."""
    return StripeError(
        400,
        f"Charge {charge} has been charged back; cannot issue a refund.",
        code="charge_disputed",
    )


def too_much(asked: int, left: int, currency: str) -> StripeError:
    """More than is left of the charge."""
    unit = currency.upper()
    return StripeError(
        400,
        f"Refund amount ({Money(asked, unit)}) is greater than unrefunded amount on charge "
        f"({Money(left, unit)})",
        param="amount",
    )


def declined(charge: str, decline_code: str) -> StripeError:
    """The card said no."""
    return StripeError(
        402,
        "Your card was declined.",
        kind="card_error",
        code="card_declined",
        extra={"charge": charge, "decline_code": decline_code},
        keeps=True,
    )


def key_too_long() -> StripeError:
    """An idempotency key of more than 255 characters."""
    return StripeError(400, "Idempotency keys may have at most 255 characters.", began=False)


def other_parameters(key: str) -> StripeError:
    """The idempotency key was first used with other parameters."""
    return StripeError(
        400,
        "Keys for idempotent requests can only be used with the same parameters they were first "
        f"used with. Try using a key other than '{key}' if you meant to execute a different "
        "request.",
        kind="idempotency_error",
        began=False,
    )


def other_endpoint(key: str, now: str, first: str) -> StripeError:
    """The idempotency key was first used at another endpoint."""
    return StripeError(
        400,
        "Keys for idempotent requests can only be used for the same endpoint they were first used "
        f"for ('{now}' vs '{first}'). Try using a key other than '{key}' if you meant to execute "
        "a different request.",
        kind="idempotency_error",
        began=False,
    )


def key_in_use(key: str) -> StripeError:
    """The first request with the idempotency key is still being executed."""
    return StripeError(
        409,
        "There is currently another in-progress request using this Idempotent Key (that probably "
        "means you submitted twice, and the other request is still going through): "
        f"{key}. Please try again later.",
        kind="idempotency_error",
        code="idempotency_key_in_use",
        began=False,
    )


def too_many(retry_after_s: int) -> StripeError:
    """Too many requests; nothing was done."""
    return StripeError(
        429,
        "Request rate limit exceeded. Learn more about rate limits here "
        "https://stripe.com/docs/rate-limits.",
        code="rate_limit",
        began=False,
        headers=(
            ("Retry-After", str(retry_after_s)),
            ("Stripe-Rate-Limited-Reason", "global-rate"),
        ),
    )


def broken() -> StripeError:
    """Stripe's own fault."""
    return StripeError(
        500,
        "An unknown error occurred",
        kind="api_error",
    )
