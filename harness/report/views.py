"""Turn a `Report` into the look-ups that every renderer needs: nothing computed, only found and named."""

from typing import Any, Literal

from harness.diagnosis import Suspect
from harness.methods import METHODS
from harness.records import Trial
from harness.report.data_rows import FurtherRows
from harness.report.document import Arm, Forgetting, GateCondition, LeakedCheck, Report, SliceRow
from harness.report.epoch_table import CLOCKED
from harness.report.formats import plain
from harness.report.losing import named
from harness.report.trial_rows import TriedTrial
from harness.wording import slice_words

Mark = Literal["pass", "fail", "unresolved"]

SYMBOL: dict[Mark, str] = {"pass": "✓", "fail": "✕", "unresolved": "○"}
"""Outcomes where only text can be shown."""


def champions(report: Report) -> list[Arm]:
    """The arms that met the test set, in the leaderboard's order."""
    return [arm for arm in report.leaderboard if arm.champion]


def shipped(report: Report) -> str:
    """What is served in the end: `a LoRA adapter beside the base model`."""
    known = {str(name): method.ships for name, method in METHODS.items()}
    return known.get(report.method, "the tuned model")


def counted(arm: Arm) -> bool:
    """Whether its answers were counted; those of trials that were not chosen are not."""
    return arm.kind == "trivial" or arm.tokens_in > 0 or arm.tokens_out > 0


def arm_named(report: Report, name: str | None) -> Arm | None:
    """The arm of that name, or none."""
    return next((arm for arm in report.leaderboard if arm.arm == name), None)


def duel(report: Report) -> GateCondition | None:
    """The condition that compares the tuned model with the strongest prompt on the deciding metric."""
    best = arm_named(report, report.best_prompt)
    name = f"beats:{best.family}" if best else ""
    return next((c for c in report.conditions if c.name == name and c.metric == report.metric), None)


def kept(report: Report, forgetting: Forgetting) -> GateCondition | None:
    """The condition that judges this benchmark."""
    return next((c for c in report.conditions if c.name == f"keeps:{forgetting.benchmark}"), None)


def claim(condition: GateCondition) -> str:
    """`beats:few_shot` as `Beats few_shot`."""
    relation, _, other = condition.name.partition(":")
    words = {
        "beats": f"Beats {other}",
        "keeps": f"Keeps {other}",
        "floor": "Exceeds the floor",
        "format": "Answers have the right form",
        "cost": "Answers keep within the price",
        "latency": "Answers come in time",
    }
    return words.get(relation, condition.name)


def is_floor(condition: GateCondition) -> bool:
    """Whether its effect is a score or a share rather than a difference."""
    return condition.name in ("floor", "format", "cost", "latency")


def tested(report: Report) -> list[GateCondition]:
    """Every condition; those measured by the clock come last, from where the clock's numbers live."""
    return [*report.conditions, *(GateCondition.model_validate(row) for row in report.timing.get("gates", []))]


def untested(report: Report) -> str:
    """Why there are no conditions."""
    return SEALED if report.looks_left else "Nothing was tested: there was no tuned model to judge."


def unforgotten(report: Report) -> str:
    """Why there are no benchmarks."""
    return SEALED if report.looks_left else "Not measured: this report cannot say what tuning made the model forget."


SEALED = "Sealed until the last planned verdict on these test items."
"""What stands where test scores would."""
FORMS = {"merged": "merged", "merged_nf4": "merged, 4-bit"}
"""The forms of a tuned model, as people call them."""


def outcomes(report: Report) -> dict[Mark, int]:
    """How many conditions passed, failed and stayed unresolved; only those that occur."""
    found = [condition.outcome for condition in tested(report)]
    marks: tuple[Mark, ...] = ("pass", "fail", "unresolved")
    return {mark: found.count(mark) for mark in marks if mark in found}


def trial_arm(trial: Trial) -> str:
    """The name of a trial's arm on the leaderboard."""
    return f"tuned/trial-{trial.number}"


