"""A run opens the ledger first, counts once however often it is killed, and leaves witnesses of its use."""

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_world import FakeWorld, Quiet, fake_setup
from ledger_parts import ITEMS, opened, prior
from workspace import make_workspace, write

from harness.errors import StoreError
from harness.ledger import Ledger
from harness.likeness import fingerprint
from harness.loading import load_experiment
from harness.plan import Plan, plan
from harness.plan.certify import opening_in
from harness.plan.setup import Setup
from harness.prepare import sound_ledger
from harness.runner import run_to_goal
from harness.steps import Step
from harness.store import Artifact
from harness.witnesses import report_uses, store_uses


class Watching(FakeWorld):
    """Notes how many lines the ledger had when each step that looks at test scores was carried out."""

    def watch(self, setup: Setup, *, kill_at: str = "") -> None:
        self.setup, self.kill_at, self.seen = setup, kill_at, dict[str, int]()

    def execute(self, step: Step, *, progress: Callable[[int, int], None], tell: Callable[[str], None]) -> Artifact:
        if step.stage == "judge" or (step.stage, step.inputs.get("split")) == ("score", "test"):
            self.seen[step.key] = len(self.setup.ledger.lines())
        if step.stage == self.kill_at and step.inputs.get("split") in (None, "test"):
            raise KeyboardInterrupt
        return super().execute(step, progress=progress, tell=tell)


def scored(step: Step, world: FakeWorld) -> float:
    return 0.5


def setup_of(tmp_path: Path, world: FakeWorld, *overrides: str, reports: Iterable[Path] = ()) -> Setup:
    """With the world's artifacts and some reports as witnesses."""
    spec, small = make_workspace(tmp_path), "gates.allow_underpowered=true"
    setup = fake_setup(load_experiment(spec, overrides=[small, *overrides]))
    store: Any = world
    ledger = replace(setup.ledger, witnesses=lambda listed: (*store_uses(store, listed=listed), *report_uses(reports)))
    return replace(setup, ledger=ledger)


def run(setup: Setup, world: FakeWorld) -> Plan:
    store: Any = world
    return run_to_goal(setup, store=store, executor=world, display=Quiet())


def judged_at(setup: Setup, world: FakeWorld) -> list[int]:
    judgement = run(setup, world).judgement
    assert judgement is not None
    return [judgement.inputs["prior_uses_of_test_set"], judgement.inputs["planned_looks"]]


def test_the_ledger_is_opened_before_the_first_test_score(tmp_path: Path) -> None:
    world = Watching(scored)
    setup = setup_of(tmp_path, world)
    world.watch(setup)
    found = run(setup, world)
    assert len(world.seen) == len(found.tested) + 2
    assert set(world.seen.values()) == {1}
    assert [use.opening for use in setup.ledger.lines()] == [step.key for step in world.log if step.stage == "lock"]


def test_test_scores_and_the_tuned_models_benchmarks_open_the_ledger(tmp_path: Path) -> None:
    world = FakeWorld(scored)
    run(setup_of(tmp_path, world), world)
    opening_steps = [step for step in world.log if "opening" in step.local]
    seen = {(step.stage, step.inputs.get("split")) for step in opening_steps}
    assert seen == {("score", "test"), ("forgetting", None), ("judge", None)}
    assert all(step.needs for step in opening_steps), "the base model's benchmarks are nobody's secret"
    assert all(replace(step, local={}).key == step.key for step in opening_steps)


@pytest.mark.parametrize("stage", ["lock", "score", "judge"])
def test_a_killed_and_resumed_run_is_one_use(tmp_path: Path, stage: str) -> None:
    world = Watching(scored)
    world.watch(setup_of(tmp_path, world), kill_at=stage)
    with pytest.raises(KeyboardInterrupt):
        run(world.setup, world)
    assert len(world.setup.ledger.lines()) == (stage != "lock")
    world.watch(setup_of(tmp_path, world))
    assert judged_at(world.setup, world) == [0, 1]
    assert len(world.setup.ledger.lines()) == 1
    assert world.setup.ledger.lost() == []


@pytest.mark.parametrize("first_ends_at", ["", "judge"])
def test_a_lock_that_was_never_opened_is_no_use(tmp_path: Path, first_ends_at: str) -> None:
    """Killed before its first new test score: the prompts' scores it would share are another opening's."""
    world = Watching(scored)
    for seed, kill_at in enumerate([first_ends_at, "predict"]):
        world.watch(setup_of(tmp_path, world, f"search.seed={seed}"), kill_at=kill_at)
        with suppress(KeyboardInterrupt):
            run(world.setup, world)
    assert len([step for step in world.log if step.stage == "lock"]) == 2
    assert len(world.setup.ledger.lines()) == 1
    assert world.setup.ledger.lost() == []


def cut(setup: Setup, *, keep: int) -> None:
    """Leave the first lines of the ledger; a chain that is whole."""
    lines = setup.ledger.path.read_text().splitlines(keepends=True)
    setup.ledger.path.write_text("".join(lines[:keep])) if keep else setup.ledger.path.unlink()


