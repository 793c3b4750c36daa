"""Turn a base model and a trial's parameters into the model that is trained, through PEFT."""

from pathlib import Path
from typing import Any

from harness.adapters.language_model import LanguageModel
from harness.errors import TrainingFailed


def adapted(model: LanguageModel, *, inputs: dict[str, Any], previous: Path | None) -> Any:
    """A PeftModel over the base: a new one, or the one that the epoch before left in the folder `previous`."""
    from peft import LoraConfig, PeftModel, get_peft_model

    if previous is not None:
        return PeftModel.from_pretrained(model.base, str(previous), is_trainable=True)
    params = inputs["params"]
    targets = params["target_modules"]
    config = LoraConfig(
        r=params["rank"],
        lora_alpha=params["alpha"],
        lora_dropout=params["dropout"],
        target_modules=targets if targets == "all-linear" else targets.split("+"),
        task_type="CAUSAL_LM",
    )
    try:
        return get_peft_model(model.base, config)
    except ValueError as error:
        raise TrainingFailed(f"adapter does not fit the model: {str(error).splitlines()[0]}") from error
