"""A world where steps cost nothing: planted scores instead of models, so that planning can be tested alone."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.ledger import Ledger
from harness.loading import Resolved
from harness.plan import Goal, Plan, plan
from harness.plan.setup import Benchmark, Setup, Source
from harness.steps import Step
from harness.store import Artifact


@dataclass(frozen=True)
class FakeModel:
    name: str = "fake"
    path: Path = Path("nowhere")
    fingerprint: str = "f" * 64

    def identity(self, *, quantization: str | None = None) -> dict[str, object]:
        return {"name": self.name, "fingerprint": self.fingerprint, "dtype": "float32", "quantization": quantization}


class FakeSampler:
    """Proposes rank by number; stops a trial below `stop_below` after its first epoch."""

    def __init__(self, stop_below: float = 0.0) -> None:
        self.stop_below = stop_below

    def suggested(self, spec: Any, *, history: Any, number: int, metric: str) -> dict[str, Any]:
        rank = spec.space.rank[number % len(spec.space.rank)]
        return {
            "rank": rank,
            "alpha": 2 * rank,
            "learning_rate": 1e-3 / (number + 1),
            "epochs": 2,
            "dropout": 0.0,
            "alpha_over_rank": 2.0,
            "target_modules": "all-linear",
        }

    def should_stop(self, spec: Any, *, history: Any, running: Any, metric: str) -> bool:
        return running.epochs[-1].validation[metric] < self.stop_below


def fake_setup(resolved: Resolved, *, sampler: Any = None) -> Setup:
    return Setup(
        resolved=resolved,
        model=FakeModel(),
        source=Source({"all": "0" * 64}, "data.jsonl"),
        benchmarks={name: Benchmark({"lm_eval": name}, None, None) for name in resolved.benchmarks},
        sampler=sampler or FakeSampler(),
        ledger=Ledger(resolved.root / ".harness" / "ledger.jsonl"),
    )


@dataclass
class FakeWorld:
    """Carries steps out in memory; `score(step, world)` plants the mean of the deciding metric."""

    score: Callable[[Step, "FakeWorld"], float]
    fails: Callable[[Step], str] = lambda step: ""
    metrics: tuple[str, ...] = ("exact_match",)
    done: dict[str, Artifact] = field(default_factory=dict)
    log: list[Step] = field(default_factory=list)

    def find(self, key: str) -> Artifact | None:
        return self.done.get(key)

    def do(self, step: Step) -> None:
        error = self.fails(step)
        self.log.append(step)
        self.done[step.key] = Artifact(
            key=step.key,
            stage=step.stage,
            path=Path("nowhere"),
            inputs=step.inputs,
            needs=step.needs,
            files={},
            summary={} if error else self._summary(step),
            status="failed" if error else "done",
            error=error,
            seconds=1.0,
        )

    def reach(self, setup: Setup, *, goal: Goal = "verdict", at_most: int = 10_000) -> Plan:
        """Plan and do, one step a time, until the goal is reached or `at_most` steps are done."""
        current = plan(setup, finished=self.find, goal=goal)
        while not current.done and at_most:
            step = current.missing[0]
            if step.stage == "judge":
                setup.ledger.open(test=step.local["test"], opening=step.local["opening"])
            self.do(step)
            at_most -= 1
            current = plan(setup, finished=self.find, goal=goal)
        return current

    def answers_of(self, step: Step) -> Artifact:
        """The answers that a score step scores."""
        return self.done[step.needs["predictions"]]

    def trial_rank(self, step: Step) -> int | None:
        """The rank of the adapter behind a score step, None for a prompt."""
        adapter = self.answers_of(step).needs.get("adapter")
        return None if adapter is None else int(self.done[adapter].inputs["params"]["rank"])

    def _summary(self, step: Step) -> dict[str, Any]:
        if step.stage == "score":
            return {"mean": dict.fromkeys(self.metrics, self.score(step, self)), "invalid": 0}
        return {
            "data": {"sizes": {"train": 8, "validation": 4}, "hashes": {}, "labels": ["good", "bad"], "dropped": 0},
            "testset": {"sizes": {"test": 6}, "hashes": {"test": "1" * 64}, "duplicates": [], "duplicates_total": 0},
            "train": {"train_loss": 1.0, "tokens": 100},
            "forgetting": {"n": 10, "acc": 0.5},
            "judge": {"verdict": "INCONCLUSIVE", "conditions": [], "reasons": []},
        }.get(step.stage, {"items": 4, "tokens_in": 10, "tokens_out": 5, "truncated": [], "unfinished": 0})
