"""One module a stage: inputs into one artifact."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from harness.adapters.generator import Tell, untold

Progress = Callable[[int, int], None]
"""Called with (done, total) units of the step's own work."""

STAGES: dict[str, str] = {
    "data": "harness.stages.data:write_selection",
    "slices": "harness.stages.data:write_slices",
    "further": "harness.stages.further:write_lessons",
    "testset": "harness.stages.data:write_testset",
    "optimise": "harness.stages.optimise:write_prompt",
    "predict": "harness.stages.predict:write_predictions",
    "latency": "harness.stages.latency:write_latencies",
    "score": "harness.stages.score:write_scores",
    "train": "harness.stages.train:write_epoch",
    "probe": "harness.stages.probe:write_probe",
    "merge": "harness.stages.merge:write_model",
    "forgetting": "harness.stages.forgetting:write_accuracies",
    "lock": "harness.stages.judge:write_lock",
    "judge": "harness.stages.judge:write_judgement",
}


@dataclass(frozen=True)
class Job:
    """What a stage is given."""

    inputs: dict[str, Any]
    """The step's identity."""
    needs: dict[str, Path]
    """Folders of the artifacts it depends on, by role."""
    local: dict[str, Any]
    """What this machine adds: paths."""
    out: Path
    """Empty folder to write into."""
    progress: Progress
    cache: Path | None = None
    """Folder of what is kept across steps and runs, such as answers; None keeps nothing."""
    tell: Tell = untold


def stage_function(stage: str) -> Callable[[Job], dict[str, Any]]:
    """The function that does a stage's work and returns its summary.

    Raises `SourceChanged` where what it reads was something else when the run began, before the work or after it.
    """
    from harness.stages.unchanged import check_sources

    module, name = STAGES[stage].split(":")
    function: Callable[[Job], dict[str, Any]] = getattr(import_module(module), name)

    def watched(job: Job) -> dict[str, Any]:
        check_sources(job)
        try:
            return function(job)
        finally:  # After a failure too, which the change may be the cause of.
            check_sources(job)

    return watched
