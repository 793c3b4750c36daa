"""Turn a finished plan into what each family of prompts, and each side, spent on its choice."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

from harness.plan import Plan, ScoredArm
from harness.plan.effort import Cost, Finished, cost, of_prompts, of_tuning
from harness.plan.setup import Setup
from harness.report.document import Effort
from harness.report.effort_table import SHARED

UNEVEN = 0.5
"""Below this share of the other side's tokens, the report says so."""


class Efforts(NamedTuple):
    """What choosing took; tokens of answers that were there before count as if they had been computed now."""

    sides: list[Effort]
    """Prompting and tuning."""
    families: list[Effort]
    """One a family of prompts, in the order of the spec."""
    notes: list[str]
    """What a reader should know of these numbers, a sentence each."""
    seconds: dict[str, Any]
    """By the clock, which ran for no answer that the cache held: `prompting`, `tuning`, and `families` by name."""


def efforts(setup: Setup, finished: Plan, *, find: Finished) -> Efforts:
    """The effort of a plan whose choices are made."""
    tuning = cost(of_tuning(finished.wanted, finished=find))
    by_family = {
        family.family: [scored for scored in finished.baselines if scored.arm.family == family.family]
        for family in setup.resolved.families
    }
    families = {name: _cost(scored, find=find) for name, scored in by_family.items()}
    prompting = _cost(finished.baselines, find=find)
    return Efforts(
        sides=[
            _prompting(finished.baselines, spent=prompting, find=find),
            _row("tuning", configurations=len(finished.trials), spent=tuning),
        ],
        families=[
            _prompting(by_family[name], spent=spent, find=find).model_copy(update={"family": name})
            for name, spent in families.items()
        ],
        notes=list(_notes(setup, families=list(families.values()), prompting=prompting, tuning=tuning)),
        seconds={
            "prompting": round(prompting.seconds, 1),
            "tuning": round(tuning.seconds, 1),
            "families": {name: round(spent.seconds, 1) for name, spent in families.items()},
        },
    )


def _cost(scored: Iterable[ScoredArm], *, find: Finished) -> Cost:
    return cost(of_prompts(scored, finished=find))


def _prompting(scored: Sequence[ScoredArm], *, spent: Cost, find: Finished) -> Effort:
    made = {artifact.key: artifact for artifact in of_prompts(scored, finished=find)}
    # An optimiser ends with a prompt that is an arm itself; the others that it tried are configurations too.
    tried = sum(1 if one.stage == "predict" else one.summary["candidates"] - 1 for one in made.values())
    row = _row("prompting", configurations=tried, spent=spent)
    return row.model_copy(update={"dollars": _dollars(scored, find=find)})


def _row(side: Literal["prompting", "tuning"], *, configurations: int, spent: Cost) -> Effort:
    return Effort(
        side=side,
        configurations=configurations,
        tokens_in=spent.tokens_in,
        tokens_out=spent.tokens_out,
        tokens_trained=spent.tokens_trained,
    )


def _dollars(scored: Iterable[ScoredArm], *, find: Finished) -> float | None:
    """What models behind an API charged, each answer once; None where none was asked."""
    paid: dict[str, float] = {}
    for one in scored:
        if one.arm.spec is None or one.arm.spec.api is None:
            continue
        for artifact in of_prompts([one], finished=find):
            spent = cost([artifact])
            paid[artifact.key] = one.arm.spec.api.dollars(tokens_in=spent.tokens_in, tokens_out=spent.tokens_out)
    return round(sum(paid.values()), 6) if paid else None


def _notes(setup: Setup, *, families: list[Cost], prompting: Cost, tuning: Cost) -> Iterator[str]:
    if sum(spent.tokens for spent in families) > prompting.tokens:
        yield SHARED
    if prompting.tokens < UNEVEN * tuning.tokens:
        yield f"Prompting got {_share(prompting, tuning)} of the tokens of tuning; {_remedy(setup)}."
    if tuning.tokens < UNEVEN * prompting.tokens:
        yield f"Tuning got {_share(tuning, prompting)} of the tokens of prompting; more search.trials even it."


def _remedy(setup: Setup) -> str:
    evened = [family.family for family in setup.resolved.families if family.search and family.search.budget == "equal"]
    if evened:
        return f"{' and '.join(evened)} tried every prompt of the space"
    return "“budget: equal” in a family's search evens it"


def _share(less: Cost, more: Cost) -> str:
    return f"{less.tokens / more.tokens:.0%}"
