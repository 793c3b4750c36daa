"""Score the vocabulary on a CPU a slice of it at a time: matrix libraries are slow at few rows by very many columns."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

SLICE = 2048
"""Tokens of the vocabulary that are scored at once, whose weights a core's cache holds about."""


@contextmanager
def sliced_head(base: Any) -> Iterator[None]:
    """Inside, the head of `base` works so, where it is a plain matrix in fp32 on a CPU; outside it is as it was."""
    head = base.get_output_embeddings()
    if not _is_plain(head):
        yield
        return
    head.forward = lambda hidden: scores(hidden, weight=head.weight)
    try:
        yield
    finally:
        del head.forward


def scores(hidden: torch.Tensor, *, weight: torch.Tensor) -> torch.Tensor:
    """[..., vocabulary] of `hidden`, [..., size], and `weight`, [vocabulary, size].

    A token's scores do not lie together in memory: the likeliest is found as fast, a softmax over many tokens is not.
    """
    rows = hidden.reshape(-1, hidden.shape[-1])
    found = rows.new_empty(len(weight), len(rows))
    for part, place in zip(weight.split(SLICE), found.split(SLICE), strict=True):
        torch.mm(part, rows.T, out=place)
    return found.T.reshape(*hidden.shape[:-1], len(weight))


def _is_plain(head: Any) -> bool:
    plain = type(head) is torch.nn.Linear and head.bias is None and "forward" not in vars(head)
    return plain and head.weight.device.type == "cpu" and head.weight.dtype == torch.float32
