"""Which forms of the tuned model are answered and scored, and which of them may ship."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_world import FakeWorld, fake_setup
from workspace import make_workspace

from harness.loading import load_experiment
from harness.plan.desk import Desk
from harness.plan.setup import Setup
from harness.plan.ships import planned_forms
from harness.plan.state import ScoredArm
from harness.stages.ships import form_findings

BOTH = "gates.ships={forms: [merged, merged_nf4]}"


def setup_with(tmp_path: Path, *overrides: str) -> Setup:
    asked = [*overrides, "gates.allow_underpowered=true"]
    return fake_setup(load_experiment(make_workspace(tmp_path), overrides=asked))


def shipped(setup: Setup) -> tuple[dict[str, ScoredArm], FakeWorld]:
    """A whole run, and the forms it has answered and scored for the adapter it chose."""
    world = FakeWorld(lambda step, world: 0.3)
    tuned = world.reach(setup).tuned
    assert tuned is not None
    assert tuned.arm.prompt is not None
    desk, needs = Desk(world.find), tuned.answers.needs
    forms = planned_forms(
        setup,
        desk,
        name=tuned.arm.name,
        adapter=world.done[needs["adapter"]],
        prompt=tuned.arm.prompt,
        needs={role: needs[role] for role in ("data", "testset")},
        labels=[],
        local={},
    )
    assert not desk.missing
    return forms, world


def test_no_form_is_planned_unless_the_gates_ask(tmp_path: Path) -> None:
    forms, world = shipped(setup_with(tmp_path))
    assert not forms
    assert not any(step.stage == "merge" or "merged" in step.needs for step in world.log)


def test_the_adapter_is_merged_once_and_every_form_scored(tmp_path: Path) -> None:
    forms, world = shipped(setup_with(tmp_path, BOTH))
    assert [scored.arm.name for scored in forms.values()] == ["tuned/trial-0:merged", "tuned/trial-0:merged_nf4"]
    merged = [step for step in world.log if step.stage == "merge"]
    assert len(merged) == 1
    models = {form: scored.answers.inputs["model"] for form, scored in forms.items()}
    assert {model["fingerprint"] for model in models.values()} == {merged[0].key}
    assert {form: model["quantization"] for form, model in models.items()} == {"merged": None, "merged_nf4": "nf4"}
    assert all(set(scored.answers.needs) == {"data", "testset", "merged"} for scored in forms.values())


def test_forms_wait_for_the_choice_of_the_adapter_and_for_the_lock(tmp_path: Path) -> None:
    _, world = shipped(setup_with(tmp_path, BOTH))
    stages = [step.stage for step in world.log]
    assert stages.index("merge") > stages.index("lock") > max(i for i, stage in enumerate(stages) if stage == "train")


def test_the_base_is_merged_unquantised_whatever_the_adapter_was_trained_over(tmp_path: Path) -> None:
    _, world = shipped(setup_with(tmp_path, BOTH, "search.method=qlora"))
    merged = next(step for step in world.log if step.stage == "merge")
    assert merged.inputs["model"]["quantization"] is None


def test_a_form_answers_as_the_adapter_does_but_for_the_model(tmp_path: Path) -> None:
    forms, world = shipped(setup_with(tmp_path, BOTH))
    adapted = (step for step in world.log if step.stage == "predict" and "adapter" in step.needs)
    chosen = next(step.inputs for step in adapted if step.inputs["split"] == "test")
    for scored in forms.values():
        assert {**scored.answers.inputs, "model": {}} == {**chosen, "model": {}}


def test_looking_at_a_forms_test_scores_is_an_opening(tmp_path: Path) -> None:
    forms, world = shipped(setup_with(tmp_path, BOTH))
    keys = {scored.scores.key for scored in forms.values()}
    scores = [step for step in world.log if step.key in keys]
    assert len(scores) == 2
    assert all({"opening", "task_dir"} <= step.local.keys() for step in scores)
    assert not any("opening" in step.local for step in world.log if step.stage in ("merge", "predict"))


def rows(scores: list[float | None], *, groups: list[str] | None = None, metric: str = "accuracy") -> Any:
    """Scored items; None is an answer without use."""
    return [
        {
            "example_id": f"i{place}",
            "group": groups[place] if groups else f"g{place}",
            "valid": score is not None,
            metric: score or 0.0,
        }
        for place, score in enumerate(scores)
    ]


def label_rows(given: list[str | None], truth: list[str]) -> Any:
    pairs = enumerate(zip(given, truth, strict=True))
    return [
        {"example_id": f"i{i}", "group": f"g{i}", "valid": label is not None, "label": label, "reference": true}
        for i, (label, true) in pairs
    ]


def one(adapter: Any, form: Any, *, metric: str = "accuracy", margin: float = 0.03) -> dict[str, Any]:
    return form_findings(adapter, {"merged": form}, metric=metric, margin=margin, alpha=0.05)[0]


@pytest.mark.parametrize("metric", ["accuracy", "rougeL"])
def test_an_equal_form_may_ship(metric: str) -> None:
    scores: list[float | None] = [1.0, 0.0, 1.0, 1.0] * 30
    found = one(rows(scores, metric=metric), rows(scores, metric=metric), metric=metric)
    assert (found["outcome"], found["blocked"], found["changed"], found["n"]) == ("pass", False, 0.0, 120)
    assert found["sentence"].startswith("The merged model scores the same as the adapter on 120 items; a loss of 3 ")
    assert found["sentence"].endswith(": it may ship.")


def test_a_loss_of_ten_points_is_proven_and_blocks() -> None:
    before: list[float | None] = [1.0] * 210 + [0.0] * 90
    after: list[float | None] = [0.0] * 35 + [1.0] * 175 + [1.0] * 5 + [0.0] * 85
    found = one(rows(before), rows(after))
    assert (found["outcome"], found["blocked"]) == ("fail", True)
    assert found["effect"] == pytest.approx(-0.1)
    assert found["changed"] == pytest.approx(40 / 300)
    assert found["low"] < -0.1 < found["high"] < -0.03
    assert "10.0 points lower than the adapter on 300 items" in found["sentence"]
    assert "a loss of more than 3 points is proven" in found["sentence"]


def test_a_loss_of_ten_points_of_a_graded_metric_is_proven() -> None:
    chance = np.random.default_rng(0)
    before = chance.uniform(0.3, 0.9, 300)
    after = before - 0.1 + chance.normal(0, 0.1, 300)
    found = one(rows(list(before), metric="rougeL"), rows(list(after.clip(0, 1)), metric="rougeL"), metric="rougeL")
    assert (found["outcome"], found["blocked"]) == ("fail", True)


def test_too_few_items_block_and_tell_how_many_it_takes() -> None:
    scores: list[float | None] = [1.0, 0.0] * 20
    found = one(rows(scores), rows(scores))
    assert (found["outcome"], found["blocked"]) == ("unresolved", True)
    assert found["sentence"].endswith("is not ruled out (p = 0.30): blocked, about 107 items would be needed.")


def test_a_hint_of_a_difference_on_few_items_promises_no_quick_answer() -> None:
    scores: list[float | None] = [0.7] * 40
    hardly = [{**row, "rougeL": 0.7 - 0.05 * (place < 4)} for place, row in enumerate(rows(scores, metric="rougeL"))]
    found = one(rows(scores, metric="rougeL"), hardly, metric="rougeL")
    assert (found["outcome"], found["changed"]) == ("unresolved", 0.1)
    assert found["sentence"].endswith("blocked, about 128 items would be needed.")


def test_more_items_are_not_advised_where_the_loss_is_as_large_as_the_margin() -> None:
    before: list[float | None] = [1.0] * 60
    found = one(rows(before), rows([0.0] * 3 + [1.0] * 57))
    assert found["outcome"] == "unresolved"
    assert found["sentence"].endswith("blocked, more items are not expected to help.")


def test_items_that_share_a_source_count_by_sources() -> None:
    scores: list[float | None] = [1.0, 0.0, 1.0, 1.0] * 30
    few = [f"g{place // 4}" for place in range(120)]
    found = one(rows(scores, groups=few), rows(scores, groups=few))
    assert found["outcome"] == "unresolved"
    assert "about 428 items would be needed" in found["sentence"]
    very_few = [f"g{place // 10}" for place in range(120)]
    refused = one(rows(scores, groups=very_few), rows(scores, groups=very_few))
    assert refused["sentence"].endswith("as 12 clusters are too few, at least 20 are needed: blocked.")
    many = [f"g{place // 2}" for place in range(480)]
    assert one(rows(scores * 4, groups=many), rows(scores * 4, groups=many))["outcome"] == "pass"


def test_labels_are_compared_by_macro_f1() -> None:
    truth = ["good", "bad"] * 150
    before: list[str | None] = [*truth[:270], *["good"] * 30]
    after: list[str | None] = ["bad" if place % 10 < 4 else label for place, label in enumerate(before)]
    equal = one(label_rows(before, truth), label_rows(before, truth), metric="macro_f1")
    assert (equal["outcome"], equal["effect"]) == ("pass", 0.0)
    worse = one(label_rows(before, truth), label_rows(after, truth), metric="macro_f1")
    assert (worse["outcome"], worse["blocked"]) == ("fail", True)
    assert worse["effect"] < -0.1


def test_an_answer_without_use_counts_as_wrong() -> None:
    before: list[float | None] = [1.0] * 300
    after: list[float | None] = [None] * 60 + [1.0] * 240
    found = one(rows(before), rows(after))
    assert (found["effect"], found["outcome"]) == (pytest.approx(-0.2), "fail")
    truth = ["good", "bad"] * 150
    lost: list[str | None] = [None] * 60 + list(truth[60:])
    assert one(label_rows(list(truth), truth), label_rows(lost, truth), metric="macro_f1")["outcome"] == "fail"
    beside: list[str | None] = ["neither"] * 60 + list(truth[60:])
    assert one(label_rows(list(truth), truth), label_rows(beside, truth), metric="macro_f1")["outcome"] == "fail"


def test_a_changed_answer_is_seen_where_the_scores_are_equal() -> None:
    scores: list[float | None] = [1.0] * 120
    before = [{**row, "text": "yes"} for row in rows(scores)]
    after = [{**row, "text": "Yes." if place < 12 else "yes"} for place, row in enumerate(rows(scores))]
    found = one(before, after)
    assert (found["changed"], found["outcome"]) == (0.1, "pass")


def test_each_form_is_judged_alone_and_in_its_order() -> None:
    good: list[float | None] = [1.0] * 300
    bad: list[float | None] = [0.0] * 60 + [1.0] * 240
    forms = {"merged_nf4": rows(bad), "merged": rows(good)}
    found = form_findings(rows(good), forms, metric="accuracy", margin=0.03, alpha=0.05)
    assert [(one["form"], one["blocked"]) for one in found] == [("merged_nf4", True), ("merged", False)]


def test_other_items_are_a_programming_error() -> None:
    scores: list[float | None] = [1.0] * 30
    with pytest.raises(AssertionError, match="different items"):
        one(rows(scores), rows(scores)[::-1])
