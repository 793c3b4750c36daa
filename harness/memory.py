"""Turn an experiment, the sizes of its data and its model's shape into the memory that each part of a run takes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal, NamedTuple

from harness.adapters.fitting import HELD, free_bytes, holds_a_copy, row_bytes, rows_within
from harness.adapters.machine import Machine
from harness.adapters.shapes import Shape
from harness.asks import BENCHMARK_TOKENS, Ask, FamilyAsks, Sizes, tokens
from harness.family_asks import tuned_ask
from harness.loading import Resolved
from harness.methods import METHODS, Method
from harness.plan import Goal
from harness.specs import SearchSpec
from harness.trainable import trained_parameters
from harness.training_asks import epochs
from harness.wording import counted

NUMBER_BYTES = {"bfloat16": 2, "float16": 2, "float32": 4}
FULL = NUMBER_BYTES["float32"]
"""The precision of what is trained."""
TRAINED_BYTES, KEPT_BYTES = 4 * FULL, 3 * FULL
"""Of a trained parameter: itself, its gradient and AdamW's two moments; after an epoch all but the gradient is kept."""
NF4_BYTES = 0.5 + 1 / 64 + 4 / (64 * 256)
"""Of a packed parameter: four bits, its share of a block's scale in eight, and of the scale of 256 scales."""
LIBRARIES, FEWEST_LIBRARIES = 1.0e9, 0.4e9
"""Interpreters and libraries of the run and its worker: as measured, and what no machine does without."""
CONTEXT = 0.5e9
"""What CUDA and its libraries keep for themselves on a GPU, about."""
SCORES_HELD, SCORE_COPIES = 2**28, 3
"""Scores over the vocabulary that a step holds at once off the GPU, at most (see `completion_trainer`): themselves,
their softmax and their gradient."""
CERTAIN = 0.5
"""Share of the activations that any way of training needs."""
DENSE = 6.0
"""Characters of a token in a text of long words: fewer tokens than this makes a text does not have."""
Phase = Literal["training", "answering", "merging", "keeping"]
Place = Literal["memory", "GPU memory", "disk"]


class Part(NamedTuple):
    """One thing that takes memory."""

    name: str
    expected: float
    """Bytes, about."""
    least: float
    """Bytes that it cannot do without."""
    least_name: str = ""
    """What that is called, where it is something smaller."""
    adapts: bool = False
    """Whether it takes less where there is less."""


@dataclass(frozen=True)
class Need:
    """What one phase of a run takes in one place."""

    phase: Phase
    place: Place
    has: int | None
    """Bytes that there are; None where that is not known."""
    parts: list[Part]

    @property
    def expected(self) -> float:
        """Bytes, about."""
        return sum(part.expected for part in self.parts)

    @property
    def firm(self) -> float:
        """The same without what takes less where there is less."""
        return sum(part.expected for part in self.parts if not part.adapts)

    @property
    def least(self) -> float:
        """Bytes below which it is impossible."""
        return sum(part.least for part in self.parts)


@dataclass(frozen=True)
class Load:
    """What is loaded, and what for."""

    resolved: Resolved
    sizes: Sizes
    shape: Shape
    dtype: str
    """Precision of the base model."""
    machine: Machine
    goal: Goal = "verdict"

    @property
    def search(self) -> SearchSpec:
        return self.resolved.experiment.search

    @property
    def method(self) -> Method:
        return METHODS[self.search.method]

    @property
    def number(self) -> int:
        """Bytes of a number in the base model."""
        return NUMBER_BYTES[self.dtype]

    @property
    def weights(self) -> float:
        """Bytes of the base model as prompts are answered with it."""
        return self.shape.parameters * self.number

    @property
    def folds(self) -> bool:
        """Whether the adapter is folded into a copy of the weights while it answers (see `folding`)."""
        memory = self.machine.gpu if self.machine.has_gpu else self.machine.memory
        fits = holds_a_copy(memory or 0, weights=self.weights)
        return fits and self.method.kind == "adapter" and self.method.quantization is None and self.number == FULL

    @property
    def trained_weights(self) -> float:
        """Bytes of the base model under, or beside, what is trained."""
        if self.method.quantization is None:
            return self.weights
        return self.shape.packed * NF4_BYTES + (self.shape.parameters - self.shape.packed) * self.number

    @property
    def longest(self) -> float:
        """Tokens of the longest row, as far as it is trained on; texts fill theirs."""
        if self.search.text is not None:
            return self.search.max_length
        return min(self.search.max_length, self._tokens(self.sizes.longest))

    @property
    def fewest(self) -> float:
        """The same where a token takes as many characters as it ever does."""
        return min(self.search.max_length, self.sizes.longest / DENSE)

    def _tokens(self, characters: float) -> float:
        """Of an example of so many characters, input and answer, in the task's own words."""
        return tuned_ask(self.resolved, sizes=self.sizes).tokens_in + tokens(characters - self.sizes.input_characters)


def memory_needs(load: Load, *, asked: Sequence[FamilyAsks]) -> list[Need]:
    """Phase by phase; where a GPU holds the models, what that takes and what the machine's own memory does."""
    if not load.machine.has_gpu:
        has = load.machine.memory
        return [Need(phase, "memory", has, [_libraries(), *parts]) for phase, parts in _phases(load, asked)]
    context = Part("CUDA", CONTEXT, 0.0)
    held = [Need(phase, "GPU memory", load.machine.gpu, [context, *parts]) for phase, parts in _phases(load, asked)]
    passing = [_libraries(), Part("base model on its way to the GPU", load.weights, 0.0)]
    return [*held, *[Need(need.phase, "memory", load.machine.memory, passing) for need in held[:1]]]


