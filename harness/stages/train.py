"""Turn an adapter at epoch e-1 into the adapter at epoch e.

Every epoch is a step of its own that starts from the files of the one before, so a run that was killed and a run
that was not do exactly the same arithmetic.
"""

from typing import Any

from harness.halving import SIZE, first_size
from harness.jsonl import read_lines, write_lines
from harness.prompts import PromptConfig, messages
from harness.records import Example
from harness.stages import Job


def write_epoch(job: Job) -> dict[str, Any]:
    """Adapter and optimiser state as safetensors, log.jsonl; summary: loss and counts."""
    from harness.adapters.halving import in_memory
    from harness.adapters.tuning import trained_epoch

    config = PromptConfig.model_validate(job.inputs["prompt"])
    train = read_lines(job.needs["data"] / "train.jsonl", model=Example)
    rows = [
        {"prompt": messages(config, text=item.input), "completion": [{"role": "assistant", "content": item.reference}]}
        for item in train
    ]
    settings = job.inputs["settings"]
    outcome, size = in_memory(
        lambda micro: trained_epoch(
            rows,
            inputs=job.inputs,
            path=job.local["model_path"],
            model_name=job.local["model_name"],
            previous=job.needs.get("previous"),
            out=job.out,
            progress=job.progress,
            micro=micro,
        ),
        size=first_size(settings, local=job.local),
        batch=settings["batch_size"],
        tell=job.tell,
    )
    write_lines(job.out / "log.jsonl", outcome.log)
    return {
        "train_loss": outcome.loss,
        "tokens": outcome.tokens,
        "examples": len(rows),
        "cut": outcome.cut,
        "dropped": outcome.dropped,
        "parameters": outcome.parameters,
        SIZE: size,
    }
