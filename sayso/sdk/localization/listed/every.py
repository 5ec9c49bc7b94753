"""All of them together, and which of them a text of the floors below can be."""

from __future__ import annotations

from sayso.sdk.localization.listed.action import ACTION, STATUSES
from sayso.sdk.localization.listed.audit import AUDIT, AUDIT_PHRASES
from sayso.sdk.localization.listed.card import CARD
from sayso.sdk.localization.listed.case import CASE
from sayso.sdk.localization.listed.change import CHANGES, IN_VAIN
from sayso.sdk.localization.listed.entry import ENTRY, ENTRY_PARTS
from sayso.sdk.localization.listed.figures import FIGURES
from sayso.sdk.localization.listed.finding import FINDINGS
from sayso.sdk.localization.listed.inbox import INBOX, SEVERAL_AT_ONCE
from sayso.sdk.localization.listed.menu import MENU, NOTES, SCRIPT_WORDS, TIMES
from sayso.sdk.localization.listed.people import PEOPLE
from sayso.sdk.localization.listed.policy import POLICY, RULE
from sayso.sdk.localization.listed.push import PUSH
from sayso.sdk.localization.listed.question import CELLS, QUESTION
from sayso.sdk.localization.listed.reason import REASONS
from sayso.sdk.localization.listed.refusal import REFUSALS
from sayso.sdk.localization.listed.repair import REPAIR
from sayso.sdk.localization.listed.seat import SEAT
from sayso.sdk.localization.listed.step import STEPS
from sayso.sdk.localization.listed.stop import STOPS
from sayso.sdk.localization.listed.work import COMPOSING, WORK

__all__ = ["OF_THE_LOG", "PHRASES", "SCRIPT_WORDS", "SENTENCES"]

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
    *AUDIT,
    *ENTRY,
    *QUESTION,
    *REFUSALS,
    *FINDINGS,
    *CHANGES,
    *IN_VAIN,
)
"""What any text can be."""
OF_THE_LOG = (*ENTRY_PARTS, *CELLS)
"""What a piece of an entry, and a cell of an answer, can be besides."""
PHRASES = (*TIMES, *AUDIT_PHRASES, *PUSH)
"""Filled by name, never looked for."""
