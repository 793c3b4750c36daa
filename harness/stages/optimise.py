"""Turn a start instruction into a better prompt, from training and validation examples; no test item is at hand."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any

from harness.adapters.generator import Generated, Generator
from harness.adapters.tryouts import Candidate, Grade, Tryouts
from harness.jsonl import read_lines
from harness.likeness import normalised
from harness.prompts import Message, PromptConfig, chosen_shots, filled, messages
from harness.records import Example, Prediction
from harness.specs import DspySpec
from harness.stages import Job
from harness.stages.predict import answer_identity, answerer
from harness.stages.score import means, scored_rows

PROPOSAL_TOKENS = 300
"""Longest instruction that a model may propose, in tokens; one that is not finished by then is not tried."""
Voice = Callable[[], Generator]
"""Who answers, loaded when it is first asked."""
TRIED_ON = {"train": {"gepa": 1, "miprov2": 10}, "validation": {"gepa": 5, "miprov2": 8}}
"""One part in so many of the budget is the size of the sample of a split. Of training examples GEPA draws a few at a
time, and MIPROv2 may answer them all to choose worked examples; every candidate meets the whole validation sample."""


def write_prompt(job: Job) -> dict[str, Any]:
    """prompt.json: the best prompt found; summary: it, what it scored on the sample, and what the search cost."""
    from harness.adapters.dspy_optimizer import optimise
    from harness.adapters.generator import generator

    spec, voice = DspySpec.model_validate(job.inputs["dspy"]), cache(lambda: generator(answerer(job)))
    tryouts, written = _tryouts(job, spec=spec, voice=voice), list[Generated]()

    def propose(request: list[Message]) -> Generated:
        written.extend(_answers(job, voice, [request], limit=PROPOSAL_TOKENS))
        return written[-1]

    best = optimise(spec, tryouts, start=job.inputs["instruction"], propose=propose)
    prompt, spent = _prompt(job, best), [*tryouts.answers.values(), *written]
    (job.out / "prompt.json").write_text(prompt.model_dump_json(indent=1), "utf-8")
    values = tryouts.validated()
    return {
        "prompt": prompt.model_dump(mode="json"),
        "calls": len(tryouts.answers),
        "proposals": len(written),
        "candidates": len({candidate for candidate, _ in tryouts.answers}),
        "sample": {"train": len(tryouts.train), "validation": len(tryouts.validation)},
        "start": next(iter(values.values()), None),
        "best": values.get(best),
        "tokens_in": sum(answer.tokens_in for answer in spent),
        "tokens_out": sum(answer.tokens_out for answer in spent),
    }


def _tryouts(job: Job, *, spec: DspySpec, voice: Voice) -> Tryouts:
    """Seeded samples of both splits, in proportion to the budget."""
    train = _sample(job, "train", count=spec.calls // TRIED_ON["train"][spec.optimizer], seed=spec.seed)
    validation = _sample(job, "validation", count=spec.calls // TRIED_ON["validation"][spec.optimizer], seed=spec.seed)
    limit, choices, metrics = job.inputs["max_new_tokens"], job.inputs.get("labels"), job.inputs["score"]["metrics"]
    return Tryouts(
        train=train,
        validation=validation,
        converse=partial(_conversation, job, train),
        ask=partial(_answers, job, voice, limit=limit, choices=choices),
        grade=partial(_grade, job),
        value=lambda rows: means(rows, metrics=metrics)[metrics[0]],
        calls=spec.calls,
        progress=job.progress,
    )


def _sample(job: Job, split: str, *, count: int, seed: int) -> dict[str, Example]:
    """Examples by id; of a label task the training examples one label after the other."""
    items = read_lines(job.needs["data"] / f"{split}.jsonl", model=Example)
    by_label = split == "train" and job.inputs["kind"] == "label"
    return {item.id: item for item in chosen_shots(items, count=max(1, count), seed=seed, by_label=by_label)}


def _prompt(job: Job, candidate: Candidate) -> PromptConfig:
    """A candidate as the prompt that the predict stage will be given."""
    template = filled(job.inputs["frame"], {"instruction": candidate.instruction})
    return PromptConfig(template=template, shots=len(candidate.shot_ids), shot_ids=candidate.shot_ids)


def _conversation(job: Job, train: Mapping[str, Example], candidate: Candidate, text: str) -> list[Message]:
    """As the predict stage will ask: no item is shown a copy of itself."""
    shots = [train[name] for name in candidate.shot_ids]
    own = [shot for shot in shots if normalised(shot.input) != normalised(text)]
    return messages(_prompt(job, candidate), text=text, shots=own)


def _answers(
    job: Job,
    voice: Voice,
    conversations: Sequence[list[Message]],
    *,
    limit: int,
    choices: Sequence[str] | None = None,
) -> list[Generated]:
    """Kept on disk with those of the predict stage, so that an optimisation that was killed asks nothing twice."""
    from harness.adapters.answer_cache import kept_answers

    return kept_answers(
        voice,
        conversations,
        identity=_identity(job, limit=limit, choices=choices),
        labels=choices,
        max_new_tokens=limit,
        folder=job.cache,
        progress=lambda done, total: None,
    )


def _identity(job: Job, *, limit: int, choices: Sequence[str] | None) -> dict[str, Any]:
    """The predict stage's, so that it finds the answers to the prompt that was chosen."""
    same = {name: value for name, value in answer_identity(job).items() if name not in ("labels", "max_new_tokens")}
    return {**same, "max_new_tokens": limit, **({"labels": list(choices)} if choices else {})}


def _grade(job: Job, example: Example, answer: Generated) -> Grade:
    """The score stage's own row, and in words what was wrong."""
    score = job.inputs["score"]
    given = Prediction(example_id=example.id, **answer._asdict())
    (row,) = scored_rows([example], [given], inputs=score, task_dir=job.local.get("task_dir"))
    value = means([row], metrics=score["metrics"])[score["metrics"][0]]
    return Grade(value, _feedback(row, example=example, answer=answer, metric=score["metrics"][0], value=value), row)


def _feedback(row: dict[str, Any], *, example: Example, answer: Generated, metric: str, value: float) -> str:
    if value == 1:
        return "The reply is right."
    words = [f"The right reply is: {example.reference}"]
    if answer.status == "truncated":
        words.append("The prompt was too long for the model to be answered at all.")
    elif answer.status == "unfinished":
        words.append("The reply was too long and was cut off.")
    if row["label"] is not None:
        words.append(f"The reply was read as: {row['label']}")
    elif not row["valid"] and answer.status != "truncated":
        words.append("The reply begins with none of the allowed answers.")
    return "\n".join([*words, f"It scores {value:.2f} of 1 by {metric}."])
