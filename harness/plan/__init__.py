"""Turn specs and finished artifacts into the steps that are missing; pure.

Called again after every step until nothing is missing, so resume, dry run and crash recovery are this one
function.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from harness.plan import build
from harness.plan.arms import PromptArm, plain_prompt, prompt_arms
from harness.plan.desk import Desk
from harness.plan.search import champion, planned_trials
from harness.plan.setup import Setup
from harness.records import Trial
from harness.steps import Step
from harness.store import Artifact

Goal = Literal["baselines", "search", "verdict"]


@dataclass(frozen=True)
class ScoredArm:
    """An arm with its stored answers and scores."""

    arm: PromptArm
    answers: Artifact
    scores: Artifact


@dataclass(frozen=True)
class Plan:
    """What is there and what is missing for a goal."""

    wanted: list[Step]
    missing: list[Step]
    data: Artifact | None = None
    testset: Artifact | None = None
    labels: list[str] = field(default_factory=list)
    baselines: list[ScoredArm] = field(default_factory=list)
    """Every prompt configuration, scored on validation."""
    trials: list[Trial] = field(default_factory=list)
    champions: dict[str, str] = field(default_factory=dict)
    """Family to arm, chosen on validation."""
    tested: dict[str, ScoredArm] = field(default_factory=dict)
    """Family to its champion's test answers."""
    tuned: ScoredArm | None = None
    """The tuned champion's test answers."""
    forgetting: dict[str, tuple[Artifact, Artifact]] = field(default_factory=dict)
    """Benchmark to (base, tuned)."""
    judgement: Artifact | None = None

    @property
    def done(self) -> bool:
        """Whether the goal is reached."""
        return not self.missing


def plan(setup: Setup, *, finished: Callable[[str], Artifact | None], goal: Goal = "verdict") -> Plan:
    """All that is known, and the missing steps whose dependencies are there."""
    desk, known = Desk(finished), {}
    if (data := desk.want(build.data_step(setup))) is None:
        return Plan(desk.wanted, desk.missing)
    task = setup.resolved.task
    labels = list(task.labels or data.summary["labels"]) if task.kind == "label" else []
    baselines = _selection(setup, desk, data=data, labels=labels)
    known = {"data": data, "labels": labels, "baselines": baselines}
    if desk.missing or goal == "baselines":
        return Plan(desk.wanted, desk.missing, **known)
    trials = planned_trials(setup, desk, prompt=plain_prompt(task, labels=labels), data=data, labels=labels)
    known |= {"trials": desk.trials}
    if trials is None or goal == "search":
        return Plan(desk.wanted, desk.missing, **known)
    known |= _certification(setup, desk, data=data, labels=labels, baselines=baselines, trials=trials)
    return Plan(desk.wanted, desk.missing, **known)


def family_champions(setup: Setup, baselines: list[ScoredArm]) -> dict[str, ScoredArm]:
    """The best arm of each family on validation; the first of equals."""
    best: dict[str, ScoredArm] = {}
    for scored in baselines:
        other = best.get(scored.arm.family)
        if other is None or _value(setup, scored) > _value(setup, other):
            best[scored.arm.family] = scored
    return best


def _value(setup: Setup, scored: ScoredArm) -> float:
    return float(scored.scores.summary["mean"][setup.metric])


def _selection(setup: Setup, desk: Desk, *, data: Artifact, labels: list[str]) -> list[ScoredArm]:
    """Every prompt configuration on validation; holds no test item."""
    found = []
    for arm in prompt_arms(setup.resolved, labels=labels):
        scored = _scored(setup, desk, arm, split="validation", needs={"data": data.key}, labels=labels)
        found += [scored] if scored else []
    return found


def _scored(
    setup: Setup, desk: Desk, arm: PromptArm, *, split: str, needs: dict[str, str], labels: list[str]
) -> ScoredArm | None:
    answers = desk.want(build.answer_step(setup, arm, split=split, needs=needs))
    if answers is None:
        return None
    scores = desk.want(
        build.score_step(setup, split=split, labels=labels, needs={**needs, "predictions": answers.key}, title=arm.name)
    )
    return ScoredArm(arm, answers, scores) if scores else None


