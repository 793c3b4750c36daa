"""Turn the weight files of a model into the sizes of its tensors, from the files' headers alone."""

import json
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

from harness.errors import UserError

Size = tuple[int, ...]
BLOCK = re.compile(r"(^|\.)\d+\.")
"""A part of a tensor's name: it belongs to one of the model's blocks, which are numbered."""
EXPERT = ".experts."
"""A part of the name of an expert's matrix, to which PEFT's `all-linear` puts no adapter."""
LONGEST_HEADER = 100_000_000
"""What the format allows, in bytes."""


@dataclass(frozen=True)
class Shape:
    """How large the parts of a causal language model are."""

    tensors: Mapping[str, Size]
    """By name, as its weight files call them; weights that are tied stand there once."""

    @cached_property
    def parameters(self) -> int:
        """Of the whole model."""
        return sum(map(prod, self.tensors.values()))

    @cached_property
    def matrices(self) -> dict[str, tuple[int, int]]:
        """Weights of the linear layers of all blocks, by the layer's name: what NF4 packs and adapters go to."""
        return {
            name.removesuffix(".weight"): (size[0], size[1])
            for name, size in self.tensors.items()
            if len(size) == 2 and name.endswith(".weight") and BLOCK.search(name)
        }

    @cached_property
    def packed(self) -> int:
        """Parameters that NF4 packs; embeddings, head, norms and biases stay as they are."""
        return sum(map(prod, self.matrices.values()))

    @cached_property
    def embedding(self) -> tuple[int, int]:
        """Vocabulary and hidden size: the largest matrix outside the blocks."""
        outside = [s for name, s in self.tensors.items() if len(s) == 2 and not BLOCK.search(name)]
        rows, columns = max(outside, key=prod, default=(0, 0))
        return rows, columns

    @cached_property
    def cached(self) -> int:
        """Keys and values of a token in all blocks, in numbers."""
        apart = [size[0] for name, size in self.matrices.items() if name.endswith(("k_proj", "v_proj"))]
        return sum(apart) or 2 * self.blocks * self.embedding[1]

    @cached_property
    def blocks(self) -> int:
        """How many there are."""
        found = (BLOCK.search(name) for name in self.matrices)
        return len({match[0] for match in found if match})

    @cached_property
    def queries(self) -> float:
        """Heads that share their keys and values."""
        asked = sum(size[0] for name, size in self.matrices.items() if name.endswith("q_proj"))
        answered = sum(size[0] for name, size in self.matrices.items() if name.endswith("k_proj"))
        return asked / answered if answered else 1.0


def model_shape(folder: Path) -> Shape:
    """Of the safetensors files in a folder; raises `UserError` that names a file that is none, or is cut off."""
    found: dict[str, Size] = {}
    for file in sorted(folder.glob("*.safetensors")):
        header = _header(file)
        _whole(file, header)
        found |= {name: tuple(entry["shape"]) for name, entry in header.items()}
    return Shape(found)


def _header(file: Path) -> dict[str, Any]:
    """Name to shape and place of every tensor."""
    try:
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            header = json.loads(stream.read(length) if length <= LONGEST_HEADER else b"")
        return {name: {**entry} for name, entry in header.items() if name != "__metadata__"}
    except (struct.error, ValueError, AttributeError, TypeError) as error:
        raise UserError(
            "is not a safetensors file: its header cannot be read",
            where=str(file),
            fix="copy it once more, or save the model with save_pretrained",
        ) from error


def _whole(file: Path, header: Mapping[str, Any]) -> None:
    """Raises `UserError` where a copy or a download has stopped in the middle."""
    with file.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
    end = 8 + length + max((entry["data_offsets"][1] for entry in header.values()), default=0)
    if (size := file.stat().st_size) < end:
        what = f"is cut off: {size:,} of {end:,} bytes are there"
        raise UserError(what, where=str(file), fix="copy or download it once more")
