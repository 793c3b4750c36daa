"""Turn items into the conversations that ask for their answers: shots and passages from training data and corpus."""

from harness.prompts import Message, PromptConfig, messages
from harness.records import Example
from harness.stages import Job
from harness.stages.shots import item_shots


def conversations(job: Job, *, config: PromptConfig, items: list[Example], train: list[Example]) -> list[list[Message]]:
    """One conversation an item, in their order."""
    shots = item_shots(
        config,
        items=items,
        train=train,
        by_label=job.inputs["kind"] == "label",
        embeddings=job.local.get("embeddings"),
    )
    return [messages(config, text=item.input, shots=own) for item, own in zip(items, shots, strict=True)]
