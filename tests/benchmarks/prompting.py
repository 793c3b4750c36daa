"""How much the shared beginning of few-shot prompts saves, answers being equal."""

import functools
from typing import Any

from harness.adapters import generation, sample_model
from harness.adapters.language_model import language_model
from harness.adapters.models import auto_dtype

ITEMS, SHOTS = 32, 8
SENTENCE = "the minister said on tuesday that number {} of the new trains would enter service before the summer."


@functools.cache
def _case() -> tuple[Any, list[list[dict[str, str]]]]:
    gguf = sample_model.packaged_file()
    assert gguf is not None, "the sample model is needed: make install"
    path = sample_model.converted(gguf, say=print)
    model = language_model({"fingerprint": "bench", "dtype": auto_dtype(), "quantization": None}, path=str(path))
    shots = []
    for number in range(SHOTS):
        shots.append({"role": "user", "content": f"Shorten: {SENTENCE.format(number)}"})
        shots.append({"role": "assistant", "content": f"train {number} will enter service."})
    return model, [[*shots, {"role": "user", "content": f"Shorten: {SENTENCE.format(100 + i)}"}] for i in range(ITEMS)]


def _answers() -> None:
    model, conversations = _case()
    generation.generated(model, conversations, max_new_tokens=12, batch_size=16)


def whole_prompt_per_item() -> None:
    """Every item reads all its shots."""
    kept = generation.SHORTEST_PREFIX
    generation.SHORTEST_PREFIX = 10**9
    try:
        _answers()
    finally:
        generation.SHORTEST_PREFIX = kept


BENCHMARKS = [("few_shot_shared_prefix", whole_prompt_per_item, _answers, 2.0)]
