"""A stranger's first yes: what the demo prints is opened, and a card is answered there."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from html import unescape
from pathlib import Path

import httpx

_WAIT_S = 300


def first_yes(command: Sequence[str], folder: Path, variables: Mapping[str, str]) -> str:
    """Type a command that ends with a link, open it, and say yes to the first card.

    A browser without scripts: pages are read, and their forms are sent as they stand.

    Returns:
        What the page says afterwards.
    """
    begun = time.monotonic()
    with subprocess.Popen(
        command, cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=-1, text=True
    ) as program:
        try:
            assert program.stdout is not None
            lines = iter(program.stdout.readline, "")
            link = next((line.strip() for line in lines if "/enter?key=" in line), "")
            page = _decided(link) if link else ""
            took = time.monotonic() - begun
        finally:
            program.send_signal(signal.SIGINT)
            program.wait(_WAIT_S)
    sys.stdout.write(f"the first yes, {took:.1f} s after the command was typed\n")
    return page


def _decided(link: str) -> str:
    headers = {"Sec-Fetch-Site": "same-origin"}
    with httpx.Client(headers=headers, timeout=_WAIT_S, follow_redirects=True) as browser:
        inbox = _sent(browser, browser.get(link), "")
        card = re.search(r'href="(/console/solution/[^"?]+)', inbox.text)
        assert card is not None, inbox.text
        return _sent(browser, browser.get(inbox.url.join(card[1])), "yes").text


def _sent(browser: httpx.Client, page: httpx.Response, decision: str) -> httpx.Response:
    """The answer to the page's form with that button, or to its first."""
    forms = re.findall(r'<form[^>]*\saction="([^"]+)"(.*?)</form>', page.text, re.DOTALL)
    wanted = f'name="decision" value="{decision}"' if decision else ""
    action, inside = next((one for one in forms if wanted in one[1]), ("", ""))
    assert action, page.text
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', inside))
    sent = {name: unescape(one) for name, one in fields.items()}
    if decision:
        sent["decision"] = decision
    answer = browser.post(page.url.join(action), data=sent)
    assert answer.status_code == httpx.codes.OK, answer.text
    return answer
