"""E-mail to the address on file: plain text, from one sender, to nobody else."""

from __future__ import annotations

from sayso.connectors.email.actions import MessageArgs, actions_with
from sayso.connectors.email.connector import EmailConnector, connect
from sayso.connectors.email.message import Writer
from sayso.connectors.email.smtp import Login, SmtpTransport
from sayso.connectors.email.transport import FileTransport, Letter, Transport

__all__ = [
    "EmailConnector",
    "FileTransport",
    "Letter",
    "Login",
    "MessageArgs",
    "SmtpTransport",
    "Transport",
    "Writer",
    "actions_with",
    "connect",
]
