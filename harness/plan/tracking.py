"""Turn steps of a trial into the same steps that also say which run of a tracker they belong to."""

from dataclasses import replace

from harness.jsonl import read_rows
from harness.plan.further import Lap
from harness.plan.setup import Setup
from harness.steps import Step
from harness.store import Artifact

DIGITS = 6
"""Of the key of a trial's first epoch."""


def tracked(step: Step, *, setup: Setup, number: int, lap: Lap, first: str, trained: Artifact | None = None) -> Step:
    """The same step, with the same key: what looks on changes no result.

    `first` is the key of the trial's first epoch, `trained` the epoch's artifact where its answers are scored. Text and
    pairs have runs of their own: their steps and losses are no continuation of the task's.
    """
    trackers = setup.resolved.experiment.search.report_to
    if not trackers:
        return step
    phase = "" if lap.phase == "sft" else f"-{lap.phase}"
    run = f"trial-{number}{phase}-{first.rpartition('-')[2][:DIGITS]}"
    track = {"trackers": trackers, "experiment": setup.resolved.name, "run": run, "epoch": lap.epoch}
    if trained is not None:
        steps = [int(row["step"]) for row in read_rows(trained.path / "log.jsonl")]
        track |= {"step": lap.epoch * max(steps, default=0), "loss": trained.summary.get("validation_loss")}
    return replace(step, local={**step.local, "track": track})
