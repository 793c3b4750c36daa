"""What every engine must hold to, and what vLLM must have in common with transformers."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import fake_vllm
import pytest
from odd_server import failed, odd_server, said
from workspace import make_workspace, swap

from harness.adapters import language_model
from harness.adapters.generator import BACKENDS, Answerer, Generated, Generator, generator
from harness.adapters.worn_adapter import worn
from harness.errors import UserError
from harness.extras import install_command
from harness.loading import load_experiment
from harness.prepare import checked_engines

SENTENCE = "what is the of land one two three four five red blue not sure yes no city"
MARKS = {"unk_token": "<unk>", "eos_token": "<end>"}
IDENTITY = {"fingerprint": "tiny", "dtype": "float32", "quantization": None}
CONTEXT = 32
Talk = list[dict[str, str]]
TALKS: list[Talk] = [
    [{"role": "user", "content": "what is red"}],
    [{"role": "user", "content": "one two three four five"}],
    [{"role": "user", "content": "is"}, {"role": "assistant", "content": "no"}, {"role": "user", "content": "is blue"}],
    [{"role": "user", "content": "land"}],
]
LONG: Talk = [{"role": "user", "content": "red " * 40}]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Several threads over so small a model would only wait for one another."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model of a few words, and two adapters for it: `small` and `large`, of rank 4 and 12."""
    from peft import LoraConfig, get_peft_model
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed

    folder = tmp_path_factory.mktemp("models") / "tiny"
    words = [*MARKS.values(), *SENTENCE.split()]
    inner = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, MARKS["unk_token"]))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(tokenizer_object=inner, **MARKS).save_pretrained(str(folder))
    set_seed(1)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=CONTEXT,
        initializer_range=1.0,
        bos_token_id=None,
        eos_token_id=1,
    )
    LlamaForCausalLM(config).save_pretrained(str(folder))
    for name, rank in (("small", 4), ("large", 12)):
        lora = LoraConfig(r=rank, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
        get_peft_model(LlamaForCausalLM.from_pretrained(str(folder)), lora).save_pretrained(str(folder.parent / name))
    return folder


def local(engine: str, path: Path, *, adapter: str | None = None, batch: int | None = 2) -> Generator:
    worn = path.parent / adapter if adapter else None
    return generator(Answerer(engine, dict(IDENTITY), {"model_path": str(path)}, worn, batch))


@pytest.fixture(params=sorted(BACKENDS))
def made(request: pytest.FixtureRequest, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Generator]:
    """Each engine, over something that answers."""
    language_model.let_go()
    if request.param == "openai":
        long = failed(400, "longer than the context", code="context_length_exceeded")
        with odd_server(lambda said_last, time: long if said_last == LONG[0]["content"] else said(said_last)) as odd:
            yield odd.generator(parallel=2)
    else:
        fake_vllm.install(monkeypatch)
        yield local(request.param, tiny)
    language_model.let_go()


def answers(made: Generator, talks: Sequence[Talk], **more: Any) -> list[Generated]:
    usual: dict[str, Any] = {"max_new_tokens": 4, "known": {}, "keep": lambda answers: None}
    return made.answers(talks, **{**usual, **more})


def test_one_answer_a_conversation_in_their_order(made: Generator) -> None:
    found = answers(made, TALKS)
    assert len(found) == len(TALKS)
    assert answers(made, TALKS[::-1]) == found[::-1]
    assert len(set(found)) > 1
    assert answers(made, []) == []
    for answer in found:
        assert answer.status in ("ok", "unfinished")
        assert answer.tokens_in > 0
        assert 0 < answer.tokens_out <= 4
        assert answer.text == answer.text.strip()


def test_what_is_known_is_not_computed_and_all_else_is_kept_as_it_comes(made: Generator) -> None:
    known, kept = {1: Generated("from before", "ok", 5, 5)}, []
    found = answers(made, TALKS, known=known, keep=lambda new: kept.append(dict(new)))
    assert found[1] == known[1]
    assert sorted(place for new in kept for place in new) == [0, 2, 3]
    assert all(found[place] == answer for new in kept for place, answer in new.items())
    assert len(kept) > 1, "not all at the end"
    assert answers(made, TALKS, known=dict(enumerate(found)), keep=kept.append) == found


def test_what_does_not_fit_the_context_is_truncated_and_the_others_go_on(made: Generator) -> None:
    found = answers(made, [TALKS[0], LONG, TALKS[1]])
    assert [answer.status == "truncated" for answer in found] == [False, True, False]
    assert (found[1].text, found[1].tokens_out) == ("", 0)


@pytest.mark.parametrize("adapter", [None, "small", "large"])
def test_vllm_answers_as_transformers_does(tiny: Path, adapter: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    language_model.let_go()
    llm = fake_vllm.install(monkeypatch)
    expected = answers(local("transformers", tiny, adapter=adapter), [*TALKS, LONG], max_new_tokens=9)
    assert {"ok", "unfinished", "truncated"} >= {answer.status for answer in expected}
    found = answers(local("vllm", tiny, adapter=adapter, batch=3), [*TALKS, LONG], max_new_tokens=9)
    assert found == expected
    assert llm.made[0].calls == [3, 1]
    language_model.let_go()


def test_one_model_at_a_time_and_one_engine_for_all_adapters_of_a_size(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    language_model.let_go()
    llm = fake_vllm.install(monkeypatch)
    plain = answers(local("vllm", tiny), TALKS)
    assert local("vllm", tiny).engine is llm.made[0]  # type: ignore[attr-defined]
    os.symlink(tiny.parent / "small", tiny.parent / "twin", target_is_directory=True)
    small, twin = (answers(local("vllm", tiny, adapter=name), TALKS) for name in ("small", "twin"))
    assert small == twin != plain
    assert [one.room for one in llm.made] == [0, 8]
    assert sorted(llm.made[1].numbers.values()) == [str(tiny.parent / "small"), str(tiny.parent / "twin")]
    local("transformers", tiny)
    local("vllm", tiny, adapter="large")
    assert [one.room for one in llm.made] == [0, 8, 16]
    language_model.let_go()


def whole(model: Any, tokenizer: Any, talk: Talk, label: str) -> float:
    """Log probability of a label and the end after the prompt, the long way round."""
    import torch

    prompt = tokenizer(tokenizer.apply_chat_template(talk, tokenize=False, add_generation_prompt=True))["input_ids"]
    ids = [*prompt, *tokenizer(label)["input_ids"], language_model.turn_end(tokenizer)]
    with torch.inference_mode():
        steps = model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
    return float(sum(steps[place - 1][ids[place]] for place in range(len(prompt), len(ids))))


def test_vllm_chooses_the_likeliest_whole_label(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    language_model.let_go()
    fake_vllm.install(monkeypatch)
    labels, made = ["no", "not sure", "red", "blue"], local("vllm", tiny, batch=3)
    kept: dict[int, Generated] = {}
    known = {2: Generated("red", "ok", 1, 0)}
    found = made.choices([*TALKS, LONG], labels=labels, known=known, keep=kept.update)
    engine = made.engine  # type: ignore[attr-defined]
    tokenizer = made.tokenizer  # type: ignore[attr-defined]
    for place in (0, 1, 3):
        best = max(labels, key=lambda label: whole(engine.model, tokenizer, TALKS[place], label))
        assert found[place].text == best
        asked = tokenizer.apply_chat_template(TALKS[place], tokenize=True, add_generation_prompt=True)["input_ids"]
        behind = sum(len(tokenizer(label)["input_ids"]) + 1 for label in labels)
        assert found[place].tokens_in == len(asked) + behind
        assert kept[place] == found[place]
    assert (found[2], found[4].status, sorted(kept)) == (known[2], "truncated", [0, 1, 3])
    language_model.let_go()


def refused(make: Callable[[], object]) -> str:
    with pytest.raises(UserError) as caught:
        make()
    return str(caught.value)


def test_an_engine_that_is_not_installed_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch, tiny: Path) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)
    message = refused(lambda: local("vllm", tiny))
    assert f"needs the package vllm, which is not installed. Fix: {install_command('vllm')}" in message


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"target_modules": ["c_attn"]}, "the adapter was made for another base model: Target modules"),
        ({"r": 0}, "PEFT cannot put the adapter on: `r` should be a positive integer"),
    ],
)
def test_only_an_adapter_that_does_not_fit_is_said_to_be_of_another_base_model(
    tiny: Path, tmp_path: Path, settings: dict[str, Any], words: str
) -> None:
    from transformers import LlamaForCausalLM

    folder = tmp_path / "odd"
    shutil.copytree(tiny.parent / "small", folder)
    config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    (folder / "adapter_config.json").write_text(json.dumps({**config, **settings}))
    message = refused(lambda: worn(LlamaForCausalLM.from_pretrained(str(tiny)), folder=folder))
    assert message.startswith(f"{folder}: {words}")


