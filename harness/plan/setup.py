"""What planning starts from: the specs, and the bytes they point at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from harness.ledger import Ledger
from harness.loading import Resolved
from harness.prompt_space import Params, Space
from harness.records import PromptTrial, Trial
from harness.specs import PromptSearchSpec, SearchSpec


class Model(Protocol):
    """A base model whose bytes are known."""

    @property
    def name(self) -> str: ...
    @property
    def path(self) -> Path: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def stamp(self) -> str: ...
    def identity(self, *, quantization: str | None = None) -> dict[str, object]: ...


class Sampler(Protocol):
    """Proposes trials and prompts, and stops trials, from finished ones alone."""

    def suggested(self, spec: SearchSpec, *, history: Sequence[Trial], number: int, metric: str) -> dict[str, Any]: ...
    def should_stop(self, spec: SearchSpec, *, history: Sequence[Trial], running: Trial, metric: str) -> bool: ...
    def suggested_prompt(
        self, spec: PromptSearchSpec, *, space: Space, history: Sequence[PromptTrial], number: int
    ) -> Params | None: ...


@dataclass(frozen=True)
class Source:
    """Data whose bytes are known."""

    identity: dict[str, Any]
    """File hashes, or hub name and commit."""
    path: str | None
    """Where it lies on this machine; None for the hub."""


@dataclass(frozen=True)
class Benchmark:
    """A forgetting benchmark whose bytes are known."""

    identity: dict[str, Any]
    """Hash of the task file and of its data, or the lm-eval task's name."""
    file: str | None
    data: str | None


@dataclass(frozen=True)
class FamilyFiles:
    """What a prompt family needs besides its spec, with known bytes."""

    adapter: Source | None = None
    """An earlier version's adapter."""
    quantization: str | None = None
    """How the base is held under that adapter."""
    seen: str | None = None
    """Key of the data that it was trained and selected on; None where that is unknown."""
    learnt: tuple[str, ...] = ()
    """Keys of the further data that it was trained on, as far as the store has them."""
    embeddings: Source | None = None
    """The model that finds similar examples."""
    base: str = ""
    """What an adapter of unknown training calls its base model; empty where the bytes are known."""


@dataclass(frozen=True)
class Setup:
    """Everything that decides which steps there are."""

    resolved: Resolved
    model: Model
    source: Source
    benchmarks: dict[str, Benchmark]
    sampler: Sampler
    ledger: Ledger
    families: Mapping[str, FamilyFiles] = field(default_factory=dict)
    """By the family's name; those that need nothing are left out."""
    corpus: Source | None = None
    """What passages are retrieved from."""
    further: Mapping[str, Source] = field(default_factory=dict)
    """What is learnt besides the task, by the search's key: `text`, `replay`, `preferences`."""
    mixed: Mapping[str, Source] = field(default_factory=dict)
    """Data of the tasks that are mixed in, by name."""

    @property
    def model_place(self) -> dict[str, str]:
        """What a step is told of the base model's folder: where it lies, and what its files looked like when hashed."""
        return {"model_path": str(self.model.path), "model_stamp": self.model.stamp}

    @property
    def metric(self) -> str:
        """The deciding metric."""
        return self.resolved.task.metrics[0]
