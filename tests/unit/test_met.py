"""Benchmark items among the task's own training rows are counted, told before the run, and no evidence of keeping."""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fake_world import FakeWorld, fake_setup
from workspace import make_workspace

from harness.cli.admitting import Admission
from harness.errors import SpecErrors
from harness.jsonl import write_lines
from harness.loading import load_experiment
from harness.plan import build
from harness.plan.setup import Benchmark, Setup
from harness.records import Example
from harness.report.benchmarks import benchmark_rows, benchmark_warnings
from harness.specs import DataSpec
from harness.stages import Job, forgetting
from harness.stages.audit import audited
from harness.stages.met import met_places
from harness.steps import Step

GOALS = [f"How do you polish a brass knob of the {name} kind without scratching it?" for name in "abcdefghij"]
ITEMS = [{"goal": goal, "sol1": f"With a cloth, number {place}, and patience."} for place, goal in enumerate(GOALS)]


def learnt_from(root: Path, *, train: list[str], validation: list[str] | None = None) -> Path:
    """A folder of a task's examples with these inputs."""
    folder = root / "learnt"
    folder.mkdir()
    for name, texts in {"train": train, "validation": validation or ["a"]}.items():
        rows = [Example(id=text, split="train", group=text, input=text, reference="x") for text in texts]
        write_lines(folder / f"{name}.jsonl", rows)
    return folder


def test_items_in_training_and_validation_rows_are_met_and_no_others(tmp_path: Path) -> None:
    folder = learnt_from(tmp_path, train=[f"Well: {GOALS[2].upper()} Say!", "other"], validation=[ITEMS[5]["sol1"]])
    assert met_places(ITEMS, learnt_from=folder) == {2, 5}
    assert met_places(ITEMS[6:], learnt_from=folder) == set()
    assert met_places(ITEMS, learnt_from=None) == set()


@pytest.mark.parametrize(("train", "met"), [(["other"], {}), ([GOALS[3]], {"met": 1})])
def test_the_stage_marks_what_was_met_and_nothing_else_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, train: list[str], met: dict[str, int]
) -> None:
    from harness.adapters import forgetting as adapter
    from harness.adapters import language_model

    def accuracies(model: Any, *, met: adapter.Met, **asked: Any) -> list[dict[str, Any]]:
        return adapter.marked([{"doc": str(at), "acc": 1} for at in range(10)], shared={}, met=met(ITEMS))

    monkeypatch.setattr(adapter, "item_accuracies", accuracies)
    monkeypatch.setattr(language_model, "language_model", lambda *args, **more: None)
    local = {"model_path": "x", "learnt_from": str(learnt_from(tmp_path, train=train))}
    job = Job({"model": {}, "benchmark": "knobs", "limit": None}, {}, local, tmp_path, lambda done, total: None)
    assert forgetting.write_accuracies(job) == {"n": 10, "acc": 1.0, **met}
    rows = [json.loads(line) for line in (tmp_path / "items.jsonl").read_text().splitlines()]
    assert rows == [{"doc": str(at), "acc": 1, **({"met": True} if met and at == 3 else {})} for at in range(10)]


def test_the_tuned_model_alone_is_told_what_it_learnt_from_and_no_key_changes(tmp_path: Path) -> None:
    setup, world = fake_setup(load_experiment(make_workspace(tmp_path))), FakeWorld(lambda step, world: 0.5)
    finished = world.reach(setup)
    base, tuned = [step for step in world.log if step.stage == "forgetting"]
    assert finished.data is not None
    assert "learnt_from" not in base.local
    assert tuned.local["learnt_from"] == str(finished.data.path)
    plain = build.forgetting_step(setup, name="arithmetic", limit=None, adapter=tuned.needs["adapter"])
    assert plain.key == tuned.key


