"""Fold an adapter's matrices into the base's weights while it answers: one multiplication a layer instead of three.

What the weights were is kept beside them, so that the base comes back bit by bit.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from peft.tuners.ia3 import Linear as Ia3Linear
from peft.tuners.lora import Linear as LoraLinear
from peft.tuners.tuners_utils import BaseTunerLayer

from harness.adapters.fitting import holds_a_copy, total_memory


class Fold(NamedTuple):
    """Layers that are folded, and what was in their place."""

    layers: list[Any]
    kept: list[tuple[Any, torch.Tensor]]
    """Each parameter of the base that changed, and its numbers before."""


def folded(active: Any) -> Fold | None:
    """Fold what a PeftModel wears, for `unfolded` to undo.

    None, and nothing done, in any precision but fp32, as rounding could change an answer; where weights are quantised
    or shared between layers; where there is no room for a copy; and where an adapter changes no linear layer, or is
    not one that PEFT can merge.
    """
    layers = [layer for layer in active.modules() if isinstance(layer, BaseTunerLayer)]
    if not layers or not all(map(_is_linear, layers)) or _is_shared(active, layers) or not _has_room(active):
        return None
    kept = [(one, one.data) for layer in layers for one in layer.get_base_layer().parameters()]
    fold = Fold(layers, kept)
    try:
        for layer in layers:
            layer.merge(safe_merge=True)  # Into new tensors; what is no number is refused.
    except (ValueError, RuntimeError):
        unfolded(fold)
        return None
    return fold


def unfolded(fold: Fold) -> None:
    """The weights as they were, and the adapter beside them."""
    for parameter, numbers in fold.kept:
        parameter.data = numbers
    for layer in fold.layers:
        layer.merged_adapters.clear()


def _is_linear(layer: Any) -> bool:
    base = layer.get_base_layer()
    plain = isinstance(layer, LoraLinear | Ia3Linear) and type(base) is torch.nn.Linear
    return plain and base.weight.dtype == torch.float32


def _is_shared(active: Any, layers: Sequence[Any]) -> bool:
    """Whether a weight that would change also serves another layer, such as the embeddings."""
    weights = [id(layer.get_base_layer().weight) for layer in layers]
    return len(set(weights)) < len(weights) or id(active.get_input_embeddings().weight) in weights


def _has_room(active: Any) -> bool:
    weights = sum(weight.nbytes for weight in active.parameters())
    return holds_a_copy(total_memory(str(next(active.parameters()).device)), weights=weights)
