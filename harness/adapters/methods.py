"""Turn a base model and a trial's parameters into the model that is trained, through PEFT, and into its files."""

from collections.abc import Callable, Mapping
from math import ceil
from pathlib import Path
from typing import Any

from harness.adapters.language_model import LanguageModel, let_go, take_place
from harness.adapters.writing_models import save_whole
from harness.errors import TrainingFailed
from harness.methods import METHODS, MethodName
from harness.trained import ADAPTER_WEIGHTS


def _lora(params: dict[str, Any], **more: bool) -> Any:
    from peft import LoraConfig

    targets = params["target_modules"]
    return LoraConfig(
        r=params["rank"],
        lora_alpha=params["alpha"],
        lora_dropout=params["dropout"],
        target_modules=targets if targets == "all-linear" else targets.split("+"),
        task_type="CAUSAL_LM",
        **more,
    )


def _prefix(params: dict[str, Any]) -> Any:
    from peft import PrefixTuningConfig

    return PrefixTuningConfig(num_virtual_tokens=params["virtual_tokens"], task_type="CAUSAL_LM")


def _prompt(params: dict[str, Any]) -> Any:
    from peft import PromptTuningConfig

    return PromptTuningConfig(num_virtual_tokens=params["virtual_tokens"], task_type="CAUSAL_LM")


def _ia3(params: dict[str, Any]) -> Any:
    from peft import IA3Config

    return IA3Config(task_type="CAUSAL_LM")


CONFIGS: Mapping[MethodName, Callable[[dict[str, Any]], Any]] = {
    "lora": _lora,
    "qlora": _lora,
    "dora": lambda params: _lora(params, use_dora=True),
    "rslora": lambda params: _lora(params, use_rslora=True),
    "prefix": _prefix,
    "prompt": _prompt,
    "ia3": _ia3,
}
"""Method to its PEFT configuration for a trial's parameters; `full` needs none."""


def put_on_for_training(model: LanguageModel, *, inputs: dict[str, Any], path: str, previous: Path | None) -> Any:
    """What is trained, which `model` wears until it is stripped: new, or as the epoch before left it in `previous`."""
    kind = METHODS[inputs["method"]].kind
    try:
        if kind == "whole":
            take_place(model, _whole(model, folder=str(previous or path), identity=inputs["model"]))
        elif kind == "beginning":
            model.active = _with_beginning(model, inputs=inputs, previous=previous)
        else:
            model.active = _with_adapter(model, inputs=inputs, previous=previous)
    except Exception:
        let_go()  # Half put on, it has changed the base; the next step loads a plain one.
        raise
    return model.active


def save_trained(model: LanguageModel, *, out: Path, path: str, name: str) -> None:
    """Write what `model` wears, as safetensors; `name` is the base's, for the adapter's own record."""
    if model.plain is not None:
        from transformers import AutoConfig

        # Trainers write their padding into the settings; a model read with it would not learn that token any more.
        model.base.config = AutoConfig.from_pretrained(path)
        model.base.generation_config = model.plain.generation_config
        save_whole(model.base, tokenizer_of=path, out=out)
        return
    # The name, not the folder: artifacts are the same on every machine.
    model.active.peft_config["default"].base_model_name_or_path = name
    model.active.save_pretrained(str(out), safe_serialization=True, save_embedding_layers=False)
    (out / "README.md").unlink(missing_ok=True)


def _whole(model: LanguageModel, *, folder: str, identity: dict[str, Any]) -> Any:
    """In 32 bits whatever the base is held in: a step is often too small to change a number of 16 bits."""
    import torch
    from transformers import AutoModelForCausalLM

    trained = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, use_safetensors=True)
    return trained.to(model.base.device)


def _with_adapter(model: LanguageModel, *, inputs: dict[str, Any], previous: Path | None) -> Any:
    from peft import PeftModel, get_peft_model

    if previous is not None:
        return PeftModel.from_pretrained(model.base, str(previous), is_trainable=True)
    try:
        return get_peft_model(model.base, CONFIGS[inputs["method"]](inputs["params"]))
    except ValueError as error:
        raise TrainingFailed(f"adapter does not fit the model: {str(error).splitlines()[0]}") from error


def _with_beginning(model: LanguageModel, *, inputs: dict[str, Any], previous: Path | None) -> Any:
    """PEFT opens saved learnt tokens only to answer with them, so they are put into new ones."""
    from peft import get_peft_model, set_peft_model_state_dict
    from safetensors.torch import load_file

    tuned = get_peft_model(model.base, CONFIGS[inputs["method"]](inputs["params"]))
    learnt = (
        _first_beginning(model, tuned, inputs=inputs) if previous is None else load_file(previous / ADAPTER_WEIGHTS)
    )
    set_peft_model_state_dict(tuned, learnt)
    return tuned


def _first_beginning(model: LanguageModel, tuned: Any, *, inputs: dict[str, Any]) -> dict[str, Any]:
    """What the task's own instruction is to the model: learnt tokens that start as noise hardly learn to be words.

    Its embeddings, or the keys and values of its reading (Li & Liang 2021, "Prefix-Tuning", arXiv 2101.00190, 7.4).
    """
    import torch
    from peft.tuners.cartridge.utils import prompt_embeddings_from_past_key_values

    count = inputs["params"]["virtual_tokens"]
    words = model.tokenizer(inputs["prompt"]["template"].replace("{input}", "").strip() or "Answer:")["input_ids"]
    ids = torch.tensor([(words * ceil(count / len(words)))[:count]], device=model.base.device)
    with torch.no_grad():
        if inputs["method"] == "prompt":
            learnt = tuned.word_embeddings(ids)[0]
        else:
            cache = model.base(input_ids=ids, use_cache=True, logits_to_keep=1).past_key_values
            learnt = prompt_embeddings_from_past_key_values(cache, num_virtual_tokens=count)
    return {"prompt_embeddings": learnt.float()}
