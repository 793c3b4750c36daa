"""Turn `previous` of a family into the folder of an adapter or the name of an experiment, checked."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.loading.elsewhere import misled
from harness.loading.places import Places, Problem
from harness.loading.sources import local_path
from harness.loading.words import clipped, did_you_mean, shown
from harness.specs import BaselineSpec

RUN = "experiment:"
"""Before the name of an experiment whose winner answers."""
CONFIG, WEIGHTS, PICKLED = "adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"
TWO_FORMS = "name the folder that PEFT's save_pretrained wrote, or experiment:NAME"
PLAIN: dict[str, tuple[Any, ...]] = {
    "peft_type": ("LORA",),
    "bias": ("none", None),
    "modules_to_save": (None, []),
    "trainable_token_indices": (None, []),
    "layer_replication": (None,),
    "init_lora_weights": (True, False, None, "gaussian", "orthogonal", "eva"),
}
"""Settings of an adapter that adds matrices and leaves the base model as it is, so that it can be taken off again."""


def previous_problems(family: BaselineSpec, *, root: Path, experiment: str, places: Places) -> Iterator[Problem]:
    """What is wrong with an earlier version, as far as its place and its settings show it."""
    if family.previous is None:
        return
    if family.api is not None:
        what = "previous and api are both given; only one of them can answer"
        yield places.problem(("previous",), what, fix="leave one of them out", key=True)
    try:
        name = earlier_run(family.previous)
        if name is None:
            adapter_folder(family.previous, root=root, experiment=experiment)
        else:
            _check_run(name, root=root, experiment=experiment)
    except UserError as error:
        what = f"previous is {shown(family.previous)}: {error.what}"
        yield places.problem(("previous",), what, fix=error.fix)


def earlier_run(previous: str) -> str | None:
    """The experiment that `previous` names; None where it names a folder."""
    return previous.removeprefix(RUN).strip() if previous.startswith(RUN) else None


def adapter_folder(previous: str, *, root: Path, experiment: str | None = None) -> Path:
    """The folder of a plain LoRA adapter for a family of `experiment`. Raises `UserError` for anything else."""
    path = local_path(previous, base=root, root=root)
    if not os.path.isdir(path):
        run = _run_of_that_name(previous, root=root, experiment=experiment)
        raise (
            UserError("no such folder", fix=run)
            if run
            else misled(previous, "no such folder", base=root, root=root, fix=TWO_FORMS)
        )
    if not os.path.isfile(path / CONFIG):
        raise UserError(
            f"the folder holds no {CONFIG}",
            fix=_run_of_that_name(previous, root=root, experiment=experiment) or TWO_FORMS,
        )
    if not os.path.isfile(path / WEIGHTS):
        if os.path.isfile(path / PICKLED):
            raise UserError("its weights are pickled, which is not read", fix=f"save it again, as {WEIGHTS}")
        raise UserError(f"the folder holds no {WEIGHTS}", fix=TWO_FORMS)
    _check_settings(adapter_settings(path))
    return path


def _run_of_that_name(previous: str, *, root: Path, experiment: str | None) -> str | None:
    """The form that names an earlier run, where its name, its spec or the folder of its report was given."""
    name = Path(previous).stem
    if name == experiment:
        return None
    return f"previous: {RUN}{name}" if os.path.isfile(root / "experiments" / f"{name}.yaml") else None


def adapter_settings(folder: Path) -> dict[str, Any]:
    """What adapter_config.json says. Raises `UserError` unless it is a JSON object."""
    try:
        found = json.loads((folder / CONFIG).read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"its {CONFIG} cannot be read: {clipped(str(error))}", fix="save the adapter again") from error
    if not isinstance(found, dict):
        raise UserError(f"its {CONFIG} is no JSON object", fix="save the adapter again")
    return found


def _check_settings(settings: dict[str, Any]) -> None:
    for name, allowed in PLAIN.items():
        value = settings.get(name, allowed[0] if name != "peft_type" else None)
        if value not in allowed:
            what = f"its {name} is {shown(value)}; needs a LoRA adapter that leaves the base model's own weights alone"
            raise UserError(what, fix=f"train it again {_plainly(name, allowed[0])}, or leave the family out")


def _plainly(name: str, good: Any) -> str:
    """How an adapter has to be trained, in the words of PEFT's own configuration."""
    if name == "peft_type":
        return "as a LoRA adapter (peft.LoraConfig)"
    return f"without {name}" if good is None else f"with {name}={good!r}"


def _check_run(name: str, *, root: Path, experiment: str) -> None:
    if name == experiment:
        fix = "name an earlier experiment, or copy this one under another name"
        raise UserError("this is the experiment itself; its own winner cannot be its baseline", fix=fix)
    known = sorted(file.stem for file in (root / "experiments").glob("*.yaml"))
    if name not in known:
        others = [other for other in known if other != experiment]
        what = f"there is no experiments/{clipped(name)}.yaml" if name else "no experiment is named"
        first = "run an earlier experiment first, or name the folder of an adapter"
        raise UserError(what, fix=did_you_mean(name, others, kind="experiments") if others else first)
