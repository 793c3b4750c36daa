"""Training, answering and scoring that cost nothing, in real processes: faults can be put into a whole run.

A worker takes these stages for its own (see `light_run`). Training writes files that follow from its inputs and from
the epoch before; files in the workspace say what happens to it on the way.
"""

import os
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from harness.canonical import digest, file_digest
from harness.halving import SIZE, first_size
from harness.jsonl import write_lines
from harness.records import Example, Prediction
from harness.stages import Job, predict, score
from harness.stages.train import CLOCK, LOSSES

PULSE = "half_done"
"""Holds the process id of a worker whose epoch is half done, while it is held there."""
HOLD = "hold"
"""Holds a number: the epoch after so many finished ones is held half done."""
FITS = "fits"
"""Holds the most examples per pass that the memory takes; the kernel ends whoever takes more."""
WEIGHT_BYTES = 200_000


def write_epoch(job: Job) -> dict[str, Any]:
    """Weights and optimiser state that hold what they were made from."""
    root = _root(job)
    size = first_size(job.inputs["settings"], local=job.local)
    older = sorted(job.needs["previous"].glob("*.safetensors")) if "previous" in job.needs else []
    job.progress(1, 2)
    if (root / FITS).exists() and size > int((root / FITS).read_text()):
        os.kill(os.getpid(), signal.SIGKILL)
    while _held(root):
        (root / PULSE).write_text(f"{os.getpid()}\n")
        time.sleep(0.02)
    for name in ("adapter_model.safetensors", "optimizer.safetensors"):
        text = digest({"file": name, "inputs": job.inputs, "before": [file_digest(one) for one in older]})
        (job.out / name).write_bytes(text.encode() * (WEIGHT_BYTES // len(text)))
    write_lines(job.out / "log.jsonl", [{"step": 1, "loss": 1.0, "learning_rate": 1e-3, "grad_norm": 1.0}])
    write_lines(job.out / CLOCK, [{"seconds": 0.01}])
    write_lines(job.out / LOSSES, [])
    counts = {"tokens": 100, "examples": 20, "cut": 0, "dropped": 0, "parameters": 1}
    return {"train_loss": 1.0, "validation_loss": 1.0, **counts, SIZE: size}


def write_probe(job: Job) -> dict[str, Any]:
    """Nothing was forgotten."""
    return {"cross_entropy": 3.0, "benchmarks": {}, "tokens_in": 1}


def write_predictions(job: Job) -> dict[str, Any]:
    """The word an item begins with, which is right; rules answer as they always do."""
    if "rule" in job.inputs:
        return predict.write_predictions(job)
    items = predict.split_items(job)
    answers = [
        Prediction(example_id=item.id, text=item.input.split()[0], status="ok", tokens_in=4, tokens_out=1)
        for item in items
    ]
    write_lines(job.out / "predictions.jsonl", answers)
    return {"items": len(items), "tokens_in": 4, "tokens_out": 1, "truncated": [], "unfinished": 0}


def write_scores(job: Job) -> dict[str, Any]:
    """As ever, but that whether an answer is right is found without the libraries of the metrics."""

    def answer_scores(metrics: Any, *, answers: list[str], items: list[Example], **more: Any) -> dict[str, list[float]]:
        right = [float(answer == item.reference) for answer, item in zip(answers, items, strict=True)]
        return dict.fromkeys(metrics, right)

    sys.modules["harness.adapters.answer_scores"] = SimpleNamespace(answer_scores=answer_scores)  # type: ignore[assignment]
    return score.write_scores(job)


def _root(job: Job) -> Path:
    assert job.cache is not None
    return job.cache.parent


def _held(root: Path) -> bool:
    finished = len(list((root / ".harness/store").glob("train-*/artifact.json")))
    return (root / HOLD).exists() and (root / HOLD).read_text() == str(finished)
