"""A world where steps cost nothing: planted scores instead of models, so that planning can be tested alone."""

import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from planted_model import llama_tensors, write_weights

from harness.adapters.model_files import model_stamp
from harness.canonical import digest
from harness.jsonl import write_lines
from harness.ledger import Ledger
from harness.likeness import FINGERPRINTS, fingerprint, write_marks
from harness.loading import Resolved
from harness.plan import Goal, Plan, plan
from harness.plan.setup import Benchmark, Setup, Source
from harness.prompt_space import FIELDS, settled
from harness.records import Example
from harness.steps import Step
from harness.store import Artifact
from harness.uses import Opening

SEALED = Path(tempfile.mkdtemp(prefix="fake-world-"))
"""Where the test sets of all worlds lie, by content, and what else has to be a file."""
MODEL = SEALED / "model"
write_weights(MODEL / "model.safetensors", llama_tensors())
LONGEST = 800
"""Characters of the longest training input."""
atexit.register(shutil.rmtree, SEALED, ignore_errors=True)


@dataclass(frozen=True)
class FakeModel:
    name: str = "fake"
    path: Path = MODEL
    fingerprint: str = "f" * 64
    stamp: str = model_stamp(MODEL)

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

    def suggested_prompt(self, spec: Any, *, space: Any, history: Any, number: int) -> dict[str, Any] | None:
        """The first prompt of the space that is not known."""
        known = [trial.params for trial in history]
        every = (settled(dict(zip(FIELDS, row, strict=True)), space=space) for row in product(*map(space.get, FIELDS)))
        return next((params for params in every if params not in known), None)

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


class Quiet:
    """A display that shows nothing of a run."""

    def planned(self, current: Any) -> None: ...
    def started(self, step: Step) -> None: ...
    def advanced(self, done: int, total: int) -> None: ...
    def waiting(self, why: str) -> None: ...
    def finished(self, artifact: Artifact) -> None: ...


@dataclass
class FakeWorld:
    """Carries steps out in memory; `score(step, world)` plants the mean of the deciding metric."""

    score: Callable[[Step, "FakeWorld"], float]
    fails: Callable[[Step], str] = lambda step: ""
    entropy: Callable[[Step, "FakeWorld"], float] = lambda step, world: 3.0
    """Cross-entropy on general text that a probe finds."""
    kept: Callable[[Step, "FakeWorld"], float] = lambda step, world: 0.6
    """Accuracy that a probe finds on its items of each benchmark."""
    metrics: tuple[str, ...] = ("exact_match",)
    questions: tuple[str, ...] = ("a", "b", "c", "d", "e", "f")
    """The test items."""
    weights: str = "2" * 64
    """Hash of every trained adapter."""
    done: dict[str, Artifact] = field(default_factory=dict)
    log: list[Step] = field(default_factory=list)

    def find(self, key: str) -> Artifact | None:
        return self.done.get(key)

    def every(self) -> Iterable[Artifact]:
        return list(self.done.values())

    def execute(self, step: Step, *, progress: Callable[[int, int], None], tell: Callable[[str], None]) -> Artifact:
        """As an executor."""
        self.do(step)
        return self.done[step.key]

    def do(self, step: Step) -> None:
        error = self.fails(step)
        self.log.append(step)
        self.done[step.key] = Artifact(
            key=step.key,
            stage=step.stage,
            path=self._path(step.stage),
            inputs=step.inputs,
            needs=step.needs,
            files=self._files().get(step.stage, {}),
            summary={} if error else self._summary(step),
            status="failed" if error else "done",
            error=error,
            seconds=1.0,
            provenance={"at": f"2026-01-01T00:{len(self.log) // 60:02}:{len(self.log) % 60:02}Z"},
        )

    def _files(self) -> dict[str, dict[str, str]]:
        sealed = {FINGERPRINTS: ""}
        return {"train": {"adapter_model.safetensors": self.weights}, "testset": sealed, "lock": sealed}

    def reach(self, setup: Setup, *, goal: Goal = "verdict", at_most: int = 10_000) -> Plan:
        """Plan and do, one step a time, until the goal is reached or `at_most` steps are done."""
        current = plan(setup, finished=self.find, goal=goal)
        while not current.done and at_most:
            step = current.missing[0]
            if "opening" in step.local:
                setup.ledger.open(Opening(**step.local["opening"]))
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

    def probed(self, step: Step) -> tuple[int, int] | None:
        """Rank and epoch of the adapter behind a probe, None for the base model."""
        adapter = step.needs.get("adapter")
        inputs = self.done[adapter].inputs if adapter else None
        return None if inputs is None else (int(inputs["params"]["rank"]), int(inputs["epoch"]))

    def _path(self, stage: str) -> Path:
        places = {"testset": self._sealed, "lock": self._sealed, "data": self._training}
        return places[stage]() if stage in places else Path("nowhere")

    def _training(self) -> Path:
        """A folder with the training examples, the last of which is the longest."""
        folder = SEALED / "training"
        folder.mkdir(exist_ok=True)
        rows = [
            Example(id=str(i), split="train", group=str(i), input="x" * (LONGEST if i == 7 else 40), reference="y" * 8)
            for i in range(8)
        ]
        write_lines(folder / "train.jsonl", rows)
        return folder

    def _sealed(self) -> Path:
        """A test set's folder."""
        folder = SEALED / digest(self.questions)
        folder.mkdir(exist_ok=True)
        write_marks(folder, [[fingerprint(text)] for text in self.questions])
        return folder

    def _data(self, step: Step) -> dict[str, Any]:
        """So many test items as the spec asks for, or enough to prove something."""
        items = step.inputs["data"]["splits"]["test"] or 500 if step.stage == "data" else 0
        sizes = {"sizes": {"train": 8, "validation": 4}, "judged": {"items": items, "groups": items}}
        characters = {"characters": {"input": 40.0, "reference": 8.0}}
        return {**sizes, **characters, "hashes": {}, "labels": ["good", "bad"], "dropped": 0}

    def _summary(self, step: Step) -> dict[str, Any]:
        if step.stage == "score":
            return {"mean": dict.fromkeys(self.metrics, self.score(step, self)), "invalid": 0}
        if step.stage == "probe":
            found = {
                name: {"n": step.inputs["items"], "acc": self.kept(step, self)} for name in step.inputs["benchmarks"]
            }
            return {"cross_entropy": self.entropy(step, self), "benchmarks": found, "tokens_in": 10}
        return {
            "data": self._data(step),
            "testset": {
                "sizes": {"test": len(self.questions)},
                "hashes": {"test": digest(self.questions)},
                "duplicates": [],
                "duplicates_total": 0,
            },
            "slices": {"sizes": {}},
            "train": {"train_loss": 1.0, "tokens": 100, "cut": 0, "dropped": 0},
            "forgetting": {"n": 10, "acc": 0.5},
            "judge": {"verdict": "INCONCLUSIVE", "conditions": [], "reasons": []},
        }.get(step.stage, {"items": 4, "tokens_in": 10, "tokens_out": 5, "truncated": [], "unfinished": 0})
