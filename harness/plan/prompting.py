"""Turn prompt families into scored arms and one champion a family, chosen on validation."""

from harness.plan import build
from harness.plan.arms import PromptArm, prompt_arms
from harness.plan.desk import Desk
from harness.plan.optimised import optimised_arms
from harness.plan.setup import Setup
from harness.plan.state import ScoredArm
from harness.store import Artifact


def planned_baselines(setup: Setup, desk: Desk, *, data: Artifact, labels: list[str]) -> list[ScoredArm]:
    """Every prompt configuration on validation, as far as they are done; holds no test item."""
    needs = {"data": data.key}
    arms = [*prompt_arms(setup.resolved, labels=labels), *optimised_arms(setup, desk, data=data, labels=labels)]
    found = [scored_arm(setup, desk, arm, split="validation", needs=needs, labels=labels) for arm in arms]
    return [scored for scored in found if scored]


def family_champions(setup: Setup, baselines: list[ScoredArm]) -> dict[str, ScoredArm]:
    """The best arm of each family on validation; the first of equals."""
    best: dict[str, ScoredArm] = {}
    for scored in baselines:
        other = best.get(scored.arm.family)
        if other is None or _value(setup, scored) > _value(setup, other):
            best[scored.arm.family] = scored
    return best


def scored_arm(
    setup: Setup, desk: Desk, arm: PromptArm, *, split: str, needs: dict[str, str], labels: list[str]
) -> ScoredArm | None:
    """An arm's answers and scores on a split, or None while they are missing."""
    answers = desk.want(build.answer_step(setup, arm, split=split, needs=needs))
    if answers is None:
        return None
    inner = {**needs, "predictions": answers.key}
    scores = desk.want(build.score_step(setup, split=split, labels=labels, needs=inner, title=arm.name))
    return ScoredArm(arm, answers, scores) if scores else None


def _value(setup: Setup, scored: ScoredArm) -> float:
    return float(scored.scores.summary["mean"][setup.metric])
