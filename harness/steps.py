"""Name one piece of work, so that equal work has one key and is done once."""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from harness.canonical import digest

VERSIONS: dict[str, int] = {
    "data": 3,
    "slices": 1,
    "further": 1,
    "testset": 4,
    "optimise": 1,
    "predict": 4,
    "score": 3,
    "train": 3,
    "probe": 3,
    "merge": 1,
    "latency": 4,
    "forgetting": 4,
    "lock": 3,
    "judge": 4,
}
"""Raise a stage's number when its code gives other results for the same inputs."""

NUMERIC_LIBRARIES: dict[str, tuple[str, ...]] = {
    "data": ("datasets", "pandas"),
    "slices": ("datasets", "pandas"),
    "further": ("datasets", "pandas", "lm_eval"),
    "testset": ("datasets", "pandas"),
    "optimise": (
        *("dspy", "gepa", "optuna"),
        *("torch", "transformers", "tokenizers", "peft", "bitsandbytes"),
        *("evaluate", "rouge_score", "scikit-learn"),
    ),
    "predict": ("torch", "transformers", "tokenizers", "peft", "bitsandbytes"),
    "score": ("evaluate", "rouge_score", "scikit-learn"),
    "train": ("torch", "transformers", "tokenizers", "accelerate", "datasets", "peft", "trl", "bitsandbytes"),
    "latency": ("torch", "transformers", "tokenizers", "peft", "bitsandbytes"),
    "probe": ("torch", "transformers", "tokenizers", "peft", "lm_eval", "bitsandbytes"),
    "merge": ("torch", "transformers", "tokenizers", "peft"),
    "forgetting": ("torch", "transformers", "tokenizers", "peft", "lm_eval", "bitsandbytes"),
    "lock": (),
    "judge": ("scipy", "statsmodels", "numpy"),
}
"""Libraries whose version can change a stage's numbers; it is part of the key."""

RETRIEVAL_LIBRARIES: dict[str, tuple[str, ...]] = {"bm25": ("bm25s",), "embedding": ("sentence-transformers",)}
"""Libraries that decide what is most similar, by the way of choosing; part of the inputs of steps that choose so."""


@dataclass(frozen=True)
class Step:
    """One unit of work.

    `inputs` and the keys in `needs` make the identity. `local` holds what the machine adds (paths, batch
    sizes that cannot change results) and never enters the key. `title` is for people.
    """

    stage: str
    inputs: dict[str, Any]
    needs: dict[str, str] = field(default_factory=dict)
    local: dict[str, Any] = field(default_factory=dict)
    title: str = ""
    optional: bool = False
    """A failure is recorded as an artifact with status `failed` and the run goes on."""

    @property
    def key(self) -> str:
        """`stage-` and twelve hex digits of the identity."""
        return f"{self.stage}-{self.identity[:12]}"

    @property
    def identity(self) -> str:
        """SHA-256 over stage, version, library versions, inputs and dependency keys."""
        return digest(
            {
                "stage": self.stage,
                "version": VERSIONS[self.stage],
                "libraries": library_versions(self.stage),
                "inputs": self.inputs,
                "needs": self.needs,
            }
        )


def library_versions(stage: str) -> dict[str, str]:
    """Installed versions of the libraries that can change this stage's numbers."""
    return installed_versions(NUMERIC_LIBRARIES[stage])


def installed_versions(names: tuple[str, ...]) -> dict[str, str]:
    """Version of each library, or `absent`."""
    return {name: installed_version(name) for name in names}


@cache
def installed_version(name: str) -> str:
    """A package's version, or `absent`."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
