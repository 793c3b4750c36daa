"""Turn a model's shape and a search's space into how many parameters a trial trains, method by method."""

from collections.abc import Callable, Iterable, Mapping

from harness.adapters.shapes import EXPERT, Shape
from harness.methods import MethodName
from harness.specs import SpaceSpec

Counter = Callable[[Shape, SpaceSpec], Iterable[int]]
"""The counts that a space allows."""


def trained_parameters(shape: Shape, *, method: MethodName, space: SpaceSpec) -> list[int]:
    """Of the smallest trial to the largest; those that a space lists more than once stand there once."""
    return sorted(set(COUNTERS[method](shape, space)))


def _low_rank(shape: Shape, space: SpaceSpec) -> Iterable[int]:
    """Two matrices beside each adapted one: rank times what goes in, and what comes out times rank."""
    return _beside(shape, space, lengths=0)


def _low_rank_with_lengths(shape: Shape, space: SpaceSpec) -> Iterable[int]:
    """The same, and a number for each that comes out."""
    return _beside(shape, space, lengths=1)


def _beside(shape: Shape, space: SpaceSpec, *, lengths: int) -> Iterable[int]:
    for targets in space.target_modules:
        sizes = list(_adapted(shape, targets=targets))
        sides, more = sum(map(sum, sizes)), lengths * sum(rows for rows, _ in sizes)
        yield from (rank * sides + more for rank in space.rank)


def _adapted(shape: Shape, *, targets: str) -> Iterable[tuple[int, int]]:
    """Matrices that `all-linear`, or names joined by `+`, mean to PEFT."""
    names = tuple(targets.split("+"))
    for name, size in shape.matrices.items():
        named = any(name == target or name.endswith(f".{target}") for target in names)
        if EXPERT not in name if targets == "all-linear" else named:
            yield size


def _all(shape: Shape, space: SpaceSpec) -> Iterable[int]:
    """Every parameter of the model."""
    yield shape.parameters


def _keys_and_values(shape: Shape, space: SpaceSpec) -> Iterable[int]:
    """Of every learnt token, in every block."""
    return (tokens * shape.cached for tokens in space.virtual_tokens)


def _embeddings(shape: Shape, space: SpaceSpec) -> Iterable[int]:
    """Of every learnt token."""
    return (tokens * shape.embedding[1] for tokens in space.virtual_tokens)


def _scales(shape: Shape, space: SpaceSpec) -> Iterable[int]:
    """One for each key, value and inner activation, as models of Llama's kind call them; others have about as few."""
    out = sum(size[0] for name, size in shape.matrices.items() if name.endswith(("k_proj", "v_proj")))
    yield out + sum(size[1] for name, size in shape.matrices.items() if name.endswith("down_proj"))


COUNTERS: Mapping[MethodName, Counter] = {
    "lora": _low_rank,
    "qlora": _low_rank,
    "dora": _low_rank_with_lengths,
    "rslora": _low_rank,
    "full": _all,
    "prefix": _keys_and_values,
    "prompt": _embeddings,
    "ia3": _scales,
}
"""A new method needs a row here."""
