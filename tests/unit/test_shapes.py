"""A model's size is read from the headers of its files; a file that is none, or is cut off, is told at once."""

import os
from pathlib import Path

import pytest
from planted_model import llama_tensors, write_weights

from harness.adapters.shapes import Shape, model_shape
from harness.cli.main import status
from harness.errors import UserError
from harness.methods import METHODS
from harness.specs import SpaceSpec
from harness.trainable import COUNTERS, trained_parameters

LLAMA = llama_tensors(blocks=3, hidden=8, inner=12, keys=4, vocabulary=20)


def test_the_parts_of_a_model_are_told_from_their_names(tmp_path: Path) -> None:
    write_weights(tmp_path / "model.safetensors", LLAMA)
    shape = model_shape(tmp_path)
    block = 2 * 8 * 8 + 2 * 4 * 8 + 3 * 12 * 8
    assert shape.parameters == 3 * (block + 8) + 20 * 8
    assert shape.packed == 3 * block
    assert (shape.embedding, shape.blocks, shape.cached, shape.queries) == ((20, 8), 3, 3 * 2 * 4, 2.0)
    assert len(shape.matrices) == 21


def test_shards_are_one_model(tmp_path: Path) -> None:
    names = sorted(LLAMA)
    for number, part in enumerate((names[:9], names[9:])):
        write_weights(tmp_path / f"model-{number}.safetensors", {name: LLAMA[name] for name in part})
    assert model_shape(tmp_path) == Shape(LLAMA)


def test_a_download_that_stopped_is_told(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_weights(workspace / "model/model.safetensors", LLAMA)
    size = (workspace / "model/model.safetensors").stat().st_size
    os.truncate(workspace / "model/model.safetensors", size - 1)
    assert status(["check", "experiments/first.yaml"]) == 2
    message = capsys.readouterr().err
    assert f"model.safetensors: is cut off: {size - 1:,} of {size:,} bytes are there. Fix: copy or download" in message


@pytest.mark.parametrize(
    "content", [b"", b"1234", b"0" * 1000, b"\x02\0\0\0\0\0\0\0[]", b"\x09\0\0\0\0\0\0\0" + b'{"a": "b"}']
)
def test_what_is_no_weight_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(UserError, match=r"model\.safetensors: is not a safetensors file"):
        model_shape(tmp_path)


def test_low_rank_adapters_are_counted_by_rank_and_targets() -> None:
    space = SpaceSpec(rank=[2, 8], target_modules=["all-linear", "q_proj+v_proj"])
    every, some = 3 * (16 + 12 + 12 + 16 + 3 * 20), 3 * (16 + 12)
    assert trained_parameters(Shape(LLAMA), method="lora", space=space) == [2 * some, 8 * some, 2 * every, 8 * every]
    lengths = 3 * (8 + 4 + 4 + 8 + 12 + 12 + 8)
    dora = trained_parameters(
        Shape(LLAMA), method="dora", space=space.model_copy(update={"target_modules": ["all-linear"]})
    )
    assert dora == [2 * every + lengths, 8 * every + lengths]


def test_other_methods_are_counted_by_what_they_learn() -> None:
    space = SpaceSpec(virtual_tokens=[8, 16])
    found = {name: trained_parameters(Shape(LLAMA), method=name, space=space) for name in COUNTERS}
    assert found["full"] == [Shape(LLAMA).parameters]
    assert found["prefix"] == [8 * 3 * 8, 16 * 3 * 8]
    assert found["prompt"] == [8 * 8, 16 * 8]
    assert found["ia3"] == [3 * (4 + 4 + 12)]


def test_experts_get_no_adapter() -> None:
    expert = {"model.layers.0.mlp.experts.0.up_proj.weight": (100, 8)}
    counts = [trained_parameters(Shape(LLAMA | more), method="lora", space=SpaceSpec()) for more in ({}, expert)]
    assert counts[0] == counts[1]


def test_every_method_is_counted() -> None:
    assert set(METHODS) == set(COUNTERS)