def _certification(
    setup: Setup, desk: Desk, *, data: Artifact, labels: list[str], baselines: list[ScoredArm], trials: list[Trial]
) -> dict[str, object]:
    """Everything after the last choice: lock, test answers, benchmarks, verdict."""
    winners, best = family_champions(setup, baselines), champion(trials)
    champions = {family: scored.arm.name for family, scored in winners.items()}
    champions |= {"tuned": f"tuned/trial-{best.number}"} if best else {}
    known: dict[str, object] = {"champions": champions}
    if (testset := desk.want(build.testset_step(setup, data=data.key))) is None:
        return known
    known |= {"testset": testset}
    test_hash = testset.summary["hashes"]["test"]
    if desk.want(build.lock_step(setup, testset=testset.key, test_hash=test_hash, champions=champions)) is None:
        return known
    needs = {"data": data.key, "testset": testset.key}
    pairs = {name: _scored(setup, desk, won.arm, split="test", needs=needs, labels=labels) for name, won in winners.items()}
    tested = {name: scored for name, scored in pairs.items() if scored}
    known |= {"tested": tested}
    if best is None:
        return known
    adapter = best_adapter(setup, desk, trial=best, data=data, labels=labels)
    tuned = _tuned(setup, desk, trial=best, adapter=adapter, needs=needs, labels=labels)
    forgetting = _forgetting(setup, desk, adapter=adapter)
    known |= {"tuned": tuned, "forgetting": forgetting}
    if desk.missing or tuned is None:
        return known
    return known | {"judgement": _judged(setup, desk, tuned=tuned, tested=tested, forgetting=forgetting)}


def best_adapter(setup: Setup, desk: Desk, *, trial: Trial, data: Artifact, labels: list[str]) -> Artifact:
    """The training artifact of a trial's best epoch."""
    prompt = plain_prompt(setup.resolved.task, labels=labels)
    artifact = None
    for epoch in range(1, (trial.best_epoch or 0) + 1):
        previous = artifact.key if artifact else None
        step = build.epoch_step(
            setup, number=trial.number, params=trial.params, epoch=epoch, prompt=prompt, data=data.key, previous=previous
        )
        artifact = desk.finished(step.key)
        assert artifact is not None, "a trial with a best epoch has its artifacts"
    assert artifact is not None
    return artifact


def _tuned(
    setup: Setup, desk: Desk, *, trial: Trial, adapter: Artifact, needs: dict[str, str], labels: list[str]
) -> ScoredArm | None:
    prompt, name = plain_prompt(setup.resolved.task, labels=labels), f"tuned/trial-{trial.number}"
    step = build.tuned_answer_step(setup, prompt, split="test", needs={**needs, "adapter": adapter.key}, title=f"test {name}")
    answers = desk.want(step)
    if answers is None:
        return None
    scores = desk.want(
        build.score_step(setup, split="test", labels=labels, needs={**needs, "predictions": answers.key}, title=name)
    )
    arm = PromptArm(name, "tuned", "prompt", f"adapter after epoch {trial.best_epoch}", None, prompt)
    return ScoredArm(arm, answers, scores) if scores else None


def _forgetting(setup: Setup, desk: Desk, *, adapter: Artifact) -> dict[str, tuple[Artifact, Artifact]]:
    """Base and tuned on every benchmark; the base is shared by all experiments with this model."""
    found = {}
    for gate in setup.resolved.experiment.gates.forgetting:
        base = desk.want(build.forgetting_step(setup, name=gate.benchmark, limit=gate.limit, adapter=None))
        tuned = desk.want(build.forgetting_step(setup, name=gate.benchmark, limit=gate.limit, adapter=adapter.key))
        if base and tuned:
            found[gate.benchmark] = (base, tuned)
    return found


def _judged(
    setup: Setup,
    desk: Desk,
    *,
    tuned: ScoredArm,
    tested: dict[str, ScoredArm],
    forgetting: dict[str, tuple[Artifact, Artifact]],
) -> Artifact | None:
    needs = {"tuned": tuned.scores.key} | {f"beats:{name}": scored.scores.key for name, scored in tested.items()}
    for name, (base, adapted) in forgetting.items():
        needs |= {f"base:{name}": base.key, f"tuned:{name}": adapted.key}
    return desk.want(build.judge_step(setup, needs=needs))
