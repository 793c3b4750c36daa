"""The engine answers as transformers' own loop and stock lm-eval do, whatever it shares, packs and leaves out."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_model import save_tiny_model

from harness.adapters import attention, decoding, generation, head, library_loop, likelihood, lookup, writing
from harness.adapters.choosing import label_ids
from harness.adapters.generator import Generated
from harness.adapters.language_model import LanguageModel, language_model, stop_ids, turn_end
from harness.errors import UserError

SHOTS = [
    {"role": role, "content": f"{role} number {number} says that the train is late again today"}
    for number in range(4)
    for role in ("user", "assistant")
]
QUESTIONS = [
    "Why?",
    "Who was it, and when did they say so?",
    "A",
    "The minister said on Tuesday that it would be so. " + "Nobody was surprised. " * 130,
]
"""Of very different lengths: short ones are padded by more than 512 tokens."""
LABELS = ["yes", "no", "card", "card arrival", "a much longer label than the others"]


@pytest.fixture(
    scope="module",
    params=[{}, {"num_attention_heads": 4, "num_key_value_heads": 2}],
    ids=["heads of their own", "grouped queries"],
)
def model(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> LanguageModel:
    folder = tmp_path_factory.mktemp("tiny")
    save_tiny_model(folder, width=32, context=1024, **request.param)
    return language_model({"fingerprint": str(folder), "dtype": "float32", "quantization": None}, path=str(folder))


def asked(*, shots: bool) -> list[list[dict[str, str]]]:
    return [[*(SHOTS if shots else []), {"role": "user", "content": text}] for text in QUESTIONS]


def answers(
    model: LanguageModel, conversations: Any, *, batch_size: int | None = 3, limit: int = 12
) -> list[Generated]:
    engine = generation.TransformersGenerator(model, batch_size=batch_size)
    return engine.answers(conversations, max_new_tokens=limit, known={}, keep=lambda new: None)


@pytest.mark.parametrize("shots", [False, True])
def test_the_answers_are_those_of_generate_alone(model: LanguageModel, shots: bool) -> None:
    prompts = generation.token_ids(model.tokenizer, asked(shots=shots))
    alone = [
        model.base.generate(torch.tensor([ids]), max_new_tokens=12, do_sample=False, eos_token_id=stop_ids(model))[0]
        for ids in prompts
    ]
    ends = set(stop_ids(model))
    wanted = []
    for ids, row in zip(prompts, alone, strict=True):
        new = row[len(ids) :].tolist()
        wanted.append(model.tokenizer.decode([one for one in new if one not in ends], skip_special_tokens=True).strip())
    assert len(set(wanted)) > 1
    for size in (1, 3, None):
        assert [one.text for one in answers(model, asked(shots=shots), batch_size=size)] == wanted


def test_rows_that_end_early_leave_the_others_as_they_were(model: LanguageModel, monkeypatch: Any) -> None:
    prompts = generation.token_ids(model.tokenizer, asked(shots=True))
    rows = library_loop.greedy(model, prompts, limit=12, stops=stop_ids(model))
    early = next(row[4] for row in rows if sum(row[4] in other for other in rows) < len(rows))
    monkeypatch.setattr(writing, "stop_ids", lambda model: [*stop_ids(model), early])
    cut = answers(model, asked(shots=True), batch_size=4)
    alone = [answers(model, [one], batch_size=1)[0] for one in asked(shots=True)]
    assert [one.text for one in cut] == [one.text for one in alone]
    assert len({one.tokens_out for one in cut}) > 1


@pytest.mark.parametrize("shots", [False, True], ids=["alone", "behind a beginning"])
def test_guessed_tokens_leave_the_answers_as_they_were_and_take_fewer_passes(
    model: LanguageModel, monkeypatch: Any, shots: bool
) -> None:
    """Guesses are planted: right ones of up to four tokens, a third of them with a wrong end."""
    prompts = generation.token_ids(model.tokenizer, asked(shots=shots))
    beginning = attention.shared_beginning(model, prompts)
    rows, more = [attention.behind(beginning, prompt) for prompt in prompts], {"limit": 30, "beginning": beginning}
    monkeypatch.setattr(lookup.Lookup, "guess", lambda self, most: [])
    wanted = decoding.greedy(model, rows, halt=lambda ids: ids[-1] % 29 == 0, **more)
    assert {len(answer) for answer in wanted} - {30}
    wholes = [prompt + answer for prompt, answer in zip(prompts, wanted, strict=True)]
    reads = []

    def planted(self: lookup.Lookup, most: int) -> list[int]:
        size = len(self.ids)
        whole = next((whole for whole in wholes if whole[:size] == self.ids), self.ids)
        right = whole[size : size + max(0, min(most, 4))]
        return [*right[:-1], right[-1] + 1] if right and size % 3 == 0 else right

    def counted(self: Any, ids: torch.Tensor, **more: Any) -> list[list[int]]:
        reads.append(ids.shape)
        return kept(self, ids, **more)

    kept = decoding._Batch._read
    monkeypatch.setattr(lookup.Lookup, "guess", planted)
    monkeypatch.setattr(decoding._Batch, "_read", counted)
    assert decoding.greedy(model, rows, halt=lambda ids: ids[-1] % 29 == 0, **more) == wanted
    assert len([shape for shape in reads if shape[1] > 1]) > 3
    assert len(reads) < 20


def test_what_was_guessed_wrongly_takes_no_room(model: LanguageModel, monkeypatch: Any) -> None:
    prompt = generation.token_ids(model.tokenizer, asked(shots=False)[:1])[0]
    sizes: list[int] = []

    def counted(self: attention.RowCache, tokens: int) -> None:
        kept(self, tokens)
        sizes.append(self.get_seq_length())

    kept = attention.RowCache.shorten
    monkeypatch.setattr(attention.RowCache, "shorten", counted)
    monkeypatch.setattr(lookup.Lookup, "guess", lambda self, most: [self.ids[-1] ^ 1] * min(most, 3))
    monkeypatch.setattr(decoding, "best_width", lambda guesses, rates: 1 + len(guesses[0]))
    answer = decoding.greedy(model, [prompt], limit=20, halt=lambda ids: False, beginning=None)[0]
    assert len(answer) == 20
    assert sizes[-1] < len(prompt) + 20


def test_a_row_that_is_done_stays_within_its_limit(model: LanguageModel, monkeypatch: Any) -> None:
    """One row's guesses are all right and it soon ends; the others, without guesses, take a step for each token."""
    rows = generation.token_ids(model.tokenizer, asked(shots=False)[:1])[:1] * 8
    more: dict[str, Any] = {"limit": 24, "halt": lambda ids: False, "beginning": None}
    monkeypatch.setattr(lookup.Lookup, "guess", lambda self, most: [])
    wanted = decoding.greedy(model, rows, **more)
    whole, places = rows[0] + wanted[0], []

    def planted(self: decoding._Batch, going: set[int]) -> list[list[int]]:
        size, quick = len(self.lookups[0].ids), 0 in going and self.rows[0] == 0
        self.hoped = [whole[size : min(size + 6, len(whole) - 1)] if quick else [], *[[] for _ in self.rows[1:]]]
        return self.hoped

    def seen(self: Any, ids: torch.Tensor, **more: Any) -> list[list[int]]:
        places.append(int(more["positions"].max()))
        return kept(self, ids, **more)

    kept = decoding._Batch._read
    monkeypatch.setattr(decoding._Batch, "_guesses", planted)
    monkeypatch.setattr(decoding._Batch, "_read", seen)
    assert decoding.greedy(model, rows, **more) == wanted
    assert len(places) == 24
    assert max(places) < len(whole)


