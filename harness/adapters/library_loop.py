"""Turn token ids into greedy continuations through transformers' own loop, which knows every cache and attention."""

import copy
from typing import Any

from harness.adapters.language_model import LanguageModel


def cache_of(model: LanguageModel, prefix: list[int]) -> Any:
    """The key/value cache after the shared beginning, for one sequence."""
    import torch
    from transformers import DynamicCache

    cache = DynamicCache(config=model.base.config)
    with torch.inference_mode():
        ids = torch.tensor([prefix], device=model.base.device)
        model.active(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
    return cache


def greedy(
    model: LanguageModel, prompts: list[list[int]], *, limit: int, stops: list[int], prefix: list[int], cache: Any
) -> list[list[int]]:
    """At most `limit` new tokens a prompt; behind the first of `stops` stands padding."""
    import torch

    inputs = _padded(model, prompts, prefix=prefix)
    if prefix:
        inputs["past_key_values"] = copy.deepcopy(cache)
        inputs["past_key_values"].batch_repeat_interleave(len(prompts))
    with torch.inference_mode():
        # Greedy whatever the model's own generation settings say: every arm decodes alike.
        output = model.active.generate(
            **inputs,
            max_new_tokens=limit,
            do_sample=False,
            temperature=None,
            top_p=None,
            top_k=None,
            repetition_penalty=1.0,
            num_beams=1,
            eos_token_id=stops,
            pad_token_id=model.tokenizer.pad_token_id,
        )
    found: list[list[int]] = output[:, inputs["input_ids"].shape[1] :].tolist()
    return found


def _padded(model: LanguageModel, prompts: list[list[int]], *, prefix: list[int]) -> dict[str, Any]:
    """Ids and mask [batch, time]: the shared beginning, then padding on the left of each rest."""
    import torch

    rests = model.tokenizer.pad({"input_ids": [prompt[len(prefix) :] for prompt in prompts]}, return_tensors="pt")
    front = torch.tensor([prefix] * len(prompts), dtype=torch.long).reshape(len(prompts), len(prefix))
    ids = torch.cat([front, rests["input_ids"]], dim=1)
    mask = torch.cat([torch.ones_like(front), rests["attention_mask"]], dim=1)
    return {"input_ids": ids.to(model.base.device), "attention_mask": mask.to(model.base.device)}
