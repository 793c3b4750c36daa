"""Re-measure the error rates through `decide`: planted nulls must rarely fire, a planted gain be found.

Each null sits where a wrong FINE_TUNE is likeliest: no difference at margin 0, or exactly the margin. Seeds
are fixed, so a failure means that the procedure changed.
"""

import gc
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from scipy.stats import binom

from harness.judging import JudgeRequest
from harness.verdict import decide

pytestmark = pytest.mark.slow

ALPHA = 0.05
DRAWS = 300
SLOW = {"recipe": 150, "recipe, rare collapses": 150}
"""Fewer draws of nulls that cost a bootstrap over items for every one."""


def _limit(draws: int) -> int:
    """More wrong verdicts than this happen in 3 of 1,000 measurements when the true rate is alpha."""
    return int(binom.ppf(0.997, draws, ALPHA))


LIMIT = _limit(DRAWS)
Draw = Callable[[np.random.Generator], JudgeRequest]


def _pair(rng: np.random.Generator, *, n: int, gain: float, psi: float) -> tuple[list[int], list[int]]:
    """Fine-tuned and other arm with true difference `gain`, disagreeing on a share `psi` of the items."""
    kind = rng.choice(4, size=n, p=[(psi + gain) / 2, (psi - gain) / 2, 0.7 * (1 - psi), 0.3 * (1 - psi)])
    return np.isin(kind, (0, 2)).astype(int).tolist(), np.isin(kind, (1, 2)).astype(int).tolist()


def _binary(n: int, *, gain: float, psi: float, margin: float) -> Draw:
    def draw(rng: np.random.Generator) -> JudgeRequest:
        ft, other = _pair(rng, n=n, gain=gain, psi=psi)
        return JudgeRequest(metric="binary", margin=margin, ft=[ft], baselines={"p": other})

    return draw


def _three_families(rng: np.random.Generator) -> JudgeRequest:
    ft, *others = ((rng.random(150) < 0.7).astype(int).tolist() for _ in range(4))
    return JudgeRequest(metric="binary", ft=[ft], baselines=dict(zip("abc", others, strict=True)))


def _forgetting(rng: np.random.Generator) -> JudgeRequest:
    ft, other = _pair(rng, n=300, gain=0.3, psi=0.4)
    after, before = _pair(rng, n=300, gain=-0.03, psi=0.1)
    bench = {"b": {"ft": after, "base": before}}
    return JudgeRequest(metric="binary", ft=[ft], baselines={"p": other}, forgetting=bench)


def _graded(rng: np.random.Generator) -> JudgeRequest:
    base, noise = rng.uniform(0.3, 0.7, 100), rng.normal(0.01, 0.1, 100)
    ft = np.clip(base + noise, 0, 1)
    return JudgeRequest(metric="graded", ft=[ft.tolist()], baselines={"p": base.tolist()})


def _rare_collapse(rng: np.random.Generator) -> JudgeRequest:
    """A small gain on nearly every item and a total loss on 2 %: no gain on average."""
    ft = np.where(rng.random(100) < 0.02, 0.0, 0.8 + 0.8 * 0.02 / 0.98 + rng.normal(0, 0.005, 100))
    return JudgeRequest(metric="graded", margin=0.0, ft=[ft.tolist()], baselines={"p": [0.8] * 100})


def _clusters(rng: np.random.Generator) -> JudgeRequest:
    """Thirty sources of five questions each; whole sources go one way."""
    sources = np.repeat(rng.normal(0, 0.3, 30), 5)
    ft, other = ((rng.random(150) < 0.6 + sign * sources / 2).astype(int).tolist() for sign in (1, -1))
    clusters = np.repeat(np.arange(30), 5).tolist()
    return JudgeRequest(metric="binary", margin=0.0, ft=[ft], baselines={"p": other}, clusters=clusters)


def _macro_f1(rng: np.random.Generator) -> JudgeRequest:
    y = rng.choice(4, size=150, p=[0.5, 0.3, 0.12, 0.08])
    ft, other = (np.where(rng.random(150) < 0.7, y, rng.integers(0, 4, 150)).tolist() for _ in range(2))
    fields = {
        "y": [*range(4), *y.tolist()],
        "ft": [[*range(4), *ft]],
        "baselines": {"p": [*range(4), *other]},
    }
    return JudgeRequest(metric="macro_f1", margin=0.0, **fields)


def _recipe(rng: np.random.Generator) -> JudgeRequest:
    skill = rng.random(200)
    seeds = [(skill < 0.7 + rng.normal(0, 0.03) + rng.normal(0, 0.2, 200)).astype(int).tolist() for _ in range(4)]
    other = (skill < 0.7 + rng.normal(0, 0.2, 200)).astype(int).tolist()
    return JudgeRequest(metric="binary", margin=0.0, scope="recipe", ft=seeds, baselines={"p": other})