def test_a_head_in_slices_scores_as_it_does_whole(model: LanguageModel) -> None:
    hidden = torch.randn(2, 3, 32)
    with torch.inference_mode():
        whole = model.base.lm_head(hidden)
        with head.sliced_head(model.base):
            sliced = model.base.lm_head(hidden)
        assert torch.equal(model.base.lm_head(hidden), whole)
    assert sliced.shape == whole.shape
    assert whole.shape[-1] > head.SLICE
    assert torch.allclose(sliced, whole, atol=1e-5)


def test_a_head_of_another_kind_is_left_alone(model: LanguageModel) -> None:
    kept = model.base.lm_head
    model.base.lm_head = torch.nn.Linear(32, 8, bias=True)
    try:
        with head.sliced_head(model.base):
            assert "forward" not in vars(model.base.lm_head)
    finally:
        model.base.lm_head = kept


def test_models_of_other_kinds_go_the_library_s_way(model: LanguageModel, monkeypatch: Any) -> None:
    ours = answers(model, asked(shots=True))
    chosen = choices(model)
    monkeypatch.setattr(attention, "PLAIN", ())
    calls = []
    kept = library_loop.greedy
    monkeypatch.setattr(library_loop, "greedy", lambda *args, **named: calls.append(1) or kept(*args, **named))
    assert answers(model, asked(shots=True)) == ours
    assert calls
    assert [one.text for one in choices(model)] == [one.text for one in chosen]


