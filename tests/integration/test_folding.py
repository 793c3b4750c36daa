"""An adapter that is folded in answers as it does beside the weights, and leaves none of itself behind."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_model import save_tiny_model

from harness.adapters import folding
from harness.adapters.fitting import COPIES
from harness.adapters.language_model import LanguageModel, language_model, let_go, strip, wear

LORA = {"r": 4, "target_modules": "all-linear", "init_lora_weights": False}
IDS = torch.tensor([[5, 6, 7, 8, 9, 10]])


@pytest.fixture
def model(tmp_path: Path) -> Iterator[LanguageModel]:
    save_tiny_model(tmp_path / "tiny", width=32, context=64)
    yield loaded(tmp_path, dtype="float32")
    let_go()


def loaded(folder: Path, *, dtype: str) -> LanguageModel:
    identity = {"fingerprint": str(folder), "dtype": dtype, "quantization": None}
    return language_model(identity, path=str(folder / "tiny"))


def adapter(folder: Path, config: Any) -> Path:
    """A folder of an adapter with weights at random."""
    from peft import get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    tuned = get_peft_model(AutoModelForCausalLM.from_pretrained(str(folder / "tiny")), config)
    for parameter in tuned.parameters():
        if parameter.requires_grad:
            parameter.data += 0.1 * torch.randn_like(parameter)
    tuned.save_pretrained(str(folder / "adapter"))
    return folder / "adapter"


def logits(model: LanguageModel) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = model.active(IDS).logits
    return found


def configs() -> dict[str, Any]:
    from peft import IA3Config, LoraConfig

    return {
        "lora": LoraConfig(**LORA, task_type="CAUSAL_LM"),
        "dora": LoraConfig(**LORA, use_dora=True, task_type="CAUSAL_LM"),
        "rslora": LoraConfig(**LORA, use_rslora=True, task_type="CAUSAL_LM"),
        "ia3": IA3Config(task_type="CAUSAL_LM"),
    }


@pytest.mark.parametrize("method", ["lora", "dora", "rslora", "ia3"])
def test_it_answers_as_beside_the_weights_and_the_base_comes_back(
    model: LanguageModel, tmp_path: Path, monkeypatch: Any, method: str
) -> None:
    folder = adapter(tmp_path, configs()[method])
    before, plain = {name: weight.clone() for name, weight in model.base.state_dict().items()}, logits(model)
    wear(model, adapter=folder)
    assert model.fold is not None
    inside = logits(model)
    strip(model)
    assert all(torch.equal(weight, before[name]) for name, weight in model.base.state_dict().items())
    assert torch.equal(logits(model), plain)
    monkeypatch.setattr(folding, "_has_room", lambda active: False)
    wear(model, adapter=folder)
    assert model.fold is None
    assert torch.allclose(inside, logits(model), atol=1e-4)
    assert not torch.allclose(inside, plain, atol=1e-2)
    strip(model)


def test_in_half_precision_it_stays_beside_the_weights(model: LanguageModel, tmp_path: Path) -> None:
    folder = adapter(tmp_path, configs()["lora"])
    half = loaded(tmp_path, dtype="bfloat16")
    wear(half, adapter=folder)
    assert half.active is not half.base
    assert half.fold is None
    strip(half)


def test_a_head_that_is_also_the_embeddings_is_left_alone(model: LanguageModel, tmp_path: Path) -> None:
    from peft import LoraConfig

    tied = LoraConfig(r=4, target_modules=["lm_head"], init_lora_weights=False, task_type="CAUSAL_LM")
    folder = adapter(tmp_path, tied)
    model.base.lm_head.weight = model.base.model.embed_tokens.weight
    wear(model, adapter=folder)
    assert model.fold is None
    strip(model)


def test_a_broken_adapter_is_left_as_it_is(model: LanguageModel, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = adapter(tmp_path, configs()["lora"])
    weights = load_file(folder / "adapter_model.safetensors")
    last = sorted(weights)[-1]
    save_file({**weights, last: torch.full_like(weights[last], torch.nan)}, folder / "adapter_model.safetensors")
    plain = logits(model)
    wear(model, adapter=folder)
    assert model.fold is None
    assert logits(model).isnan().any()
    strip(model)
    assert torch.equal(logits(model), plain)


def test_memory_that_runs_out_in_mid_fold_leaves_the_adapter_beside_the_weights(
    model: LanguageModel, tmp_path: Path, monkeypatch: Any
) -> None:
    folder, plain, left = adapter(tmp_path, configs()["lora"]), logits(model), [2]

    def merge(self: Any, **more: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        kept(self, **more)

    kept = folding.LoraLinear.merge
    wear(model, adapter=folder)
    inside = logits(model)
    strip(model)
    monkeypatch.setattr(folding.LoraLinear, "merge", merge)
    wear(model, adapter=folder)
    assert model.fold is None
    assert torch.allclose(logits(model), inside, atol=1e-4)
    strip(model)
    assert torch.equal(logits(model), plain)


def test_a_fold_needs_room_for_a_copy(model: LanguageModel, tmp_path: Path, monkeypatch: Any) -> None:
    folder = adapter(tmp_path, configs()["lora"])
    wear(model, adapter=folder)
    weights = sum(one.nbytes for one in model.active.parameters())
    strip(model)
    for memory, folds in ((COPIES * weights, True), (COPIES * weights - 1, False)):
        monkeypatch.setattr(folding, "total_memory", lambda device, memory=memory: memory)
        wear(model, adapter=folder)
        assert (model.fold is not None) == folds
        strip(model)