def _recipe_floor(rng: np.random.Generator) -> JudgeRequest:
    """Three seeds that err on the same items; the true accuracy is the floor."""
    seeds = [(rng.random(50) < 0.9).astype(int).tolist()] * 3
    return JudgeRequest(metric="binary", margin=0.0, floor=0.9, scope="recipe", ft=seeds, baselines={"p": [0] * 50})


def _recipe_collapse(rng: np.random.Generator) -> JudgeRequest:
    """Rare collapses on the same hard items in every seed: no gain on average."""
    ft = np.where(rng.random(100) < 0.02, 0.0, 0.8 + 0.8 * 0.02 / 0.98 + rng.normal(0, 0.005, (3, 100)))
    return JudgeRequest(metric="graded", margin=0.0, scope="recipe", ft=ft.tolist(), baselines={"p": [0.8] * 100})


NULLS: dict[str, Draw] = {
    "binary, nothing differs, margin 0": _binary(150, gain=0.0, psi=0.2, margin=0.0),
    "binary, gain equals margin": _binary(150, gain=0.02, psi=0.1, margin=0.02),
    "binary, three families": _three_families,
    "forgetting, drop equals margin": _forgetting,
    "graded, gain equals margin": _graded,
    "graded, rare collapses": _rare_collapse,
    "clustered": _clusters,
    "macro-F1": _macro_f1,
    "recipe": _recipe,
    "recipe, score equals floor": _recipe_floor,
    "recipe, rare collapses": _recipe_collapse,
}


def _fine_tunes(draw: Draw, *, draws: int) -> int:
    rng = np.random.default_rng(20_26)
    return sum(decide(draw(rng)).verdict == "FINE_TUNE" for _ in range(draws))


@pytest.mark.parametrize("case", NULLS)
def test_a_planted_null_rarely_fires(case):
    draws = SLOW.get(case, DRAWS)
    count = _fine_tunes(NULLS[case], draws=draws)
    print(f"\n{case}: FINE_TUNE {count} of {draws} times, at most {_limit(draws)} allowed")
    assert count <= _limit(draws)


def test_twelve_points_on_three_hundred_items_are_found():
    count = _fine_tunes(_binary(300, gain=0.12, psi=0.24, margin=0.02), draws=DRAWS)
    print(f"\ntrue +12 points: FINE_TUNE {count} of {DRAWS} times, at least {0.95 * DRAWS:.0f} required")
    assert count >= 0.95 * DRAWS


def _six_slices(*, first: int, others: int, drop: float, gate: bool = False) -> Draw:
    """Six slices and two prompt families; on the first slice fine-tuning is truly `drop` worse than both."""
    places = np.split(np.arange(first + 5 * others), [first + i * others for i in range(5)])
    slices = {f"s{i}": {"items": items.tolist(), "gate": gate} for i, items in enumerate(places)}

    def draw(rng: np.random.Generator) -> JudgeRequest:
        n = first + 5 * others
        skill, lost = rng.random(n), np.where(np.arange(n) < first, drop, 0.0)
        # Three arms right on the same easy items, apart by noise: two of them disagree on a fifth of the items.
        ft, *prompts = ((skill + rng.normal(0, 0.18, n) < 0.7 - loss).astype(int).tolist() for loss in (lost, 0.0, 0.0))
        families = dict(zip("ab", prompts, strict=True))
        return JudgeRequest.model_validate({"metric": "binary", "ft": [ft], "baselines": families, "slices": slices})

    return draw


@pytest.fixture
def frozen() -> Iterator[None]:
    """statsmodels collects garbage in every `multipletests`: what is frozen need not be searched 300 times."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("frozen")
def test_slices_without_a_difference_rarely_regress():
    draw, rng = _six_slices(first=40, others=40, drop=0.0), np.random.default_rng(20_26)
    count = sum(any(found.regressed for found in decide(draw(rng)).slices) for _ in range(DRAWS))
    print(f"\n6 slices x 2 families, nothing differs: a regression {count} of {DRAWS} times, at most {LIMIT} allowed")
    assert count <= LIMIT


@pytest.mark.usefixtures("frozen")
def test_thirty_points_lost_on_a_slice_of_a_hundred_items_are_found_and_veto():
    draws = 150
    draw, rng = _six_slices(first=100, others=20, drop=0.3, gate=True), np.random.default_rng(20_26)
    judged = [decide(draw(rng)) for _ in range(draws)]
    count = sum(all(found.regressed for found in each.slices if found.slice == "s0") for each in judged)
    print(f"\ntrue -30 points on 100 items: found {count} of {draws} times, at least {0.9 * draws:.0f} required")
    assert count >= 0.9 * draws
    assert all(each.verdict == "PROMPT" for each in judged if any(found.regressed for found in each.slices))