def choices(model: LanguageModel, *, batch_size: int | None = 3) -> list[Generated]:
    engine = generation.TransformersGenerator(model, batch_size=batch_size)
    return engine.choices(asked(shots=True), labels=LABELS, known={}, keep=lambda new: None)


def logprob(model: LanguageModel, prompt: list[int], continuation: list[int]) -> float:
    with torch.inference_mode():
        lines = model.base(torch.tensor([[*prompt, *continuation]])).logits[0].log_softmax(dim=-1)
    return sum(float(lines[len(prompt) - 1 + i, token]) for i, token in enumerate(continuation))


def test_packed_likelihoods_are_those_of_each_continuation_alone(model: LanguageModel) -> None:
    prompts = generation.token_ids(model.tokenizer, asked(shots=True))
    ids = label_ids(model.tokenizer, LABELS)
    beginning = attention.shared_beginning(model, prompts)
    assert beginning is not None
    assert len(beginning.ids) > 50
    rows = [likelihood.Packed(attention.behind(beginning, prompt), likelihood.branches(ids)) for prompt in prompts]
    for prompt, scores in zip(prompts, likelihood.scored_rows(model, rows, beginning), strict=True):
        for continuation, score in zip(ids, scores, strict=True):
            assert score.logprob == pytest.approx(logprob(model, prompt, continuation), rel=1e-4)


def test_the_likeliest_label_is_chosen(model: LanguageModel) -> None:
    prompts, ids = generation.token_ids(model.tokenizer, asked(shots=True)), label_ids(model.tokenizer, LABELS)
    wanted = [
        max(LABELS, key=lambda label, p=prompt: logprob(model, p, ids[LABELS.index(label)])) for prompt in prompts
    ]
    for size in (1, 3, None):
        assert [one.text for one in choices(model, batch_size=size)] == wanted


def test_a_run_that_was_stopped_makes_the_same_batches_again(model: LanguageModel) -> None:
    engine = generation.TransformersGenerator(model, batch_size=1)
    told: list[dict[int, Generated]] = []
    whole = engine.answers(asked(shots=True), max_new_tokens=12, known={}, keep=lambda new: told.append(dict(new)))
    first = {place: answer for new in told[:3] for place, answer in new.items()}
    again: list[dict[int, Generated]] = []
    rest = engine.answers(asked(shots=True), max_new_tokens=12, known=first, keep=lambda new: again.append(dict(new)))
    assert rest == whole
    assert [list(new) for new in again if new] == [list(new) for new in told[3:] if new]


def test_what_does_not_fit_the_context_is_truncated_and_the_others_are_answered(model: LanguageModel) -> None:
    long = [{"role": "user", "content": "word " * 1100}]
    found = answers(model, [long, *asked(shots=False)])
    assert [one.status == "truncated" for one in found] == [True, False, False, False, False]
    assert found[1:] == answers(model, asked(shots=False))


def test_a_batch_that_the_memory_does_not_hold_is_halved(model: LanguageModel, monkeypatch: Any) -> None:
    wanted = answers(model, asked(shots=True), batch_size=4)
    kept, sizes = writing.Writer.written, []

    def small(self: writing.Writer, batch: list[int]) -> list[Generated]:
        sizes.append(len(batch))
        if len(batch) > 1:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")
        return kept(self, batch)

    monkeypatch.setattr(writing.Writer, "written", small)
    assert answers(model, asked(shots=True), batch_size=4) == wanted
    assert sizes == [4, 2, 1, 1, 2, 1, 1]


def test_another_error_is_not_taken_for_want_of_memory(model: LanguageModel, monkeypatch: Any) -> None:
    def broken(self: writing.Writer, batch: list[int]) -> list[Generated]:
        raise RuntimeError("shape mismatch")

    monkeypatch.setattr(writing.Writer, "written", broken)
    with pytest.raises(RuntimeError, match="shape mismatch"):
        answers(model, asked(shots=True), batch_size=4)


def test_an_adapter_answers_through_the_engine(model: LanguageModel, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    from harness.adapters.language_model import strip, wear

    plain = answers(model, asked(shots=True))
    torch.manual_seed(0)
    tuned = get_peft_model(model.base, LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False))
    tuned.save_pretrained(str(tmp_path / "adapter"))
    model.base = tuned.unload()
    model.base.__dict__.pop("peft_config", None)
    model.active = model.base
    wear(model, adapter=tmp_path / "adapter")
    worn = answers(model, asked(shots=True))
    strip(model)
    assert worn != plain
    assert answers(model, asked(shots=True)) == plain


def requests(kind: str, *arguments: Any) -> list[Any]:
    from lm_eval.api.instance import Instance

    return [Instance(kind, {}, one, number) for number, one in enumerate(arguments)]


