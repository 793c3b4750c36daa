"""`--retry-failed` does again what failed of its own experiment, and leaves that of others on record."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from fake_world import FakeWorld, fake_setup
from workspace import make_workspace, swap

from harness.cli.retrying import forget_failed
from harness.loading import load_experiment
from harness.plan.setup import Setup
from harness.steps import Step
from harness.store import Store


@dataclass
class World(FakeWorld):
    """One that can forget."""

    def forget(self, key: str) -> None:
        del self.done[key]

    def failed(self) -> set[str]:
        """Keys of what failed."""
        return {key for key, artifact in self.done.items() if artifact.status == "failed"}


def scored(step: Step, world: FakeWorld) -> float:
    return 0.4 if world.trial_rank(step) is None else 0.9


def of_rank_4(step: Step) -> str:
    """The first trial finds no memory in its second epoch."""
    failing = step.stage == "train" and step.inputs["params"]["rank"] == 4 and step.inputs["epoch"] == 2
    return "out of memory" if failing else ""


@pytest.fixture
def setups(tmp_path: Path) -> tuple[Setup, Setup]:
    """Two experiments of one workspace that train otherwise."""
    spec = make_workspace(tmp_path)
    swap(tmp_path, "experiments/first.yaml", "gates:\n", "gates:\n  allow_underpowered: true\n")
    return tuple(fake_setup(load_experiment(spec, overrides=[f"search.seed={seed}"])) for seed in (0, 1))  # type: ignore[return-value]


def told(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().err.split())


def test_only_this_experiment_s_failures_are_forgotten(
    setups: tuple[Setup, Setup], capsys: pytest.CaptureFixture[str]
) -> None:
    mine, other = setups
    world = World(scored, fails=of_rank_4)
    world.reach(mine, goal="search")
    first = world.failed()
    world.reach(other, goal="search")
    assert len(first) == 1
    assert len(world.failed()) == 2
    before = dict(world.done)
    forget_failed(mine, world, goal="search")  # type: ignore[arg-type]
    assert before.keys() - world.done.keys() == first
    said = told(capsys)
    assert "is done again: train trial 0, epoch 2 of 2, which failed (out of memory)" in said
    assert "warning" not in said, "no test item was used yet"
    world.fails = lambda step: ""
    world.log.clear()
    world.reach(mine, goal="search")
    assert world.log[0].key in first
    assert world.failed() == {key for key in before if before[key].status == "failed"} - first


def test_a_verdict_that_stands_is_warned_of(setups: tuple[Setup, Setup], capsys: pytest.CaptureFixture[str]) -> None:
    world = World(scored, fails=of_rank_4)
    assert world.reach(setups[0]).judgement is not None
    forget_failed(setups[0], world, goal="verdict")  # type: ignore[arg-type]
    assert "if what is done again brings another champion, its verdict is a further use of them" in told(capsys)
    assert world.failed() == set()


def test_where_nothing_failed_nothing_is_forgotten(
    setups: tuple[Setup, Setup], capsys: pytest.CaptureFixture[str]
) -> None:
    world = World(scored)
    world.reach(setups[0])
    before = dict(world.done)
    forget_failed(setups[0], world, goal="verdict")  # type: ignore[arg-type]
    assert world.done == before
    assert told(capsys) == "no step of this experiment has failed: nothing is done again"


def test_a_step_that_was_forgotten_is_not_found(tmp_path: Path) -> None:
    store, step = Store(tmp_path), Step("lock", {"number": 1})
    with store.workspace(step.key) as out:
        (out / "traceback.txt").write_text("…")
        store.commit(step, path=out, summary={}, seconds=0, provenance={}, error="out of memory")
    assert store.get(step.key).status == "failed"
    store.forget(step.key)
    assert store.find(step.key) is None
    assert list(tmp_path.iterdir()) == []
