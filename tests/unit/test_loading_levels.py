"""A known key at the wrong level: the message says where it belongs, and what it offers loads."""

from pathlib import Path

import pytest
from workspace import assert_one_line, failure, swap, write

from harness.loading import load_experiment

FIRST = "experiments/first.yaml"
TASK = "tasks/qa/task.yaml"
FILE = "baselines/few_shot.yaml"
HEAD = "family: few_shot\ndescription: Several.\n"
PLAIN = "variants: [{name: plain}]\n"
PLANTED = "sk-planted12"
API = "{url: https://api.openai.com/v1, model: gpt-4o-mini, retries: 3}"

# a line at the top of an experiment, where it belongs, the line to write instead
AT_TOP = [
    ("trials: 3", "under search", "search: {trials: 3}"),
    ("rank: [4, 8]", "under search.space", "search: {space: {rank: [4, 8]}}"),
    ("rank: 8", "under search.space", "search: {space: {rank: [8]}}"),
    ("seed: 3", "under search", "search: {seed: 3}"),
    ("alpha: 0.05", "under gates", "gates: {alpha: 0.05}"),
    ("margin: 0.02", "under gates", "gates: {margin: 0.02}"),
    ("metrics: {exact_match: {floor: 0.2}}", "under gates", "gates: {metrics: {exact_match: {floor: 0.2}}}"),
    ("forgetting: [{benchmark: arithmetic}]", "under gates", "gates: {forgetting: [{benchmark: arithmetic}]}"),
    ("limit: 9", "under gates.forgetting", "gates: {forgetting: [{benchmark: piqa, limit: 9}]}"),
    ("examples: 8", "under report", "report: {examples: 8}"),
    ("dtype: float32", "under model", "model: {dtype: float32}"),
    ("splits: {train: 3}", "under data", "data: {splits: {train: 3}}"),
    ("train: 3", "under data.splits", "data: {splits: {train: 3}}"),
]

# the rest of a family, place, where the key belongs, the rest with the fix
IN_FAMILY = [
    ("shots: 3\n", "3:1", "under variants", "variants: [{name: plain, shots: 3}]"),
    (
        "prompt: Tell {input}\n",
        "3:1",
        "under variants, as pattern",
        'variants: [{name: plain, pattern: "Tell {input}"}]',
    ),
    ("trials: 3\n", "3:1", "under search", "search: {trials: 3}"),
    ("optimizer: miprov2\n", "3:1", "under dspy", "dspy: {optimizer: miprov2}"),
    ("retries: 3\n", "3:1", "under api", f"api: {API}"),
]


@pytest.mark.parametrize(("typed", "belongs", "fix"), AT_TOP)
def test_a_key_at_the_top_of_an_experiment_is_led_to_its_section(
    root: Path, typed: str, belongs: str, fix: str
) -> None:
    write(root, FIRST, f"task: qa\n{typed}\n")
    key = typed.split(":")[0]
    (line,) = failure()
    assert line == f"{FIRST}:2:1: {key} is not a known key here; it belongs {belongs}. Fix: write {fix}"
    write(root, FIRST, f"task: qa\n{fix}\n")
    load_experiment(Path(FIRST))


@pytest.mark.parametrize(("typed", "place", "belongs", "fix"), IN_FAMILY)
def test_a_key_at_the_top_of_a_family_is_led_to_its_section(
    root: Path, typed: str, place: str, belongs: str, fix: str
) -> None:
    write(root, FILE, HEAD + typed)
    assert_one_line(failure(), f"{FILE}:{place}", f"it belongs {belongs}. Fix: write {fix}")
    more = "" if "variants" in fix else PLAIN
    write(root, FILE, f"{HEAD}{more}{fix}\n")
    if "dspy" not in fix:  # An extra that need not be installed.
        load_experiment(Path(FIRST))