def champion_trial(report: Report) -> Trial | None:
    """The trial behind the tuned champion."""
    return next((trial for trial in report.trials if trial_arm(trial) == report.champion), None)


def tried_first(report: Report) -> list[TriedTrial]:
    """The champion, then the others in their order."""
    return sorted(report.tried, key=lambda row: not row.chosen)


def sampled(report: Report, row: TriedTrial) -> str:
    """What one trial was tried with: the parameters that differ between trials, or all where there is one."""
    trial = next((trial for trial in report.trials if trial.number == row.trial), None)
    params = trial.params if trial else {}
    return ", ".join(f"{name} {plain(params[name])}" for name in varied_params(report.trials) if name in params)


def ill_trials(report: Report) -> list[str]:
    """`trial 2: overfitting from epoch 3`, the champion first; trials that are well are left out."""
    return [
        f"trial {row.trial}{' (chosen)' if row.chosen else ''}: {', '.join(map(named, row.findings))}"
        for row in tried_first(report)
        if row.findings
    ]


def suspects(report: Report) -> list[Suspect]:
    """Training examples to look at, by the first trial that names any; all trials learn from the same ones."""
    found = (finding.suspects for row in tried_first(report) for finding in row.findings if finding.suspects)
    return next(found, [])


def timing_shown(report: Report) -> dict[str, Any]:
    """Seconds by stage; what was clocked epoch by epoch stands in a table of its own."""
    return {name: value for name, value in report.timing.items() if name != CLOCKED}


def shared_params(trials: list[Trial]) -> dict[str, Any]:
    """The parameters that were the same in every trial; none when there is nothing to compare."""
    if len(trials) < 2:
        return {}
    first, *others = (trial.params for trial in trials)
    return {
        name: value
        for name, value in first.items()
        if all(name in params and params[name] == value for params in others)
    }


def varied_params(trials: list[Trial]) -> list[str]:
    """Every other parameter, in the order of first use."""
    shared = shared_params(trials)
    return list(dict.fromkeys(name for trial in trials for name in trial.params if name not in shared))


def metric_names(report: Report) -> list[str]:
    """Every metric of the leaderboard, the deciding one first."""
    found = [name for arm in report.leaderboard for name in [*arm.validation, *(arm.test or {})]]
    return list(dict.fromkeys([report.metric, *found]))


def further_sentence(rows: FurtherRows) -> str:
    """What was learnt from one source besides the training split, and what of it was left out."""
    left = {**{f"repeat {name}": count for name, count in rows.repeats.items()}, "lack a text": rows.unusable}
    out = ", ".join(f"{count:,} {why}" for why, count in left.items() if count)
    return (
        f"Trained on besides, {rows.role}: {rows.kept:,} of {rows.rows:,} rows of {rows.source}, licence {rows.license}"
        f"{f'; left out: {out}' if out else ''}; SHA-256 {rows.sha256[:12]}"
    )


def leaked_sentence(leaked: LeakedCheck) -> str:
    """What the items that were seen before would have changed."""
    items = (
        "1 test item that training or selection has seen is"
        if leaked.removed == 1
        else (f"{leaked.removed:,} test items that training or selection has seen are")
    )
    return f"{items} left out; with them the verdict is {leaked.verdict_with}."


def slice_finding(row: SliceRow) -> str:
    """What was found on a slice, and what follows from it."""
    return slice_words(judged=row.judged, regressed=row.regressed, withholds=row.withholds, gate=row.gate)


def slice_counts(report: Report) -> str:
    """How many slices were found how: `2 no proven regression, 1 regressed, vetoes`; empty without slices."""
    worst = {row.slice: slice_finding(row) for row in reversed(report.slices)}
    found = list(worst.values())
    return "; ".join(f"{found.count(words)} {words}" for words in dict.fromkeys(found))


def shown_reasons(report: Report) -> list[str]:
    """The reasons as sentences; the plain word that machines look for is said by the sentence after it."""
    return [reason for reason in report.reasons if reason != "test_set_spent"]
