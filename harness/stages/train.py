"""Turn the tuned model at epoch e-1, an adapter or a whole one, into the tuned model at epoch e.

Every epoch is a step of its own that starts from the files of the one before, so a run that was killed and a run
that was not do exactly the same arithmetic.
"""

from statistics import mean, median
from typing import Any

from harness.halving import SIZE, first_size
from harness.jsonl import write_lines
from harness.stages import Job
from harness.stages.mixture import epoch_rows, validation_rows

CLOCK = "clock.jsonl"
"""One line: seconds of training, without loading and validation."""
LOSSES = "losses.jsonl"
"""Id and loss of each training example, in the order of training."""


def write_epoch(job: Job) -> dict[str, Any]:
    """Weights and optimiser as safetensors, log.jsonl by step, losses.jsonl by example, clock.jsonl; summary: means."""
    from harness.adapters.halving import in_memory
    from harness.adapters.tracker_runs import tracking
    from harness.adapters.trackers import Track
    from harness.adapters.tuning import trained_epoch

    rows, validation = epoch_rows(job), validation_rows(job)
    settings = job.inputs["settings"]
    with tracking(Track.of(job.local), state=job.cache, tell=job.tell) as callbacks:
        outcome, size = in_memory(
            lambda micro: trained_epoch(
                rows,
                validation=validation,
                inputs=job.inputs,
                path=job.local["model_path"],
                model_name=job.local["model_name"],
                previous=job.needs.get("previous"),
                reference=job.needs.get("reference"),
                out=job.out,
                progress=job.progress,
                micro=micro,
                callbacks=callbacks,
            ),
            size=first_size(settings, local=job.local),
            batch=settings["batch_size"],
            tell=job.tell,
        )
    write_lines(job.out / "log.jsonl", outcome.log)
    write_lines(job.out / LOSSES, outcome.measures.losses)
    # Not in the summary, which is the same on every machine: it is shown, and part of nothing that is chosen.
    write_lines(job.out / CLOCK, [{"seconds": round(outcome.measures.seconds, 3)}])
    return _summary(outcome, examples=len(rows), size=size)


def _summary(outcome: Any, *, examples: int, size: int) -> dict[str, Any]:
    """What is the same on every machine but for `size`, the examples per pass."""
    return {
        "train_loss": outcome.loss,
        "tokens": outcome.tokens,
        "examples": examples,
        "cut": outcome.cut,
        "dropped": outcome.dropped,
        "parameters": outcome.parameters,
        "validation_loss": outcome.measures.validation_loss,
        **_of_steps(outcome.log),
        SIZE: size,
    }


def _of_steps(log: list[dict[str, Any]]) -> dict[str, float]:
    """Last learning rate, gradient norms, and of pairs the mean margin and share; none where no step was taken."""
    if not log:
        return {}
    norms = [step["grad_norm"] for step in log]
    found = {"learning_rate": log[-1]["learning_rate"], "gradient_norm": median(norms), "gradient_norm_max": max(norms)}
    found |= {name: mean(step[name] for step in log) for name in ("margin", "preferred") if name in log[0]}
    return {name: float(f"{value:.6g}") for name, value in found.items()}
