"""The page behind the link in a customer's mail: what it shows, and what its button does."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum

from sayso.agent.code_presses import press
from sayso.agent.phrases import DEFAULT_LANGUAGE, LANGUAGES, phrases_of
from sayso.errors import RetryableError, SaysoError, logged
from sayso.ids import to_micros
from sayso.sdk.resources.base import Resource

logger = logging.getLogger("sayso.step_up")


class ConfirmState(StrEnum):
    """What a page says."""

    ASK = "ask"
    """That somebody wrote, with a button."""
    DONE = "done"
    OVER = "over"
    """Wrong, too late, used before, or never there: the same for all of them."""
    LATER = "later"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmPage:
    """A page in the customer's language.

    Attributes:
        language: as in the address; English where there are no words in it.
        button: what it says on it; empty where there is none.
    """

    shown: ConfirmState
    language: str
    title: str
    text: str
    button: str = ""


class ConfirmationResource(Resource):
    """Shows pages of links, and takes presses of their buttons."""

    def show(self, token: str, language: str) -> ConfirmPage:
        """The page of a link. Reads nothing and changes nothing, however often it is opened.

        Args:
            token, language: the last two parts of the address.
        """
        link = self._container.agent.links.read(token)
        is_over = link is None or link.until <= to_micros(self._container.clock.now())
        return self._page(ConfirmState.OVER if is_over else ConfirmState.ASK, language)

    async def press(self, token: str, language: str) -> ConfirmPage:
        """Take a press of the button: what the link is for counts then as if its code had come.

        The request goes on by itself. A link that is over, or none, changes nothing; one with
        another secret than its question's counts as a wrong answer.
        """
        link = self._container.agent.links.read(token)
        try:
            is_taken = link is not None and await press(self._container.requests, link)
        except RetryableError:
            return self._page(ConfirmState.LATER, language)
        except SaysoError as error:
            # INVARIANT: whoever pressed reads the same as of a link that never was.
            logger.warning("a press of a customer's button was not taken: %s", logged(error))
            return self._page(ConfirmState.OVER, language)
        if is_taken:
            self._container.dispatcher.wake()
        return self._page(ConfirmState.DONE if is_taken else ConfirmState.OVER, language)

    def _page(self, shown: ConfirmState, language: str) -> ConfirmPage:
        spoken = language if language in LANGUAGES else DEFAULT_LANGUAGE
        phrases = phrases_of(spoken)
        texts = {
            ConfirmState.ASK: phrases.confirm_text,
            ConfirmState.DONE: phrases.confirm_done,
            ConfirmState.OVER: phrases.confirm_over,
            ConfirmState.LATER: phrases.confirm_later,
        }
        shop = self._container.agent.links.known_as
        return ConfirmPage(
            shown=shown,
            language=spoken,
            title=phrases.confirm_title.replace("{shop}", shop),
            text=texts[shown],
            button=phrases.confirm_button if shown is ConfirmState.ASK else "",
        )
