"""Turn items into the conversations that ask for their answers: shots and passages from training data and corpus."""

from harness.prompts import Message, PromptConfig, chosen_shots, messages, ordered
from harness.records import Example
from harness.stages import Job


def conversations(job: Job, *, config: PromptConfig, items: list[Example], train: list[Example]) -> list[list[Message]]:
    """One conversation an item, in their order."""
    shots = _shots(config, train=train, by_label=job.inputs["kind"] == "label")
    return [messages(config, text=item.input, shots=ordered(shots, order=config.order)) for item in items]


def _shots(config: PromptConfig, *, train: list[Example], by_label: bool) -> list[Example]:
    """The worked examples that are the same for every item: those that are named, or as many as are wanted."""
    if config.shot_ids:
        known = {example.id: example for example in train}
        return [known[name] for name in config.shot_ids]
    return chosen_shots(train, count=config.shots, seed=config.seed, by_label=by_label)
