"""How an action is called towards the customer, by language.

A template's parts in brackets are left out where a value in them is missing: `the refund[ of
{amount}][ for {object}]`. Values: `amount`, `object` (the provider's label of what is acted on),
`when` (as the connector resolved it), `choice` (the label of the argument that `values` knows),
and those of `nouns` and `slots`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources

CUSTOMER_ANSWERED = "the customer has answered a question"
"""Why a card is made anew, with the whole time to decide about it."""
_IN_TIME = "; the time to decide is as it was"
CUSTOMER_ANSWERED_IN_TIME = f"{CUSTOMER_ANSWERED}{_IN_TIME}"
WRITTEN_SINCE = f"the customer has written something since{_IN_TIME}"
"""Why a card is made anew once its thread holds a message that it does not show."""
VOUCHED = f"a colleague has vouched for the customer{_IN_TIME}"
"""Why a card is made anew once it is known who writes."""
TAKEN_BACK = f"a person took their yes back{_IN_TIME}"
"""Why a card is made anew although nothing of it has changed."""
_PART = re.compile(r"\[([^\[\]]*)\]")
_VALUE = re.compile(r"\{([a-z0-9_]+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerWords:
    """An action in one language.

    Attributes:
        thing: the action as a thing, with its article: `the refund[ of {amount}]`.
        done: what is said once it succeeded, without a full stop.
        note: a further sentence once it succeeded.
        values: labels of argument values that the customer chooses between.
        nouns: what `object` and `of_object` are, as templates over its `name`: `order {name}`.
        slots: further values by name, each a template over arguments: `{street}[, {zip}]`.
    """

    thing: str
    done: str
    note: str = ""
    values: Mapping[str, str] = field(default_factory=dict[str, str])
    nouns: Mapping[str, str] = field(default_factory=dict[str, str])
    slots: Mapping[str, str] = field(default_factory=dict[str, str])


def is_renewed(reason: str) -> bool:
    """Whether a card was made anew for what somebody said meanwhile, and for no change of it."""
    return reason.startswith(CUSTOMER_ANSWERED) or reason in {VOUCHED, WRITTEN_SINCE, TAKEN_BACK}


def keeps_its_time(reason: str) -> bool:
    """Whether people decide about a card that was made anew until when they had to before."""
    return reason.endswith(_IN_TIME)


def filled(template: str, values: Mapping[str, str]) -> str:
    """A template with its values; parts whose values are missing are left out."""

    def part(match: re.Match[str]) -> str:
        names = _VALUE.findall(match[1])
        return match[1] if all(values.get(name) for name in names) else ""

    text = _PART.sub(part, template)
    return _VALUE.sub(lambda match: values.get(match[1], ""), text)


def read_words(package: str) -> dict[str, dict[str, CustomerWords]]:
    """The words of a connector's actions: verb → language → words, from its `words.toml`."""
    text = (resources.files(package) / "words.toml").read_text("utf-8")
    return {
        verb: {language: CustomerWords(**words) for language, words in by_language.items()}
        for verb, by_language in tomllib.loads(text).items()
    }
