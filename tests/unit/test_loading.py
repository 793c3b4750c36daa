"""Wrong specs fail in one line with place and fix, all of them at once."""

from pathlib import Path

import pytest
from workspace import EXPERIMENT, assert_one_line, failure, swap, write

from harness.errors import SpecErrors
from harness.loading import load_experiment

FIRST = "experiments/first.yaml"
TASK = "tasks/qa/task.yaml"
PROMPT = "tasks/qa/prompts/engineered.txt"
CODE = "tasks/qa/metrics.py"


# old text of the experiment, new text, place, words of the message
IN_EXPERIMENT = [
    ("trials: 2", "trials: 0", "5:11", "search.trials is 0; needs at least 1", "Fix: trials: 10"),
    ("trials: 2", "trials: many", "5:11", "search.trials is 'many'; needs a whole number", "trials: 10"),
    ("trials: 2", "trials: 1e1", "5:11", "is 1e1; needs a whole number", "Fix: trials: 10"),
    ("trials: 2", "trials: no", "5:11", "is 'no'; needs a whole number"),
    ("trials: 2", "trials: true", "5:11", "is true; needs a whole number"),
    ("trials: 2", 'trials: "8"', "5:11", "is '8'; needs a whole number", "Fix: trials: 8"),
    ("trials: 2", "trials:", "5:3", "search.trials is empty; needs a whole number"),
    ("trials: 2", "trils: 2", "5:3", "search.trils is not a known key", "did you mean trials?"),
    ("trials: 2", "1: 2", "5:3", "search.1 is not a known key", "known keys: method, trials"),
    ("trials: 2", "trials: 2\n  trials: 3", "6:3", "'trials' is already set in line 5"),
    ("trials: 2", "trials: 2\n\tseed: 1", "6:1", "tab", "spaces"),
    ("trials: 2", "method: LORA", "5:11", "is 'LORA'; needs one of lora, qlora", "Fix: method: lora"),
    ("trials: 2", "batch_size: 6", "5:15", "micro_batch_size is 4; needs a divisor of batch_size, 6", ": 2"),
    ("trials: 2", "max_length: .inf", "5:15", "search.max_length is .inf; needs a whole number"),
    ("trials: 2", f"trials: {'9' * 5000}", "5:11", "cannot be read as int"),
    ("rank: [4, 8]", "rank: 8", "7:11", "search.space.rank is 8; needs a list", "Fix: rank: [8]"),
    ("rank: [4, 8]", "rank: [4, 0]", "7:15", "search.space.rank.1 is 0; needs at least 1", "Fix: 16"),
    ("[1e-4, 1e-3]", "[1e-3, 1e-4]", "8:5", "needs the lower end first", "learning_rate: [0.0001, 0.001]"),
    ("[1e-4, 1e-3]", "[1e-4]", "8:5", "learning_rate has 1 item", "[low, high]", "[1e-05, 0.002]"),
    ("[1e-4, 1e-3]", "1e-4", "8:20", "is 1e-4; needs a list of two numbers", "[1e-05, 0.002]"),
    ("[1e-4, 1e-3]", "[1, 2, 3]", "8:5", "learning_rate is [1, 2, 3]; needs at most 2 items"),
    ("task: qa", "task: Qa", "1:7", "unknown task 'Qa'", "did you mean qa?"),
    ("task: qa", "task: zzz", "1:7", "unknown task 'zzz'", "known tasks: mood, qa"),
    ("task: qa\n", "", "1:1", "task is missing", "add task: ...", "folder in tasks/"),
    ("task: qa", "tsk: qa", "1:1", "tsk is not a known key", "did you mean task?"),
    ("model: sample", "model: gpt2", "2:8", "unknown model 'gpt2'", "sample", "config.json", "OWNER/NAME"),
    ("model: sample", "model: ../other", "2:8", "model '../other'", "leads out of the workspace"),
    ("model: sample", "model: tasks", "2:8", "folder of model 'tasks'", "no config.json"),
    ("model: sample", "model: 5", "2:8", "model is 5; needs text", 'Fix: model: "5"'),
    ("model: sample", "model: @x", "2:8", "not YAML", "quote the text"),
    ("model: sample", "model: [a, b", "3:10", "not YAML", "bracket"),
    ("model: sample", "model: 'a", "2:8", "a quote that never closes"),
    ("model: sample", "model: a: b", "2:9", "not YAML", "quote the text"),
    ("model: sample", "model: *a", "2:8", "an alias", "anchor"),
    ("model: sample", "model: !!python/name:os.system x", "2:8", "tag", "is not allowed"),
    ("model: sample", "model: &a [*a]", "2:8", "nested deeper than 50 levels"),
    ("model: sample", f"model: {'[' * 1000}", "2:57", "nested deeper than 50 levels"),
    ("model: sample", 'model: "\\ud800"', "2:8", "surrogate"),
    ("model: sample", "? [a]\n: b", "2:3", "stands as a key"),
    ("model: sample", "<<: {a: b}", "2:1", "not YAML 1.2"),
    ("baselines: [trivial", "baselines: [trivia", "3:13", "unknown baseline family 'trivia'", "trivial?"),
    ("few_shot, ", "trivial, ", "3:33", "baselines names 'trivial' twice"),
    ("exact_match: {floor: 0.2}", "rougel: {floor: 0.1}", "12:5", "unknown metric 'rougel'", "did you mean rougeL?"),
    ("exact_match: {floor: 0.2}", "rouge1: {floor: 0.1}", "12:5", "does not score", f"add rouge1 to metrics in {TASK}"),
    ("exact_match: {floor: 0.2}", "exact_match: {floor: 20}", "12:26", "needs less than 1", "Fix: floor: 0.2"),
    ("exact_match: {floor: 0.2}", "exact_match: {}", "12:5", "asks for nothing", "{floor: 0.5}"),
    ("exact_match: {floor: 0.2}", "exact_match: 0.2", "12:18", "needs a mapping", "exact_match: {floor: 0.2}"),
    ("    - benchmark: arithmetic\n      ", "    - ", "15:7", "gates.forgetting.0.benchmark is missing"),
    ("- benchmark: arithmetic\n      margin: 0.05", "- arithmetic", "15:7", "{benchmark: arithmetic}"),
    ("    - bench", "    - benchmark: arithmetic\n    - bench", "16:18", "names 'arithmetic' twice"),
    ("train: 6", "train: 0", "19:12", "data.splits.train is 0; needs at least 1"),
    ("train: 6", "trian: 6", "19:5", "data.splits.trian is not a known key", "did you mean train?"),
    ("data:\n", "data:\n  source: tasks/qa/dat.jsonl\n", "18:11", "no such file", "did you mean data.jsonl?"),
    ("data:\n", "data:\n  source: ../data.jsonl\n", "18:11", "leads out of the workspace"),
    ("data:\n", "data:\n  source: package:not_there/a.csv\n", "18:11", "not installed", "pip install not_there"),
    ("data:\n", "data:\n  source: package:pydantic/a.csv\n", "18:11", "package pydantic holds no a.csv"),
    ("data:\n", "data:\n  source: https://a.b/c\n", "18:11", "web address", "download it"),
    ("data:\n", "data:\n  input: {question}\n", "18:3", "needs text", 'Fix: input: "{question}"'),
    ("data:\n", "data:\n  revision: 1234567\n", "18:13", "needs text", 'Fix: revision: "1234567"'),
    ("data:\n", "---\ndata:\n", "17:1", "a second document", "remove the --- line"),
]


