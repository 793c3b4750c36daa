"""Turn fixed champions into test answers, benchmark results and a verdict.

Nothing here chooses: it is reached only when every choice has been made on validation.
"""

from dataclasses import replace

from harness.plan import build
from harness.plan.arms import PromptArm, plain_prompt
from harness.plan.desk import Desk
from harness.plan.prompting import family_champions, scored_arm
from harness.plan.search import champion
from harness.plan.setup import Setup
from harness.plan.state import Plan, ScoredArm
from harness.records import Trial
from harness.store import Artifact


def certified(setup: Setup, desk: Desk, known: Plan) -> Plan:
    """`known` with the lock, the test answers, the benchmarks and the verdict, as far as they are done."""
    assert known.data is not None
    winners, best = family_champions(setup, known.baselines), champion(known.trials)
    data = known.data
    champions = {family: scored.arm.name for family, scored in winners.items()}
    champions |= {"tuned": f"tuned/trial-{best.number}"} if best else {}
    testset = desk.want(build.testset_step(setup, data=data.key))
    known = replace(known, champions=champions, testset=testset)
    if testset is None or _locked(setup, desk, testset=testset, champions=champions) is None:
        return known
    needs, labels = {"data": data.key, "testset": testset.key}, known.labels
    pairs = {
        name: scored_arm(setup, desk, won.arm, split="test", needs=needs, labels=labels)
        for name, won in winners.items()
    }
    known = replace(known, tested={name: scored for name, scored in pairs.items() if scored})
    return known if best is None else _with_tuned(setup, desk, known, best=best, needs=needs)


def _locked(setup: Setup, desk: Desk, *, testset: Artifact, champions: dict[str, str]) -> Artifact | None:
    test_hash = testset.summary["hashes"]["test"]
    return desk.want(build.lock_step(setup, testset=testset.key, test_hash=test_hash, champions=champions))


def _with_tuned(setup: Setup, desk: Desk, known: Plan, *, best: Trial, needs: dict[str, str]) -> Plan:
    """The tuned champion's side, and the verdict once nothing is missing."""
    assert known.data is not None
    adapter = best_adapter(setup, desk, trial=best, data=known.data, labels=known.labels)
    tuned = _tuned(setup, desk, trial=best, adapter=adapter, needs=needs, labels=known.labels)
    known = replace(known, tuned=tuned, forgetting=_forgetting(setup, desk, adapter=adapter))
    if desk.missing or tuned is None:
        return known
    return replace(known, judgement=_judged(setup, desk, known=known, tuned=tuned))


def best_adapter(setup: Setup, desk: Desk, *, trial: Trial, data: Artifact, labels: list[str]) -> Artifact:
    """The training artifact of a trial's best epoch."""
    prompt = plain_prompt(setup.resolved.task, labels=labels)
    artifact = None
    for epoch in range(1, (trial.best_epoch or 0) + 1):
        previous = artifact.key if artifact else None
        step = build.epoch_step(
            setup,
            number=trial.number,
            params=trial.params,
            epoch=epoch,
            prompt=prompt,
            data=data.key,
            previous=previous,
        )
        artifact = desk.finished(step.key)
        assert artifact is not None, "a trial with a best epoch has its artifacts"
    assert artifact is not None
    return artifact


def _tuned(
    setup: Setup, desk: Desk, *, trial: Trial, adapter: Artifact, needs: dict[str, str], labels: list[str]
) -> ScoredArm | None:
    prompt, name = plain_prompt(setup.resolved.task, labels=labels), f"tuned/trial-{trial.number}"
    step = build.tuned_answer_step(
        setup, prompt, split="test", needs={**needs, "adapter": adapter.key}, title=f"test {name}"
    )
    answers = desk.want(step)
    if answers is None:
        return None
    scores = desk.want(
        build.score_step(setup, split="test", labels=labels, needs={**needs, "predictions": answers.key}, title=name)
    )
    arm = PromptArm(name, "tuned", "prompt", f"adapter after epoch {trial.best_epoch}", None, prompt)
    return ScoredArm(arm, answers, scores) if scores else None


def planned_base_benchmarks(setup: Setup, desk: Desk) -> None:
    """The base model on every benchmark: first, so that a benchmark that cannot run is known before the search."""
    for gate in setup.resolved.experiment.gates.forgetting:
        desk.want(build.forgetting_step(setup, name=gate.benchmark, limit=gate.limit, adapter=None))


def _forgetting(setup: Setup, desk: Desk, *, adapter: Artifact) -> dict[str, tuple[Artifact, Artifact]]:
    """Base and tuned on every benchmark; the base is shared by all experiments with this model."""
    found = {}
    for gate in setup.resolved.experiment.gates.forgetting:
        base = desk.want(build.forgetting_step(setup, name=gate.benchmark, limit=gate.limit, adapter=None))
        tuned = desk.want(build.forgetting_step(setup, name=gate.benchmark, limit=gate.limit, adapter=adapter.key))
        if base and tuned:
            found[gate.benchmark] = (base, tuned)
    return found


def _judged(setup: Setup, desk: Desk, *, known: Plan, tuned: ScoredArm) -> Artifact | None:
    assert known.testset is not None
    needs = {"tuned": tuned.scores.key}
    needs |= {f"beats:{name}": scored.scores.key for name, scored in known.tested.items()}
    for name, (base, adapted) in known.forgetting.items():
        needs |= {f"base:{name}": base.key, f"tuned:{name}": adapted.key}
    return desk.want(build.judge_step(setup, test_hash=known.testset.summary["hashes"]["test"], needs=needs))
