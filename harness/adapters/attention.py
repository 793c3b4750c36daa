"""Let the rows of a batch share their beginning: its keys and values are held once, whatever the number of rows.

Attention over the shared beginning and over a row's own tokens is computed apart and joined by the logarithm of their
sums of weights, which gives the softmax over both (Juravsky et al. 2024, "Hydragen", arXiv 2402.05099).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from transformers.cache_utils import Cache, DynamicLayer
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, sdpa_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from harness.adapters.beginnings import shared_prefix
from harness.adapters.language_model import LanguageModel

NAME = "shared_beginning"
PLAIN = ("llama", "mistral", "qwen2", "qwen3", "olmo2", "smollm3")
"""Model types whose attention is softmax(scaled q·k + mask)·v with nothing added; others go the library's own way."""
ROOM = 32
"""Tokens by which a full buffer of keys and values grows."""


class Beginning(NamedTuple):
    """What every row of a batch begins with."""

    ids: list[int]
    """Tokens that were read; behind those that were learnt, where there are some."""
    layers: list[tuple[torch.Tensor, torch.Tensor]]
    """Keys and values of each layer, [1, key/value heads, tokens, head dimension]."""

    @property
    def size(self) -> int:
        """How many tokens stand before a row, learnt ones included."""
        return int(self.layers[0][0].shape[-2])


def is_plain(model: LanguageModel) -> bool:
    """Whether this module's attention is that of the model: known type, every layer sees all tokens before it.

    Code from elsewhere may call itself by a known type and take no notice of `beginning`.
    """
    base = model.base
    if not type(base).__module__.startswith("transformers.models."):
        return False
    kinds = set(getattr(base.config, "layer_types", None) or ["full_attention"])
    sliding = getattr(base.config, "sliding_window", None) and getattr(base.config, "use_sliding_window", True)
    known = base.config.model_type in PLAIN and base.config._attn_implementation == "sdpa"
    return known and kinds == {"full_attention"} and not sliding


@contextmanager
def shared(base: Any) -> Iterator[None]:
    """Inside, `base` takes the keyword `beginning`; outside it is as it was."""
    kept = base.config._attn_implementation
    base.config._attn_implementation = NAME
    try:
        yield
    finally:
        base.config._attn_implementation = kept


def beginning_of(model: LanguageModel, ids: list[int]) -> Beginning:
    """Read the tokens that all rows share, once."""
    learnt = learnt_beginning(model)
    cache = RowCache(room=len(ids) + (learnt.size if learnt else 0))
    with torch.inference_mode():
        for place, layer in enumerate(learnt.layers if learnt else []):
            cache.update(*layer, place)
        tokens = torch.tensor([ids], device=model.base.device)
        model.reader(input_ids=tokens, past_key_values=cache, use_cache=True, logits_to_keep=1)
    return Beginning(ids, [(layer.keys, layer.values) for layer in cache.layers])


def learnt_beginning(model: LanguageModel) -> Beginning | None:
    """What prefix and prompt tuning learn, as keys and values; made once while it is worn. None of other methods."""
    if model.virtual_tokens and model.start is None:
        with torch.inference_mode():
            cache = learnt = model.active.get_prompt(batch_size=1)
            if isinstance(learnt, torch.Tensor):  # Embeddings, [1, tokens, hidden], which the base reads.
                cache = RowCache(room=model.virtual_tokens)
                embeddings = learnt.to(model.base.dtype)
                model.base(inputs_embeds=embeddings, past_key_values=cache, use_cache=True, logits_to_keep=1)
        model.start = Beginning([], [(layer.keys, layer.values) for layer in cache.layers])
    found: Beginning | None = model.start
    return found


def shared_beginning(model: LanguageModel, rows: Sequence[list[int]]) -> Beginning | None:
    """What all rows begin with, read once, where it is long enough and the model's attention is known.

    Padding behind a shared beginning would push it out of a sliding window, which counts places. What was learnt
    stands before every row, however short.
    """
    if not is_plain(model):
        return None
    ids = shared_prefix(rows)
    return beginning_of(model, ids) if ids else learnt_beginning(model)


def behind(beginning: Beginning | None, row: list[int]) -> list[int]:
    """What a row holds besides its shared beginning."""
    return row[len(beginning.ids) :] if beginning else row


