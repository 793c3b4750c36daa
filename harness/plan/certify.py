"""Turn fixed champions into test answers, benchmark results and a verdict.

Nothing here chooses: it is reached only when every choice has been made on validation.
"""

from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from harness.canonical import digest
from harness.objectives import champion
from harness.plan import build
from harness.plan.answering import tuned_answer_step
from harness.plan.arms import PromptArm, plain_prompt
from harness.plan.desk import Desk
from harness.plan.further import Further, task_epochs, trial_steps, up_to
from harness.plan.prompting import family_champions
from harness.plan.recipe import retrained
from harness.plan.setup import Setup
from harness.plan.ships import planned_forms
from harness.plan.state import Plan, ScoredArm
from harness.records import Trial
from harness.steps import Step
from harness.store import Artifact
from harness.trained import weights_hash
from harness.uses import Opening


@dataclass(frozen=True)
class _Paper:
    """One champion's part: the steps that answer the test items and score the answers."""

    arm: PromptArm
    answers: Step
    scores: Step


@dataclass(frozen=True)
class _Exam:
    """All that the verdict will rest on; known to the last key before the first test answer is given."""

    prompts: dict[str, _Paper]
    """By family."""
    tuned: _Paper
    benchmarks: dict[str, tuple[Step, Step]]
    """Base and tuned."""
    adapter: Artifact
    seeds: dict[str, tuple[_Paper, Artifact]]
    """By role, the papers and adapters of further seeds; empty where the verdict is about the adapter."""

    @property
    def weights(self) -> str:
        """Hash of the candidate: of the adapter, or of all adapters that stand for a recipe."""
        mine = weights_hash(self.adapter.files)
        return digest([mine, *(weights_hash(one.files) for _, one in self.seeds.values())]) if self.seeds else mine

    @property
    def rests_on(self) -> dict[str, str]:
        """Role to key."""
        keys = {"tuned": self.tuned.scores.key, "answers": self.tuned.answers.key}
        keys |= {f"beats:{name}": paper.scores.key for name, paper in self.prompts.items()}
        keys |= {role: paper.scores.key for role, (paper, _) in self.seeds.items()}
        for name, (base, tuned) in self.benchmarks.items():
            keys |= {f"base:{name}": base.key, f"tuned:{name}": tuned.key}
        return keys


def certified(setup: Setup, desk: Desk, known: Plan) -> Plan:
    """`known` with the lock, the test answers, the benchmarks and the verdict, as far as they are done."""
    assert known.data is not None
    data, search = known.data.key, setup.resolved.experiment.search
    winners, best = family_champions(setup, known.baselines), champion(known.trials, search=search)
    champions = {family: scored.arm.name for family, scored in winners.items()}
    champions |= {"tuned": f"tuned/trial-{best.number}"} if best else {}
    prompts = [scored.arm.prompt for scored in winners.values() if scored.arm.prompt is not None]
    asked = [*prompts, plain_prompt(setup.resolved.task, labels=known.labels)]
    learnt = {role: rows.key for role, rows in known.further.items()}
    testset = desk.want(build.testset_step(setup, data=data, prompts=asked, further=learnt))
    known = replace(known, champions=champions, testset=testset)
    if testset is None or best is None:
        # Without a tuned champion there is nothing to judge, so no test item is spent.
        return known
    assert known.data is not None
    prompt = plain_prompt(setup.resolved.task, labels=known.labels)
    seeds = retrained(setup, desk, trial=best, prompt=prompt, data=data, further=known.further)
    if seeds is None:
        return known
    arms = {family: scored.arm for family, scored in winners.items()}
    exam = _exam(setup, desk, known, arms=arms, best=best, seeds=seeds)
    lock = desk.want(build.lock_step(setup, testset=testset, weights=exam.weights, rests_on=exam.rests_on))
    if lock is None:
        return known
    return _judged(setup, desk, known, exam=exam, opening=build.opening_of(setup, lock=lock, testset=testset))


def _judged(setup: Setup, desk: Desk, known: Plan, *, exam: _Exam, opening: Opening) -> Plan:
    """The exam as far as it is taken, and the verdict once nothing is missing."""
    pairs = {name: _scored(desk, paper, opening=opening) for name, paper in exam.prompts.items()}
    seeds = [_scored(desk, paper, opening=opening) for paper, _ in exam.seeds.values()]
    known = replace(
        known,
        tested={name: scored for name, scored in pairs.items() if scored},
        tuned=_scored(desk, exam.tuned, opening=opening),
        seeds=[scored for scored in seeds if scored],
        forgetting=_measured(desk, exam.benchmarks, opening=opening),
    )
    extra = _forms(setup, desk, known, exam=exam, opening=opening) | _latency(setup, desk, known, exam=exam)
    if desk.missing:
        return known
    needs = {**exam.rests_on, **extra}
    return replace(known, judgement=desk.want(build.judge_step(setup, opening=opening, needs=needs)))


def _forms(setup: Setup, desk: Desk, known: Plan, *, exam: _Exam, opening: Opening) -> dict[str, str]:
    """Scores of the forms that may ship, by role; the lock names them by the gate and the adapter."""
    assert known.data is not None
    assert known.testset is not None
    forms = planned_forms(
        setup,
        desk,
        name=exam.tuned.arm.name,
        adapter=exam.adapter,
        prompt=plain_prompt(setup.resolved.task, labels=known.labels),
        needs={"data": known.data.key, "testset": known.testset.key},
        labels=known.labels,
        local={"opening": asdict(opening)},
    )
    return {f"form:{name}": scored.scores.key for name, scored in forms.items()}