def test_what_vllm_cannot_hold_is_refused(monkeypatch: pytest.MonkeyPatch, tiny: Path) -> None:
    fake_vllm.install(monkeypatch)
    four_bits = Answerer("vllm", {**IDENTITY, "quantization": "nf4"}, {"model_path": str(tiny)})
    assert "vLLM does not hold a base in nf4" in refused(lambda: generator(four_bits))
    wide = tiny.parent / "wide"
    wide.mkdir()
    (wide / "adapter_config.json").write_text('{"r": 300}')
    assert "rank is 300; vLLM takes at most 256" in refused(lambda: local("vllm", tiny, adapter="wide"))


def test_an_engine_is_refused_before_anything_is_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = make_workspace(tmp_path)
    swap(tmp_path, "experiments/first.yaml", "model: sample", "model: {engine: vllm}")
    monkeypatch.setitem(sys.modules, "vllm", None)
    text = refused(lambda: checked_engines(load_experiment(spec)))
    assert text.startswith(f"{spec}:2:17: the engine vllm needs the package vllm")
    fake_vllm.install(monkeypatch)
    checked_engines(load_experiment(spec))
    assert "search.method: lora" in refused(
        lambda: checked_engines(load_experiment(spec, overrides=["search.method=qlora"]))
    )
    monkeypatch.setitem(sys.modules, "openai", None)
    swap(tmp_path, "baselines/zero_shot.yaml", "variants:", "api: {url: http://127.0.0.1, model: m}\nvariants:")
    assert "zero_shot.yaml: the engine openai needs the package openai" in refused(
        lambda: checked_engines(load_experiment(spec))
    )