def _phases(load: Load, asked: Sequence[FamilyAsks]) -> Iterator[tuple[Phase, list[Part]]]:
    own = [ask for asks in asked if asks.family.api is None for ask in asks.prompts]
    if load.goal != "baselines":
        yield "training", list(_training(load))
    experiment, certifies = load.resolved.experiment, load.goal == "verdict"
    benches = [Ask(BENCHMARK_TOKENS, 0.0)] if certifies and experiment.gates.forgetting else []
    # Another engine than transformers fits itself to the memory.
    if (prompts := own or benches) and experiment.model.engine == "transformers":
        yield "answering", list(_answering(load, prompts=prompts))
    if certifies and experiment.gates.ships and not load.machine.has_gpu:
        once = Part("base model", load.weights, load.weights)
        yield "merging", [once, Part("its copy, into which the adapter is merged", load.weights, 0.0)]


def _libraries() -> Part:
    return Part("libraries", LIBRARIES, FEWEST_LIBRARIES)


def _training(load: Load) -> Iterator[Part]:
    search, shape, whole = load.search, load.shape, load.method.kind == "whole"
    counts = trained_parameters(shape, method=search.method, space=search.space)
    held = load.dtype if load.method.quantization is None else "NF4"
    words = f"base model, {_millions(shape.parameters)} parameters in {held}"
    yield Part(words, load.trained_weights, load.trained_weights)
    what = "a copy of it" if whole else "what is trained"
    words = f"{what}, its gradients and AdamW's moments ({_millions(counts[-1])} parameters)"
    least_words = f"{what} ({_millions(counts[0])} parameters)"
    yield Part(words, counts[-1] * TRAINED_BYTES, counts[0] * TRAINED_BYTES, least_words)
    rows, token = min(search.micro_batch_size, search.batch_size), _activation_bytes(load)
    words = f"activations of {counted(rows, 'example')} of {load.longest:.0f} tokens"
    yield Part(words, rows * load.longest * token, CERTAIN * load.fewest * token, "activations of one example")
    if not load.machine.has_gpu:
        learnt = rows * min(load.longest, tokens(load.sizes.reference_characters))
        scores = min(SCORES_HELD, learnt * shape.embedding[0] * FULL)
        yield Part(f"scores over {shape.embedding[0]:,} tokens", SCORE_COPIES * scores, 0.0)


def _activation_bytes(load: Load) -> float:
    """Of a token: what goes into each matrix, in the adapter's precision, and what comes out, in the base's."""
    return float(sum(rows * load.number + columns * FULL for rows, columns in load.shape.matrices.values()))


def _answering(load: Load, *, prompts: Sequence[Ask]) -> Iterator[Part]:
    """Batches are as large as the memory allows, so one prompt alone is all that has to fit."""
    shape, number = load.shape, load.number
    yield Part(f"base model in {load.dtype}", load.weights, load.weights)
    if load.goal != "baselines" and (load.folds or load.method.kind == "whole"):
        yield Part("the tuned model beside it", load.weights, 0.0)
    longest = max(prompts, key=lambda ask: ask.tokens)
    token = number * (shape.cached + HELD * shape.embedding[1])
    pair = shape.queries * (1 + number) if not load.machine.has_gpu else 0.0
    row = row_bytes(longest.tokens, token=token, pair=pair, vocabulary=shape.embedding[0])
    has = load.machine.gpu if load.machine.has_gpu else load.machine.memory
    free = free_bytes(has or 0, weights=load.weights)
    items = max(load.sizes.validation, load.sizes.test)
    rows = min(items, load.resolved.experiment.model.answer_batch_size or rows_within(free, row=row))
    yield Part(f"{rows} prompts of {longest.tokens:.0f} tokens at once", rows * row, 0.0, adapts=True)


def _millions(count: float) -> str:
    return f"{count / 1e9:.1f} G" if count >= 1e9 else f"{count / 1e6:.1f} M"


def _further_rounds(load: Load) -> int:
    """Epochs of a recipe's further seeds."""
    gates, search = load.resolved.experiment.gates, load.search
    again = gates.seeds if load.goal == "verdict" and gates.scope == "recipe" else 0
    return round(again * epochs(load.resolved) / search.most_trials)


def disk_need(load: Load, *, epochs_done: int = 0) -> Need:
    """What is kept of the epochs that are still to be trained, and of a model that is merged."""
    search, shape = load.search, load.shape
    counts = trained_parameters(shape, method=search.method, space=search.space)
    trials = 1 if search.budget_minutes else search.most_trials
    rounds = (epochs(load.resolved) + _further_rounds(load), trials) if load.goal != "baselines" else (0, 0)
    left, certain = (max(0, count - epochs_done) for count in rounds)
    words = f"weights and AdamW's moments after each of {left} epochs" if left else "nothing more to keep"
    parts = [Part(words, left * fmean(counts) * KEPT_BYTES, certain * counts[0] * KEPT_BYTES)]
    if load.goal == "verdict" and load.resolved.experiment.gates.ships:
        parts.append(Part("the merged model", load.weights, load.weights))
    return Need("keeping", "disk", load.machine.disk, parts)
