"""Turn a base model and the folder of an adapter, or of a whole model, into the model that answers."""

from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.trained import ADAPTER_CONFIG, MODEL_CONFIG

SHOWN = 120


def is_whole(folder: Path) -> bool:
    """Whether a folder holds a model of its own rather than an adapter."""
    return (folder / MODEL_CONFIG).is_file() and not (folder / ADAPTER_CONFIG).is_file()


def whole_model(base: Any, *, folder: Path) -> Any:
    """The model in a folder, held as `base` is: its precision, its device."""
    from transformers import AutoModelForCausalLM

    found = AutoModelForCausalLM.from_pretrained(str(folder), dtype=base.dtype, use_safetensors=True)
    return found.to(base.device).eval()


def worn(base: Any, *, folder: Path) -> Any:
    """The PeftModel over `base`, which PEFT changes in place. Raises `UserError` where the two do not fit."""
    from peft import NoMatchingPeftModuleError, PeftModel
    from safetensors import SafetensorError

    try:
        active = PeftModel.from_pretrained(base, str(folder))
        # Loading reports what it left out only when it is asked by this name; the weights stay as they are.
        result = active.load_adapter(str(folder), "default")
    except RuntimeError as error:
        if "size mismatch" not in str(error):
            raise
        sizes = next(line for line in str(error).splitlines() if "size mismatch" in line)
        raise _misfit(folder, sizes) from error
    except NoMatchingPeftModuleError as error:
        raise _misfit(folder, error) from error
    except ValueError as error:
        what = f"PEFT cannot put the adapter on: {_short(error)}"
        raise UserError(what, where=str(folder), fix="mend its adapter_config.json, or train it again") from error
    except SafetensorError as error:
        fix = "copy or save it again"
        raise UserError(f"the adapter's weights cannot be read: {error}", where=str(folder), fix=fix) from error
    stray = [] if active.active_peft_config.is_prompt_learning else [*result.unexpected_keys, *result.missing_keys]
    if stray:  # Learnt tokens are one tensor, loaded apart, which is not reported.
        raise _misfit(folder, f"{len(stray)} of its matrices have no counterpart, such as {stray[0]}")
    return active


def _misfit(folder: Path, why: str | Exception) -> UserError:
    what = f"the adapter was made for another base model: {_short(why)}"
    return UserError(what, where=str(folder), fix="name an adapter that was trained on this experiment's base model")


def _short(why: str | Exception) -> str:
    return " ".join(str(why).split())[:SHOWN]
