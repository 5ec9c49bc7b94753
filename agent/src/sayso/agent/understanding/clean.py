"""What of a message counts as the customer's own words.

Cut are quoted lines and sentences of others, heads of forwarded mail, speaker lines, code, and
whatever reads like an instruction to a machine. What was cut is never used, and a message that
something was cut from is never certain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sayso.agent.understanding.tokens import normalise

_HIDDEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u180b-\u180f\u2800\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f\U000e0100-\U000e01ef]"
)
_LIST_MARK = re.compile(r"^\s*\(?[1-9a-c][.)]\s+|(?<!\S)\([1-9a-c]\)\s+", re.MULTILINE)
"""The number of an item in a list is no amount; the item is a sentence of its own."""
_FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_RULES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("a comment", re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)),
    ("code", re.compile(r"\{[^{}]*\}|[{}]")),
    (
        "an instruction to a machine",
        re.compile(
            r"\[/?\s*(?:system|inst|assistant|tool|admin|developer)\b[^\]]*\]"
            r"(?:.*?\[/\s*(?:system|inst|assistant|tool|admin|developer)\b[^\]]*\]|[^\n]*)"
            r"|<\|?/?\s*(?:system|inst|assistant|tool|conversation|user|human|im_start|im_end)\b[^>]*>"
            r"(?:.*?</\s*(?:system|inst|assistant|tool)\s*>|[^\n]*)"
            r"|^\s*(?:#+\s*)?(?:system|assistant|developer|admin|tool_call|tool)\s*(?:prompt|message|note)?\s*:[^\n]*"
            r"|\b[a-z]+\.[a-z]+(?:_[a-z]+)*\s*[({][^\n]*"
            r"|\b(?:stripe|email)\.[a-z_]+\b[^\n]*",
            re.DOTALL | re.IGNORECASE | re.MULTILINE,
        ),
    ),
    ("markup", re.compile(r"<[^<>\n]{1,200}>|\[/?[A-Za-z_]{2,12}\]")),
    (
        "forwarded mail",
        re.compile(
            r"^-{2,}\s*(?:original|forwarded|urspr\w+|weitergeleitete?|message d'origine|mensaje|"
            r"messaggio|mensagem|oorspronkelijk)[^\n]*\n.*"
            r"|^[^\n]{0,80}\b(?:wrote|schrieb|a ecrit|a écrit|escribió|ha scritto|escreveu|"
            r"schreef)\s*:\s*$.*"
            r"|^\s*(?:from|von|de|da|van|to|an|cc|subject|betreff|objet|asunto|oggetto|assunto|"
            r"onderwerp|sent|gesendet|date|datum|fwd?|re|aw|wg|tr)\s?:[^\n]*$",
            re.DOTALL | re.IGNORECASE | re.MULTILINE,
        ),
    ),
    ("a quoted line", re.compile(r"^\s*>[^\n]*$", re.MULTILINE)),
    (
        "a line of a transcript",
        re.compile(
            r"^\s*(?:agent|customer|support|bot|me|you|user|kunde|kundin|client|cliente|klant|operator|"
            r"\w+ \(support\))\s?:[^\n]*$",
            re.IGNORECASE | re.MULTILINE,
        ),
    ),
    (
        "somebody's words",
        re.compile(
            r'"[^"\n]{12,}"|“[^”]{12,}”|«[^»]{12,}»|„[^“”]{12,}[“”]|(?<!\w)\'[^\'\n]{16,}\'(?!\w)'
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Clean:
    """A message as it is read.

    Attributes:
        text: normalised, without what was cut.
        cut: what was cut, in words for the person who takes over.
    """

    text: str
    cut: tuple[str, ...] = ()


def clean(message: str) -> Clean:
    """The customer's own words of a message."""
    cut: list[str] = []
    text, hidden = _HIDDEN.subn("", message)
    if hidden:
        cut.append("hidden characters")
    fenced = _FENCE.subn("\n", text)
    if fenced[1]:
        cut.append("code")
    text = _LIST_MARK.sub("\n", normalise(fenced[0]))
    for name, rule in _RULES:
        text, found = rule.subn("\n", text)
        if found:
            cut.append(name)
    return Clean(text, tuple(cut))