@pytest.mark.parametrize(("old", "new", "place", "words"), [(o, n, p, w) for o, n, p, *w in IN_EXPERIMENT])
def test_a_wrong_experiment_is_one_line(root: Path, old: str, new: str, place: str, words: list[str]) -> None:
    swap(root, FIRST, old, new)
    assert_one_line(failure(), f"{FIRST}:{place}", *words)


# file, old text, new text, file and place of the message, its words
IN_WORKSPACE = [
    (TASK, "rougeL, ", "rougeL, rouge3, ", f"{TASK}:12:32", "unknown metric 'rouge3'", "did you mean rouge"),
    (TASK, "rougeL, ", "rougeL, xyz, ", f"{TASK}:12:32", "unknown metric 'xyz'", "metrics.py:FUNCTION"),
    (TASK, "rougeL, ", "rougeL, rougeL, ", f"{TASK}:12:32", "metrics names rougeL twice"),
    (TASK, "rougeL, ", "rougeL, macro_f1, ", f"{TASK}:12:32", "macro_f1 needs kind: label"),
    (TASK, "rougeL, ", "", f"{FIRST}:13:3", "gates.rouge needs the metric rougeL", f"to metrics in {TASK}"),
    (TASK, "same_length", "same_lenght", f"{TASK}:12:32", "no function same_lenght", "same_length?"),
    (TASK, "name: qa", "name: quiz", f"{TASK}:1:7", "name is 'quiz'; needs 'qa'", "Fix: name: qa"),
    (TASK, "license: CC0-1.0\n", "", f"{TASK}:1:1", "license is missing"),
    (
        TASK,
        "kind: gen",
        "labels: [a, b]\nkind: gen",
        f"{TASK}:3:1",
        "labels is given, but only tasks of",
        "leave labels out",
    ),
    (TASK, "kind: gen", "definitions: {a: b}\nkind: gen", f"{TASK}:3:15", "definitions names 'a'", "or kind: label"),
    (TASK, "kind: generation", "kind: labels", f"{TASK}:3:7", "needs one of generation, label", ": label"),
    (
        TASK,
        "kind: generation",
        "template: '{instruct}: {input}'",
        f"{TASK}:3:11",
        "{instruct}",
        "{instruction}?",
    ),
    (TASK, "kind: generation", "template: nothing", f"{TASK}:3:11", "template lacks {input}"),
    (TASK, "kind: generation", "engineered: prompts/no.txt", f"{TASK}:3:13", "prompts/no.txt cannot be read"),
    (TASK, "seed: 3", "seed: -1", f"{TASK}:10:11", "data.splits.seed is -1; needs at least 0", "seed: 0"),
    (TASK, "tasks/qa/data.jsonl", "gone.jsonl", f"{TASK}:5:11", "data.source is 'gone.jsonl': no such file"),
    (TASK, "name: qa", "name: [qa", f"{TASK}:2:12", "not YAML"),
    (PROMPT, "{instruction}", "{instrction}", f"{PROMPT}:2:1", "{instrction}", "did you mean {instruction}?"),
    (PROMPT, "{input}", "...", f"{PROMPT}:1:1", "the prompt lacks {input}"),
    (CODE, "def same", "deff same", f"{CODE}:1:6", "not Python"),
    ("baselines/trivial.yaml", "    rule: majority\n", "", "baselines/trivial.yaml:4:5", "rule is missing"),
    ("baselines/trivial.yaml", "copy, rule", "majority, rule", "baselines/trivial.yaml:6:12", "majority_2"),
    (
        "baselines/few_shot.yaml",
        "family: few",
        "family: fe",
        "baselines/few_shot.yaml:1:9",
        "family: few_shot",
    ),
    (
        "baselines/zero_shot.yaml",
        "{instruc",
        "{inst",
        "baselines/zero_shot.yaml:6:14",
        "placeholder {insttion}",
    ),
    (
        "baselines/zero_shot.yaml",
        "name: terse",
        "name: Te se",
        "baselines/zero_shot.yaml:5:11",
        "name: te_se",
    ),
]


