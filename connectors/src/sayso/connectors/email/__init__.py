"""E-mail to the address on file: plain text, from one sender, to nobody else."""

from __future__ import annotations

from sayso.connectors.email.actions import MessageArgs, actions_with
from sayso.connectors.email.connector import EmailConnector, MailboxConnector, connect
from sayso.connectors.email.message import MessageWriter
from sayso.connectors.email.smtp import SmtpLogin, SmtpTransport
from sayso.connectors.email.transport import FileTransport, Letter, Transport

__all__ = [
    "EmailConnector",
    "FileTransport",
    "Letter",
    "MailboxConnector",
    "MessageArgs",
    "MessageWriter",
    "SmtpLogin",
    "SmtpTransport",
    "Transport",
    "actions_with",
    "connect",
]
