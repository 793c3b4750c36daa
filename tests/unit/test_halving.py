"""What does not fit the memory is done in smaller passes, once a level, and nobody's key knows of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from fake_world import FakeWorld, fake_setup
from workspace import make_workspace

from harness.errors import WorkerDied
from harness.halving import first_size, halved, next_size
from harness.loading import load_experiment
from harness.runner import deaths
from harness.runner.deaths import memory_kills, next_try
from harness.steps import Step

TRAIN = Step("train", {"settings": {"batch_size": 8, "micro_batch_size": 4}})
KILLED, CRASHED = WorkerDied(-9), WorkerDied(-11)


@pytest.mark.parametrize(("batch", "sizes"), [(8, [8, 4, 2, 1]), (12, [12, 6, 3, 1]), (10, [10, 5, 2, 1]), (7, [7, 1])])
def test_every_level_divides_the_batch(batch: int, sizes: list[int]) -> None:
    found: list[int | None] = [batch]
    while found[-1] is not None:
        found.append(next_size(found[-1], batch=batch))
    assert found == [*sizes, None]


def test_a_hint_makes_passes_smaller_and_never_larger() -> None:
    settings = TRAIN.inputs["settings"]
    assert [first_size(settings, local=local) for local in ({}, {"micro_batch_size": 2}, {"micro_batch_size": 16})] == [
        *(4, 2, 4)
    ]
    assert first_size({"batch_size": 2, "micro_batch_size": 4}, local={}) == 2


def test_a_halved_step_is_the_same_step() -> None:
    smaller = halved(TRAIN)
    assert smaller is not None
    assert (smaller.key, smaller.local) == (TRAIN.key, {"micro_batch_size": 2})
    assert halved(replace(TRAIN, local={"micro_batch_size": 1})) is None
    assert halved(Step("predict", {})) is None


@pytest.mark.parametrize(
    ("death", "count", "of_memory", "expected"),
    [
        (KILLED, 1, False, TRAIN),
        (KILLED, 1, True, halved(TRAIN)),
        (KILLED, 2, False, halved(TRAIN)),
        (CRASHED, 1, True, TRAIN),
        (CRASHED, 2, False, None),
    ],
    ids=["anybody's kill", "the kernel's kill", "a second kill", "a crash", "a second crash"],
)
def test_who_killed_a_worker_decides_what_is_tried_next(
    death: WorkerDied, count: int, of_memory: bool, expected: Step | None
) -> None:
    assert next_try(TRAIN, death, deaths=count, of_memory=of_memory) == expected


def test_single_examples_that_are_killed_are_tried_once_more_at_most() -> None:
    single = replace(TRAIN, local={"micro_batch_size": 1})
    assert next_try(single, KILLED, deaths=1, of_memory=True) == single
    assert next_try(single, KILLED, deaths=2, of_memory=True) is None


def test_the_kernels_count_is_read_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deaths, "COUNTERS", tmp_path / "vmstat")
    assert memory_kills() == 0
    (tmp_path / "vmstat").write_text("nr_free_pages 5\noom_kill 3\nswap_ra 0\n")
    assert memory_kills() == 3


@dataclass
class NarrowWorld(FakeWorld):
    """The second epoch of the first trial comes down to one example per pass."""

    def _summary(self, step: Step) -> dict[str, Any]:
        found = super()._summary(step)
        if step.stage != "train":
            return found
        came_down = [one.stage for one in self.log].count("train") == 2
        return found | {"micro_batch_size": 1 if came_down else step.local.get("micro_batch_size", 4)}


def test_later_epochs_and_trials_begin_at_the_size_that_fitted(tmp_path: Path) -> None:
    resolved = load_experiment(make_workspace(tmp_path))
    score: Callable[..., float] = lambda step, world: 0.5  # noqa: E731
    world, calm = NarrowWorld(score), FakeWorld(score)
    world.reach(fake_setup(resolved), goal="search")
    calm.reach(fake_setup(resolved), goal="search")
    begun = [step.local.get("micro_batch_size") for step in world.log if step.stage == "train"]
    assert begun == [None, None, 1, 1]
    assert [step.key for step in world.log] == [step.key for step in calm.log], "no key tells of it"
