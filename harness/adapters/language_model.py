"""Turn a model reference into a loaded model, once a process, with or without an adapter.

The base model stays in memory between steps: loading it costs more than many steps. An adapter is put on for one
step and taken off by the next.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.adapters.worn_adapter import is_whole, whole_model, worn

PLAIN_TEMPLATE = (
    "{% for message in messages %}{{ message['content'] }}"
    "{{ eos_token if message['role'] == 'assistant' else '' }}\n{% endfor %}"
)
"""For base models, which have no chat template: turns on lines of their own, answers ended; the same for all arms."""

_LOADED: dict[str, "LanguageModel"] = {}
OTHERS: list[Callable[[], None]] = []
"""Each lets go of a model that another engine holds in this process."""


@dataclass
class LanguageModel:
    """A causal language model with its tokenizer, as this process holds it."""

    base: Any
    """transformers PreTrainedModel without adapter layers in use."""
    tokenizer: Any
    """Its tokenizer; pads on the left, for generation."""
    active: Any
    """What answers now: the base, or a PeftModel over it."""
    adapter: Path | None = None
    """Folder of the adapter, or of the whole model, in use."""
    forward: Any = None
    """The instance's own `forward` as loaded, where a library had set one."""
    plain: Any = None
    """The model as loaded, while one whose weights were all trained is `base` in its place."""
    start: Any = None
    """What `attention.learnt_beginning` made of the adapter in use."""
    fold: Any = None
    """What `folding.folded` did for the adapter in use."""

    @property
    def virtual_tokens(self) -> int:
        """Learnt tokens that stand before every row."""
        config = getattr(self.active, "active_peft_config", None)
        return int(config.num_virtual_tokens) if config is not None and config.is_prompt_learning else 0

    @property
    def reader(self) -> Any:
        """What reads rows that `attention.learnt_beginning` stands before: PEFT's own forward would add it again."""
        return self.base if self.virtual_tokens else self.active

    @property
    def context(self) -> int:
        """Longest sequence the model was made for, in tokens, less those that are learnt."""
        longest = int(getattr(self.base.config, "max_position_embeddings", 0) or 10**9)
        return longest - self.virtual_tokens


def language_model(identity: dict[str, Any], *, path: str, adapter: Path | None = None) -> LanguageModel:
    """The model of `identity` (fingerprint, dtype, quantization) from the folder `path`, with `adapter` on."""
    key = f"{identity['fingerprint']}:{identity['dtype']}:{identity['quantization']}"
    if key not in _LOADED:
        # One base at a time: a second one would double the memory.
        let_go()
        _LOADED[key] = _load(identity, path=path)
    model = _LOADED[key]
    wear(model, adapter=adapter)
    return model


def let_go() -> None:
    """Hold no model any more, whichever engine loaded it."""
    import gc

    import torch

    _LOADED.clear()
    for other in OTHERS:
        other()
    if torch.cuda.is_available():
        gc.collect()
        torch.cuda.empty_cache()


def wear(model: LanguageModel, *, adapter: Path | None) -> None:
    """Take the present adapter off and put `adapter` on, or the whole model in that folder; None leaves the base."""
    if adapter == model.adapter and (adapter is not None or model.active is model.base):
        return
    strip(model)
    if adapter is not None:
        try:
            _put_on(model, folder=adapter)
        except Exception:
            _LOADED.clear()  # Half put on, it has changed the base; the next step loads a plain one.
            raise
        model.adapter = adapter
    model.active.eval()


def _put_on(model: LanguageModel, *, folder: Path) -> None:
    if is_whole(folder):
        take_place(model, whole_model(model.base, folder=folder))
    else:
        from harness.adapters.folding import folded

        model.active = worn(model.base, folder=folder)
        model.fold = folded(model.active)


def take_place(model: LanguageModel, whole: Any) -> None:
    """Let a model of its own stand in the base's place, which is kept beside it until `strip`."""
    model.plain, model.base, model.active = model.base, whole, whole


def strip(model: LanguageModel) -> None:
    """Leave the plain base."""
    if model.plain is not None:
        model.base, model.active, model.plain = model.plain, model.plain, None
    if model.fold is not None:
        from harness.adapters.folding import unfolded

        unfolded(model.fold)
    if model.active is not model.base:
        # What stands before a prompt has changed nothing in the base.
        model.base = model.base if model.virtual_tokens else model.active.unload()
    # PEFT leaves traces, trainers wrap `forward` and switch to training mode; the next step gets the model as loaded.
    for trace in ("peft_config", "_hf_peft_config_loaded", "prepare_inputs_for_generation", "forward"):
        model.base.__dict__.pop(trace, None)
    if model.forward is not None:
        model.base.forward = model.forward
    model.base.eval()
    model.active, model.adapter, model.start, model.fold = model.base, None, None, None


def stop_ids(model: LanguageModel) -> list[int]:
    """End tokens of the model's generation settings, of its tokenizer and of its chat template."""
    known = model.base.generation_config.eos_token_id
    listed = known if isinstance(known, list) else [known]
    ends = (*listed, model.tokenizer.eos_token_id, turn_end(model.tokenizer))
    return sorted({token for token in ends if token is not None})


def turn_end(tokenizer: Any) -> int | None:
    """The special token that the chat template writes behind an answer; else the tokenizer's own end."""
    turns = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]
    asked = tokenizer.apply_chat_template(turns[:1], tokenize=False, add_generation_prompt=True)
    whole = tokenizer.apply_chat_template(turns, tokenize=False)
    behind = whole.removeprefix(asked).partition("A")[2] if whole.startswith(asked) else ""
    special = set(tokenizer.all_special_ids)
    ends = [token for token in tokenizer(behind, add_special_tokens=False)["input_ids"] if token in special]
    found: int | None = ends[0] if ends else tokenizer.eos_token_id
    return found


def _load(identity: dict[str, Any], *, path: str) -> LanguageModel:
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    trust = bool(identity.get("trust_remote_code", False))
    options: dict[str, Any] = {
        "dtype": getattr(torch, identity["dtype"]),
        "trust_remote_code": trust,
        "use_safetensors": True,
    }
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if identity["quantization"] == "nf4":
        options |= {"quantization_config": _nf4(options["dtype"]), "device_map": {"": device}}
    base = AutoModelForCausalLM.from_pretrained(path, **options)
    if identity["quantization"] is None:
        base = base.to(device)
    base.eval()
    tokenizer = loaded_tokenizer(path, trust_remote_code=trust)
    return LanguageModel(base=base, tokenizer=tokenizer, active=base, forward=base.__dict__.get("forward"))


def loaded_tokenizer(path: str, *, trust_remote_code: bool) -> Any:
    """A model's tokenizer, padding on the left, with a chat template; the same for every engine."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=trust_remote_code)
    tokenizer.padding_side = "left"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if tokenizer.chat_template is None:
        tokenizer.chat_template = PLAIN_TEMPLATE
    return tokenizer


def _nf4(dtype: Any) -> Any:
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
    )
