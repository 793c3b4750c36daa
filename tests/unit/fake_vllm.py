"""As much of the package vllm as the harness calls, with its documented signatures, computed by transformers.

It refuses what the real one refuses: an adapter without room for it, a prompt longer than the context.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import pytest


@dataclass(frozen=True)
class SamplingParams:
    temperature: float = 1.0
    repetition_penalty: float = 1.0
    max_tokens: int | None = 16
    prompt_logprobs: int | None = None
    detokenize: bool = True


@dataclass(frozen=True)
class LoRARequest:
    lora_name: str
    lora_int_id: int
    lora_path: str


class LLM:
    """Answers prompts of token ids, greedily."""

    made: ClassVar[list["LLM"]] = []

    def __init__(
        self,
        model: str,
        *,
        dtype: str = "auto",
        seed: int | None = None,
        trust_remote_code: bool = False,
        enable_lora: bool = False,
        max_lora_rank: int = 16,
    ) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.model = AutoModelForCausalLM.from_pretrained(model, dtype=dtype)
        self.tokenizer = AutoTokenizer.from_pretrained(model)
        self.path, self.room = model, max_lora_rank if enable_lora else 0
        limit = self.model.config.max_position_embeddings
        self.llm_engine = SimpleNamespace(model_config=SimpleNamespace(max_model_len=limit))
        self.calls: list[int] = []
        self.numbers: dict[int, str] = {}
        LLM.made.append(self)

    def generate(
        self,
        prompts: Sequence[dict[str, list[int]]],
        sampling_params: SamplingParams,
        *,
        use_tqdm: bool = True,
        lora_request: LoRARequest | None = None,
    ) -> list[Any]:
        """RequestOutputs."""
        assert sampling_params.temperature == 0.0
        assert not use_tqdm
        self.calls.append(len(prompts))
        model = self._dressed(lora_request)
        return [self._output(model, prompt["prompt_token_ids"], sampling_params) for prompt in prompts]

    def _dressed(self, lora: LoRARequest | None) -> Any:
        from peft import PeftModel
        from transformers import AutoModelForCausalLM

        if lora is None:
            return self.model
        if self.numbers.setdefault(lora.lora_int_id, lora.lora_path) != lora.lora_path:
            raise ValueError("one number for two adapters")
        model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(self.path), lora.lora_path)
        if model.peft_config["default"].r > self.room:
            raise ValueError("LoRA rank is greater than max_lora_rank")
        return model.eval()

    def _output(self, model: Any, ids: list[int], params: SamplingParams) -> Any:
        import torch

        assert params.max_tokens
        if len(ids) + params.max_tokens > self.llm_engine.model_config.max_model_len:
            raise ValueError("The decoder prompt is longer than the maximum model length")
        with torch.inference_mode():
            asked = torch.tensor([ids])
            row = model.generate(
                input_ids=asked,
                attention_mask=torch.ones_like(asked),
                max_new_tokens=params.max_tokens,
                do_sample=False,
                pad_token_id=self.tokenizer.eos_token_id,
            )[0]
            logits = model(input_ids=asked).logits[0].log_softmax(-1)
        new = row[len(ids) :].tolist()
        reason = "stop" if new[-1] == self.tokenizer.eos_token_id else "length"
        text = self.tokenizer.decode(new, skip_special_tokens=True) if params.detokenize else ""
        return SimpleNamespace(
            prompt_token_ids=ids,
            prompt_logprobs=_logprobs(logits, ids) if params.prompt_logprobs is not None else None,
            outputs=[SimpleNamespace(text=text, token_ids=new, finish_reason=reason)],
        )


def _logprobs(logits: Any, ids: list[int]) -> list[dict[int, Any] | None]:
    """None for the first token; then the token itself and the likeliest one."""
    found: list[dict[int, Any] | None] = [None]
    for step, token in zip(logits, ids[1:], strict=False):
        best = int(step.argmax())
        found.append({name: SimpleNamespace(logprob=float(step[name])) for name in (best, token)})
    return found


def install(monkeypatch: pytest.MonkeyPatch) -> type[LLM]:
    """As if the package were there."""
    module, lora, request = ModuleType("vllm"), ModuleType("vllm.lora"), ModuleType("vllm.lora.request")
    module.__spec__ = ModuleSpec("vllm", None)
    module.LLM, module.SamplingParams, request.LoRARequest = LLM, SamplingParams, LoRARequest  # type: ignore[attr-defined]
    for part in (module, lora, request):
        monkeypatch.setitem(sys.modules, part.__name__, part)
    LLM.made.clear()
    return LLM
