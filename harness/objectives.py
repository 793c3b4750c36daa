"""Turn the trials of a search into their objectives, the Pareto front and the champion, by a rule said in words.

Everything here was measured on validation, on general text or on items that no gate sees.
"""

from collections.abc import Sequence
from typing import NamedTuple

from harness.records import Epoch, Trial
from harness.specs import ForgetsSpec, SearchSpec
from harness.specs.objectives import Objective

ROUNDING = 1e-9
"""What a difference of two scores may be off."""
HIGHER_IS_BETTER = ("metric",)
WORDS: dict[Objective, str] = {"forgetting": "what forgets less", "cost": "what trained on fewer tokens"}
"""How a tie is decided."""


class Point(NamedTuple):
    """What a trial reached at its best epoch."""

    metric: float
    """The deciding metric on validation."""
    forgetting: float | None
    """Rise of the cross-entropy on general text, nats a token; null where it was not probed."""
    cost: int
    """Tokens trained on up to there, those of plain text among them."""

    def values(self, objectives: Sequence[Objective]) -> list[float]:
        """In the order of `objectives`."""
        return [float(getattr(self, name)) for name in objectives]


def scored(trials: Sequence[Trial]) -> list[Trial]:
    """Those that have a point: not the failed ones."""
    return [trial for trial in trials if trial.value is not None and trial.status != "failed"]


def point(trial: Trial) -> Point:
    """Of a trial that is scored."""
    best = best_epoch(trial)
    assert trial.value is not None
    cost = sum(epoch.tokens for epoch in trial.epochs if epoch.epoch <= best.epoch)
    return Point(trial.value, best.probe, trial.text_tokens + cost)


def best_epoch(trial: Trial) -> Epoch:
    """The epoch that a scored trial is kept at."""
    assert trial.best_epoch is not None
    return trial.epochs[trial.best_epoch - 1]


def probed_benchmarks(trials: Sequence[Trial]) -> list[str]:
    """Benchmarks of which a probe asked a few items; those whose answers are written are gated alone."""
    return list(dict.fromkeys(name for trial in trials for epoch in trial.epochs for name in epoch.probe_benchmarks))


def excess(epoch: Epoch, *, limits: ForgetsSpec) -> str:
    """By what an epoch has forgotten more than it may, in words; empty where it has not."""
    most, loss = limits.cross_entropy, limits.accuracy
    if most is not None and epoch.probe is not None and epoch.probe > most:
        return f"cross-entropy on general text rose by {epoch.probe:.2f} nats a token, and {most:g} is the limit"
    worst = min(epoch.probe_benchmarks.items(), key=lambda row: row[1], default=None)
    if loss is not None and worst is not None and -worst[1] > loss + ROUNDING:
        fell = f"accuracy on the probe's items of {worst[0]} fell by {-100 * worst[1]:.0f} points"
        return f"{fell}, and {100 * loss:g} is the limit"
    return ""


def within(trial: Trial, *, search: SearchSpec) -> bool:
    """Whether a scored trial's best epoch keeps to `search.forgets`."""
    return not excess(best_epoch(trial), limits=search.forgets)


def champion(trials: Sequence[Trial], *, search: SearchSpec) -> Trial | None:
    """The trial that `rule` names; pruned ones count."""
    found = scored(trials)
    kept = [trial for trial in found if within(trial, search=search)]
    if not kept:
        return min(found, key=lambda trial: (point(trial).forgetting or 0.0, trial.number), default=None)
    best = max(point(trial).metric for trial in kept)
    tied = [trial for trial in kept if best - point(trial).metric <= search.tied + (ROUNDING if search.tied else 0)]
    others = search.objectives[1:]
    return min(tied, key=lambda trial: (*point(trial).values(others), -point(trial).metric, trial.number))


def front(trials: Sequence[Trial], *, objectives: Sequence[Objective]) -> list[int]:
    """Numbers of the trials that no other one is at least as good as in everything, and better in something."""
    losses = {trial.number: _losses(point(trial), objectives=objectives) for trial in scored(trials)}
    return [number for number, mine in losses.items() if not any(_dominates(other, mine) for other in losses.values())]


def _losses(found: Point, *, objectives: Sequence[Objective]) -> list[float]:
    values = zip(objectives, found.values(objectives), strict=True)
    return [-value if name in HIGHER_IS_BETTER else value for name, value in values]


def _dominates(one: list[float], other: list[float]) -> bool:
    return one != other and all(mine <= theirs for mine, theirs in zip(one, other, strict=True))


def rule(search: SearchSpec, *, metric: str, trials: Sequence[Trial]) -> str:
    """How the champion is found among `trials`, in one or two sentences."""
    limits = _limits(search.forgets, probed=bool(probed_benchmarks(trials))) if search.probes else ""
    best = f"The champion has the highest {metric} on validation"
    among = f" of the trials that forget no more than search.forgets allows ({limits})" if limits else ""
    ties = "the earliest of equals"
    if others := search.objectives[1:]:
        words = ", then ".join(WORDS[name] for name in others)
        gap = f"{100 * search.tied:g} point{'' if search.tied == 0.01 else 's'}"
        near = f"of those that score less by at most {gap}" if search.tied else "of equals"
        ties = f"{near}, {words}, then the earliest"
    fallback = " Where every trial forgets more, the one that forgets least is taken." if limits else ""
    return f"{best}{among}; {ties}.{fallback}{_unpruned(search)}"


def _unpruned(search: SearchSpec) -> str:
    """What becomes of the pruner that nobody chose."""
    ignored = len(search.objectives) > 1 and search.pruner != "none"
    return " No trial is stopped for lagging: Optuna's pruners know one objective." if ignored else ""


def _limits(limits: ForgetsSpec, *, probed: bool) -> str:
    """Those that something was measured for; `probed`: whether items of a benchmark were."""
    said = []
    if limits.cross_entropy is not None:
        said.append(f"cross-entropy on general text up by {limits.cross_entropy:g} nats a token")
    if limits.accuracy is not None and probed:
        said.append(f"accuracy on {limits.items} items of a gated benchmark down by {100 * limits.accuracy:g} points")
    return "; ".join(said)
