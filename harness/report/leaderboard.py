"""Turn what was asked and trained into the rows of the leaderboard."""

from typing import Any

from harness.plan import Plan, ScoredArm
from harness.records import Trial
from harness.report import tables
from harness.report.document import Arm
from harness.report.prompt_caveats import unfitting_trials
from harness.store import Store
from harness.wording import configuration


def leaderboard(finished: Plan, *, frame: Any, metric: str, store: Store) -> list[Arm]:
    """Champions by test score, then everything else by validation score."""
    bounds = tables.intervals(frame, metric=metric)
    tested = {scored.arm.name: scored for scored in finished.tested.values()}
    rows = [_prompt_row(scored, tested=tested.get(scored.arm.name), bounds=bounds) for scored in finished.baselines]
    rows += [
        _trial_row(trial, finished=finished, bounds=bounds, truncated=unfitting_trials(finished, store=store))
        for trial in finished.trials
        if trial.value is not None
    ]
    return sorted(
        rows,
        key=lambda row: (row.test is None, -(row.test or row.validation)[metric], -row.validation[metric], row.arm),
    )


def _prompt_row(scored: ScoredArm, *, tested: ScoredArm | None, bounds: dict[str, tuple[float, float]]) -> Arm:
    low, high = bounds.get(scored.arm.name, (None, None)) if tested else (None, None)
    return Arm(
        arm=scored.arm.name,
        family=scored.arm.family,
        kind=scored.arm.kind,
        description=scored.arm.description,
        champion=tested is not None,
        validation=scored.scores.summary["mean"],
        test=tested.scores.summary["mean"] if tested else None,
        low=low,
        high=high,
        truncated=_truncated(scored),
        truncated_test=_truncated(tested),
        **_counts(tested or scored),
    )


def _trial_row(trial: Trial, *, finished: Plan, bounds: dict[str, tuple[float, float]], truncated: list[str]) -> Arm:
    name = f"tuned/trial-{trial.number}"
    mine = finished.tuned if finished.tuned and finished.tuned.arm.name == name else None
    low, high = bounds.get(name, (None, None))
    params = trial.params
    return Arm(
        arm=name,
        family="tuned",
        kind="tuned",
        description=f"{configuration(params)}, {_epoch_words(trial)}",
        champion=mine is not None,
        validation=trial.epochs[(trial.best_epoch or 1) - 1].validation,
        test=mine.scores.summary["mean"] if mine else None,
        low=low,
        high=high,
        truncated=truncated,
        truncated_test=_truncated(mine),
        **(_counts(mine) if mine else {}),
    )


def _epoch_words(trial: Trial) -> str:
    """Which epoch was kept; those of DPO come behind the ones that were asked for."""
    best = trial.epochs[(trial.best_epoch or 1) - 1]
    by = " (DPO)" if best.phase == "preferences" else ""
    # Those behind a stall are counted from what was trained before them, not from what was asked for.
    least = trial.params["epochs"] if best.phase == trial.epochs[0].phase else 0
    return f"epoch {best.epoch} of {max(least, len(trial.epochs))}{by}"


def _truncated(scored: ScoredArm | None) -> list[str]:
    return list(scored.answers.summary["truncated"]) if scored else []


def _counts(scored: ScoredArm) -> dict[str, Any]:
    answers = scored.answers.summary
    return {
        "tokens_in": round(answers["tokens_in"] / answers["items"], 1),
        "tokens_out": round(answers["tokens_out"] / answers["items"], 1),
        "unfinished": answers["unfinished"],
        "invalid": scored.scores.summary["invalid"],
    }
