"""One real training a method: what the sample model scores on sentences it has not seen, before and after.

`python tests/benchmarks methods` prints what each method scores, takes and keeps; `make bench` leaves it out. The
learning rates are fixed, one a method: this shows that each of them learns, not which is best.
"""

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from datasets import disable_progress_bars
from training import INPUTS, INSTRUCTION, PAIRS

from harness.adapters import sample_model
from harness.adapters.generation import TransformersGenerator
from harness.adapters.language_model import language_model
from harness.adapters.shipped_metrics import ShippedMetrics
from harness.adapters.tuning import EpochOutcome, trained_epoch
from harness.loading.sources import source_path
from harness.methods import METHODS, MethodName

TRAIN, HELD_OUT, EPOCHS, LONGEST = 40, 24, 2, 48
RATES: dict[MethodName, float] = {
    "lora": 1e-3,
    "qlora": 1e-3,
    "dora": 1e-3,
    "rslora": 3e-4,
    "full": 5e-5,
    "prefix": 3e-3,
    "prompt": 1e-2,
    "ia3": 1e-2,
}
HEAD = """\
| method | ROUGE-L before | after | training, s | trained numbers | on disk, MB |
|---|---|---|---|---|---|"""


class Row(NamedTuple):
    """One method."""

    after: float
    seconds: float
    parameters: int
    bytes: int
    """Of what is served beside the base, or in its place."""


def ratios(methods: Sequence[MethodName] = tuple(METHODS)) -> Iterator[tuple[str, float, float]]:
    """The table on stdout; then the share of the methods that score higher than before, which all have to."""
    disable_progress_bars()
    pairs = _pairs()
    before = _score(None, pairs[TRAIN:], quantization=None)
    print(HEAD, flush=True)
    gained = []
    for name in methods:
        row = _row(name, pairs)
        gained.append(row.after > before)
        print(
            f"| `{name}` | {before:.3f} | {row.after:.3f} | {row.seconds:.0f} | {row.parameters:,} | "
            f"{row.bytes / 1e6:,.1f} |",
            flush=True,
        )
    yield "methods_that_gained", sum(gained) / len(gained), 1.0


def _row(name: MethodName, pairs: list[dict[str, str]]) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        outcome, last = _trained(name, pairs[:TRAIN], folder=Path(folder))
        seconds = time.perf_counter() - start
        after = _score(last, pairs[TRAIN:], quantization=METHODS[name].quantization)
        weights = [file for file in last.glob("*.safetensors") if file.name != "optimizer.safetensors"]
        return Row(after, seconds, outcome.parameters, sum(file.stat().st_size for file in weights))


def _trained(name: MethodName, pairs: list[dict[str, str]], *, folder: Path) -> tuple[EpochOutcome, Path]:
    rows = [
        {"prompt": _asked(pair), "completion": [{"role": "assistant", "content": pair["correct_sent"]}]}
        for pair in pairs
    ]
    params = {**INPUTS["params"], "virtual_tokens": 16, "learning_rate": RATES[name], "epochs": EPOCHS}
    settings = {**INPUTS["settings"], "micro_batch_size": 4}
    inputs = {**INPUTS, "method": name, "params": params, "settings": settings, "model": _identity(name)}
    previous, outcome = None, None
    for epoch in range(1, EPOCHS + 1):
        out = folder / str(epoch)
        out.mkdir()
        outcome = trained_epoch(
            rows,
            inputs={**inputs, "epoch": epoch},
            path=_path(),
            model_name="bench",
            previous=previous,
            out=out,
            progress=lambda done, total: None,
        )
        previous = out
    assert outcome is not None
    assert previous is not None
    return outcome, previous


def _identity(name: MethodName) -> dict[str, Any]:
    return {**INPUTS["model"], "quantization": METHODS[name].quantization}


def _score(adapter: Path | None, pairs: list[dict[str, str]], *, quantization: str | None) -> float:
    """Mean ROUGE-L of greedy answers."""
    held = language_model({**INPUTS["model"], "quantization": quantization}, path=_path(), adapter=adapter)
    engine = TransformersGenerator(held)
    answers = engine.answers(
        [_asked(pair) for pair in pairs], max_new_tokens=LONGEST, known={}, keep=lambda answers: None
    )
    with tempfile.TemporaryDirectory() as cache:
        metric = ShippedMetrics(cache_dir=cache, keep_in_memory=True)
        texts, right = [answer.text for answer in answers], [pair["correct_sent"] for pair in pairs]
        scores: list[float] = metric.compute(predictions=texts, references=right, names=["rougeL"])["rougeL"]
    return sum(scores) / len(scores)


def _asked(pair: dict[str, str]) -> list[dict[str, str]]:
    return [{"role": "user", "content": INSTRUCTION.format(pair["article_sent"])}]


def _pairs() -> list[dict[str, str]]:
    source = source_path(PAIRS, root=sample_model.cache_root())
    assert source is not None
    return [json.loads(line) for line in source.read_text("utf-8").splitlines()[: TRAIN + HELD_OUT]]


def _path() -> str:
    gguf = sample_model.packaged_file()
    assert gguf is not None, "the sample model is needed: make install"
    return str(sample_model.converted(gguf, say=print))
