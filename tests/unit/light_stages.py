"""Training and answering that cost nothing, in real processes: faults can be put into a whole run of the command.

A worker takes these stages for its own (see `light_run`). Training writes files that follow from its inputs and from
the epoch before; files in the workspace say what happens to it on the way.
"""

import os
import signal
import time
from pathlib import Path
from typing import Any

from harness.canonical import digest, file_digest
from harness.halving import SIZE, first_size
from harness.jsonl import write_lines
from harness.records import Prediction
from harness.stages import Job, predict

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
    return {"train_loss": 1.0, "tokens": 100, "cut": 0, "dropped": 0, "parameters": 1, SIZE: size}


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


def _root(job: Job) -> Path:
    assert job.cache is not None
    return job.cache.parent


def _held(root: Path) -> bool:
    finished = len(list((root / ".harness/store").glob("train-*/artifact.json")))
    return (root / HOLD).exists() and (root / HOLD).read_text() == str(finished)