def _latency(setup: Setup, desk: Desk, known: Plan, *, exam: _Exam) -> dict[str, str]:
    """The timed requests, by role, where there is a ceiling on time."""
    assert known.data is not None
    gate = setup.resolved.experiment.gates.latency
    if gate is None:
        return {}
    prompt = plain_prompt(setup.resolved.task, labels=known.labels)
    step = build.latency_step(setup, prompt, data=known.data.key, adapter=exam.adapter.key, requests=gate.requests)
    return {"latency": step.key} if desk.want(step) else {}


def opening_in(known: Plan) -> Opening | None:
    """The use of the test items that a plan came to; None where it did not come so far."""
    fields = next((step.local["opening"] for step in known.wanted if "opening" in step.local), None)
    return Opening(**fields) if fields else None


def _exam(
    setup: Setup, desk: Desk, known: Plan, *, arms: dict[str, PromptArm], best: Trial, seeds: list[Artifact]
) -> _Exam:
    """`seeds` that failed have no paper; the verdict counts them as wrong everywhere."""
    assert known.data is not None
    assert known.testset is not None
    labels, needs = known.labels, {"data": known.data.key, "testset": known.testset.key}
    adapter = best_adapter(setup, desk, trial=best, data=known.data, labels=labels, further=known.further)
    more = {f"seed:{place + 1}": one for place, one in enumerate(seeds) if one.status != "failed"}
    return _Exam(
        prompts={name: _prompt_paper(setup, arm, needs=needs, labels=labels) for name, arm in arms.items()},
        tuned=_tuned_paper(setup, trial=best, adapter=adapter, needs=needs, labels=labels),
        benchmarks=_benchmarks(setup, adapter=adapter, data=known.data),
        adapter=adapter,
        seeds={
            role: (_tuned_paper(setup, trial=best, adapter=one, needs=needs, labels=labels, seed=f"/{role}"), one)
            for role, one in more.items()
        },
    )


def _prompt_paper(setup: Setup, arm: PromptArm, *, needs: dict[str, str], labels: list[str]) -> _Paper:
    answers = build.answer_step(setup, arm, split="test", needs=needs)
    return _paper(setup, arm, answers, needs=needs, labels=labels)


def _tuned_paper(
    setup: Setup, *, trial: Trial, adapter: Artifact, needs: dict[str, str], labels: list[str], seed: str = ""
) -> _Paper:
    prompt, name = plain_prompt(setup.resolved.task, labels=labels), f"tuned/trial-{trial.number}{seed}"
    arm = PromptArm(name, "tuned", "prompt", f"adapter after epoch {trial.best_epoch}", None, prompt)
    answers = tuned_answer_step(
        setup, prompt, split="test", needs={**needs, "adapter": adapter.key}, title=f"test {name}"
    )
    return _paper(setup, arm, answers, needs=needs, labels=labels)


def _paper(setup: Setup, arm: PromptArm, answers: Step, *, needs: dict[str, str], labels: list[str]) -> _Paper:
    needs = {**needs, "predictions": answers.key}
    return _Paper(arm, answers, build.score_step(setup, split="test", labels=labels, needs=needs, title=arm.name))


def _scored(desk: Desk, paper: _Paper, *, opening: Opening) -> ScoredArm | None:
    """A champion's test answers and their scores, or None while they are missing."""
    answers = desk.want(paper.answers)
    if answers is None:
        return None
    scores = desk.want(build.opened(paper.scores, opening))
    return ScoredArm(paper.arm, answers, scores) if scores else None


def best_adapter(
    setup: Setup, desk: Desk, *, trial: Trial, data: Artifact, labels: list[str], further: Further
) -> Artifact:
    """The training artifact of a trial's best epoch."""
    prompt = plain_prompt(setup.resolved.task, labels=labels)
    known: dict[str, Any] = {"prompt": prompt, "data": data.key, "further": further, "stalled": task_epochs(trial)}
    steps = trial_steps(setup, number=trial.number, params=trial.params, **known)
    _, best = up_to(steps, trial=trial)[-1]
    artifact = desk.finished(best.key)
    assert artifact is not None, "a trial with a best epoch has its artifacts"
    return artifact


def planned_base_benchmarks(setup: Setup, desk: Desk) -> None:
    """The base model on every benchmark: first, so that a benchmark that cannot run is known before the search."""
    for gate in setup.resolved.experiment.gates.forgetting:
        desk.want(build.forgetting_step(setup, name=gate.benchmark, limit=gate.limit, adapter=None))


def _benchmarks(setup: Setup, *, adapter: Artifact, data: Artifact) -> dict[str, tuple[Step, Step]]:
    """Base and tuned on every benchmark; the base is shared by all experiments with this model."""
    step = partial(build.forgetting_step, setup)
    return {
        gate.benchmark: (
            step(name=gate.benchmark, limit=gate.limit, adapter=None),
            step(name=gate.benchmark, limit=gate.limit, adapter=adapter.key, learnt_from=data.path),
        )
        for gate in setup.resolved.experiment.gates.forgetting
    }


def _measured(
    desk: Desk, benchmarks: dict[str, tuple[Step, Step]], *, opening: Opening
) -> dict[str, tuple[Artifact, Artifact]]:
    """The tuned model meets the gate's half of a benchmark as it meets the test items: once the ledger has its line."""
    found = {
        name: (desk.want(base), desk.want(build.opened(tuned, opening))) for name, (base, tuned) in benchmarks.items()
    }
    return {name: (base, tuned) for name, (base, tuned) in found.items() if base and tuned}
