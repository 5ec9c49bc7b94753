"""A Request Tracker 5 of Debian's, on SQLite: customers write to it by mail, colleagues by its API.

It is started from `request-tracker5`, `rt5-db-sqlite` and `rt5-standalone` as they were installed;
its database, its mail and its settings are a test's own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import cast
from urllib.parse import urlencode

import httpx
import orjson
from real.shop import wait_until

from sayso.json import JsonObject, JsonValue

HERE = Path(__file__).parent / "request_tracker"
SERVER = Path("/usr/share/request-tracker5/libexec/rt-server")
PACKAGES = "request-tracker5 rt5-db-sqlite rt5-standalone"
STORIES = "SAYSO_STORIES"
"""Set by `./run stories`, since a help desk takes longer than the tests of every day may."""
WAIT_S = 300.0


class NoTrackerError(Exception):
    """There is none here."""


def check_installed() -> None:
    """Say whether it can be started.

    Raises:
        NoTrackerError: it isn't asked for or installed, or cannot run here; with what to do.
    """
    if not os.environ.get(STORIES):
        raise NoTrackerError("`./run stories` plays at it")
    if not SERVER.exists():
        raise NoTrackerError(f"apt-get install --no-install-recommends {PACKAGES}")
    if os.geteuid() != 0:
        raise NoTrackerError("its cache belongs to root")


@dataclass(slots=True, kw_only=True)
class Tracker:
    """One Request Tracker.

    Attributes:
        folder: its database, its log and what it mailed.
        token, colleague: Sayso's, and a colleague's.
        escalated: the number of the second queue, in which Sayso may change nothing.
    """

    folder: Path
    port: int
    token: str = ""
    colleague: str = ""
    escalated: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            **os.environ,
            "RT_SITE_CONFIG": str(HERE / "RT_SiteConfig.pm"),
            "RT_SITE_CONFIG_DIR": str(self.folder / "none"),
            "TRACKER_FOLDER": str(self.folder),
            "TRACKER_PORT": str(self.port),
        }

    def run(self, *command: str) -> str:
        """One of its programs."""
        ran = subprocess.run(
            command, env=self.environment, capture_output=True, timeout=WAIT_S, check=False
        )
        assert ran.returncode == 0, ran.stderr.decode(errors="replace")
        return ran.stdout.decode()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(SERVER), "--port", str(self.port), "--host", "127.0.0.1"],
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self._answers, WAIT_S, "the tracker starts")

    def _answers(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/REST/2.0/rt", timeout=30).status_code == 401
        return False

    def kill(self) -> None:
        """kill -9 of it and of all its children."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def ask(
        self, method: str, path: str, body: JsonObject | None = None, *, by: str = ""
    ) -> JsonValue:
        """What the API answers a colleague, or the holder of another token."""
        answer = httpx.request(
            method,
            f"{self.url}/REST/2.0{path}",
            json=body,
            headers={"Authorization": f"token {by or self.colleague}"},
            timeout=60,
        )
        assert answer.is_success, answer.text
        return cast("JsonValue", orjson.loads(answer.content))

    def write(
        self, sender: str, text: str, *, subject: str = "My mug is broken", **more: str
    ) -> str:
        """Mail of a customer, as `rt-mailgate` hands it in; their newest ticket."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = sender, "support@shop.example", subject
        for name, value in more.items():
            message[name.replace("_", "-")] = value
        message.set_content(text)
        answer = httpx.post(
            f"{self.url}/REST/1.0/NoAuth/mail-gateway",
            content=urlencode(
                {"queue": "support", "action": "correspond", "SessionType": "REST"}
                | {"message": message.as_bytes().decode()}
            ),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            timeout=60,
        )
        assert answer.text.strip() == "ok", answer.text
        return self.newest(message["From"].addresses[0].addr_spec)

    def newest(self, address: str) -> str:
        """The number of a customer's newest ticket."""
        query = {"query": f"Requestor.EmailAddress = '{address}'", "orderby": "id", "order": "DESC"}
        found = cast("Mapping[str, JsonValue]", self.ask("GET", f"/tickets?{urlencode(query)}"))
        return str(cast("list[Mapping[str, JsonValue]]", found["items"])[0]["id"])

    def mailed(self, to: str) -> list[EmailMessage]:
        """What RT has sent to somebody, oldest first; without its own confirmations."""
        found = [
            message_from_bytes(path.read_bytes(), policy=policy.default)
            for path in sorted((self.folder / "mail").iterdir())
        ]
        return [
            one for one in found if to in str(one["To"]) and "AutoReply" not in str(one["Subject"])
        ]

    def ticket(self, number: str) -> Mapping[str, JsonValue]:
        """A ticket, as a colleague sees it."""
        return cast("Mapping[str, JsonValue]", self.ask("GET", f"/ticket/{number}"))


@contextmanager
def run_tracker(folder: Path) -> Generator[Tracker]:
    """A Request Tracker with two queues, two colleagues and no ticket, while the block runs.

    Raises:
        NoTrackerError: see `check_installed`.
    """
    check_installed()
    (folder / "mail").mkdir(parents=True)
    sendmail = folder / "sendmail"
    sendmail.write_text(
        f'#!/bin/sh\nexec cat > "{folder}/mail/$(date +%s%N)-$$"\n', encoding="utf-8"
    )
    sendmail.chmod(0o755)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        tracker = Tracker(folder=folder, port=free.getsockname()[1])
    dba = ("--dba", "root", "--dba-password", "")
    tracker.run("rt-setup-database-5", "--action", "init", "--skip-create", *dba)
    seeded = orjson.loads(tracker.run("perl", str(HERE / "seed.pl")))
    tracker.token, tracker.colleague = seeded["sayso"], seeded["carla"]
    tracker.escalated = seeded["escalated"]
    try:
        tracker.start()
        yield tracker
    finally:
        tracker.kill()
