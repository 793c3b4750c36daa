"""Turn an experiment into expected seconds and bytes, before anything heavy runs; sharpen it while steps finish."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from harness.loading import Resolved
from harness.plan import Plan
from harness.plan.arms import prompt_arms
from harness.plan.prompt_search import prompt_space, searching
from harness.prompt_space import space_size
from harness.steps import Step
from harness.store import Artifact

CHARACTERS_PER_TOKEN = 4.0
TEMPLATE_TOKENS = 35
"""What a chat template adds to a conversation, roughly."""
REFERENCE_BYTES = 270e6
"""Weights of the sample model in bf16, on which the rates below were measured (2 cores)."""
TOKENS_PER_SECOND = 1_000.0
"""Reading; one generated token costs as much as six read ones in a batch, one trained token as much as four."""
GENERATED, TRAINED = 6.0, 4.0
SINGLE = 4.0
"""What a request costs alone, against one in a batch."""
PASSAGE_CHARACTERS = 600.0
"""A passage, where its corpus was not read."""
BENCHMARK_ITEMS, BENCHMARK_TOKENS = 750, 80
RUNTIME_BYTES = 1.2e9
"""Interpreter and libraries."""
ACTIVATION_BYTES_PER_TOKEN = 4.5e6
"""Activations and logits of a trained token, at the sample model's size."""


@dataclass(frozen=True)
class Work:
    """Steps of one kind."""

    kind: str
    """optimise, prompt, train, tuned, test, latency or forgetting."""
    title: str
    count: int
    """How many steps, at most."""
    seconds: float
    """Expected seconds for one of them."""


@dataclass(frozen=True)
class Sizes:
    """What is known of the data."""

    train: int
    validation: int
    test: int
    input_characters: float
    reference_characters: float
    passage_characters: float = PASSAGE_CHARACTERS


def planned_sizes(current: Plan) -> Sizes:
    """Sizes once the data step is done."""
    assert current.data is not None
    sizes, characters = current.data.summary["sizes"], current.data.summary["characters"]
    test = current.data.summary["judged"]["items"]
    return Sizes(sizes["train"], sizes["validation"], test, characters["input"], characters["reference"])


def expected_work(resolved: Resolved, *, sizes: Sizes, weight_bytes: int) -> list[Work]:
    """The whole experiment, kind by kind, at the measured reference rates scaled by the model's size."""
    experiment, task = resolved.experiment, resolved.task
    arms = [arm for arm in prompt_arms(resolved, labels=list(task.labels or [])) if arm.prompt]
    speed = TOKENS_PER_SECOND * REFERENCE_BYTES / max(weight_bytes, 1)
    answer = GENERATED * min(task.max_new_tokens, 1.5 * sizes.reference_characters / CHARACTERS_PER_TOKEN)
    question = _tokens(sizes.input_characters + len(task.instruction)) + TEMPLATE_TOKENS
    passage = _tokens(sizes.passage_characters)
    asked = [(1 + arm.prompt.shots) * (question + arm.prompt.passages * passage) + answer for arm in arms if arm.prompt]
    epochs = sum(experiment.search.space.epochs) / len(experiment.search.space.epochs)
    rounds = max(1, round(experiment.search.trials * epochs))
    reference = _tokens(sizes.reference_characters)
    tuning = rounds * ((question + reference) * sizes.train + (question + answer / GENERATED) * sizes.validation)
    searched = _searched(resolved, sizes=sizes, question=question, answer=answer, tuning=tuning)
    asked += searched
    mean_ask = sum(asked) / max(1, len(asked))
    trained = TRAINED * (question + reference) * sizes.train
    benches = [gate.limit or BENCHMARK_ITEMS for gate in experiment.gates.forgetting]
    items = sum(benches) / max(1, len(benches))
    ships, latency = experiment.gates.ships, experiment.gates.latency
    forms, requests = len(ships.forms) if ships else 0, latency.requests if latency else 0
    calls = [family.dspy.calls for family in resolved.families if family.dspy]
    tried, prompts = sum(calls) / max(1, len(calls)) * (question + answer), len(asked) + len(calls)
    by_search = f", {len(searched)} of {prompts} by search" if searched else ""
    return [
        Work("optimise", "prompts that an optimiser writes", len(calls), tried / speed),
        Work("prompt", f"prompts on validation{by_search}", prompts, mean_ask * sizes.validation / speed),
        Work("train", "training epochs", rounds, trained / speed),
        Work("tuned", "tuned answers on validation", rounds, (question + answer) * sizes.validation / speed),
        Work("test", "champions on test", len(resolved.families) + 1 + forms, mean_ask * sizes.test / speed),
        Work("latency", "single requests", min(requests, 1), SINGLE * requests * (question + answer) / speed),
        Work("forgetting", "forgetting benchmarks, base and tuned", 2 * len(benches), items * BENCHMARK_TOKENS / speed),
    ]


def _searched(resolved: Resolved, *, sizes: Sizes, question: float, answer: float, tuning: float) -> list[float]:
    """Work for an item by every prompt that a search may try; `tuning` is the tokens of the search for an adapter."""
    found: list[float] = []
    for family in searching(resolved):
        assert family.search is not None
        space = prompt_space(family, resolved=resolved, labels=list(resolved.task.labels or []), train=sizes.train)
        asking = question * (1 + sum(space["shots"]) / len(space["shots"]))
        count = family.search.trials
        if family.search.budget == "equal":
            count = max(count, ceil(tuning / max(1.0, (asking + answer / GENERATED) * sizes.validation)))
        found += [asking + answer] * min(count, space_size(space))
    return found


def peak_bytes(resolved: Resolved, *, sizes: Sizes, weight_bytes: int) -> int:
    """Resident memory while training, roughly: libraries, weights and the activations of a micro-batch."""
    search = resolved.experiment.search
    length = min(search.max_length, 2 * _tokens(sizes.input_characters + sizes.reference_characters) + TEMPLATE_TOKENS)
    tokens = length * min(search.micro_batch_size, search.batch_size)
    return int(RUNTIME_BYTES + weight_bytes + tokens * ACTIVATION_BYTES_PER_TOKEN * weight_bytes / REFERENCE_BYTES)


def remaining_seconds(work: list[Work], *, current: Plan, finished: Callable[[str], Artifact | None]) -> float:
    """Seconds still to go, by the finished steps' own times where there are some."""
    times: dict[str, list[float]] = {row.kind: [] for row in work}
    for step in {step.key: step for step in current.wanted}.values():
        artifact = finished(step.key)
        if artifact is not None and (kind := kind_of(step)) in times:
            times[kind].append(artifact.seconds)
    left = 0.0
    for row in work:
        done = times[row.kind]
        mean = sum(done) / len(done) if done else row.seconds
        left += max(0, row.count - len(done)) * mean
    return left


def kind_of(step: Step) -> str:
    """The kind of work a step belongs to; empty for the light ones."""
    if step.stage in ("optimise", "train", "forgetting", "latency"):
        return step.stage
    if step.stage != "predict" or "rule" in step.inputs:
        return ""
    if step.inputs["split"] == "test":
        return "test"
    return "tuned" if "adapter" in step.needs else "prompt"


def _tokens(characters: float) -> float:
    return characters / CHARACTERS_PER_TOKEN
