"""What a run that was killed left behind decides how the step begins, where it was memory; else nothing does."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import StepBroke, UserError, WorkerDied
from harness.runner import deaths
from harness.runner.attempts import MARK, attempted
from harness.runner.execute import read_step
from harness.steps import Step

TRAIN = Step("train", {"settings": {"batch_size": 8, "micro_batch_size": 4}}, optional=True)
SINGLE = replace(TRAIN, local={"micro_batch_size": 1})


class Machine:
    """Counters of a kernel, and runs that its kills end."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.told = folder, list[str]()
        self.count(kills=3)
        self.start("first")

    def count(self, *, kills: int) -> None:
        (self.folder / "vmstat").write_text(f"nr_free_pages 5\noom_kill {kills}\n")

    def start(self, name: str) -> None:
        (self.folder / "boot").write_text(f"{name}\n")

    def killed(self, step: Step) -> int | None:
        """The size that a run begins the step with, and is killed in the middle of it, worker and all."""
        path, mark = self.folder / "step.json", self.folder / f"step{MARK}"
        left: list[bytes] = []
        self._attempted(step, path, ask=lambda last: left.append(mark.read_bytes()))
        assert not mark.exists()
        mark.write_bytes(left[0])
        return read_step(path).local.get("micro_batch_size")

    def begun(self, step: Step) -> tuple[int | None, WorkerDied | None]:
        """The size that a run begins the step with, and the death where it does not."""
        path = self.folder / "step.json"
        path.unlink(missing_ok=True)
        death = self._attempted(step, path, ask=lambda last: None)
        return (read_step(path).local.get("micro_batch_size") if path.exists() else None), death

    def _attempted(self, step: Step, path: Path, *, ask: Callable[[bool], None]) -> WorkerDied | None:
        return attempted(step, path, ask=ask, renew=lambda: None, tell=self.told.append)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    for name, file in {"COUNTERS": "vmstat", "BOOT": "boot"}.items():
        monkeypatch.setattr(deaths, name, tmp_path / file)
    return Machine(tmp_path)


def test_a_run_killed_for_memory_begins_with_half_the_examples(machine: Machine) -> None:
    sizes = []
    for kills in (4, 6, 7):
        sizes.append(machine.killed(TRAIN))
        machine.count(kills=kills)
    assert sizes == [None, 2, 1]
    assert machine.told == [f"the run was killed for memory; the step begins with {n} examples per pass" for n in "21"]
    assert machine.begun(TRAIN)[1] is not None, "there is nothing smaller"
    assert machine.begun(TRAIN) == (None, None), "what was given up is forgotten"


@pytest.mark.parametrize("step", [SINGLE, Step("predict", {})], ids=["single examples", "no training"])
def test_what_gets_no_smaller_is_tried_once_more_and_given_up(machine: Machine, step: Step) -> None:
    first = machine.killed(step)
    machine.count(kills=4)
    assert machine.killed(step) == first
    machine.count(kills=5)
    size, death = machine.begun(step)
    assert (size, str(death)) == (None, "signal 9")


def _nothing(machine: Machine) -> None:
    """Somebody killed the run."""


def _another_start(machine: Machine) -> None:
    machine.start("second")
    machine.count(kills=9)


def _no_counters(machine: Machine) -> None:
    (machine.folder / "boot").unlink()
    machine.count(kills=9)


def _half_a_mark(machine: Machine) -> None:
    (machine.folder / f"step{MARK}").write_text('{"boot": "fi')
    machine.count(kills=9)


@pytest.mark.parametrize("since", [_nothing, _another_start, _no_counters, _half_a_mark])
def test_any_other_kill_leaves_the_step_as_it_was(machine: Machine, since: Callable[[Machine], None]) -> None:
    assert machine.killed(TRAIN) is None
    since(machine)
    assert machine.begun(TRAIN) == (None, None)
    assert machine.told == []


@pytest.mark.parametrize("end", [UserError("a mistake"), KeyboardInterrupt()], ids=["a mistake", "Ctrl-C"])
def test_whatever_ends_an_attempt_takes_the_mark_away(machine: Machine, end: BaseException) -> None:
    def ask(last: bool) -> None:
        assert (machine.folder / f"step{MARK}").exists()
        raise end

    with pytest.raises(type(end)):
        attempted(TRAIN, machine.folder / "step.json", ask=ask, renew=lambda: None, tell=machine.told.append)
    machine.count(kills=4)
    assert machine.begun(TRAIN) == (None, None)


@pytest.mark.parametrize(("optional", "lasts"), [(True, [False, True]), (False, [True])], ids=["a trial", "no trial"])
def test_only_what_may_fail_is_tried_again_where_it_breaks(machine: Machine, optional: bool, lasts: list[bool]) -> None:
    asked, renewed = list[bool](), list[bool]()

    def ask(last: bool) -> None:
        asked.append(last)
        raise StepBroke("Traceback", error="KeyError: 'x'", again="the command")

    def renew() -> None:
        renewed.append(True)

    step, path = replace(TRAIN, optional=optional), machine.folder / "step.json"
    with pytest.raises(StepBroke, match="repeat it with `the command`"):
        attempted(step, path, ask=ask, renew=renew, tell=machine.told.append)
    assert asked == lasts
    assert len(renewed) == len(machine.told) == len(lasts) - 1
