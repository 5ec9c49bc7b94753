"""A workspace's `sayso.toml`, read and checked."""

from sayso.settings.desk import DeskSection
from sayso.settings.document import (
    FILE_NAME,
    ConnectionSection,
    PlaceSection,
    Settings,
    VaultSection,
    is_name,
    no_connection,
    of_the_top,
    parse_settings,
    read_settings,
)
from sayso.settings.planner import PlannerSection
from sayso.settings.surfaces import IdentitySection, InboundSection, PersonSection, WebhooksSection

__all__ = [
    "FILE_NAME",
    "ConnectionSection",
    "DeskSection",
    "IdentitySection",
    "InboundSection",
    "PersonSection",
    "PlaceSection",
    "PlannerSection",
    "Settings",
    "VaultSection",
    "WebhooksSection",
    "is_name",
    "no_connection",
    "of_the_top",
    "parse_settings",
    "read_settings",
]