@pytest.mark.parametrize(("file", "old", "new", "start", "words"), [(f, o, n, s, w) for f, o, n, s, *w in IN_WORKSPACE])
def test_a_wrong_workspace_is_one_line(root: Path, file: str, old: str, new: str, start: str, words: list[str]) -> None:
    swap(root, file, old, new)
    assert_one_line(failure(), start, *words)


def test_a_missing_metric_file_is_placed_at_the_metric(root: Path) -> None:
    (root / CODE).unlink()
    assert_one_line(failure(), f"{TASK}:12:32", f"needs the file {CODE}", "same_length")


def test_an_alias_bomb_is_refused(root: Path) -> None:
    lines = ["a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]" for old, new in zip("abcdefgh", "bcdefghi", strict=True)]
    write(root, FIRST, "\n".join(lines))
    (line,) = failure()
    assert "more than 20000 values" in line


@pytest.mark.parametrize(
    ("content", "place", "word"),
    [
        (b"", ":1:1", "the file is empty"),
        (b"# only a comment\n", ":1:1", "the file is empty"),
        (b"- task\n", ":1:1", "holds a list; needs a mapping"),
        (b"task: qa\nmodel: \xff\n", ":2:8", "byte 0xff is not UTF-8"),
        ("task: qa\n".encode("utf-16"), ":1:1", "save the file as UTF-8"),
        (b"task: qa\nmodel: \x07\n", ":2:8", "control character U+0007"),
        (b"task: qa\r\nsearch:\r\n  trials: 0\r\n", ":3:11", "search.trials is 0"),
        (b"\xef\xbb\xbftask: qa\nsearch:\n  trials: 0\n", ":3:11", "search.trials is 0"),
    ],
)
def test_odd_files(root: Path, content: bytes, place: str, word: str) -> None:
    write(root, FIRST, content)
    assert_one_line(failure(), f"{FIRST}{place}", word)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("experiments/frist.yaml", ["no such file", "did you mean experiments/first.yaml?"]),
        ("experiments/zzz.yaml", ["no such file", "specs in that folder: first.yaml"]),
        ("nowhere/first.yaml", ["no such file", "no folder nowhere"]),
        ("experiments", ["is a folder; needs a file"]),
    ],
)
def test_a_missing_spec_names_its_neighbours(root: Path, path: str, words: list[str]) -> None:
    assert_one_line(failure(path=path), path, *words)


