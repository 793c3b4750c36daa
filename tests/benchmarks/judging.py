"""How long a verdict takes, against the seconds it may take."""

import random
from collections.abc import Iterator

from timing import median_seconds

from harness.judging import JudgeRequest
from harness.stats.exact import exact_p
from harness.verdict import decide

SMALL_SECONDS, EXACT_SECONDS, JUDGE_SECONDS, GRADED_SECONDS = 0.1, 0.4, 5.0, 20.0


def exact_at_200() -> None:
    """The same on 200 items."""
    exact_p(30, 12, 200, margin=0.02 + random.random() * 1e-6, gamma=0.001)


def exact_at_2000() -> None:
    """One exact paired test, uncached: the margin differs by a hair each time."""
    exact_p(160, 120, 2000, margin=0.02 + random.random() * 1e-6, gamma=0.001)


def five_conditions_of_2000() -> None:
    """A whole judgement over four prompt families and a benchmark."""
    draw = random.Random(random.random())

    def arm(rate: float) -> list[float | int | bool | str | None]:
        return [int(draw.random() < rate) for _ in range(2000)]

    bench = {"piqa": {"ft": arm(0.6), "base": arm(0.6)}}
    families = {f"family{i}": arm(0.6) for i in range(4)}
    decide(
        JudgeRequest.model_validate({"metric": "binary", "ft": [arm(0.7)], "baselines": families, "forgetting": bench})
    )


def graded_at_100_000() -> None:
    """A judgement on 100,000 graded items against one prompt family."""
    draw = random.Random(random.random())
    better, worse = ([min(1.0, draw.random() + gain) for _ in range(100_000)] for gain in (0.03, 0.0))
    decide(JudgeRequest.model_validate({"metric": "graded", "ft": [better], "baselines": {"few_shot": worse}}))


BENCHMARKS = [
    ("exact_test_200_against_0.1s", SMALL_SECONDS, exact_at_200),
    ("exact_test_2000_against_0.4s", EXACT_SECONDS, exact_at_2000),
    ("judge_5x2000_against_5s", JUDGE_SECONDS, five_conditions_of_2000),
    ("judge_graded_100000_against_20s", GRADED_SECONDS, graded_at_100_000),
]


def ratios() -> Iterator[tuple[str, float, float]]:
    """(name, allowed seconds over the median of ours, target)."""
    for name, allowed, work in BENCHMARKS:
        yield name, allowed / median_seconds(work), 1.0
