"""What the sections of `sayso.toml` have in common."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, cast, get_args

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from sayso.errors import ConfigError

NAME = r"^[a-z][a-z0-9_-]{0,39}$"
Name = Annotated[str, Field(pattern=NAME)]
REFERENCE = r"^(env|file|vault):.+$"
Reference = Annotated[str, Field(pattern=REFERENCE)]
KeyReference = Annotated[str, Field(pattern=r"^(env|file|vault|kms):.+$")]


class Section(BaseModel):
    """A table of the file: it has no other settings than those it names."""

    # The file builds what it has inside, so that each table is not built once more by itself.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


@dataclass(frozen=True, slots=True)
class AddressMark:
    """Marks a setting that is an address: the file's own check judges all of them.

    Attributes:
        plain: http is taken on other machines too.
    """

    plain: bool = False


Url = Annotated[str, AddressMark()]
"""https, or http on this machine; nowhere private but where `[network] private` says so."""
PlainUrl = Annotated[str, AddressMark(plain=True)]


def addresses_in(section: BaseModel, place: str = "") -> Iterator[tuple[str, str, AddressMark]]:
    """`(name, address, mark)` of each address that is set in a section and in those inside it."""
    for name, mark in _marks_of(type(section)):
        value: object = getattr(section, name)
        named = f"{place}{name}"
        if mark is not None and isinstance(value, str) and value:
            yield named, value, mark
        for inner, one in _inside(value):
            yield from addresses_in(one, f"{named}{inner}.")


@functools.cache
def _marks_of(section: type[BaseModel]) -> tuple[tuple[str, AddressMark | None], ...]:
    """Each field of a kind of section, and how it is marked."""
    return tuple((name, address_of(field)) for name, field in section.model_fields.items())


def check_addresses(section: BaseModel, private: Iterable[object]) -> None:
    """Judge every address in a section.

    Args:
        private: networks in which they may be.

    Raises:
        ValueError: naming the first one that is not safe.
    """
    networks = [str(network) for network in private]
    for name, url, mark in addresses_in(section):
        from sayso.network import checked_url  # 10 ms, which only who has an address pays for

        try:
            checked_url(url, name=name, private=networks, query=True, plain=mark.plain)
        except ConfigError as error:
            raise ValueError(f"{error.message}; {error.next_step}") from error


def address_of(field: FieldInfo) -> AddressMark | None:
    """How a field is marked; None where it is no address."""
    kinds = (field.annotation, *get_args(field.annotation))
    marks = [*field.metadata, *(one for kind in kinds for one in getattr(kind, "__metadata__", ()))]
    return next((one for one in marks if isinstance(one, AddressMark)), None)


def _inside(value: object) -> Iterator[tuple[str, BaseModel]]:
    match value:
        case BaseModel():
            yield "", value
        case tuple():
            several = cast("tuple[object, ...]", value)
            yield from (
                (f".{at}", one) for at, one in enumerate(several) if isinstance(one, BaseModel)
            )
        case Mapping():
            named = cast("Mapping[str, object]", value)
            yield from ((f".{at}", one) for at, one in named.items() if isinstance(one, BaseModel))
        case _:
            pass
