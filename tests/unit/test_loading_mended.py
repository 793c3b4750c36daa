"""Values, paths and references in another form than the one that is read: the fix that is offered loads."""

from pathlib import Path

import pytest
from workspace import assert_one_line, failure, swap, write

from harness.loading import load_experiment
from harness.loading.amounts import amount

FIRST = "experiments/first.yaml"
TASK = "tasks/qa/task.yaml"
FILE = "baselines/few_shot.yaml"
HEAD = "family: few_shot\ndescription: Several.\n"
CODE = "tasks/qa/metrics.py"
PLANTED = "SK_PLANTED_12"

# one line of an experiment, what is wrong in it, column of the message, the fix
IN_EXPERIMENT = [
    ("search: {%s}", "budget_minutes: 1.5h", 26, "budget_minutes: 90"),
    ("search: {%s}", "trials: ten", 18, "trials: 10"),
    ("search: {space: {%s}}", "learning_rate: 1e-4..1e-3", 33, "learning_rate: [0.0001, 0.001]"),
    ("gates: {latency: {%s}}", "seconds: 500ms", 28, "seconds: 0.5"),
    ("gates: {%s}", "latency: 500 ms", 18, "latency: {seconds: 0.5}"),
    ("data: {%s}", "splits: [6, 2, 2]", 8, "splits: {train: 6, validation: 2, test: 2}"),
    ("data: {splits: {%s}}", "train: '1,000'", 24, "train: 1000"),
    ("data: {splits: {%s}}", "train: half", 24, "train: 200"),
    ("model: {%s}", "dtype: fp32", 16, "dtype: float32"),
    ("%s", "baselines: {few_shot: {shots: 3}}", 1, "baselines: [few_shot]"),
]
MINE = "a family has a file of its own: put it into baselines/mine.yaml, and write mine here"

# the variants and more of a family, place, words, the fix
IN_FAMILY = [
    ("variants: [{name: a, rule: 1-NN}]", "3:28", "one of majority, copy, constant, nearest", "rule: nearest"),
    ("variants: [{name: a, rule: nearest neighbour}]", "3:28", "one of", "rule: nearest"),
    ("variants: [{name: a, rule: majority class}]", "3:28", "one of", "rule: majority"),
    ("variants: [{name: a, shots: 2, choose: knn}]", "3:40", "random, bm25, embedding", "choose: bm25"),
    ("variants: [{name: a, shots: three}]", "3:29", "a whole number", "shots: 3"),
    ("variants: [{name: a, shots: [1, 2]}]", "3:22", "a whole number", "shots: 1"),
    ("variants: {plain: , two: {shots: 2}}", "3:1", "a list", "variants: [{name: plain}, {name: two, shots: 2}]"),
    (
        "variants: [{name: a, prompt: 'Say: {input}'}]",
        "3:30",
        "one of plain, engineered",
        'a prompt\'s own text is the pattern: write pattern: "Say: {input}"',
    ),
    ("variants: [{name: a}]\nprevious: [models/old]", "4:1", "text", "previous: models/old"),
    ("variants: [{name: a}]\nprevious: {experiment: earlier}", "4:1", "text", "previous: experiment:earlier"),
    ("variants: [{name: a}]\nprevious: earlier", "4:11", "no such folder", "previous: experiment:earlier"),
    ("variants: [{name: a}]\nprevious: reports/earlier", "4:11", "no such folder", "previous: experiment:earlier"),
    ("variants: [{name: a}]\nprevious: old", "4:11", "a path here starts at the workspace", "write baselines/old"),
]


@pytest.mark.parametrize(("line", "wrong", "column", "fix"), IN_EXPERIMENT)
def test_the_fix_of_a_value_in_an_experiment_loads(root: Path, line: str, wrong: str, column: int, fix: str) -> None:
    write(root, FIRST, f"task: qa\n{line % wrong}\n")
    (message,) = failure()
    assert message.startswith(f"{FIRST}:2:{column}: ")
    assert message.endswith(f"Fix: {fix}")
    write(root, FIRST, f"task: qa\n{line % fix}\n")
    load_experiment(Path(FIRST))


