"""Turn an adapter into a model of its own: the base, not quantised, with the adapter folded into its weights."""

from typing import Any

from harness.stages import Job


def write_model(job: Job) -> dict[str, Any]:
    """A transformers folder: weights as safetensors, configuration, tokenizer; summary: bytes of the weights."""
    from harness.adapters.merging import write_merged
    from harness.adapters.models import model_bytes

    write_merged(job.inputs["model"], path=job.local["model_path"], adapter=job.needs["adapter"], out=job.out)
    return {"bytes": model_bytes(job.out)}
