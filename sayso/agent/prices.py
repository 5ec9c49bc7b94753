"""What a model's tokens cost: as the workspace says, else by the price list of `genai-prices`."""

from __future__ import annotations

from sayso.agent.model_calls import Price
from sayso.settings.planner import ModelSection

_SAMPLE = 1_000
"""Tokens; few enough that no price list is in a higher band already."""
_MICRO = 1_000_000


def price_of(section: ModelSection) -> Price:
    """The price; 0 where nobody knows one, such as that of a server of your own."""
    listed = Price() if section.base_url is not None else _listed(section.model or "")
    said_in, said_out = section.micro_usd_per_million_in, section.micro_usd_per_million_out
    return Price(
        input=listed.input if said_in is None else said_in,
        output=listed.output if said_out is None else said_out,
    )


def _listed(model: str) -> Price:
    try:
        from genai_prices import Usage, calc_price  # comes with the extra `models`
    except ImportError:
        return Price()
    provider, _, name = model.partition(":")
    try:
        found = calc_price(
            Usage(input_tokens=_SAMPLE, output_tokens=_SAMPLE), name, provider_id=provider
        )
    except LookupError:
        return Price()
    scale = _MICRO * _MICRO // _SAMPLE
    return Price(input=int(found.input_price * scale), output=int(found.output_price * scale))
