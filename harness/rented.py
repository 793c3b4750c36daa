"""Turn families whose model is behind an API into what is sent where, and what it can cost."""

from collections.abc import Iterable
from typing import NamedTuple

from harness.asks import FamilyAsks, Sizes
from harness.loading import Resolved

REPLY_SECONDS = 1.0
"""A short answer of a rented model, roughly."""
PRICES = {"usd_per_million_in": "tokens read", "usd_per_million_out": "tokens written"}


class Rented(NamedTuple):
    """One family, with everything it may ask where nothing is kept from before.

    Tokens are counted from characters, so even a bound is about.
    """

    family: str
    url: str
    model: str
    key_env: str | None
    bounded: bool
    """Whether these are bounds; an optimiser of DSPy has none for its own requests, which are estimated."""
    steps: int
    """Prompts on validation, an optimiser, the champion on test."""
    requests: int
    tokens_in: int
    tokens_out: int
    """If every answer is as long as it may be."""
    dollars: float | None
    """None where no price is given."""
    unpriced: list[str]
    """Keys of the spec for prices that are not given; `dollars` is without those tokens."""
    seconds: float | None
    """None where the family does not say how fast it may ask."""


class _Sent(NamedTuple):
    requests: float = 0
    tokens_in: float = 0
    tokens_out: float = 0


def rented_models(asked: Iterable[FamilyAsks], *, resolved: Resolved, sizes: Sizes) -> list[Rented]:
    """The most that each family by API sends, in the order of the spec."""
    longest = resolved.task.max_new_tokens
    return [_rented(asks, sizes=sizes, longest=longest) for asks in asked if asks.family.api]


def _rented(asks: FamilyAsks, *, sizes: Sizes, longest: int) -> Rented:
    spec, optimiser = asks.family.api, asks.optimiser
    assert spec is not None
    requests, tokens_in, tokens_out = map(round, _sent(asks, sizes=sizes, longest=longest))
    prompts = len(asks.listed) + asks.most_searched.prompts + len(asks.written)
    unpriced = [name for name in PRICES if name not in spec.model_fields_set]
    gap = 60 / spec.requests_per_minute if spec.requests_per_minute else None
    return Rented(
        family=asks.family.family,
        url=spec.url,
        model=spec.model,
        key_env=spec.key_env,
        bounded=optimiser is None,
        steps=prompts + bool(prompts) + bool(optimiser),
        requests=requests,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        dollars=None if len(unpriced) == len(PRICES) else spec.dollars(tokens_in=tokens_in, tokens_out=tokens_out),
        unpriced=unpriced,
        seconds=None if gap is None else requests * max(gap, REPLY_SECONDS / spec.parallel),
    )


def _sent(asks: FamilyAsks, *, sizes: Sizes, longest: int) -> _Sent:
    """All prompts on validation, the dearest of them on test, and an optimiser's trials and requests."""
    read, most = [ask.tokens_in for ask in (*asks.listed, *asks.written)], asks.most_searched
    prompts = len(read) + most.prompts
    tested = sizes.test if prompts else 0
    dearest = max([*read, *([asks.search.dearest.tokens_in] if asks.search else [])], default=0.0)
    answers = _Sent(
        prompts * sizes.validation + tested,
        (sum(read) + most.tokens_in) * sizes.validation + dearest * tested,
        (len(read) * longest + most.tokens_out) * sizes.validation + longest * tested,
    )
    own = asks.optimiser
    if own is None:
        return answers
    return _Sent(
        answers.requests + own.calls + own.proposals,
        answers.tokens_in + own.calls * own.candidate.tokens_in + own.proposals * own.proposal.tokens_in,
        answers.tokens_out + own.calls * longest + own.proposals * own.proposal.tokens_out,
    )
