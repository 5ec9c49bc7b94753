"""A real mailbox on loopback: Dovecot of the distribution's packages, and aiosmtpd that delivers.

Dovecot 2.4 and 2.3 want different files, so each gets its own. Every user's password is the same.
"""

from __future__ import annotations

import mailbox
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from threading import Event

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

PASSWORD = "support"
BOOT_S = 60.0
AUTHSERV = "mx.shop.example"

_NEW = """\
dovecot_config_version = 2.4.1
dovecot_storage_version = 2.4.1
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = no
auth_allow_cleartext = yes
auth_mechanisms = plain login
mail_driver = maildir
mail_home = {folder}/boxes/%{{user}}
mail_path = ~/Maildir
first_valid_uid = 1
default_internal_user = {dovecot}
default_login_user = {login}
default_internal_group = {group}
passdb static {{
  password = {password}
}}
userdb static {{
  fields {{
    uid = {uid}
    gid = {gid}
    home = {folder}/boxes/%{{user}}
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Sent {{
    auto = create
    special_use = \\Sent
  }}
  mailbox Done {{
    auto = create
  }}
}}
"""
_OLD = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
mail_location = maildir:{folder}/boxes/%u/Maildir
first_valid_uid = 1
default_internal_user = {dovecot}
default_login_user = {login}
default_internal_group = {group}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/boxes/%u
}}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Sent {{
    auto = create
    special_use = \\Sent
  }}
  mailbox Done {{
    auto = create
  }}
}}
"""


class NoDovecotError(Exception):
    """Dovecot is not installed here, or not one that can be started."""


def version() -> str:
    """Dovecot's version, such as `2.4.1`.

    Raises:
        NoDovecotError: there is none.
    """
    found = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        raise NoDovecotError("there is no dovecot: apt-get install dovecot-imapd")
    if os.getuid() != 0:
        raise NoDovecotError("its processes change their user, so it is started as root")
    told = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    numbers = re.match(r"\d+\.\d+\.\d+", told)
    if numbers is None:
        raise NoDovecotError(f"its version is not known: {told[:40]}")
    return numbers[0]


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


@dataclass
class MailServers:
    """The mailbox's server and the one that delivers.

    Attributes:
        folder: of both. imap, smtp: their ports.
        refuse: addresses to which nothing is delivered: the sender gets a report instead.
        authentic: domains for which our server vouches.
    """

    folder: Path
    imap: int
    smtp: int = 0
    refuse: set[str] = field(default_factory=set)
    authentic: set[str] = field(default_factory=set)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start Dovecot, and wait until it listens."""
        with (self.folder / "out.log").open("ab") as log:
            self.process = subprocess.Popen(
                ["/usr/sbin/dovecot", "-F", "-c", str(self.folder / "dovecot.conf")],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        end = time.monotonic() + BOOT_S
        while time.monotonic() < end:
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", self.imap)) == 0:
                    return
            if self.process.poll() is not None:
                break
            Event().wait(0.05)
        raise NoDovecotError((self.folder / "out.log").read_text()[-600:])

    def stop(self) -> None:
        """Stop Dovecot and all that it started."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)  # a polite end takes six seconds
            self.process.wait(BOOT_S)
            self.process = None

    def box(self, user: str) -> Path:
        """A user's folder, made where it is not there yet."""
        path = self.folder / "boxes" / user / "Maildir"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            mailbox.Maildir(str(path), create=True)
            self._give(path.parent)
        return path

    def deliver(self, user: str, content: bytes) -> None:
        """Put a mail into a user's inbox, as a delivery agent does."""
        box = mailbox.Maildir(str(self.box(user)))
        key = box.add(mailbox.MaildirMessage(content))
        os.chown(str(Path(box._path) / box._lookup(key)), *_OWNER)  # type: ignore[attr-defined]

    def _give(self, path: Path) -> None:
        for one in (path, *path.rglob("*")):
            os.chown(one, *_OWNER)

    def mails(self, user: str, folder: str = "") -> list[EmailMessage]:
        """What lies in a user's inbox, or another folder, the oldest first."""
        path = self.box(user) if not folder else self.box(user) / f".{folder}"
        found = [*(path / "new").glob("*"), *(path / "cur").glob("*")]
        found.sort(key=lambda one: (one.stat().st_mtime, one.name))
        parser = BytesParser(EmailMessage, policy=default)
        return [parser.parsebytes(one.read_bytes()) for one in found]

    async def handle_DATA(  # noqa: N802  (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Deliver to everybody's box, with what a border server writes on top."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        sender = envelope.mail_from or ""
        for recipient in envelope.rcpt_tos:
            if recipient in self.refuse:
                self.deliver(_user(sender), _report(sender, recipient, content))
                continue
            self.deliver(_user(recipient), self._top(sender, content) + content)
        return "250 OK"

    def _top(self, sender: str, content: bytes) -> bytes:
        said = BytesParser(EmailMessage, policy=default).parsebytes(content)["From"] or ""
        domain = str(said).rpartition("@")[2].strip(" >")
        judged = "pass" if domain in self.authentic else "fail"
        return (
            f"Return-Path: <{sender}>\r\n"
            f"Authentication-Results: {AUTHSERV}; dmarc={judged} header.from={domain}\r\n"
        ).encode()


_OWNER = (65534, 65534)


def _user(address: str) -> str:
    return address.partition("@")[0].lower()


def _report(sender: str, recipient: str, content: bytes) -> bytes:
    """A delivery report. SOURCE: RFC 3464."""
    head = content.replace(b"\r\n", b"\n").partition(b"\n\n")[0].decode()
    return (
        f"Return-Path: <>\nFrom: MAILER-DAEMON@{AUTHSERV}\nTo: {sender}\n"
        "Subject: Undelivered Mail Returned to Sender\nAuto-Submitted: auto-replied\n"
        f"Message-ID: <{time.monotonic_ns()}@{AUTHSERV}>\nMIME-Version: 1.0\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
        "--b\nContent-Type: text/plain\n\nIt could not be delivered.\n"
        f"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; {AUTHSERV}\n\n"
        f"Final-Recipient: rfc822; {recipient}\nAction: failed\nStatus: 5.1.1\n\n"
        f"--b\nContent-Type: text/rfc822-headers\n\n{head}\n\n--b--\n"
    ).encode()


@contextmanager
def run_mail() -> Generator[MailServers]:
    """Both servers, while the block runs.

    Raises:
        NoDovecotError: with why.
    """
    told = version()
    # A short path: Dovecot's sockets are files, whose names are bounded.
    with tempfile.TemporaryDirectory(prefix="sayso-mail-") as made:
        folder = Path(made)
        folder.chmod(0o755)
        for name in ("run", "state", "boxes"):
            (folder / name).mkdir()
        os.chown(folder / "boxes", *_OWNER)
        place = MailServers(folder=folder, imap=free_port())
        text = (_NEW if told >= "2.4" else _OLD).format(
            folder=folder,
            port=place.imap,
            uid=_OWNER[0],
            gid=_OWNER[1],
            password=PASSWORD,
            dovecot="dovecot",
            login="dovenull",
            group="dovecot",
        )
        (folder / "dovecot.conf").write_text(text)
        place.smtp = free_port()
        delivers = Controller(place, hostname="127.0.0.1", port=place.smtp)
        delivers.start()
        try:
            place.start()
            yield place
        finally:
            place.stop()
            delivers.stop()


def body_of(message: EmailMessage) -> str:
    """The words of a plain mail."""
    return str(message.get_content()).replace("\r\n", "\n").strip()
