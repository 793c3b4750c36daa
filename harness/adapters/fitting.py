"""How many prompts can be answered together in the memory of this machine."""

import os
from functools import cache
from pathlib import Path
from typing import Any

MOST = 128
"""More rows than this are not faster."""
UNMASKED = ("rwkv",)
"""Model types that read padding as if it were text."""
SHARE = 0.3
"""Of the memory that the weights leave."""
HELD = 12
"""Vectors of the hidden size that reading a token holds at once, roughly: residual, projections, feed-forward."""
NO_ROOM = ("can't allocate memory", "CUDA error: out of memory", "STATUS_ALLOC_FAILED")
"""From torch's allocator on a CPU; from CUDA and its libraries, which keep memory of their own."""
COPIES = 4
"""A tuned model's weights are held beside those of the base where the memory could hold so many of them."""
SCORE_BYTES = 4
"""Of a score, over the vocabulary or of attention."""


def fitting_rows(base: Any, *, tokens: int) -> int:
    """Rows of so many tokens, read and written, between 1 and `MOST`; the same on the same machine."""
    config, size = base.config.get_text_config(), base.dtype.itemsize
    row = row_bytes(
        tokens,
        token=_token_bytes(config, size=size),
        pair=_pair_bytes(config, size=size, by_kernel=base.device.type == "cpu"),
        vocabulary=config.vocab_size,
    )
    return rows_within(free_bytes(total_memory(str(base.device)), weights=_weights(base)), row=row)


def free_bytes(memory: float, *, weights: float) -> float:
    """What rows may take of a memory that holds the weights."""
    return SHARE * max(0.0, memory - weights)


def holds_a_copy(memory: float, *, weights: float) -> bool:
    """Whether there is room for the weights that an adapter is folded into (see `folding`)."""
    return COPIES * weights <= memory


def row_bytes(tokens: float, *, token: float, pair: float, vocabulary: int) -> float:
    """What a row takes while it is answered, by what one of its tokens takes and what a token's sight of another."""
    return tokens * token + SCORE_BYTES * vocabulary + tokens**2 * pair


def rows_within(free: float, *, row: float) -> int:
    """Rows between 1 and `MOST`."""
    return int(max(1, min(MOST, free // row)))


def reads_padding(base: Any) -> bool:
    """Whether prompts of this model must not be padded, so that each is read alone."""
    return base.config.model_type in UNMASKED


def _pair_bytes(config: Any, *, size: int, by_kernel: bool) -> int:
    """What a token's sight of another takes: its mask, and where no kernel hides them the scores of every head."""
    heads, grouped = _heads(config)
    return heads // grouped * (1 + size) if by_kernel else heads * SCORE_BYTES


def _heads(config: Any) -> tuple[int, int]:
    """Of queries, and of keys and values."""
    heads = getattr(config, "num_attention_heads", None) or 1
    return heads, getattr(config, "num_key_value_heads", None) or heads


def _token_bytes(config: Any, *, size: int) -> int:
    """Keys, values and activations of one token; models without attention keep less than this."""
    heads, grouped = _heads(config)
    head = getattr(config, "head_dim", None) or config.hidden_size // heads
    return int(size * (2 * config.num_hidden_layers * grouped * head + HELD * config.hidden_size))


def _weights(base: Any) -> int:
    return sum(weight.nbytes for weight in base.parameters())


@cache
def total_memory(device: str) -> int:
    """Bytes of a GPU, or of the machine as far as its control group may use it; free memory would differ by the run."""
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.get_device_properties(device).total_memory)
    return machine_memory()


def machine_memory() -> int:
    """Bytes that this machine, or the control group it runs in, has for its processes."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text().strip() if limit.exists() else "max"
    return min(machine, int(text)) if text.isdigit() else machine


def memory_ran_out(error: Exception) -> bool:
    """Whether there was no room: torch says so in an error of its own on a GPU, in words on a CPU."""
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return named or any(words in str(error) for words in NO_ROOM)
