"""Turn conversations into greedy answers, in length-sorted batches, through transformers."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from harness.adapters.language_model import LanguageModel


class Generated(NamedTuple):
    """One answer."""

    text: str
    status: str
    """`ok`, `truncated` (prompt and answer do not fit the context) or `unfinished` (stopped at the limit)."""
    tokens_in: int
    tokens_out: int


def generated(
    model: LanguageModel,
    conversations: Sequence[list[dict[str, str]]],
    *,
    max_new_tokens: int,
    batch_size: int,
    progress: Callable[[int, int], None],
) -> list[Generated]:
    """One greedy answer a conversation, in their order.

    The batch size is fixed, not fitted: in bf16 the make-up of a batch can change a token, so it belongs to the
    identity of the answers.
    """
    prompts = [_token_ids(model.tokenizer, turns) for turns in conversations]
    answers: dict[int, Generated] = {}
    for index, prompt in enumerate(prompts):
        if len(prompt) + max_new_tokens > model.context:
            answers[index] = Generated("", "truncated", len(prompt), 0)
    order = sorted((i for i in range(len(prompts)) if i not in answers), key=lambda i: (-len(prompts[i]), i))
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        answers.update(zip(batch, _batch(model, [prompts[i] for i in batch], limit=max_new_tokens), strict=True))
        progress(len(answers), len(prompts))
    return [answers[index] for index in range(len(prompts))]


def _token_ids(tokenizer: Any, turns: list[dict[str, str]]) -> list[int]:
    text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def _batch(model: LanguageModel, prompts: list[list[int]], *, limit: int) -> list[Generated]:
    import torch

    tokenizer = model.tokenizer
    inputs = tokenizer.pad({"input_ids": prompts}, return_tensors="pt").to(model.base.device)
    stops = _stop_ids(model)
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
    return [_answer(tokenizer, row[width:].tolist(), tokens_in=len(prompt), stops=stops) for row, prompt in zip(output, prompts, strict=True)]


def _answer(tokenizer: Any, ids: list[int], *, tokens_in: int, stops: list[int]) -> Generated:
    end = next((place for place, token in enumerate(ids) if token in stops), None)
    text = tokenizer.decode(ids[:end], skip_special_tokens=True).strip()
    return Generated(text, "unfinished" if end is None else "ok", tokens_in, len(ids) if end is None else end + 1)


def _stop_ids(model: LanguageModel) -> list[int]:
    """End tokens of the model's generation settings and of its tokenizer."""
    known = model.base.generation_config.eos_token_id
    listed = known if isinstance(known, list) else [known]
    return sorted({token for token in (*listed, model.tokenizer.eos_token_id) if token is not None})
