"""Turn the parameters and scores of trials into how much of the scores' spread each parameter accounts for.

Functional ANOVA on a random forest (Hutter, Hoos & Leyton-Brown 2014), through Optuna. The forest explains noise as
readily as anything else, so each share comes with the share that the same scores give when they are dealt out to the
trials at random.
"""

import math
import random
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

SEED = 0
TREES = 16
DRAWS = 19
"""Times that the scores are dealt out anew: the largest share of 19 is passed by luck once in twenty."""


class Importance(NamedTuple):
    """How much one parameter accounts for."""

    share: float
    """Of the variance of the scores, by this parameter alone; from 0 to 1."""
    chance: float
    """The largest share in `DRAWS` deals of the scores."""


def is_number(value: Any) -> bool:
    """Whether it has a place on an axis; true and false are choices."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def importances(
    trials: Sequence[Mapping[str, Any]], *, scores: Sequence[float], logarithmic: Collection[str] = ()
) -> dict[str, Importance]:
    """By the name of each parameter; all trials have all of them, and each varies. Empty where all scores are equal.

    `logarithmic` names those that are searched, and looked at, by their logarithm.
    """
    if len(set(scores)) < 2 or not trials[0]:
        return {}
    columns = {name: _column([trial[name] for trial in trials], log=name in logarithmic) for name in trials[0]}
    found = _shares(columns, scores=scores)
    chance = random.Random(SEED)
    dealt = [_shares(columns, scores=chance.sample(list(scores), len(scores))) for _ in range(DRAWS)]
    return {
        name: Importance(round(share, 3), round(max(shares[name] for shares in dealt), 3))
        for name, share in found.items()
    }


def _column(values: Sequence[Any], *, log: bool) -> list[Any]:
    """What the forest sees: fANOVA weighs an axis evenly, so a log scale has to be one already."""
    if not all(map(is_number, values)):
        return list(map(repr, values))
    return [math.log10(value) if log else float(value) for value in values]


def _shares(columns: Mapping[str, Sequence[Any]], *, scores: Sequence[float]) -> dict[str, float]:
    import optuna
    from optuna.importance import FanovaImportanceEvaluator

    from harness.adapters.studies import study_of

    distributions = {name: _distribution(values) for name, values in columns.items()}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    trials = [
        optuna.trial.create_trial(params=row, distributions=distributions, value=score)
        for row, score in zip(rows, scores, strict=True)
    ]
    study = study_of(trials, sampler=optuna.samplers.RandomSampler(seed=SEED))
    found = FanovaImportanceEvaluator(n_trees=TREES, seed=SEED).evaluate(study, params=list(columns))
    return {name: float(found[name]) for name in columns}


def _distribution(values: Sequence[Any]) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if isinstance(values[0], str):
        return CategoricalDistribution(sorted(set(values)))
    return FloatDistribution(min(values), max(values))
