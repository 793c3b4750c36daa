"""Write weight files that have everything but weights: a header, and as many empty bytes as it tells of."""

import json
import os
from collections.abc import Mapping
from math import prod
from pathlib import Path

Size = tuple[int, ...]


def llama_tensors(
    *, blocks: int = 2, hidden: int = 4, inner: int = 8, keys: int = 2, vocabulary: int = 10
) -> dict[str, Size]:
    """Names and sizes of a Llama model whose embeddings are tied."""
    block = {
        "self_attn.q_proj": (hidden, hidden),
        "self_attn.k_proj": (keys, hidden),
        "self_attn.v_proj": (keys, hidden),
        "self_attn.o_proj": (hidden, hidden),
        "mlp.gate_proj": (inner, hidden),
        "mlp.up_proj": (inner, hidden),
        "mlp.down_proj": (hidden, inner),
        "input_layernorm": (hidden,),
    }
    found: dict[str, Size] = {
        f"model.layers.{number}.{name}.weight": size for number in range(blocks) for name, size in block.items()
    }
    return {"model.embed_tokens.weight": (vocabulary, hidden), **found}


def write_weights(path: Path, tensors: Mapping[str, Size], *, size: int = 0) -> None:
    """A safetensors file in bfloat16 of at least `size` bytes; the empty ones take no room on the disk."""
    header, end = {}, 0
    for name, shape in tensors.items():
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [end, end + 2 * prod(shape)]}
        end += 2 * prod(shape)
    text = json.dumps(header, separators=(",", ":"))
    text = text.ljust(size - 8 - end)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(text).to_bytes(8, "little") + text.encode())
    os.truncate(path, 8 + len(text) + end)
