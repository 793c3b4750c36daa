"""Turn items into the conversations that ask for their answers: shots and passages from training data and corpus."""

from harness.prompts import Message, PromptConfig, messages
from harness.records import Example
from harness.stages import Job
from harness.stages.passages import passages_beside
from harness.stages.shots import item_shots


def conversations(job: Job, *, config: PromptConfig, items: list[Example], train: list[Example]) -> list[list[Message]]:
    """One conversation an item, in their order."""
    by_label, embeddings = job.inputs["kind"] == "label", job.local.get("embeddings")
    shown = item_shots(config, items=items, train=train, by_label=by_label, embeddings=embeddings)
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
