"""Batches hold prompts of like lengths, and what continuations have in common is read once."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from harness.adapters import batching, fitting
from harness.adapters.likelihood import Packed, branches, scored_rows

GIB = 2**30


def base(model_type: str = "llama", **more: Any) -> Any:
    shape = {"hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 2, **more}
    config = SimpleNamespace(model_type=model_type, vocab_size=1000, **shape)
    config.get_text_config = lambda: config
    parts = {"device": torch.device("cpu"), "dtype": torch.float32, "parameters": lambda: iter(())}
    return SimpleNamespace(config=config, **parts)


def batches(lengths: list[int], *, most: int | None = None, alike: float = 0.0, model: Any = None) -> list[list[int]]:
    found: list[list[int]] = []

    def work(places: list[int]) -> list[int]:
        found.append([lengths[place] for place in places])
        return places

    done = batching.worked(
        work, dict(enumerate(lengths)), base=model or base(), most=most, alike=alike, keep=lambda new: None
    )
    assert done == {place: place for place in range(len(lengths))}
    return found


def test_a_batch_ends_where_prompts_get_much_shorter() -> None:
    assert batches([900, 300, 1000, 895], alike=0.9) == [[1000, 900], [895], [300]]
    assert batches([900, 300, 1000, 895]) == [[1000, 900, 895, 300]]


def test_small_batches_may_hold_unlike_prompts() -> None:
    assert batches([200, 10, 90], alike=0.9) == [[200, 90], [10]]
    assert batches([20, 10, 9], alike=0.9) == [[20, 10, 9]]
    assert batches([20, 10, 9], alike=0.9, most=2) == [[20, 10], [9]]


def test_a_model_that_reads_padding_gets_none() -> None:
    assert batches([5, 5, 4], most=8, model=base("rwkv")) == [[5], [5], [4]]


def test_long_prompts_count_by_their_square(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "total_memory", lambda device: 4 * GIB)
    short, long = (fitting.fitting_rows(base(), tokens=tokens) for tokens in (2_000, 8_000))
    assert 1 <= long < short / 6


def test_what_continuations_begin_with_is_read_once() -> None:
    tree = branches([[7, 8, 9], [7, 8, 5, 9], [7, 9], [4]])
    assert tree.tokens == [7, 8, 5]
    assert tree.depths == [0, 1, 2]
    assert tree.lines == [[0, 1, 2], [0, 1, 2, 3], [0, 1], [0]]
    assert tree.sees.tolist() == [[True, False, False], [True, True, False], [True, True, True]]


def test_a_model_that_reads_padding_scores_each_label_as_if_alone() -> None:
    from transformers import RwkvConfig, RwkvForCausalLM, set_seed

    set_seed(0)
    shape = {"vocab_size": 97, "hidden_size": 32, "num_hidden_layers": 2, "context_length": 256}
    rwkv: Any = RwkvForCausalLM(RwkvConfig(**shape)).eval()
    model: Any = SimpleNamespace(base=rwkv, active=rwkv, virtual_tokens=0)
    context, labels = [5, 6, 7, 8], [[1, 2], [3, 4, 9, 10, 11, 12, 13, 14]]
    (together,) = scored_rows(model, [Packed(context, branches(labels))], None)
    for label, score in zip(labels, together, strict=True):
        with torch.inference_mode():
            lines = rwkv(torch.tensor([[*context, *label]])).logits[0].log_softmax(dim=-1)
        wanted = sum(float(lines[len(context) - 1 + place, token]) for place, token in enumerate(label))
        assert score.logprob == pytest.approx(wanted, rel=1e-5)


def test_a_branch_does_not_see_another() -> None:
    tree = branches([[1, 2, 9], [3, 2, 9]])
    assert tree.tokens == [1, 2, 3, 2]
    assert tree.sees.tolist()[3] == [False, False, True, True]
    assert tree.depths == [0, 1, 0, 1]
