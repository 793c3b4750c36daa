"""Turn token ids into greedy continuations through transformers' own loop, which knows every cache and attention."""

from harness.adapters.language_model import LanguageModel


def greedy(model: LanguageModel, prompts: list[list[int]], *, limit: int, stops: list[int]) -> list[list[int]]:
    """At most `limit` new tokens a prompt; behind the first of `stops` stands padding."""
    import torch

    inputs = model.tokenizer.pad({"input_ids": prompts}, return_tensors="pt").to(model.base.device)
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