def test_a_family_is_named_in_an_experiment_and_not_written_there(root: Path) -> None:
    write(root, FIRST, "task: qa\nbaselines: [{family: mine, description: d}]\n")
    assert_one_line(failure(), f"{FIRST}:2:13", f"Fix: {MINE}")
    write(root, FIRST, "task: qa\nbaselines: [baselines/few_shot.yaml]\n")
    assert_one_line(failure(), f"{FIRST}:2:13", "Fix: did you mean few_shot?")


@pytest.mark.parametrize(("text", "place", "words", "fix"), IN_FAMILY)
def test_the_fix_of_a_value_in_a_family_is_what_was_meant(
    root: Path, text: str, place: str, words: str, fix: str
) -> None:
    write(root, "experiments/earlier.yaml", "task: qa\n")
    write(root, "baselines/old/adapter_config.json", "{}")
    write(root, FILE, f"{HEAD}{text}\n")
    (line,) = failure()
    assert line.startswith(f"{FILE}:{place}: ")
    assert words in line
    assert line.endswith(f"Fix: {fix}")


@pytest.mark.parametrize(
    ("setting", "column", "fix"),
    [
        ("requests_per_minute: 60/min", 56, "requests_per_minute: 60"),
        ("requests_per_minute: 2 per second", 56, "requests_per_minute: 120"),
        ("requests_per_minute: fast", 56, "requests_per_minute: 60"),
        ("rate_limit: 60/min", 35, "write requests_per_minute: 60"),
        ("timeout_seconds: 2 min", 52, "timeout_seconds: 120"),
        ("timeout: 60s", 35, "write timeout_seconds: 60"),
        ("timeout: 60", 35, "did you mean timeout_seconds?"),
        (f"key_env: [{PLANTED}]", 35, "key_env: OPENAI_API_KEY"),
    ],
)
def test_rates_and_times_are_read_in_their_unit(root: Path, setting: str, column: int, fix: str) -> None:
    write(root, FILE, f"{HEAD}variants: [{{name: plain}}]\napi: {{url: http://h/v1, model: m, {setting}}}\n")
    (line,) = failure()
    assert line.startswith(f"{FILE}:4:{column}: ")
    assert line.endswith(f"Fix: {fix}")
    assert PLANTED not in line


@pytest.mark.parametrize(
    ("value", "kind", "name", "number"),
    [
        ("1,000", int, "train", 1000),
        ("0,15", float, "usd", 0.15),
        ("60/min", float, "timeout_seconds", "60/min"),
        ("1,500/min", float, "requests_per_minute", "1,500/min"),
        ("1,500", float, "usd_per_million_in", "1,500"),
        ("9" * 310 + "s", float, "timeout_seconds", "9" * 310 + "s"),
        ("1" + 110 * ",000", int, "trials", "1" + 110 * ",000"),
        ("60s", float, "requests_per_minute", "60s"),
        ("60s", float, "margin", "60s"),
        ("1.5", int, "trials", "1.5"),
        ("nine", float, "margin", "nine"),
    ],
)
def test_only_what_is_surely_meant_is_a_number(value: str, kind: type, name: str, number: object) -> None:
    assert amount(value, kind=kind, name=name) == number


def test_a_list_in_one_line_of_text_is_a_list(root: Path) -> None:
    swap(root, "tasks/mood/task.yaml", 'labels: ["good", "bad"]', "labels: good, bad")
    write(root, FIRST, "task: mood\n")
    assert_one_line(failure(), "tasks/mood/task.yaml:4:9", "needs a list", "Fix: labels: [good, bad]")
    swap(root, "tasks/mood/task.yaml", "labels: good, bad", "labels: [good, bad]")
    assert load_experiment(Path(FIRST)).task.labels == ["good", "bad"]


