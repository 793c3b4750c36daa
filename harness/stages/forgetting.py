"""Turn a model and a benchmark's gate half into per-item accuracies."""

from pathlib import Path
from typing import Any

from harness.jsonl import write_lines
from harness.stages import Job


def write_accuracies(job: Job) -> dict[str, Any]:
    """items.jsonl, one line a benchmark item; summary: their mean."""
    from harness.adapters.forgetting import item_accuracies
    from harness.adapters.language_model import language_model

    model = language_model(job.inputs["model"], path=job.local["model_path"], adapter=job.needs.get("adapter"))
    rows = item_accuracies(
        model,
        benchmark=job.inputs["benchmark"],
        file=_path(job.local.get("file")),
        data=_path(job.local.get("data")),
        limit=job.inputs["limit"],
        progress=job.progress,
    )
    write_lines(job.out / "items.jsonl", rows)
    return {"n": len(rows), "acc": round(sum(row["acc"] for row in rows) / len(rows), 6)}


def _path(value: str | None) -> Path | None:
    return None if value is None else Path(value)
