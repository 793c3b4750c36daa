"""Turn a search's settings into the Optuna sampler that proposes its trials, and into the points of a grid."""

import math
import random
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

from harness.adapters.studies import settled_on
from harness.specs import SearchSpec
from harness.specs.search import GRID_POINTS

REMEMBERING = ("cmaes", "nsga2")
"""Samplers that keep what they learn in the trials that they proposed, so that those have to be proposed again."""

POPULATION = 8
"""Trials in a generation of the genetic algorithm; with Optuna's 50 most searches for an adapter would be random."""


def sampler_of(spec: SearchSpec, *, seed: int) -> Any:
    """An Optuna sampler; a grid needs none."""
    import optuna

    made: Mapping[str, Callable[[], Any]] = {
        "tpe": lambda: optuna.samplers.TPESampler(seed=seed),
        "random": lambda: optuna.samplers.RandomSampler(seed=seed),
        "grid": lambda: optuna.samplers.RandomSampler(seed=seed),
        "gp": lambda: optuna.samplers.GPSampler(seed=seed),
        "cmaes": lambda: optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False),
        "nsga2": lambda: optuna.samplers.NSGAIISampler(seed=seed, population_size=POPULATION),
    }
    with settled_on():
        return made[spec.sampler]()


def grid(distributions: Mapping[str, Any], *, seed: int) -> list[dict[str, Any]]:
    """Every combination once, in an order in which a search that is cut short has seen all parts of the space."""
    values = {name: _points(distribution) for name, distribution in distributions.items()}
    combinations = [dict(zip(values, choice, strict=True)) for choice in product(*values.values())]
    random.Random(seed).shuffle(combinations)
    return combinations


def _points(distribution: Any) -> list[Any]:
    """All choices, or points at equal steps, of the logarithm where the range is logarithmic."""
    if hasattr(distribution, "choices"):
        return list(distribution.choices)
    low, high = distribution.low, distribution.high
    if low == high:
        return [low]
    steps = [place / (GRID_POINTS - 1) for place in range(GRID_POINTS)]
    if distribution.log:
        return [math.exp(math.log(low) + step * (math.log(high) - math.log(low))) for step in steps]
    return [low + step * (high - low) for step in steps]
