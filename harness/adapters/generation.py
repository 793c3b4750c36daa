"""Turn conversations into greedy answers through transformers: sorted by length, the shared beginning read once."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2.exceptions import TemplateError

from harness.adapters.generator import Answerer, Generated, Keep
from harness.adapters.language_model import LanguageModel, language_model
from harness.errors import UserError
from harness.prompts import Message

BATCH = 32
SHORTEST_PREFIX = 16
"""A shared beginning shorter than this is not worth a cache of its own."""


def transformers_generator(answerer: Answerer) -> "TransformersGenerator":
    """The engine over a model that this process loads once."""
    path = answerer.local["model_path"]
    model = language_model(answerer.model, path=path, adapter=answerer.adapter)
    return TransformersGenerator(model, batch_size=answerer.batch_size or BATCH)


@dataclass(frozen=True)
class TransformersGenerator:
    """Greedy answers of a loaded model."""

    model: LanguageModel
    batch_size: int

    def answers(
        self, conversations: Sequence[list[Message]], *, max_new_tokens: int, known: Mapping[int, Generated], keep: Keep
    ) -> list[Generated]:
        """One greedy answer a conversation, in their order."""
        return generated(
            self.model, conversations, max_new_tokens=max_new_tokens, batch_size=self.batch_size, known=known, keep=keep
        )

    def choices(
        self,
        conversations: Sequence[list[Message]],
        *,
        labels: Sequence[str],
        known: Mapping[int, Generated],
        keep: Keep,
    ) -> list[Generated]:
        """The likeliest label to each conversation."""
        raise NotImplementedError


def generated(
    model: LanguageModel,
    conversations: Sequence[list[Message]],
    *,
    max_new_tokens: int,
    batch_size: int,
    known: Mapping[int, Generated] | None = None,
    keep: Keep = lambda answers: None,
) -> list[Generated]:
    """One greedy answer a conversation, in their order."""
    prompts = [_token_ids(model.tokenizer, turns) for turns in conversations]
    answers: dict[int, Generated] = dict(known or {})
    for index, prompt in enumerate(prompts):
        if len(prompt) + max_new_tokens > model.context:
            answers[index] = Generated("", "truncated", len(prompt), 0)
    prefix = shared_prefix([prompt for index, prompt in enumerate(prompts) if index not in answers])
    cache = _read(model, prefix) if prefix else None
    order = sorted((i for i in range(len(prompts)) if i not in answers), key=lambda i: (-len(prompts[i]), i))
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        found = _batch(model, [prompts[i] for i in batch], limit=max_new_tokens, prefix=prefix, cache=cache)
        answers.update(zip(batch, found, strict=True))
        keep(dict(zip(batch, found, strict=True)))
    return [answers[index] for index in range(len(prompts))]


def _token_ids(tokenizer: Any, turns: list[dict[str, str]]) -> list[int]:
    try:
        text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    except TemplateError as error:
        raise UserError(
            f"the model's chat template refuses a conversation of {', '.join(turn['role'] for turn in turns)}: {error}",
            where="baselines",
            fix="leave `system` out of the family's variants, or leave the family out",
        ) from error
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def shared_prefix(prompts: Sequence[list[int]]) -> list[int]:
    """Tokens that every prompt begins with, short of any prompt's last one; empty when too few to matter."""
    if len(prompts) < 2:
        return []
    low, high = min(prompts), max(prompts)
    most = min(map(len, prompts)) - 1
    length = next((place for place in range(most) if low[place] != high[place]), most)
    return low[:length] if length >= SHORTEST_PREFIX else []


def _read(model: LanguageModel, prefix: list[int]) -> Any:
    """The key/value cache after the shared beginning, for one sequence."""
    import torch
    from transformers import DynamicCache

    cache = DynamicCache(config=model.base.config)
    with torch.inference_mode():
        ids = torch.tensor([prefix], device=model.base.device)
        model.active(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
    return cache


def _padded(tokenizer: Any, prompts: list[list[int]], *, prefix: list[int]) -> dict[str, Any]:
    """Ids and mask [batch, time]: the shared beginning, then padding on the left of each rest."""
    import torch

    rests = tokenizer.pad({"input_ids": [prompt[len(prefix) :] for prompt in prompts]}, return_tensors="pt")
    front = torch.tensor([prefix] * len(prompts), dtype=torch.long).reshape(len(prompts), len(prefix))
    return {
        "input_ids": torch.cat([front, rests["input_ids"]], dim=1),
        "attention_mask": torch.cat([torch.ones_like(front), rests["attention_mask"]], dim=1),
    }


def _batch(
    model: LanguageModel, prompts: list[list[int]], *, limit: int, prefix: list[int], cache: Any
) -> list[Generated]:
    import torch

    tokenizer = model.tokenizer
    inputs = {name: value.to(model.base.device) for name, value in _padded(tokenizer, prompts, prefix=prefix).items()}
    stops = _stop_ids(model)
    if cache is not None:
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
            pad_token_id=tokenizer.pad_token_id,
        )
    width = inputs["input_ids"].shape[1]
    return [
        _answer(tokenizer, row[width:].tolist(), tokens_in=len(prompt), stops=stops)
        for row, prompt in zip(output, prompts, strict=True)
    ]


def _answer(tokenizer: Any, ids: list[int], *, tokens_in: int, stops: list[int]) -> Generated:
    end = next((place for place, token in enumerate(ids) if token in stops), None)
    text = tokenizer.decode(ids[:end], skip_special_tokens=True).strip()
    return Generated(text, "unfinished" if end is None else "ok", tokens_in, len(ids) if end is None else end + 1)


def _stop_ids(model: LanguageModel) -> list[int]:
    """End tokens of the model's generation settings and of its tokenizer."""
    known = model.base.generation_config.eos_token_id
    listed = known if isinstance(known, list) else [known]
    return sorted({token for token in (*listed, model.tokenizer.eos_token_id) if token is not None})
