"""All of them together, and which of them a text of the floors below can be."""

from __future__ import annotations

from sayso.sdk.localization.listed.action import ACTION, STATUSES
from sayso.sdk.localization.listed.card import CARD
from sayso.sdk.localization.listed.case import CASE
from sayso.sdk.localization.listed.figures import FIGURES
from sayso.sdk.localization.listed.inbox import INBOX, SEVERAL_AT_ONCE
from sayso.sdk.localization.listed.menu import MENU, NOTES, SCRIPT_WORDS, TIMES
from sayso.sdk.localization.listed.people import PEOPLE
from sayso.sdk.localization.listed.policy import POLICY, RULE
from sayso.sdk.localization.listed.reason import REASONS
from sayso.sdk.localization.listed.repair import REPAIR
from sayso.sdk.localization.listed.seat import SEAT
from sayso.sdk.localization.listed.step import STEPS
from sayso.sdk.localization.listed.stop import STOPS
from sayso.sdk.localization.listed.work import COMPOSING, WORK

__all__ = ["SCRIPT_WORDS", "SENTENCES", "TIMES"]

SENTENCES = (
    *MENU,
    *INBOX,
    *CARD,
    *STEPS,
    *REASONS,
    *NOTES,
    *SEVERAL_AT_ONCE,
    *STOPS,
    *STATUSES,
    *ACTION,
    *WORK,
    *COMPOSING,
    *PEOPLE,
    *FIGURES,
    *POLICY,
    *RULE,
    *CASE,
    *SEAT,
    *REPAIR,
)