def test_names_and_workspaces_that_cannot_be(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    write(root, "experiments/two words.yaml", EXPERIMENT)
    assert_one_line(failure(path="experiments/two words.yaml"), "experiments/two words.yaml", "rename the file")
    alone = write(tmp_path_factory.mktemp("bare"), "lonely.yaml", EXPERIMENT)
    assert_one_line(failure(path=str(alone)), str(alone), "tasks folder", "no workspace")


def test_all_mistakes_at_once_in_the_order_of_the_files(root: Path) -> None:
    for old, new in [
        ("model: sample", "modle: sample"),
        ("trials: 2", "trials: 0"),
        ("train: 6", "train: x"),
    ]:
        swap(root, FIRST, old, new)
    swap(root, FIRST, "few_shot", "few_shots")
    swap(root, TASK, "license: CC0-1.0\n", "licence: CC0-1.0\n")
    swap(root, "baselines/engineered.yaml", "prompt: eng", "prompt: Eng")
    with pytest.raises(SpecErrors) as caught:
        load_experiment(Path(FIRST), overrides=["gates.alpha=5"])
    assert [error.where for error in caught.value.errors] == [
        "--set gates.alpha=5",
        f"{FIRST}:2:1",
        f"{FIRST}:3:33",
        f"{FIRST}:5:11",
        f"{FIRST}:19:12",
        f"{TASK}:13:1",
        "baselines/engineered.yaml:4:26",
    ]
    assert str(caught.value).count("\n") == 6
