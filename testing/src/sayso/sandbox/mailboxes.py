"""Mailboxes on this machine, kept by a real mail server (Dovecot) where its package is installed.

Everybody's password is the same, and it listens on loopback alone. `deliver` puts a mail into a box
as a border server does that vouches for the sender.
"""

from __future__ import annotations

import mailbox
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from itertools import count
from pathlib import Path
from threading import Event

from sayso.errors import Code, ConfigError

PASSWORD = "demo"  # noqa: S105  (of mailboxes that nobody else reaches)
AUTHSERV = "mx.shop.example"
"""Who vouches for senders here."""
BOOT_S = 60.0
_NUMBERS = count()
_BOTH = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = no
auth_mechanisms = plain login
first_valid_uid = 1
default_internal_user = {internal}
default_login_user = {login}
default_internal_group = {group}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
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
_NEW = """\
dovecot_config_version = 2.4.1
dovecot_storage_version = 2.4.1
auth_allow_cleartext = yes
mail_driver = maildir
mail_home = {folder}/boxes/%{{user}}
mail_path = ~/Maildir
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
"""
_OLD = """\
disable_plaintext_auth = no
mail_location = maildir:{folder}/boxes/%u/Maildir
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/boxes/%u
}}
"""


@dataclass(slots=True)
class Mailboxes:
    """The boxes and their server; make it with `run_mailboxes`.

    Attributes:
        folder: of the boxes. port: where IMAP is spoken.
    """

    folder: Path
    port: int
    _owner: tuple[int, int]
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server, and wait until it listens.

        Raises:
            ConfigError: `invalid_setting`, where it does not come up.
        """
        with (self.folder / "out.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  (a program of the distribution's)
                [_program(), "-F", "-c", str(self.folder / "dovecot.conf")],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + BOOT_S
        while time.monotonic() < until and self._process.poll() is None:
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            Event().wait(0.05)
        raise ConfigError(
            Code.INVALID_SETTING,
            "Dovecot doesn't start here",
            next_step=f"see {self.folder / 'out.log'}",
            detail=(self.folder / "out.log").read_text(encoding="utf-8")[-300:],
        )

    def stop(self) -> None:
        """Stop the server and all that it started; its own polite end takes six seconds."""
        process, self._process = self._process, None
        if process is not None:
            # It may have ended by itself, as where its port was taken meanwhile.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(BOOT_S)

    def box(self, user: str) -> Path:
        """A user's folder, made where it is not there yet."""
        path = self.folder / "boxes" / user / "Maildir"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            mailbox.Maildir(str(path), create=True)
            for one in (path.parent, path, *path.rglob("*")):
                os.chown(one, *self._owner)
        return path

    def put(self, user: str, content: bytes) -> None:
        """Put a mail into a user's inbox as it is."""
        path = self.box(user)
        name = f"{next(_NUMBERS):09d}.{os.urandom(6).hex()}.here"  # unique, and in their order
        draft = path / "tmp" / name
        draft.write_bytes(content)
        os.chown(draft, *self._owner)
        draft.rename(path / "new" / name)

    def deliver(self, sender: str, recipient: str, content: bytes, *, authentic: bool) -> None:
        """Put a mail into its recipient's inbox, with what our own border server writes on top."""
        judged = "pass" if authentic else "fail"
        domain = sender.rpartition("@")[2]
        top = (
            f"Return-Path: <{sender}>\r\n"
            f"Authentication-Results: {AUTHSERV}; dmarc={judged} header.from={domain}\r\n"
        )
        self.put(recipient.partition("@")[0].lower(), top.encode() + content)

    def mails(self, user: str, folder: str = "") -> list[EmailMessage]:
        """What lies in a user's inbox, or another folder, the oldest first."""
        path = self.box(user) if not folder else self.box(user) / f".{folder}"
        found = [*(path / "new").glob("*"), *(path / "cur").glob("*")]
        found.sort(key=lambda one: (one.stat().st_mtime_ns, one.name))
        parser = BytesParser(EmailMessage, policy=default)
        return [parser.parsebytes(one.read_bytes()) for one in found]


@contextmanager
def run_mailboxes() -> Generator[Mailboxes]:
    """Keep mailboxes while the block runs.

    Raises:
        ConfigError: `missing_extra` without Dovecot, with what to install; `invalid_setting` where
            it does not start.
    """
    told = subprocess.run(  # noqa: S603  (likewise)
        [_program(), "--version"], capture_output=True, text=True, check=False
    )
    numbers = re.match(r"(\d+)\.(\d+)", told.stdout)
    is_new = numbers is not None and (int(numbers[1]), int(numbers[2])) >= (2, 4)
    user = pwd.getpwuid(os.getuid())
    is_root = user.pw_uid == 0
    owner = pwd.getpwnam("nobody") if is_root else user
    # A short path: Dovecot's sockets are files, whose names are bounded.
    with tempfile.TemporaryDirectory(prefix="sayso-mail-") as made:
        folder = Path(made)
        folder.chmod(0o755)
        for name in ("run", "state", "boxes"):
            (folder / name).mkdir()
        os.chown(folder / "boxes", owner.pw_uid, owner.pw_gid)
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            port = int(bound.getsockname()[1])
        boxes = Mailboxes(folder, port, (owner.pw_uid, owner.pw_gid))
        text = ((_NEW if is_new else _OLD) + _BOTH).format(
            folder=folder,
            port=port,
            password=PASSWORD,
            uid=owner.pw_uid,
            gid=owner.pw_gid,
            internal="dovecot" if is_root else user.pw_name,
            login="dovenull" if is_root else user.pw_name,
            group="dovecot" if is_root else str(user.pw_gid),
        )
        (folder / "dovecot.conf").write_text(text, encoding="utf-8")
        try:
            boxes.start()
            yield boxes
        finally:
            boxes.stop()


def _program() -> str:
    # Where packages put it, which is on nobody's PATH but root's.
    tried = map(shutil.which, ("dovecot", "/usr/sbin/dovecot", "/usr/local/sbin/dovecot"))
    found = next(filter(None, tried), None)
    if found is None:
        raise ConfigError(
            Code.MISSING_EXTRA,
            "there is no mail server here to keep mailboxes",
            next_step="install Dovecot: apt-get install dovecot-imapd",
        )
    return found