def knobs(root: Path, *, train: list[str]) -> tuple[Setup, Any]:
    """A workspace whose benchmark lies on disk, and a plan that has read its data."""
    (root / "knobs.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in ITEMS))
    (root / "knobs.yaml").write_text('doc_to_text: "{{goal}}"\n')
    setup = fake_setup(load_experiment(make_workspace(root)))
    bench = Benchmark({"data": "1"}, str(root / "knobs.yaml"), str(root / "knobs.jsonl"))
    data = SimpleNamespace(path=learnt_from(root, train=train))
    current = SimpleNamespace(data=data, done=False, wanted=[])
    return Setup(**{**vars(setup), "benchmarks": {"arithmetic": bench}}), current


@pytest.mark.parametrize(
    ("met", "force", "said"), [(0, False, ""), (4, False, "warning"), (6, False, "refused"), (6, True, "warning")]
)
def test_a_benchmark_that_the_task_is_made_of_is_refused_before_the_search(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    met: int,
    force: bool,
    said: str,
) -> None:
    setup, current = knobs(tmp_path, train=[*GOALS[:met], "other"])
    monkeypatch.setattr(Admission, "_shortages", lambda self, current: [])
    admit = Admission(setup, store=None, goal="verdict", force=force)  # type: ignore[arg-type]
    told = f"{met} of the 10 items of arithmetic stand among the training or validation rows. Fix: name another"
    place = f"{setup.resolved.where('gates', 'forgetting', 0, 'benchmark')}: "
    if said == "refused":
        with pytest.raises(SpecErrors, match=f"^{re.escape(place + told)}.*; --force begins all the same$"):
            admit(current)
        return
    admit(current)
    printed = "".join(capsys.readouterr().err.split())
    assert printed.startswith("".join(f"warning: {place}{told}".split())) if said else not printed


def test_check_tells_how_much_of_a_benchmark_is_among_the_rows(tmp_path: Path) -> None:
    setup, _ = knobs(tmp_path, train=["other"])
    (tmp_path / "rows.jsonl").write_text(
        "".join(f"{json.dumps({'q': f'{text} {place}', 'a': 'x'})}\n" for place, text in enumerate([*GOALS, *"klmno"]))
    )
    spec = DataSpec(source="x", input="{q}", reference="a")
    bench = setup.benchmarks["arithmetic"]
    plain = audited(spec, path=str(tmp_path / "rows.jsonl"))
    found = audited(spec, path=str(tmp_path / "rows.jsonl"), benchmarks={"knobs": (bench.file, bench.data)})
    (remark,) = (line for line in found.remarks if line not in plain.remarks)
    assert remark.endswith(
        "of the 10 items of knobs stand among the training or validation rows: the gate leaves out those of its half"
    )
    assert found.model_copy(update={"remarks": plain.remarks}) == plain


class Measured(FakeWorld):
    """Benchmarks with items on disk; the tuned model has met some of them."""

    met = 0

    def _summary(self, step: Step) -> dict[str, Any]:
        if step.stage != "forgetting":
            return super()._summary(step)
        met = self.met if step.needs else 0
        return {"n": 10, "acc": 0.6, **({"met": met} if met else {})}


@pytest.mark.parametrize("met", [0, 4, 10])
def test_the_report_counts_what_was_left_out_and_scores_the_rest(tmp_path: Path, met: int) -> None:
    setup = fake_setup(load_experiment(make_workspace(tmp_path)))
    world = Measured(lambda step, world: 0.5)
    world.met = met
    finished = world.reach(setup)
    base, tuned = finished.forgetting["arithmetic"]
    for side, right, known in ((base, 4, 0), (tuned, 6, met)):
        folder = tmp_path / side.key
        folder.mkdir()
        object.__setattr__(side, "path", folder)
        rows = [{"doc": str(at), "acc": int(at < right), **({"met": True} if at < known else {})} for at in range(10)]
        write_lines(folder / "items.jsonl", rows)
    (row,) = benchmark_rows(setup, finished)
    told = list(benchmark_warnings(setup, finished, store=world))  # type: ignore[arg-type]
    assert (row.n, row.base, row.tuned) == ((6, 0.0, 0.333333) if met == 4 else (10, 0.6, 0.6))
    among = f"keeps:arithmetic: {met} of 10 items stand among the training or validation rows"
    ends = {0: [], 4: [f"{among} and were left out."], 10: [f"{among}, so nothing shows what was kept."]}
    assert told == ends[met]


def test_the_report_counts_the_verdicts_that_a_gates_half_has_served(tmp_path: Path) -> None:
    spec, world = make_workspace(tmp_path), FakeWorld(lambda step, world: 0.5)
    told = []
    for questions in ("abcdef", "ghijkl", "mnopqr"):
        setup = fake_setup(load_experiment(spec))
        world.questions = tuple(questions)
        world.done = {key: one for key, one in world.done.items() if one.stage != "testset"}
        finished = world.reach(setup)
        told.append(list(benchmark_warnings(setup, finished, store=world)))  # type: ignore[arg-type]
    assert told[0] == []
    assert told[1][0].startswith("keeps:arithmetic: the same half of arithmetic has served 1 verdict of this workspace")
    assert "has served 2 verdicts of this workspace before" in told[2][0]