def both(model: LanguageModel) -> tuple[Any, Any]:
    """Stock HFLM and the engine."""
    from lm_eval.models.huggingface import HFLM

    from harness.adapters.lm_eval_model import EngineLM

    stock = HFLM(pretrained=model.base, tokenizer=model.tokenizer, batch_size=2, max_length=model.context)
    return stock, EngineLM(model, progress=lambda done, total: None)


CONTEXTS = ["", "The cat", "The cat sat on the mat and the dog", "word " * 600 + "The end", "word " * 1400 + "The end"]
FEW_SHOT = ["Question: where is the cat? Answer: on the mat.\n\n" * 4 + f"Question: {text}? Answer:" for text in "abc"]


@pytest.mark.parametrize("contexts", [CONTEXTS, FEW_SHOT], ids=["plain", "few-shot"])
def test_lm_eval_gets_stock_log_likelihoods(model: LanguageModel, contexts: list[str]) -> None:
    pairs = [(context, follow) for context in contexts for follow in (" sat", " lay on the floor of it", " a")]
    stock, ours = both(model)
    wanted = stock.loglikelihood(requests("loglikelihood", *pairs), disable_tqdm=True)
    found = ours.loglikelihood(requests("loglikelihood", *pairs), disable_tqdm=True)
    assert [one[1] for one in found] == [one[1] for one in wanted]
    assert [one[0] for one in found] == pytest.approx([one[0] for one in wanted], rel=1e-4)


def test_lm_eval_gets_stock_rolling_log_likelihoods(model: LanguageModel) -> None:
    texts = [("A short one.",), ("A long one goes on and on. " * 300,)]
    stock, ours = both(model)
    wanted = stock.loglikelihood_rolling(requests("loglikelihood_rolling", *texts), disable_tqdm=True)
    assert ours.loglikelihood_rolling(requests("loglikelihood_rolling", *texts)) == pytest.approx(wanted, rel=1e-4)


def test_lm_eval_gets_stock_texts(model: LanguageModel) -> None:
    stock, ours = both(model)
    free = stock.generate_until(requests("generate_until", (CONTEXTS[2], {"until": [], "max_gen_toks": 12})), True)[0]
    stop = free[len(free) // 2 :][:3]
    asked = [(text, {"until": [stop], "max_gen_toks": 12}) for text in [*CONTEXTS[1:], *FEW_SHOT]]
    asked += [(text, {"until": ["\n"], "max_gen_toks": 5, "do_sample": False}) for text in FEW_SHOT]
    wanted = stock.generate_until(requests("generate_until", *asked), disable_tqdm=True)
    assert ours.generate_until(requests("generate_until", *asked)) == wanted
    assert wanted[1] != free


def test_an_empty_prompt_begins_as_a_text_does(model: LanguageModel) -> None:
    _, ours = both(model)
    first = ours.tok_decode([ours.prefix_token_id])
    asked = [(text, {"until": [], "max_gen_toks": 5}) for text in ("", first)]
    empty, begun = ours.generate_until(requests("generate_until", *asked))
    assert empty == begun != ""


def test_what_no_window_holds_is_one_message(model: LanguageModel) -> None:
    _, ours = both(model)
    with pytest.raises(UserError, match="reads at most 1024"):
        ours.loglikelihood(requests("loglikelihood", ("Why?", " word" * 1100)), disable_tqdm=True)
    with pytest.raises(UserError, match="reads at most 1024"):
        ours.generate_until(requests("generate_until", ("Why?", {"until": [], "max_gen_toks": 1024})))


@pytest.mark.parametrize(
    ("template", "end"),
    [
        (
            "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{{ opening }}",
            "<|im_end|>",
        ),
        ("{% for m in messages %}{{ m.role }}: {{ m.content }}<|endoftext|>{% endfor %}{{ plain }}", "<|endoftext|>"),
        ("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{{ plain }}", "<|im_end|>"),
    ],
    ids=["chat", "other token", "nothing written"],
)
def test_the_end_of_a_turn_is_what_the_template_writes(model: LanguageModel, template: str, end: str) -> None:
    import copy

    tokenizer = copy.deepcopy(model.tokenizer)
    opened = {"opening": "<|im_start|>assistant\n", "plain": "assistant: "}
    for name, text in opened.items():
        shown = "{% if add_generation_prompt %}" + text + "{% endif %}"
        template = template.replace("{{ " + name + " }}", shown)
    tokenizer.chat_template = template
    assert turn_end(tokenizer) == tokenizer.convert_tokens_to_ids(end)