@pytest.mark.parametrize("keep", [1, 0], ids=["end cut", "deleted"])
def test_what_the_store_still_shows_counts(tmp_path: Path, keep: int) -> None:
    world = FakeWorld(scored)
    asked = [setup_of(tmp_path, world, f"search.seed={seed}") for seed in (1, 2, 3)]
    assert [judged_at(setup, world)[0] for setup in asked[:2]] == [0, 1]
    cut(asked[0], keep=keep)
    assert len(asked[2].ledger.lost()) == 2 - keep
    assert judged_at(asked[2], world) == [2, 1]
    last = opening_in(run(asked[2], world))
    assert last is not None
    missing = {1: "1 opening went missing from the ledger; the store still shows it", 0: "2 openings went missing"}
    assert missing[keep] in asked[2].ledger.notes(last)[-1]


def test_a_cut_end_changes_no_stored_verdict(tmp_path: Path) -> None:
    world = FakeWorld(scored)
    asked = [setup_of(tmp_path, world, f"search.seed={seed}") for seed in (1, 2)]
    for setup in asked:
        run(setup, world)
    cut(asked[0], keep=0)
    done = len(world.log)
    first = opening_in(run(asked[0], world))
    assert first is not None
    entry = asked[0].ledger.entry(first)
    assert (entry["line"], entry["hash"], entry["opening"], len(entry["items"])) == (None, "", first.id, 6)
    assert [judged_at(setup, world)[0] for setup in asked] == [0, 1]
    assert len(world.log) == done


def test_a_stored_verdict_remembers_uses_that_nothing_else_shows(tmp_path: Path) -> None:
    world = FakeWorld(scored)
    asked = [setup_of(tmp_path, world, f"search.seed={seed}") for seed in (1, 2)]
    for setup in asked:
        run(setup, world)
    cut(asked[0], keep=0)
    gone = next(artifact for artifact in world.every() if artifact.stage == "lock")
    world.done = {key: made for key, made in world.done.items() if gone.key not in (key, *made.needs.values())}
    assert judged_at(asked[1], world)[0] == 1


def test_scores_without_a_verdict_are_a_witness_too(tmp_path: Path) -> None:
    world = Watching(scored)
    world.watch(setup_of(tmp_path, world), kill_at="judge")
    with pytest.raises(KeyboardInterrupt):
        run(world.setup, world)
    cut(world.setup, keep=0)
    assert len(world.setup.ledger.lost()) == 1
    other = setup_of(tmp_path, world, "search.seed=5")
    world.watch(other)
    assert judged_at(other, world) == [1, 1]
    world.watch(setup_of(tmp_path, world))
    assert judged_at(world.setup, world)[0] == 0, "it came first"
    assert [use.witness for use in other.ledger.lines()] == ["the store", ""]


def test_a_lost_run_that_goes_on_does_not_count_itself(tmp_path: Path) -> None:
    world = Watching(scored)
    world.watch(setup_of(tmp_path, world), kill_at="judge")
    with pytest.raises(KeyboardInterrupt):
        run(world.setup, world)
    cut(world.setup, keep=0)
    world.watch(setup_of(tmp_path, world))
    assert judged_at(world.setup, world) == [0, 1]
    assert world.setup.ledger.lost() == []


def test_what_a_report_still_shows_counts(tmp_path: Path) -> None:
    """The store and the ledger are gone, the report is there."""
    path, world = write(tmp_path, "reports/first/report.json", "{}"), FakeWorld(scored)
    setup = setup_of(tmp_path, world, reports=[path])
    first = opening_in(run(setup, world))
    assert first is not None
    entry = setup.ledger.entry(first)
    assert (entry["line"], entry["opening"], len(entry["items"])) == (1, first.id, 6)
    path.write_text(json.dumps({"provenance": {"ledger": entry}}))
    assert setup.ledger.lost() == []
    cut(setup, keep=0)
    fresh = FakeWorld(scored)
    later = setup_of(tmp_path, fresh, "search.seed=5", "gates.planned_looks=4", reports=[path])
    assert judged_at(later, fresh) == [1, 1]
    second = opening_in(run(later, fresh))
    assert second is not None
    notes = later.ledger.notes(second)
    assert notes[0].startswith("6 of the 6 test items were used before, by first (lock-")
    assert notes[-1].endswith("reports/first/report.json still shows it, so it counts as a use.")


def test_a_report_cannot_make_items_fresh(tmp_path: Path) -> None:
    ledger = opened(Ledger(tmp_path / "ledger.jsonl"), "a")
    path = tmp_path / "report.json"
    forged = {"opening": "lock-b", "items": [fingerprint(ITEMS[0])], "prior_uses": 0, "at": "1970-01-01T00:00:00Z"}
    path.write_text(json.dumps({"provenance": {"ledger": forged}}))
    fooled = replace(ledger, witnesses=lambda listed: tuple(report_uses([path])))
    assert prior(fooled, "b") == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no report",
        "[]",
        "{}",
        '{"provenance": 3}',
        '{"provenance": {"ledger": {}}}',
        '{"provenance": {"ledger": []}}',
    ],
)
def test_files_that_show_no_opening_are_passed_over(tmp_path: Path, text: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(text)
    assert list(report_uses([path])) == []


def test_a_report_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        list(report_uses([tmp_path]))
    assert caught.value.where == str(tmp_path)


def test_planning_is_told_of_damage(tmp_path: Path) -> None:
    world = FakeWorld(scored)
    setup = setup_of(tmp_path, world)
    run(setup, world)
    setup.ledger.path.write_text(setup.ledger.path.read_text().replace("first", "other"))
    with pytest.raises(StoreError, match="line 1 was changed"):
        plan(setup, finished=world.find)
    with pytest.raises(StoreError, match="line 1 was changed"):
        sound_ledger(tmp_path)
