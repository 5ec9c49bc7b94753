"""How a mailbox is set up, and what to do about it: what `sayso desk check` prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32

from sayso.connectors.desk import DeskFinding
from sayso.connectors.email.inbox.authentication import MICROSOFT, read_results
from sayso.connectors.email.inbox.mailbox import ImapSession
from sayso.connectors.email.inbox.reader import InboxFolders
from sayso.text import plain

_NEWEST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxSeen:
    """What a look at a mailbox found.

    Attributes:
        idles: whether the server says when mail comes in.
        names: the folders, with what they are for, such as `\\Sent`.
        validity: of the inbox. heads: of its newest mails.
    """

    idles: bool
    names: dict[str, tuple[str, ...]]
    validity: int
    heads: tuple[Message, ...]


def look(session: ImapSession, folder: str) -> MailboxSeen:
    """Look at it; changes nothing."""
    idles, names = "IDLE" in session.capabilities, session.folders()
    opened = session.open(folder)
    parser = BytesHeaderParser(policy=compat32)
    heads = tuple(parser.parsebytes(one) for one in session.newest(_NEWEST))
    return MailboxSeen(idles=idles, names=names, validity=opened.validity, heads=heads)


def findings(seen: MailboxSeen, folders: InboxFolders) -> list[DeskFinding]:
    """What is said of it, each thing that is wrong with its remedy."""
    return [
        DeskFinding(says=f"the folder `{folders.inbox}` is read (UIDVALIDITY {seen.validity})"),
        DeskFinding(
            says="the server says when mail comes in (IDLE)"
            if seen.idles
            else "the server doesn't say when mail comes in: it is read every `sweep_s` seconds"
        ),
        *_of_folders(seen, folders),
        *_of_trust(seen.heads, folders.trust),
        *_of_lists(seen.heads),
    ]


def _of_folders(seen: MailboxSeen, folders: InboxFolders) -> list[DeskFinding]:
    sent = next((name for name, flags in seen.names.items() if "\\Sent" in flags), "")
    found: list[DeskFinding] = []
    if not folders.sent:
        step = f'set `sent = "{plain(sent, limit=60)}"`' if sent else "set `sent` to its name"
        found.append(
            DeskFinding(
                says="no folder of sent mails is named, so a colleague's answer isn't seen",
                is_fine=False,
                next_step=f"{step} under [connectors.email.inbox]",
            )
        )
    for setting, name in (("sent", folders.sent), ("done", folders.done)):
        if name and name not in seen.names:
            there = ", ".join(f"`{plain(one, limit=40)}`" for one in sorted(seen.names)[:12])
            found.append(
                DeskFinding(
                    says=f"there is no folder `{plain(name, limit=60)}`",
                    is_fine=False,
                    next_step=f"set `{setting}` to one of: {there}",
                )
            )
    return found


def _of_trust(heads: Sequence[Message], trust: str) -> list[DeskFinding]:
    servers = [_servers(head) for head in heads]
    top = Counter(one[0] for one in servers if one).most_common(1)
    if not trust:
        step = "set `trust` to the name of your own mail server"
        if top:
            step += (
                f"; `{top[0][0]}` stands topmost in {top[0][1]} of the newest {len(heads)} mails:"
                " set it if that one is yours"
            )
        return [
            DeskFinding(
                says="no mail server is trusted, so everybody who writes is unverified",
                is_fine=False,
                next_step=step,
            )
        ]
    wanted = trust.strip().lower()
    judged = [one for one in servers if wanted in one]
    if heads and not judged:
        others = ", ".join(f"`{name}`" for name, _ in top) or "none"
        return [
            DeskFinding(
                says=f"`{trust}` has judged none of the newest {len(heads)} mails",
                is_fine=False,
                next_step=f"set `trust` to the name of your own mail server; topmost is {others}",
            )
        ]
    told = f"`{trust}` has judged {len(judged)} of the newest {len(heads)} mails"
    if any(one.count(wanted) > 1 for one in servers):
        return [
            DeskFinding(
                says=f"{told}; one carries more than one header with that name",
                is_fine=False,
                next_step="have your server remove such headers from what comes in (RFC 8601 §5)",
            )
        ]
    return [DeskFinding(says=told)]


def _servers(head: Message) -> list[str]:
    """The names of those who judged a mail, topmost first; Microsoft's by what stands for it."""
    values = (str(value) for value in head.get_all("Authentication-Results") or ())
    read = (read_results(value) for value in values)
    return [plain(one.server, limit=80) or MICROSOFT for one in read if one is not None]


def _of_lists(heads: Sequence[Message]) -> list[DeskFinding]:
    lists = sum("List-Id" in head for head in heads)
    if lists * 2 <= len(heads):
        return []
    return [
        DeskFinding(
            says=f"{lists} of the newest {len(heads)} mails come from mailing lists, which nobody"
            " answers",
            is_fine=False,
            next_step="if the address is a group, have its mails go to a mailbox instead",
        )
    ]
