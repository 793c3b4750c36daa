"""Turn a model's shape and a search's space into how many parameters a trial trains, method by method."""

from collections.abc import Callable, Iterable

from harness.adapters.shapes import EXPERT, Shape
from harness.specs import SpaceSpec

Counter = Callable[[Shape, SpaceSpec], Iterable[int]]
"""The counts that a space allows."""


def trained_parameters(shape: Shape, *, method: str, space: SpaceSpec) -> list[int]:
    """Of the smallest trial to the largest; those that a space lists more than once stand there once."""
    return sorted(set(COUNTERS[method](shape, space)))


def _low_rank(shape: Shape, space: SpaceSpec) -> Iterable[int]:
    """Two matrices beside each adapted one: rank times what goes in, and what comes out times rank."""
    for targets in space.target_modules:
        sides = sum(rows + columns for rows, columns in _adapted(shape, targets=targets))
        yield from (rank * sides for rank in space.rank)


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


COUNTERS: dict[str, Counter] = {"lora": _low_rank, "qlora": _low_rank, "full": _all}
"""One for each `search.method`."""