@pytest.mark.parametrize(
    ("text", "place", "fix"),
    [
        ("task: qa\nsearch:\n  rank: [4]\n", "3:3", "write space: {rank: [4]} under search, line 2"),
        ("task: qa\nsearch:\n  space:\n    trials: 3\n", "4:5", "write trials: 3 under search, line 2"),
        ("task: qa\nmodel: sample\ndtype: float32\n", "3:1", "write model: {name: sample, dtype: float32}"),
        ("task: qa\nsearch:\n  trials: 2\ntrials: 3\n", "4:1", "remove it; search.trials is set in line 3"),
        ("task: qa\ngates:\n  trials: 3\n", "3:3", "write search: {trials: 3}"),
        ("task: qa\ndata:\n  train: 3\n", "3:3", "write splits: {train: 3} under data, line 2"),
        ("task: qa\nsearch:\n  model: sample\n", "3:3", "write model: sample at the top level of the file"),
        ("task: qa\nalpha: high\n", "2:1", "it belongs under gates. Fix: move it under gates"),
        ("task: qa\nmax_new_tokens: 8\n", "2:1", f"at the top level in {TASK}. Fix: there, write max_new_tokens: 8"),
        ("task: qa\ndata:\n  metrics: [rouge1]\n", "3:3", f"at the top level in {TASK}. Fix: there, write metrics: "),
        ("task: qa\nmetrics: [rouge1]\n", "2:1", f"at the top level in {TASK}. Fix: there, write metrics: [rouge1]"),
        ("task: qa\nshots: 3\n", "2:1", "under variants in baselines/NAME.yaml. Fix: there, write shots: 3"),
        ("task: qa\nname: first\n", "2:1", "Fix: remove it; the file's name is the experiment's"),
        ("task: qa\nsearch:\n  space:\n    alpha: [16]\n", "4:5", "use one of the known keys: rank"),
    ],
)
def test_what_is_written_already_is_built_upon(root: Path, text: str, place: str, fix: str) -> None:
    write(root, FIRST, text)
    assert_one_line(failure(), f"{FIRST}:{place}", fix)


@pytest.mark.parametrize(
    ("text", "place", "fix"),
    [
        (f"{PLAIN}shots: 3\n", "4:1", "write shots: 3 under variants.0, line 3"),
        (
            "variants:\n  - {name: a}\n  - {name: b}\nseed: 3\n",
            "6:1",
            "each item of variants that it is for, from line 4",
        ),
        ("variants: [{name: a, decoding: [generate]}]\n", "3:22", "write decoding: [generate] at the top level"),
        ("search: {shots: [1, 2]}\n", "3:10", "write space: {shots: [1, 2]} under search, line 3"),
        (f"{PLAIN}alpha: 0.1\n", "4:1", "under gates in experiments/NAME.yaml. Fix: there, write alpha: 0.1"),
        (f"{PLAIN}key_env: {PLANTED}\n", "4:1", "it belongs under api. Fix: move it under api"),
        (
            f"variants: [{{name: a, api: {{key: {PLANTED}}}}}]\n",
            "3:22",
            "at the top level. Fix: move it to the top level",
        ),
    ],
)
def test_a_family_is_built_upon_and_its_secrets_are_kept(root: Path, text: str, place: str, fix: str) -> None:
    write(root, FILE, HEAD + text)
    lines = failure()
    assert_one_line(lines, f"{FILE}:{place}", fix)
    assert PLANTED not in lines[0]


@pytest.mark.parametrize("api", [PLANTED, f"[https://api.openai.com/v1, {PLANTED}]"])
def test_a_key_that_stands_for_the_whole_section_is_kept(root: Path, api: str) -> None:
    write(root, FILE, f"{HEAD}{PLAIN}api: {api}\nrequests_per_minute: 60\n")
    lines = failure()
    assert len(lines) == 2
    assert PLANTED not in "".join(lines)


def test_a_key_that_is_missing_where_it_belongs_is_one_mistake(root: Path) -> None:
    swap(root, TASK, "data:\n  source: tasks/qa/data.jsonl\n", "source: tasks/qa/data.jsonl\ndata:\n")
    assert_one_line(failure(), f"{TASK}:4:1", "Fix: write source: tasks/qa/data.jsonl under data, line 5")


def test_an_override_at_the_wrong_level_is_offered_another(root: Path) -> None:
    assert_one_line(failure("trials=3"), "--set trials=3", "it belongs under search. Fix: --set search.trials=3")
    assert_one_line(failure("limit=3"), "--set limit=3", "Fix: write limit: 3 under gates.forgetting.0, line 15")
