"""What a customer is told, by language: whole sentences, one TOML file a language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources

from pydantic import BaseModel, ConfigDict

DEFAULT_LANGUAGE = "en"
LANGUAGES = ("de", "en", "es", "fr", "it", "nl", "pt")


class Phrases(BaseModel):
    """The sentences of one language. `{thing}` stands for the action as its definition calls it.

    `{not_yet}` and `{not_done}` deny that anything was done: all of it where the action is the only
    one, and else `of_it` alone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    language: str
    other_thing: str
    other_done: str
    several: str
    received: str
    slow: str
    hand_over: str
    unchanged: str
    erased: str
    not_yet: str
    not_yet_of_it: str
    not_done: str
    not_done_of_it: str
    compensated: str
    checking: str
    pending: str
    waits: str
    held: str
    under_way: str
    rejected: str
    expired: str
    withdrawn: str
    withdrawn_request: str
    too_late: str
    joined: str
    refused: str
    refused_because: str
    failed: str
    failed_later: str
    unknown: str
    reference: str
    less: str
    confirm: str
    which: str
    more: str
    again: str
    this_one: str
    how_much: str
    when: str
    instead: str
    one_or_both: str
    one: str
    both: str
    yes: str
    no: str
    joint: str
    verify: str
    verify_wrong: str
    verify_unread: str
    verify_again: str
    verify_no_access: str
    code_title: str
    code_text: str
    code_short: str
    code_link: str
    confirm_title: str
    confirm_text: str
    confirm_button: str
    confirm_done: str
    confirm_over: str
    confirm_later: str
    texts: Mapping[str, str]
    reasons: Mapping[str, str]
    progress: Mapping[str, str]


_SAME = {
    "approved": "executing",
    "stale": "executing",
    "unknown": "executing",
    "refused": "not_done",
    "rejected": "not_done",
    "expired": "not_done",
    "failed": "not_done",
}
"""States that a customer who waits is told of alike; the reply says more."""


def progress_of(status: str | None, language: str) -> str | None:
    """Where a request or an action stands, in a short sentence; None where there is none for it."""
    return None if status is None else phrases_of(language).progress.get(_SAME.get(status, status))


@lru_cache(maxsize=32)
def phrases_of(language: str) -> Phrases:
    """The sentences of a language; English where there are none."""
    file = resources.files("sayso.agent.phrases") / f"{language}.toml"
    if not (language.isalpha() and file.is_file()):
        return phrases_of(DEFAULT_LANGUAGE)
    return Phrases.model_validate({**tomllib.loads(file.read_text("utf-8")), "language": language})