def shared_attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float,
    beginning: Beginning | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """[rows, heads, tokens, dimension] over a row's own keys, and over the shared ones where there are some."""
    if beginning is None:
        found: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, **kwargs
        )
        return found
    assert attention_mask is not None
    rows, heads, tokens, size = query.shape
    groups = key.shape[1]
    grouped = query.reshape(rows, groups, -1, size)
    mask = attention_mask.expand(rows, 1, tokens, -1).repeat(1, 1, heads // groups, 1)
    own, own_weight = _attended(grouped, key, value, scaling=scaling, mask=mask)
    folded = grouped.transpose(0, 1).reshape(1, groups, -1, size)
    first, first_weight = _attended(folded, *beginning.layers[module.layer_idx], scaling=scaling, mask=None)
    first = first.reshape(groups, rows, -1, size).transpose(0, 1)
    first_weight = first_weight.reshape(groups, rows, -1).transpose(0, 1)
    share = torch.sigmoid(first_weight - own_weight)[..., None].to(own.dtype)
    joined = torch.lerp(own, first, share)
    return joined.reshape(rows, heads, tokens, size).transpose(1, 2).contiguous(), None


def _attended(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *, scaling: float, mask: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """The weighted values, and the logarithm of the sum of weights, [rows, groups, queries]."""
    if query.device.type == "cpu":
        # What scaled_dot_product_attention calls here; only this form also gives the sum of weights.
        added = None if mask is None else _added(mask, dtype=query.dtype)
        found: tuple[torch.Tensor, torch.Tensor] = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
            query, key, value, attn_mask=added, scale=scaling
        )
        return found
    scores = torch.matmul(query.float(), key.float().transpose(-1, -2)).mul_(scaling)
    if mask is not None:
        scores.masked_fill_(~mask, torch.finfo(scores.dtype).min)
    weight = torch.logsumexp(scores, dim=-1)
    shares = scores.sub_(weight[..., None]).exp_().to(value.dtype)
    return torch.matmul(shares, value), weight


def _added(mask: torch.Tensor, *, dtype: torch.dtype) -> torch.Tensor:
    return torch.zeros(mask.shape, dtype=dtype).masked_fill_(~mask, -torch.inf)


class RoomyLayer(DynamicLayer):  # type: ignore[misc]
    """Keys and values of one layer in a buffer with room to grow, so that a token does not copy all before it."""

    def __init__(self, *, room: int) -> None:
        super().__init__()
        self.keys: torch.Tensor
        self.values: torch.Tensor
        self.room, self.length = room, 0
        self.buffers: tuple[torch.Tensor, torch.Tensor] | None = None

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """All keys and values, [rows, heads, tokens, dimension], with the new ones at the end."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        end = self.length + key_states.shape[-2]
        if self.buffers is None or end > self.buffers[0].shape[-2]:
            self.buffers = (self._grown(self.keys, key_states, end), self._grown(self.values, value_states, end))
        for buffer, new in zip(self.buffers, (key_states, value_states), strict=True):
            buffer[:, :, self.length : end] = new
        self.length = end
        self.keys, self.values = (buffer[:, :, :end] for buffer in self.buffers)
        return self.keys, self.values

    def _grown(self, old: torch.Tensor, new: torch.Tensor, end: int) -> torch.Tensor:
        rows, heads, _, size = new.shape
        buffer = new.new_empty(rows, heads, max(end, self.room) if self.length == 0 else end + ROOM, size)
        if self.length:
            buffer[:, :, : self.length] = old
        return buffer

    def shorten(self, tokens: int) -> None:
        """Without so many of the last ones, whose room is kept."""
        assert self.buffers is not None
        self.length -= tokens
        self.keys, self.values = (buffer[:, :, : self.length] for buffer in self.buffers)

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep these rows."""
        assert self.buffers is not None
        self.buffers = (self.buffers[0][indices], self.buffers[1][indices])
        self.keys, self.values = (buffer[:, :, : self.length] for buffer in self.buffers)


class RowCache(Cache):  # type: ignore[misc]
    """Keys and values of every layer; `room` is how many tokens are expected."""

    def __init__(self, *, room: int) -> None:
        super().__init__(layers=[])
        self.room = room

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Layer by layer, as the model reads."""
        while len(self.layers) <= layer_idx:
            self.layers.append(RoomyLayer(room=self.room))
        found: tuple[torch.Tensor, torch.Tensor] = self.layers[layer_idx].update(key_states, value_states)
        return found

    def shorten(self, tokens: int) -> None:
        """Forget so many of the last tokens."""
        for layer in self.layers:
            layer.shorten(tokens)


def stacked(caches: list[RowCache], *, room: int) -> RowCache:
    """The rows of these caches in one, ended alike, with zeros before those that are shorter; several are emptied."""
    if len(caches) == 1:
        return caches[0]
    found = RowCache(room=room)
    longest = max(cache.get_seq_length() for cache in caches)
    for place in range(len(caches[0].layers)):
        layers = [cache.layers.pop(0) for cache in caches]
        keys, values = ([getattr(layer, name) for layer in layers] for name in ("keys", "values"))
        found.update(*(torch.cat([_led(one, longest) for one in some]) for some in (keys, values)), place)
    return found


def _led(states: torch.Tensor, length: int) -> torch.Tensor:
    return torch.nn.functional.pad(states, (0, 0, length - states.shape[-2], 0))


def left_padded(rows: Sequence[Sequence[int]], *, pad: int, device: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and which of them are there, both [rows, longest], each row at the right end."""
    longest = max(map(len, rows))
    ids = torch.full((len(rows), longest), pad, dtype=torch.long)
    there = torch.zeros(len(rows), longest, dtype=torch.bool)
    for place, row in enumerate(rows):
        if row:
            ids[place, -len(row) :] = torch.tensor(row)
            there[place, -len(row) :] = True
    return ids.to(device), there.to(device)


def causal(there: torch.Tensor) -> torch.Tensor:
    """[rows, 1, tokens, tokens]: each token sees those before it; padding sees itself, so that no sum is empty."""
    size = there.shape[1]
    before = torch.ones(size, size, dtype=torch.bool, device=there.device).tril()
    itself = torch.eye(size, dtype=torch.bool, device=there.device)
    return (before & there[:, None, :] | itself)[:, None]


ALL_ATTENTION_FUNCTIONS.register(NAME, shared_attention)
ALL_MASK_ATTENTION_FUNCTIONS.register(NAME, sdpa_mask)
