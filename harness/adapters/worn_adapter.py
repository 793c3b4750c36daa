"""Turn a base model and the folder of an adapter into the model with the adapter on, through PEFT."""

from pathlib import Path
from typing import Any

from harness.errors import UserError

SHOWN = 120


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
    if result.missing_keys or result.unexpected_keys:
        stray = [*result.unexpected_keys, *result.missing_keys]
        raise _misfit(folder, f"{len(stray)} of its matrices have no counterpart, such as {stray[0]}")
    return active


def _misfit(folder: Path, why: str | Exception) -> UserError:
    what = f"the adapter was made for another base model: {_short(why)}"
    return UserError(what, where=str(folder), fix="name an adapter that was trained on this experiment's base model")


def _short(why: str | Exception) -> str:
    return " ".join(str(why).split())[:SHOWN]
