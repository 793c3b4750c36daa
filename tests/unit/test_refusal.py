"""What validation scores tell of the gates' power, and the search that is not begun because of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_world import FakeWorld, fake_setup
from workspace import swap

from harness.cli import running
from harness.cli.main import status
from harness.jsonl import write_lines
from harness.loading import load_experiment
from harness.plan import Goal, Plan
from harness.plan.setup import Setup
from harness.runner import Display
from harness.stats import power
from harness.steps import Step
from harness.store import Store


@dataclass
class Scored(FakeWorld):
    """A world whose prompts leave per-item scores: `rows` of a rule or of a number of shots."""

    rows: Callable[[str], list[float]] = lambda arm: []
    groups: int = 100
    where: Path = Path()

    def do(self, step: Step) -> None:
        super().do(step)
        if step.stage == "data":
            summary = self.done[step.key].summary
            items = summary["judged"]["items"]
            judged = {"items": items, "groups": items * self.groups // 100}
            self.done[step.key] = replace(self.done[step.key], summary={**summary, "judged": judged})
        elif step.stage == "score" and self.trial_rank(step) is None:
            values = self.rows(self._arm(step))
            lines = [
                {"group": str(i % self.groups), "valid": True, "exact_match": value, "rougeL": value}
                for i, value in enumerate(values)
            ]
            mean = dict.fromkeys(("exact_match", "rougeL"), sum(values) / len(values))
            self._keep(step, "scores.jsonl", lines, summary={"mean": mean, "invalid": 0})

    def _keep(self, step: Step, name: str, lines: list[dict[str, Any]], **fields: Any) -> None:
        folder = self.where / step.key
        folder.mkdir(parents=True)
        write_lines(folder / name, lines)
        self.done[step.key] = replace(self.done[step.key], path=folder, files={name: ""}, **fields)

    def _arm(self, step: Step) -> str:
        inputs = self.answers_of(step).inputs
        return str(inputs["rule"] if "rule" in inputs else inputs["prompt"]["shots"])


def right(*spans: tuple[int, int]) -> list[float]:
    """Which of 100 items are right."""
    return [float(any(start <= i < end for start, end in spans)) for i in range(100)]


PLANTED = {"majority": right((90, 92)), "copy": right((99, 100)), "0": right((0, 60)), "2": right((0, 76), (90, 100))}
"""No shots and two shots disagree on 26 items; majority and two shots on more."""


@pytest.fixture
def scored(root: Path) -> Scored:
    return Scored(lambda step, world: 0.9, rows=PLANTED.__getitem__, where=root / "world")


def setup_of(root: Path, *overrides: str) -> Setup:
    return fake_setup(load_experiment(root / "experiments" / "first.yaml", overrides=overrides))


SIXTY, MANY = "data.splits.test=60", "data.splits.test=4000"


def test_the_widest_disagreement_of_two_prompts_is_measured(root: Path, scored: Scored) -> None:
    found = scored.reach(setup_of(root, MANY), goal="baselines").power[0]
    shape = {"margin": 0.02, "alpha": 0.05, "conditions": 4, "room": 0.14}
    assert found.smallest == power.minimum_detectable_effect(4000, discordance=0.26, **shape)
    assert (found.basis, found.items, found.groups) == ("measured on validation", 4000, 4000)
    assert "spread measured on validation" in found.sentence


def test_items_of_one_source_count_as_far_as_they_differ(root: Path, scored: Scored) -> None:
    """Items i and i + 50 share a source; alike they count once, by chance alike they count almost twice."""
    scored.groups, scored.rows = 50, {**PLANTED, "0": right((0, 20), (50, 70)), "2": right((0, 35), (50, 85))}.get
    alike = scored.reach(setup_of(root, MANY), goal="baselines").power[0]
    assert alike.groups == 2000
    once = power.minimum_detectable_effect(2000, discordance=0.3, margin=0.02, alpha=0.05, conditions=4, room=0.3)
    assert alike.smallest == pytest.approx(once)
    other = Scored(scored.score, rows=PLANTED.__getitem__, groups=50, where=root / "other")
    twice = power.minimum_detectable_effect(4000, discordance=0.26, margin=0.02, alpha=0.05, conditions=4, room=0.14)
    assert other.reach(setup_of(root, MANY), goal="baselines").power[0].smallest == pytest.approx(twice, rel=0.02)


def test_graded_scores_are_measured_by_their_variance(root: Path, scored: Scored) -> None:
    (root / "tasks/qa/task.yaml").write_text(
        (root / "tasks/qa/task.yaml").read_text().replace("[exact_match, rougeL,", "[rougeL, exact_match,")
    )
    rows = scored.reach(setup_of(root, MANY), goal="baselines").power
    difference = np.subtract(PLANTED["2"], PLANTED["0"])
    shape = {"margin": 0.01, "alpha": 0.05, "conditions": 4, "room": 1 - 0.86}
    wanted = power.minimum_detectable_effect(4000, discordance=difference.var(ddof=1), **shape)
    assert rows[0].smallest == pytest.approx(wanted)
    own = float(np.var(PLANTED["2"], ddof=1))
    assert rows[1].name == "floor 0.1 rougeL"
    assert rows[1].smallest == pytest.approx(power.provable_score(4000, floor=0.1, alpha=0.05, variance=own))


def test_one_family_alone_leaves_the_spread_assumed(root: Path, scored: Scored) -> None:
    found = scored.reach(setup_of(root, MANY, "baselines=[few_shot]"), goal="baselines").power[0]
    assert found.basis == "assumed"
    assert found.smallest is not None


def test_benchmarks_are_counted_once_the_base_model_has_answered(root: Path, scored: Scored) -> None:
    found = scored.reach(setup_of(root, MANY))
    assert next(row for row in found.power if row.gate == "forgetting").items == 10
    assert found.power[0].items == 4000


# The refusal


def test_a_search_that_can_prove_nothing_is_not_begun(root: Path, scored: Scored) -> None:
    swap(root, "experiments/first.yaml", "    train: 6", "    train: 6\n    test: 60")
    found = scored.reach(setup_of(root))
    assert str(found.refusal) == (
        "experiments/first.yaml:20:11: 60 test items can prove a gain of 17.9 points or more over few_shot/two, whose "
        "validation score of 86 leaves room for 14. Fix: take at least 106 test items (data.splits.test), or set "
        "gates.allow_underpowered: true to search all the same"
    )
    assert found.done
    assert {step.stage for step in scored.log} == {"data", "predict", "score", "forgetting"}
    assert len(found.baselines) == 6
    assert scored.reach(setup_of(root, "data.splits.test=106")).refusal is None


@pytest.mark.parametrize("goal", ["search", "verdict"])
def test_whoever_insists_may_search(root: Path, scored: Scored, goal: Goal) -> None:
    assert scored.reach(setup_of(root, SIXTY), goal=goal).refusal is not None
    before = len(scored.log)
    insisted = scored.reach(setup_of(root, SIXTY, "gates.allow_underpowered=true"), goal=goal)
    assert insisted.refusal is None
    assert len(insisted.trials) == 2
    assert not any(step.stage == "data" for step in scored.log[before:])
    assert scored.reach(setup_of(root, SIXTY), goal=goal).trials == insisted.trials, "begun is not refused half-way"


def test_baselines_are_never_refused(root: Path, scored: Scored) -> None:
    found = scored.reach(setup_of(root, SIXTY), goal="baselines")
    assert found.refusal is None
    assert found.power[0].smallest == pytest.approx(0.179, abs=5e-4)


@pytest.mark.parametrize(
    ("best", "groups", "words", "fix"),
    [
        (right((0, 100)), 100, "few_shot/two scores 100 on validation: there is nothing left to gain", "keep that"),
        (right((0, 99)), 100, "of 6.2 points or more over few_shot/two, whose validation score of 99", "lower gates"),
        (PLANTED["2"], 25, "come from about 15 sources, too few to prove anything", "from at least 20 sources"),
    ],
)
def test_other_reasons_to_refuse(
    root: Path, scored: Scored, best: list[float], groups: int, words: str, fix: str
) -> None:
    scored.rows, scored.groups = {**PLANTED, "2": best}.__getitem__, groups
    refusal = scored.reach(setup_of(root, SIXTY)).refusal
    assert refusal is not None
    assert words in refusal.what
    assert refusal.fix.startswith(fix) or fix in refusal.fix
    assert refusal.fix.endswith("or set gates.allow_underpowered: true to search all the same")


def test_run_tells_the_power_twice_and_ends_with_the_refusal(
    root: Path, scored: Scored, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def followed(setup: Setup, *, display: Display, goal: Goal, **rest: Any) -> Plan:
        for steps in range(40):
            current = scored.reach(setup, goal=goal, at_most=min(steps, 1))
            display.planned(current)
        return current

    characters = {"characters": {"input": 10, "reference": 10}}
    monkeypatch.setattr(scored, "_summary", lambda step: {**FakeWorld._summary(scored, step), **characters})
    monkeypatch.setattr(running, "prepared", lambda resolved, say: fake_setup(resolved))
    monkeypatch.setattr(running, "run_to_goal", followed)
    monkeypatch.setattr(running, "model_bytes", lambda path: 1)
    monkeypatch.setattr(Store, "find", lambda store, key: scored.find(key))
    assert status(["run", "experiments/first.yaml", "--set", SIXTY]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert told.count("power: beats every prompt: 60 items") == 2
    assert "points or more 4 times in 5; to prove 5 points takes about" in told
    assert told.index("(spread assumed)") < told.index("(spread measured on validation)")
    assert f"--set {SIXTY}: 60 test items can prove a gain of 17.9 points or more" in told
    assert told.count("to go; Ctrl-C is safe") == 1
