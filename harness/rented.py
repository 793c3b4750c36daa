"""Turn families whose model is behind an API into what is sent where, and what it can cost."""

from typing import NamedTuple

from harness.asks import FamilyAsks, Sizes, every_family_asks
from harness.loading import Resolved

REPLY_SECONDS = 1.0
"""A short answer of a rented model, roughly."""


class Rented(NamedTuple):
    """One family, with everything it may ask where nothing is kept from before."""

    family: str
    url: str
    model: str
    key_env: str | None
    steps: int
    """Prompts on validation, an optimiser, the champion on test."""
    requests: int
    tokens_in: int
    tokens_out: int
    """If every answer is as long as it may be."""
    dollars: float | None
    """None where no price is given."""
    seconds: float | None
    """None where the family does not say how fast it may ask."""


def rented_models(resolved: Resolved, *, sizes: Sizes) -> list[Rented]:
    """The most that each family by API sends, in the order of the spec."""
    found = every_family_asks(resolved, sizes=sizes, typical=max)
    return [_rented(asks, sizes=sizes, longest=resolved.task.max_new_tokens) for asks in found if asks.family.api]


def _rented(asks: FamilyAsks, *, sizes: Sizes, longest: int) -> Rented:
    spec, read = asks.family.api, [ask.tokens_in for ask in asks.prompts]
    assert spec is not None
    tested = sizes.test if read else 0
    requests = len(read) * sizes.validation + tested + asks.calls
    tokens_in = round(sum(read) * sizes.validation + max(read, default=0) * tested + asks.calls * asks.call.tokens_in)
    tokens_out = requests * longest
    priced = spec.usd_per_million_in or spec.usd_per_million_out
    gap = 60 / spec.requests_per_minute if spec.requests_per_minute else None
    return Rented(
        family=asks.family.family,
        url=spec.url,
        model=spec.model,
        key_env=spec.key_env,
        steps=len(read) + bool(read) + bool(asks.calls),
        requests=requests,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        dollars=spec.dollars(tokens_in=tokens_in, tokens_out=tokens_out) if priced else None,
        seconds=None if gap is None else requests * max(gap, REPLY_SECONDS / spec.parallel),
    )
