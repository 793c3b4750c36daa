"""Turn conversations into greedy answers through vLLM, one engine a process, with or without an adapter."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.adapters.choosing import label_ids
from harness.adapters.generation import token_ids
from harness.adapters.generator import Answerer, Generated, Keep, checked_engine
from harness.adapters.language_model import OTHERS, let_go, loaded_tokenizer
from harness.errors import UserError
from harness.prompts import Message
from harness.trained import ADAPTER_CONFIG

CHUNK = 256
"""Prompts handed over together where the spec names no number: what a kill loses. vLLM forms its own batches."""
RANKS = (8, 16, 32, 64, 128, 256)
"""LoRA ranks that vLLM makes room for."""

_ENGINES: dict[tuple[str, str, int], Any] = {}
_ADAPTERS: dict[str, int] = {}
"""Folder to the number by which vLLM knows the adapter."""
OTHERS.append(_ENGINES.clear)


def vllm_generator(answerer: Answerer) -> "VllmGenerator":
    """The engine over a model that this process loads once; its context is the model's own."""
    checked_engine("vllm", where="model.engine")
    identity, path = answerer.model, answerer.local["model_path"]
    if identity["quantization"] is not None:
        what = f"vLLM does not hold a base in {identity['quantization']} as QLoRA trained on it"
        raise UserError(what, where="model.engine", fix="engine: transformers, or search.method: lora")
    rank = _room(answerer.adapter) if answerer.adapter else 0
    trust = bool(identity.get("trust_remote_code", False))
    return VllmGenerator(
        engine=_engine(identity, path=path, rank=rank, trust_remote_code=trust),
        tokenizer=loaded_tokenizer(path, trust_remote_code=trust),
        lora=_lora(answerer.adapter) if answerer.adapter else None,
        chunk=answerer.batch_size or CHUNK,
    )


@dataclass(frozen=True)
class VllmGenerator:
    """Greedy answers of a loaded model."""

    engine: Any
    """vllm.LLM"""
    tokenizer: Any
    lora: Any
    """vllm.lora.request.LoRARequest, or None for the plain base."""
    chunk: int

    def answers(
        self, conversations: Sequence[list[Message]], *, max_new_tokens: int, known: Mapping[int, Generated], keep: Keep
    ) -> list[Generated]:
        """One greedy answer a conversation, in their order."""
        from vllm import SamplingParams

        greedy = SamplingParams(temperature=0.0, repetition_penalty=1.0, max_tokens=max_new_tokens)
        prompts = token_ids(self.tokenizer, conversations)
        found = self._too_long(prompts, room=max_new_tokens) | dict(known)
        for places in self._chunks(len(prompts), found):
            replies = self._run([prompts[place] for place in places], params=greedy)
            new = {place: _answer(reply) for place, reply in zip(places, replies, strict=True)}
            found.update(new)
            keep(new)
        return [found[place] for place in range(len(prompts))]

    def choices(
        self,
        conversations: Sequence[list[Message]],
        *,
        labels: Sequence[str],
        known: Mapping[int, Generated],
        keep: Keep,
    ) -> list[Generated]:
        """The label whose tokens and end are likeliest after the prompt, the first of equals.

        Its tokens in are those read: the prompt once, as vLLM keeps beginnings, and every label behind it.
        """
        from vllm import SamplingParams

        # vLLM must generate to answer at all: one token, which nobody reads.
        scored = SamplingParams(temperature=0.0, max_tokens=1, prompt_logprobs=1, detokenize=False)
        ends = label_ids(self.tokenizer, labels)
        prompts = token_ids(self.tokenizer, conversations)
        found = self._too_long(prompts, room=max(map(len, ends)) + 1) | dict(known)
        for places in self._chunks(len(prompts), found):
            asked = [prompts[place] + end for place in places for end in ends]
            sums = [_log_likelihood(reply) for reply in self._run(asked, params=scored)]
            new = {}
            for row, place in enumerate(places):
                mine = sums[row * len(ends) : (row + 1) * len(ends)]
                values = [sum(steps[-len(end) :]) for end, steps in zip(ends, mine, strict=True)]
                read = len(prompts[place]) + sum(map(len, ends))
                new[place] = Generated(labels[values.index(max(values))], "ok", read, 0)
            found.update(new)
            keep(new)
        return [found[place] for place in range(len(prompts))]

    def _too_long(self, prompts: Sequence[list[int]], *, room: int) -> dict[int, Generated]:
        context = int(self.engine.llm_engine.model_config.max_model_len)
        long = [(place, len(prompt)) for place, prompt in enumerate(prompts) if len(prompt) + room > context]
        return {place: Generated("", "truncated", length, 0) for place, length in long}

    def _chunks(self, count: int, found: Mapping[int, Generated]) -> Iterator[list[int]]:
        left = [place for place in range(count) if place not in found]
        return (left[start : start + self.chunk] for start in range(0, len(left), self.chunk))

    def _run(self, prompts: Sequence[list[int]], *, params: Any) -> list[Any]:
        asked = [{"prompt_token_ids": prompt} for prompt in prompts]
        replies: list[Any] = self.engine.generate(asked, params, use_tqdm=False, lora_request=self.lora)
        return replies


def _answer(reply: Any) -> Generated:
    one = reply.outputs[0]
    status = "unfinished" if one.finish_reason == "length" else "ok"
    return Generated(one.text.strip(), status, len(reply.prompt_token_ids), len(one.token_ids))


def _log_likelihood(reply: Any) -> list[float]:
    """Log probability of each token of a prompt after those before it; that of the first, which has none, is 0."""
    steps = zip(reply.prompt_token_ids, reply.prompt_logprobs, strict=True)
    return [0.0 if known is None else float(known[token].logprob) for token, known in steps]


def _engine(identity: Mapping[str, Any], *, path: str, rank: int, trust_remote_code: bool) -> Any:
    from vllm import LLM

    key = (str(identity["fingerprint"]), str(identity["dtype"]), rank)
    if key not in _ENGINES:
        let_go()
        lora = {"enable_lora": True, "max_lora_rank": rank} if rank else {}
        _ENGINES[key] = LLM(model=path, dtype=identity["dtype"], seed=0, trust_remote_code=trust_remote_code, **lora)
    return _ENGINES[key]


def _room(adapter: Path) -> int:
    """The smallest rank that vLLM makes room for and that holds the adapter."""
    settings = adapter / ADAPTER_CONFIG
    config = json.loads(settings.read_text("utf-8")) if settings.is_file() else {"peft_type": "whole model"}
    if config.get("peft_type", "LORA") != "LORA" or config.get("use_dora"):
        what = f"vLLM serves LoRA adapters; this is a {'DORA' if config.get('use_dora') else config['peft_type']}"
        raise UserError(what, where=str(adapter), fix="engine: transformers")
    rank = int(config["r"])
    room = next((size for size in RANKS if size >= rank), None)
    if room is None:
        what = f"the adapter's rank is {rank}; vLLM takes at most {RANKS[-1]}"
        raise UserError(what, where=str(adapter), fix="engine: transformers, or a smaller search.space.rank")
    return room


def _lora(adapter: Path) -> Any:
    from vllm.lora.request import LoRARequest

    number = _ADAPTERS.setdefault(str(adapter), len(_ADAPTERS) + 1)
    return LoRARequest(adapter.name, number, str(adapter))
