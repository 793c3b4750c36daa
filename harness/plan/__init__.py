"""Turn specs and finished artifacts into the steps that are missing; pure.

Called again after every step until nothing is missing, so resume, dry run and crash recovery are this one
function.
"""

from collections.abc import Callable
from dataclasses import replace

from harness.plan import build
from harness.plan.arms import plain_prompt
from harness.plan.certify import certified, planned_base_benchmarks
from harness.plan.desk import Desk
from harness.plan.further import planned_further
from harness.plan.power import measured, refusal
from harness.plan.prompt_search import begun_searches, evened_searches, uncounted
from harness.plan.prompting import family_champions, planned_baselines
from harness.plan.search import planned_trials
from harness.plan.setup import Setup
from harness.plan.state import Goal, Plan, ScoredArm
from harness.records import Trial
from harness.store import Artifact

__all__ = ["Goal", "Plan", "ScoredArm", "family_champions", "plan"]


def plan(setup: Setup, *, finished: Callable[[str], Artifact | None], goal: Goal = "verdict") -> Plan:
    """All that is known, and the missing steps whose dependencies are there."""
    desk = Desk(finished)
    known = Plan(desk.wanted, desk.missing)
    if (data := desk.want(build.data_step(setup))) is None:
        return known
    task = setup.resolved.task
    labels = list(task.labels or data.summary["labels"]) if task.kind == "label" else []
    known = replace(known, data=data, labels=labels)
    if goal != "baselines":
        if (further := planned_further(setup, desk)) is None:
            return known
        known = replace(known, further=further)
    if goal == "verdict" and setup.resolved.experiment.gates.slices:
        if (slices := desk.want(build.slices_step(setup))) is None:
            return known
        known = replace(known, slices=slices)
    known = replace(known, baselines=planned_baselines(setup, desk, data=data, labels=labels))
    if goal == "verdict":
        planned_base_benchmarks(setup, desk)
    if desk.missing:
        return known
    known = begun_searches(setup, desk, known)
    if desk.missing:
        return known
    known = replace(known, power=measured(setup, known, finished=finished))
    if goal == "baselines":
        return known
    if endless := uncounted(setup, known):
        return replace(known, refusal=endless)
    refused = refusal(setup, known)
    if refused and not _begun(setup, finished, known):
        return replace(known, refusal=refused)
    trials = _trials(setup, desk, known)
    known = replace(known, trials=desk.trials)
    if trials is None:
        return known
    known = evened_searches(setup, desk, known)
    return known if desk.missing or goal == "search" else certified(setup, desk, known)


def _begun(setup: Setup, finished: Callable[[str], Artifact | None], known: Plan) -> bool:
    """Whether anything of this search was trained: what was begun on purpose is not refused half-way."""
    scout = Desk(finished)
    _trials(setup, scout, known)
    return any(trial.epochs or trial.status == "failed" for trial in scout.trials)


def _trials(setup: Setup, desk: Desk, known: Plan) -> list[Trial] | None:
    assert known.data is not None
    prompt = plain_prompt(setup.resolved.task, labels=known.labels)
    return planned_trials(setup, desk, prompt=prompt, data=known.data, labels=known.labels, further=known.further)
