"""Turn items into the conversations that ask for their answers: shots and passages from training data and corpus."""

from harness.prompts import Message, PromptConfig, chosen_shots, messages, ordered
from harness.records import Example
from harness.stages import Job
from harness.stages.passages import passages_beside


def conversations(job: Job, *, config: PromptConfig, items: list[Example], train: list[Example]) -> list[list[Message]]:
    """One conversation an item, in their order."""
    chosen = _shots(config, train=train, by_label=job.inputs["kind"] == "label")
    shown = [ordered(chosen, order=config.order) for _ in items]
    texts = [item.input for item in items] + [shot.input for shots in shown for shot in shots]
    beside = passages_beside(job, config=config, texts=texts)
    return [
        messages(
            config,
            text=item.input,
            shots=shots,
            passages=beside[item.input],
            shot_passages=[beside[shot.input] for shot in shots],
        )
        for item, shots in zip(items, shown, strict=True)
    ]


def _shots(config: PromptConfig, *, train: list[Example], by_label: bool) -> list[Example]:
    """The worked examples that are the same for every item: those that are named, or as many as are wanted."""
    if config.shot_ids:
        known = {example.id: example for example in train}
        return [known[name] for name in config.shot_ids]
    return chosen_shots(train, count=config.shots, seed=config.seed, by_label=by_label)
