"""Turn what a run needs into what is wrong with it on this machine: a refusal, a warning, or nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.adapters.machine import Machine
from harness.adapters.shapes import model_shape
from harness.asks import FamilyAsks
from harness.estimate import planned_sizes
from harness.memory import Load, Need, disk_need, memory_needs
from harness.methods import METHODS
from harness.plan import Goal, Plan
from harness.plan.setup import Setup
from harness.wording import gigabytes

TIGHT = 0.9
"""Share of a memory above which an estimate may not fit."""
SHORTEST = 128
"""Tokens below which no smaller search.max_length is proposed."""
DOING = {
    "training": "training",
    "answering": "answering",
    "merging": "merging the adapter",
    "keeping": "keeping the results",
}


@dataclass(frozen=True)
class Shortage:
    """One place that cannot hold what a run needs, or may not."""

    certain: bool
    """Whether even the least that it needs does not fit."""
    what: str
    fix: str
    field: tuple[str, ...]
    """The key of the spec to change."""

    @property
    def sentence(self) -> str:
        """As `check` tells it."""
        return f"{self.what}. Fix: {self.fix}"


@dataclass(frozen=True)
class _Change:
    """Another way to search that needs less."""

    words: str
    field: tuple[str, ...]
    load: Load


def planned_load(setup: Setup, current: Plan, *, machine: Machine, goal: Goal = "verdict") -> Load:
    """What a run loads, once the data step is done."""
    sizes, shape = planned_sizes(current), model_shape(setup.model.path)
    return Load(setup.resolved, sizes, shape, str(setup.model.identity()["dtype"]), machine, goal)


def shortages(load: Load, *, asked: Sequence[FamilyAsks], epochs_done: int = 0) -> list[Shortage]:
    """One for each place that is short, the certain ones first."""
    needs = [*memory_needs(load, asked=asked), disk_need(load, epochs_done=epochs_done)]
    found: dict[str, Shortage] = {}
    for need in sorted(needs, key=lambda need: (-_overfull(need), -need.expected)):
        if need.has is not None and _overfull(need) and need.place not in found:
            found[need.place] = _shortage(need, has=need.has, load=load, asked=asked)
    return list(found.values())


def _overfull(need: Need) -> int:
    """2: it cannot fit; 1: it may not; 0: it does."""
    if need.has is None:
        return 0
    return 2 if need.least > need.has else int(need.firm > TIGHT * need.has)


def _shortage(need: Need, *, has: int, load: Load, asked: Sequence[FamilyAsks]) -> Shortage:
    certain = _overfull(need) == 2
    takes = f"at least {gigabytes(need.least)}" if certain else f"about {gigabytes(need.expected)}"
    sizes = [(p.least, p.least_name or p.name) if certain else (p.expected, p.name) for p in need.parts]
    parts = "; ".join(f"{gigabytes(size)} {name}" for size, name in sizes if size)
    owner = "there are" if need.place == "disk" else "this machine has"
    doubt = "" if certain else ": it may run out in the middle"
    what = f"{DOING[need.phase]} takes {takes} of {need.place} ({parts}), and {owner} {gigabytes(has)}{doubt}"
    if need.place == "disk":
        fewer = "a smaller search.space.rank" if "rank" in load.search.varied else "search.method: lora"
        return Shortage(certain, what, f"make room, or set fewer search.trials or {fewer}", ("search",))
    change = next((one for one in _changes(load) if _fits(one.load, asked=asked, certain=certain)), None)
    if change is None:
        return Shortage(certain, what, "a smaller model, or a machine with more memory", ("model", "name"))
    return Shortage(certain, what, change.words, change.field)


def _fits(load: Load, *, asked: Sequence[FamilyAsks], certain: bool) -> bool:
    """Whether no need is as bad any more as the one that is to be mended."""
    return all(_overfull(need) < (2 if certain else 1) for need in memory_needs(load, asked=asked))


def _changes(load: Load) -> Iterator[_Change]:
    """From the one that changes least."""
    search = load.search
    if search.micro_batch_size > 1:
        yield _change(load, "micro_batch_size", 1)
    if search.method == "full":
        yield _change(load, "method", "lora")
    if search.method != "qlora" and _takes_four_bits(load):
        yield _change(load, "method", "qlora")
    # It cuts examples, so it comes last.
    length = int(load.longest) // 2
    while length >= SHORTEST:
        yield _change(load, "max_length", length)
        length //= 2


def _takes_four_bits(load: Load) -> bool:
    """Whether the rest of the spec goes with `qlora`."""
    written = load.search.space.model_fields_set
    return load.resolved.experiment.model.engine == "transformers" and written <= {
        *METHODS["qlora"].varies,
        "learning_rate",
    }


def _change(load: Load, name: str, value: Any) -> _Change:
    experiment = load.resolved.experiment
    search = experiment.search.model_copy(update={name: value})
    changed = replace(load.resolved, experiment=experiment.model_copy(update={"search": search}))
    return _Change(f"search.{name}: {value}", ("search", name), replace(load, resolved=changed))
