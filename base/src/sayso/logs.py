"""What a process writes about itself: lines for people, or JSON that names what each is about."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Mapping
from typing import TextIO

from opentelemetry import trace

from sayso.errors import logged, logged_with_frames
from sayso.ids import rfc3339
from sayso.settings.document import LogSection
from sayso.telemetry import ids_now

_OWN = "sayso"


class JsonLines(logging.Formatter):
    """One JSON object a line.

    Guarantees: no word of a library's: what one says may quote a customer, a provider's answer or
    an address with a secret in it, so that its line says only who spoke, where, and the kinds of
    its error. Our own messages hold ids, codes and names (`sayso.errors.logged`).

    Args:
        service: `service.name` and `service.version`, as on spans.
    """

    def __init__(self, service: Mapping[str, str]) -> None:
        super().__init__()
        self._service = dict(service)

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        is_own = record.name == _OWN or record.name.startswith(f"{_OWN}.")
        line: dict[str, object] = {
            "time": rfc3339(round(record.created * 1_000_000)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage() if is_own else "a library said something",
            **self._service,
            **ids_now(),
        }
        if not is_own:
            line["at"] = f"{record.module}:{record.lineno}"
        span = trace.get_current_span().get_span_context()
        if span.is_valid:
            line |= {"trace_id": f"{span.trace_id:032x}", "span_id": f"{span.span_id:016x}"}
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            line["error"] = logged_with_frames(error) if is_own else logged(error)
        return json.dumps(line, default=str, ensure_ascii=False, separators=(",", ":"))


def start_logging(
    section: LogSection, service: Mapping[str, str], *, stream: TextIO | None = None
) -> None:
    """Write what this process says from now on, in place of what was set up before.

    Args:
        stream: standard error unless another one is given.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    if section.format == "json":
        handler.setFormatter(JsonLines(service))
    else:
        handler.setFormatter(logging.Formatter(logging.BASIC_FORMAT))
    logging.basicConfig(level=section.level.upper(), handlers=[handler], force=True)


def teller(section: LogSection, plainly: Callable[[str], None]) -> Callable[[str], None]:
    """What a server says to its operator: a line of the log where that is JSON, else plainly."""
    if section.format != "json":
        return plainly
    return lambda text: logging.getLogger(_OWN).warning("%s", text)
