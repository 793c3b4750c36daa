"""How often ways to compare say "fine-tuning wins", in worlds where it does not and in one where it does.

`python -m tests.benchmarks.wrong_verdicts --markdown` prints the table of the README.

The z-test is that of lm-eval's `scripts/model_comparator.py` (`calculate_z_value`: the difference of two scores over
the root of their squared standard errors, as if the two arms had answered different items), with the standard error
of `lm_eval/api/metrics.py` (`mean_stderr`: sample standard deviation over root n), version 0.4.13. The script prints
a two-sided p; here it is read one-sided like every other gate, so `p < .05` is its `p < .10` with a positive z.
"""

import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from harness.judging import DEFAULT_MARGIN, JudgeRequest
from harness.verdict import decide

Hits = NDArray[np.bool_]
"""Which items an arm got right, shape (items,) or (arms, items)."""

ALPHA = 0.05
SIZES = (50, 100, 200, 500)
TRIALS = 20
"""Fine-tunes of which validation, as large as the test set, chooses one."""
SHARED = 0.75
"""Share of the latent variance that all arms have in common, as some items are hard for everybody: two arms at .70
then disagree on a fifth of the items."""
CLUSTER_SIZE, CLUSTER_SHARE = 5, 0.9
"""Items of one source, and the share of the latent variance that they have in common: differences of two arms then
have an intra-cluster correlation of .5."""


class World(NamedTuple):
    """What is true."""

    name: str
    sentence: str
    tuned: float
    prompts: dict[str, float]
    """True accuracy of each family's champion; `zero_shot` first."""
    clustered: bool = False
    wins: bool = False
    """Whether fine-tuning truly wins."""


EQUAL = {"zero_shot": 0.7, "few_shot": 0.7, "engineered": 0.7}
WORLDS = [
    World("equal", "no better: all at 70 %", 0.7, EQUAL),
    World("equal_clustered", "the same, in clusters of five items", 0.7, EQUAL, clustered=True),
    World(
        "below_best",
        "3 points below the best prompt, 10 above zero-shot",
        0.7,
        {"zero_shot": 0.6, "few_shot": 0.73, "engineered": 0.7},
    ),
    World("ahead", "**better**, by 12 points", 0.82, EQUAL, wins=True),
]


class Test(NamedTuple):
    """One test set's answers."""

    tuned: Hits
    prompts: Hits
    clusters: NDArray[np.int64] | None


def drawn(world: World, *, n: int, rng: np.random.Generator) -> Test:
    """One experiment: trials chosen on validation, then the champion and the prompts on `n` test items."""
    validation = _answers(np.full(TRIALS, world.tuned), n=n, clustered=world.clustered, rng=rng)
    champion = int(validation.mean(axis=1).argmax())
    rates = np.array([*[world.tuned] * TRIALS, *world.prompts.values()])
    test = _answers(rates, n=n, clustered=world.clustered, rng=rng)
    return Test(test[champion], test[TRIALS:], np.arange(n) // CLUSTER_SIZE if world.clustered else None)


def _answers(rates: NDArray[np.float64], *, n: int, clustered: bool, rng: np.random.Generator) -> Hits:
    """Arms of these true accuracies on the same items, shape (arms, items)."""
    latent = rng.normal(size=(1 + len(rates), n))
    if clustered:
        sources = rng.normal(size=(1 + len(rates), n // CLUSTER_SIZE)).repeat(CLUSTER_SIZE, axis=1)
        latent = CLUSTER_SHARE**0.5 * sources + (1 - CLUSTER_SHARE) ** 0.5 * latent
    hits: Hits = SHARED**0.5 * latent[0] + (1 - SHARED) ** 0.5 * latent[1:] < norm.ppf(rates)[:, None]
    return hits


def point_beats_best(test: Test) -> bool:
    """The higher number wins."""
    return bool(test.tuned.mean() > test.prompts.mean(axis=1).max())


def z_beats_zero_shot(test: Test) -> bool:
    """The unpaired z-test against zero-shot alone."""
    return _z_p(test.tuned, test.prompts[0]) < ALPHA


def z_beats_best(test: Test) -> bool:
    """The unpaired z-test against the prompt with the highest test score."""
    return _z_p(test.tuned, test.prompts[test.prompts.mean(axis=1).argmax()]) < ALPHA


def _z_p(one: Hits, other: Hits) -> float:
    errors = [arm.std(ddof=1) / len(arm) ** 0.5 for arm in (one, other)]
    return float(norm.sf((one.mean() - other.mean()) / max(np.hypot(*errors), 1e-12)))


def judged(test: Test) -> bool:
    """This project's verdict with its defaults."""
    leads = test.tuned.mean() - test.prompts.mean(axis=1)
    if leads.min() <= DEFAULT_MARGIN["binary"]:
        return False  # Below its margin nothing can be proven; asking costs a hundred times the answer.
    fields: dict[str, Any] = {
        "metric": "binary",
        "alpha": ALPHA,
        "ft": [test.tuned.astype(int).tolist()],
        "baselines": {str(i): arm.astype(int).tolist() for i, arm in enumerate(test.prompts)},
        "clusters": None if test.clusters is None else test.clusters.tolist(),
    }
    return decide(JudgeRequest.model_validate(fields)).verdict == "FINE_TUNE"


Gates = dict[str, Callable[[Test], bool]]
GATES: Gates = {
    "higher score than every prompt": point_beats_best,
    "z-test, zero-shot": z_beats_zero_shot,
    "z-test, best prompt": z_beats_best,
    "`harness judge`": judged,
}


def shares(world: World, *, n: int, draws: int, gates: Gates) -> dict[str, float]:
    """Share of `draws` in which each gate says that fine-tuning wins."""
    # A seed of its own for each row: it then stays the same whatever else is measured.
    rng = np.random.default_rng([n, zlib.crc32(world.name.encode())])
    tests = [drawn(world, n=n, rng=rng) for _ in range(draws)]
    return {name: sum(map(gate, tests)) / draws for name, gate in gates.items()}


def ratios(*, draws: int = 300) -> Iterator[tuple[str, float, float]]:
    """(name, alpha over this project's worst share of wrong verdicts, target) of each world without a win."""
    for world in WORLDS:
        if not world.wins:
            worst = max(shares(world, n=n, draws=draws, gates={"": judged})[""] for n in SIZES)
            yield f"wrong_verdicts_{world.name}", ALPHA / max(worst, 1 / draws), 1.0


def markdown(*, draws: int = 1_000) -> Iterator[str]:
    """The table, row by row, then what it rests on."""
    yield f"| fine-tuning is truly | test items | {' | '.join(GATES)} |"
    yield f"|---|---|{'---|' * len(GATES)}"
    for world in WORLDS:
        for n in SIZES:
            found = shares(world, n=n, draws=draws, gates=GATES)
            yield f"| {world.sentence} | {n} | {' | '.join(f'{100 * share:.1f} %' for share in found.values())} |"
    error = 196 * (ALPHA * (1 - ALPHA) / draws) ** 0.5
    yield f"\n{draws:,} draws a row: a share of 5 % is known to ± {error:.1f} points. Tests are one-sided, at 5 %."
    yield "`harness judge` refuses fewer than 20 clusters, so it never speaks on 50 items in clusters of five."


if __name__ == "__main__":
    if sys.argv[1:] != ["--markdown"]:
        sys.exit("Usage: python -m tests.benchmarks.wrong_verdicts --markdown (its ratios are printed by make bench)")
    for line in markdown():
        print(line, flush=True)
