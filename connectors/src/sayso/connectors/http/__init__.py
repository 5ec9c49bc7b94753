"""The one HTTP client of connectors: `client` sends, `outcome` says what an answer means.

Allow-listed hosts on judged addresses, TLS, bounded times and sizes, no redirects, no proxies from
the environment, nothing of a secret in an error, and a breaker per host.
"""

from sayso.connectors.http.client import (
    HttpAnswer,
    HttpClient,
    HttpLimits,
    HttpRequest,
    Sender,
)
from sayso.connectors.http.json_api import JsonApi, path
from sayso.connectors.http.outcome import no_answer, not_sent, problem_of, retry_after_of

__all__ = [
    "HttpAnswer",
    "HttpClient",
    "HttpLimits",
    "HttpRequest",
    "JsonApi",
    "Sender",
    "no_answer",
    "not_sent",
    "path",
    "problem_of",
    "retry_after_of",
]
