"""Turn a temporary folder into a tiny valid workspace: two tasks, four prompt families, one experiment."""

import json
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.loading import load_experiment

EXPERIMENT = """\
task: qa
model: sample
baselines: [trivial, zero_shot, few_shot, engineered]
search:
  trials: 2
  space:
    rank: [4, 8]
    learning_rate: [1e-4, 1e-3]
gates:
  alpha: 0.05
  metrics:
    exact_match: {floor: 0.2}
  rouge: {floor: 0.1}
  forgetting:
    - benchmark: arithmetic
      margin: 0.05
data:
  splits:
    train: 6
"""

QA_TASK = """\
name: qa
description: Answer questions about capitals.
kind: generation
data:
  source: tasks/qa/data.jsonl
  input: "{question}"
  reference: answer
  splits:
    train: 8
    seed: 3
instruction: Answer the question with one name.
metrics: [exact_match, rougeL, "metrics.py:same_length"]
license: CC0-1.0
"""

MOOD_TASK = """\
name: mood
description: Tell a good mood from a bad one.
kind: label
labels: ["good", "bad"]
data:
  source: tasks/mood/data.jsonl
  input: "{text}"
  reference: mood
instruction: "Is the mood one of {labels}?"
metrics: [accuracy, macro_f1]
license: CC0-1.0
"""

METRICS_CODE = """\
def same_length(predictions: list[str], references: list[str]) -> list[float]:
    return [float(len(p) == len(r)) for p, r in zip(predictions, references, strict=True)]
"""

FAMILIES = {
    "trivial": """\
family: trivial
description: Answers without a model.
variants:
  - name: majority
    rule: majority
  - {name: copy, rule: copy}
""",
    "zero_shot": """\
family: zero_shot
description: The instruction alone.
variants:
  - name: plain
  - name: terse
    pattern: "{instruction} One word: {input}"
""",
    "few_shot": """\
family: few_shot
description: The instruction and worked examples.
variants:
  - {name: two, shots: 2}
""",
    "few_shot_retrieved": """\
family: few_shot_retrieved
description: Worked examples like the item.
variants:
  - {name: two_similar, shots: 2, choose: bm25}
""",
    "optimised": """\
family: optimised
description: Prompts that a search proposes.
search: {trials: 2}
""",
    "engineered": """\
family: engineered
description: The hand-written prompt.
variants:
  - {name: long, prompt: engineered}
""",
}

BENCHMARK = """\
name: arithmetic
description: Sums of two digits.
"""


def make_workspace(folder: Path) -> Path:
    """Write everything below `folder`; returns the path of `experiments/first.yaml`."""
    write(folder, "tasks/qa/task.yaml", QA_TASK)
    write(folder, "tasks/qa/metrics.py", METRICS_CODE)
    write(folder, "tasks/qa/prompts/engineered.txt", "You know every capital.\n{instruction}\n{input}\n")
    rows = [{"question": f"What is the capital of land {i}?", "answer": f"City {i}"} for i in range(12)]
    write(folder, "tasks/qa/data.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows))
    write(folder, "tasks/mood/task.yaml", MOOD_TASK)
    write(folder, "tasks/mood/prompts/engineered.txt", "Choose from {labels}.\n{input}\n")
    moods = [{"text": f"Day {i} was {'fine' if i % 2 else 'grim'}.", "mood": ("bad", "good")[i % 2]} for i in range(12)]
    write(folder, "tasks/mood/data.jsonl", "".join(f"{json.dumps(row)}\n" for row in moods))
    write(folder, "tasks/forgetting/arithmetic.yaml", BENCHMARK)
    for name, text in FAMILIES.items():
        write(folder, f"baselines/{name}.yaml", text)
    return write(folder, "experiments/first.yaml", EXPERIMENT)


def write(folder: Path, name: str, text: str | bytes) -> Path:
    """One file, with the folders above it."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def swap(folder: Path, name: str, old: str, new: str) -> Path:
    """Replace one piece of text that occurs exactly once in a file."""
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times in {name}"
    return write(folder, name, text.replace(old, new))


def failure(*overrides: str, path: str = "experiments/first.yaml") -> list[str]:
    """Every line of the error that loading must raise."""
    with pytest.raises(UserError) as caught:
        load_experiment(Path(path), overrides=overrides)
    return str(caught.value).split("\n")


def assert_one_line(lines: list[str], start: str, *words: str) -> None:
    assert len(lines) == 1, lines
    assert lines[0].startswith(f"{start}: "), lines[0]
    assert ". Fix: " in lines[0] or "? Fix: " in lines[0]
    for word in words:
        assert word in lines[0], lines[0]
