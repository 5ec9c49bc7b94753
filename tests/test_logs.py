"""What a process writes about itself: JSON that names what it is about, and quotes nobody."""

from __future__ import annotations

import io
import logging
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from actions.steps import propose, stock
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from support.shop_workspace import open_shop

from sayso.actions.model.snapshot import Call
from sayso.errors import Code, ConfigError, RefusedError
from sayso.logs import start_logging, teller
from sayso.settings.document import LogSection, parse_settings
from sayso.telemetry import Telemetry, about

pytestmark = pytest.mark.promise("logs:json")
SERVICE = {"service.name": "sayso-eu", "service.version": "1"}
SECRET = "sk_live_and_ana@example.com"


@pytest.fixture
def written() -> Generator[io.StringIO]:
    """What the process writes, in JSON from `info` on; as it was afterwards."""
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    stream = io.StringIO()
    start_logging(LogSection(format="json", level="info"), SERVICE, stream=stream)
    yield stream
    root.setLevel(before[0])
    root.handlers[:] = before[1]


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """Its lines, each of which is one object."""
    return [orjson.loads(line) for line in stream.getvalue().splitlines()]


async def speak(call: Call) -> None:
    """What a connector says."""
    logging.getLogger("sayso.connectors").warning("calling")


async def test_a_line_names_the_action_its_tenant_and_the_service(
    tmp_path: Path, written: io.StringIO
) -> None:
    """Whatever is said while it is called, and the spans of the call, are about that action."""
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    async with open_shop(tmp_path, telemetry=Telemetry(provider)) as opened:
        stock(opened)
        opened.shop.on_call = speak
        view = await propose(opened, 2_000, reason=SECRET)
    about_it = [one for one in lines(written) if one.get("action_id") == view.id]
    assert about_it, written.getvalue()
    assert {one["tenant"] for one in about_it} == {"main"}
    assert all(SERVICE.items() <= one.items() for one in lines(written))
    assert SECRET not in written.getvalue()
    (call,) = (one for one in spans.get_finished_spans() if one.name == "sayso.call")
    told = dict(call.attributes or {})
    assert (told["sayso.action_id"], told["sayso.tenant"]) == (view.id, "main")


def test_no_word_of_a_library_or_of_an_error_is_written(written: io.StringIO) -> None:
    """Only who spoke, where, and the kinds of what was wrong."""
    with about(call_id="c1"):
        try:
            raise RefusedError(Code.NOT_OWNER, SECRET)
        except RefusedError:
            logging.getLogger("sayso.http").exception("a page broke")
            logging.getLogger("httpx").exception("GET %s", f"https://x/?key={SECRET}")
    logging.getLogger("asyncio").error(f"exception was never retrieved: {SECRET}")
    own, library, third = lines(written)
    assert SECRET not in written.getvalue()
    assert (own["message"], own["call_id"], own["level"]) == ("a page broke", "c1", "error")
    assert own["error"].startswith("RefusedError not_owner at")
    assert (library["logger"], library["error"]) == ("httpx", "RefusedError not_owner")
    assert third["at"].startswith("test_logs:")
    assert "call_id" not in third


def test_levels_and_text_are_as_the_settings_say(capsys: pytest.CaptureFixture[str]) -> None:
    """Text is for people, so what a server tells its operator stays a plain line there."""
    root = logging.getLogger()
    before, stream = (root.level, list(root.handlers)), io.StringIO()
    try:
        start_logging(LogSection(level="error"), SERVICE, stream=stream)
        logging.getLogger("sayso.http").warning("not so bad")
        logging.getLogger("sayso.http").error("bad")
        teller(LogSection(), print)("reloaded")
        assert stream.getvalue() == "ERROR:sayso.http:bad\n"
        assert capsys.readouterr().out == "reloaded\n"
        start_logging(LogSection(format="json"), SERVICE, stream=stream)
        teller(LogSection(format="json"), print)("reloaded")
        assert orjson.loads(stream.getvalue().splitlines()[-1])["message"] == "reloaded"
    finally:
        root.setLevel(before[0])
        root.handlers[:] = before[1]


@pytest.mark.parametrize("wrong", [{"format": "xml"}, {"level": "loud"}, {"file": "x"}])
def test_another_format_or_level_is_refused(wrong: Mapping[str, str]) -> None:
    """With the place, as every setting."""
    values = {"workspace": {"name": "shop"}, "log": wrong}
    with pytest.raises(ConfigError) as caught:
        parse_settings(values, "sayso.toml")
    assert caught.value.code is Code.INVALID_SETTING
    assert "log" in caught.value.message