@pytest.mark.parametrize(
    ("old", "source", "column", "words", "fix"),
    [
        ("tasks/qa/data.jsonl", "data.jsonl", 11, "a path here starts at the workspace", "tasks/qa/data.jsonl"),
        ("tasks/qa/data.jsonl", "../qa/data.jsonl", 11, "leads out of the workspace", "tasks/qa/data.jsonl"),
        ("prompts/it.txt", "tasks/qa/prompts/it.txt", 13, "a path here starts at tasks/qa", "prompts/it.txt"),
        ("prompts/it.txt", "it.txt", 13, "a path here starts at tasks/qa", "prompts/it.txt"),
        ("prompts/it.txt", "prompts/itt.txt", 13, "cannot be read", "prompts/it.txt"),
    ],
)
def test_a_path_from_another_folder_is_offered_from_the_right_one(
    root: Path, old: str, source: str, column: int, words: str, fix: str
) -> None:
    write(root, "tasks/qa/prompts/it.txt", "{input}")
    swap(root, TASK, "kind: generation\n", "engineered: prompts/it.txt\n")
    line = 5 if column == 11 else 3
    swap(root, TASK, old, source)
    lines = failure()
    assert_one_line(lines, f"{TASK}:{line}:{column}", words)
    assert lines[0].split("Fix: ")[1] in (f"write {fix}", f"engineered: {fix}")
    swap(root, TASK, source, fix)
    load_experiment(Path(FIRST))


def test_a_prompt_in_the_place_of_its_file_is_told(root: Path) -> None:
    swap(root, TASK, "kind: generation\n", f"engineered: {'Answer in a word, please. ' * 20}Say yes/no.\n")
    assert_one_line(failure(), f"{TASK}:3:13", "cannot be read", "write the prompt into a file in tasks/qa")


def test_an_experiment_is_not_offered_as_its_own_earlier_version(root: Path) -> None:
    write(root, "baselines/few_shot.yaml", "family: few_shot\ndescription: x\nprevious: first\nvariants: [{name: a}]\n")
    (line,) = failure()
    assert "no such folder. Fix: name the folder" in line


def test_a_corpus_beside_its_task_is_found(root: Path) -> None:
    write(root, "tasks/qa/texts.jsonl", '{"text": "x"}\n')
    swap(root, TASK, "kind: generation\n", "corpus: {source: texts.jsonl}\n")
    assert_one_line(failure(), f"{TASK}:3:18", "starts at the workspace", "Fix: write tasks/qa/texts.jsonl")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("package:nopkg:fn", [f"looked for in {CODE} only", f"into {CODE}; metrics.py:fn here"]),
        ("sklearn.metrics:f1_score", ["not in a package", "write f1_score(answer, reference, input)"]),
        (f"{CODE}:same_length", ["Fix: write metrics.py:same_length"]),
        ("same_length", ["Fix: write metrics.py:same_length"]),
        ("metrics.py", ["Fix: write metrics.py:same_length"]),
        ("evaluate/bleu", ["Fix: write evaluate:bleu"]),
        ("f1", ["Fix: did you mean token_f1?"]),
        ("acc", ["Fix: use exact_match, "]),
    ],
)
def test_a_metric_that_is_not_there_says_where_it_is_looked_for(root: Path, name: str, words: list[str]) -> None:
    swap(root, TASK, "rougeL, ", f"rougeL, '{name}', ")
    assert_one_line(failure(), f"{TASK}:12:32", f"unknown metric '{name}'", *words)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("package:nopkg/a.csv", ["package nopkg is not installed in ", "mend the name, or ", "pip install nopkg"]),
        ("package:nopkg", ["package nopkg is not installed in "]),
        ("package:pydantik/main.py", ["is not installed", "did you mean package:pydantic?"]),
        ("package:pydantic", ["Fix: package:pydantic/PATH; it holds "]),
        ("package:pydantic:main.py", ["Fix: package:pydantic/main.py"]),
        ("package:ruamel-yaml-of-nobody/x", ["Fix: package:NAME/path/inside/it"]),
        ("package:pydantic/../os.py", ["leads out of the package"]),
    ],
)
def test_a_package_that_is_not_there_says_how_to_mend_it(root: Path, source: str, words: list[str]) -> None:
    swap(root, TASK, "tasks/qa/data.jsonl", source)
    assert_one_line(failure(), f"{TASK}:5:11", f"data.source is '{source}': ", *words)
