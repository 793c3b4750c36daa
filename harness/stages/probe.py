"""Turn a model into what it still knows of general text and of a few benchmark items, for the search to see.

The text is no task's and no gate's; the items are of the half of each benchmark that its gate never sees.
"""

import math
from pathlib import Path
from typing import Any

from harness.errors import TrainingFailed, UserError
from harness.jsonl import write_lines
from harness.stages import Job


def write_probe(job: Job) -> dict[str, Any]:
    """text.jsonl, items.jsonl; summary: cross-entropy in nats a token, and items and accuracy of each benchmark."""
    from harness.adapters.general_text import text_losses
    from harness.adapters.language_model import language_model

    model = language_model(job.inputs["model"], path=job.local["model_path"], adapter=job.needs.get("adapter"))
    losses = text_losses(model)
    read = sum(loss.tokens for loss in losses)
    entropy = sum(loss.nats for loss in losses) / read
    if not math.isfinite(entropy):
        raise _broken(tuned="adapter" in job.needs)
    slices = {name: _slice(job, model, name=name) for name in job.inputs["benchmarks"]}
    write_lines(job.out / "text.jsonl", [loss._asdict() for loss in losses])
    write_lines(
        job.out / "items.jsonl", [{"benchmark": name, **row} for name, part in slices.items() for row in part.rows]
    )
    return {
        "cross_entropy": round(entropy, 6),
        "benchmarks": {name: _accuracy(part.rows) for name, part in slices.items() if part.rows},
        "tokens_in": read + sum(part.tokens for part in slices.values()),
    }


def _slice(job: Job, model: Any, *, name: str) -> Any:
    from harness.adapters.benchmark_slice import slice_accuracies

    place = job.local["benchmarks"][name]
    file, data = (None if place[part] is None else Path(place[part]) for part in ("file", "data"))
    return slice_accuracies(model, benchmark=name, file=file, data=data, limit=job.inputs["items"])


def _accuracy(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"n": len(rows), "acc": round(sum(row["acc"] for row in rows) / len(rows), 6)}


def _broken(*, tuned: bool) -> Exception:
    """Of an adapter it is a result, of the base model it leaves nothing to compare with."""
    what = "log-likelihoods of general text are no numbers"
    if tuned:
        return TrainingFailed(f"its {what} any more: the learning rate is too high")
    return UserError(f"the base model's {what}", where="model", fix="dtype: float32, or another model")
