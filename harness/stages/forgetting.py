"""Turn a model and a benchmark's gate half into per-item accuracies."""

from functools import partial
from pathlib import Path
from typing import Any

from harness.jsonl import write_lines
from harness.stages import Job
from harness.stages.met import LEARNT_FROM, met_places


def write_accuracies(job: Job) -> dict[str, Any]:
    """items.jsonl, one line a benchmark item; summary: their mean, and how many training has met where it has any.

    What the tuned model was trained on follows from its adapter, so it is no input of its own.
    """
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
        met=partial(met_places, learnt_from=_path(job.local.get(LEARNT_FROM))),
    )
    write_lines(job.out / "items.jsonl", rows)
    found = {"n": len(rows), "acc": round(sum(row["acc"] for row in rows) / len(rows), 6)}
    met = sum("met" in row for row in rows)
    return found | ({"met": met} if met else {})


def _path(value: str | None) -> Path | None:
    return None if value is None else Path(value)
