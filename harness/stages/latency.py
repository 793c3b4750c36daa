"""Turn the tuned model and validation prompts into the seconds each answer takes, one request at a time."""

import time
from itertools import cycle, islice
from typing import Any

from harness.jsonl import read_lines, write_lines
from harness.prompts import PromptConfig, messages
from harness.records import Example
from harness.stages import Job

WARM_UP = 3
"""Requests answered before the clock counts: the first ones pay for caches."""


def write_latencies(job: Job) -> dict[str, Any]:
    """latency.jsonl, seconds a request; no test item is needed, so none is used."""
    from harness.adapters.generation import TransformersGenerator
    from harness.adapters.language_model import language_model

    items = read_lines(job.needs["data"] / "validation.jsonl", model=Example)
    config = PromptConfig.model_validate(job.inputs["prompt"])
    model = language_model(job.inputs["model"], path=job.local["model_path"], adapter=job.needs["adapter"])
    alone, longest, count = (
        TransformersGenerator(model, batch_size=1),
        job.inputs["max_new_tokens"],
        job.inputs["requests"],
    )
    rows = []
    for number, item in enumerate(islice(cycle(items), count + WARM_UP)):
        conversation = [messages(config, text=item.input, shots=[])]
        start = time.perf_counter()
        alone.answers(conversation, max_new_tokens=longest, known={}, keep=lambda answers: None)
        if number >= WARM_UP:
            rows.append({"seconds": time.perf_counter() - start})
            job.progress(len(rows), count)
    write_lines(job.out / "latency.jsonl", rows)
    return {"requests": len(rows)}
