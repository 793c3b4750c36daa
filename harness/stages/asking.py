"""Turn items into the conversations that ask for their answers: shots and passages from training data and corpus."""

from harness.prompts import Message, PromptConfig, chosen_shots, messages, ordered
from harness.records import Example
from harness.stages import Job


def conversations(job: Job, *, config: PromptConfig, items: list[Example], train: list[Example]) -> list[list[Message]]:
    """One conversation an item, in their order."""
    shots = chosen_shots(train, count=config.shots, seed=config.seed, by_label=job.inputs["kind"] == "label")
    return [messages(config, text=item.input, shots=ordered(shots, order=config.order)) for item in items]
