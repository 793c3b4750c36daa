"""How long a verdict takes, against the seconds it may take."""

import random

from harness.judging import JudgeRequest
from harness.stats.exact import exact_p
from harness.verdict import decide

EXACT_SECONDS, JUDGE_SECONDS = 0.4, 5.0


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


BENCHMARKS = [
    ("exact_test_2000_against_0.4s", EXACT_SECONDS, exact_at_2000, 1.0),
    ("judge_5x2000_against_5s", JUDGE_SECONDS, five_conditions_of_2000, 1.0),
]
