"""Turn a method and a model's folder into why the one cannot tune the other, before any weight is read.

What the configuration shows is seen at once. Whether PEFT finds the modules that it needs is tried on a model without
weights, in a process of its own, as torch takes seconds to import and memory to hold. That process is
`python -m harness.adapters.tunable`: one `Tuning` on stdin, one `Misfit` or null on stdout.
"""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from harness.adapters.model_files import read_settings
from harness.methods import METHODS, MethodName

SEES_ALL = {"full_attention", "sliding_attention", "chunked_attention"}
"""Kinds of layers that keep keys and values; others keep a state that nothing can be learnt into."""


class Tuning(NamedTuple):
    """What is asked of a model."""

    method: MethodName
    folder: Path
    trials: list[dict[str, Any]]
    """Parameters to try, one for each choice of modules."""
    trust_remote_code: bool = False


class Misfit(NamedTuple):
    """Why the model cannot be tuned so."""

    what: str
    fix: str
    by_modules: bool = False
    """Whether the modules that a person named are to blame."""


def why_not(asked: Tuning) -> Misfit | None:
    """None where nothing stands against it, as far as it can be known without weights."""
    settings = _settings(asked.folder)
    found = _by_settings(asked.method, settings)
    if found is not None or not _needs_trying(asked):
        return found
    return _tried_apart(asked)


def _by_settings(method: MethodName, settings: dict[str, Any]) -> Misfit | None:
    """What config.json alone shows."""
    quantised = (settings.get("quantization_config") or {}).get("quant_method")
    if quantised and method in ("full", "qlora"):
        why = "quantises its base itself" if method == "qlora" else "trains weights, which need more bits"
        return Misfit(f"the model is quantised already ({quantised}), and {method} {why}", "name a model that is not")
    if METHODS[method].quantization == "nf4" and find_spec("bitsandbytes") is None:
        return Misfit("qlora needs the package bitsandbytes, which is not installed", "pip install bitsandbytes")
    odd = sorted(set(settings.get("layer_types") or ()) - SEES_ALL)
    if METHODS[method].kind == "beginning" and odd:
        what = f"{method} learns what attention sees before a prompt, and the model has layers of {odd[0]}"
        return Misfit(what, "method: lora")
    return None


def _needs_trying(asked: Tuning) -> bool:
    """Every model has the linear layers that `all-linear` asks for, and weights to train."""
    named = any(trial["target_modules"] != "all-linear" for trial in asked.trials)
    method = METHODS[asked.method]
    return method.kind == "beginning" or (method.kind == "adapter" and (named or "rank" not in method.varies))


def _settings(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    found = read_settings(path) if path.is_file() else {}
    return found if isinstance(found, dict) else {}


def _tried_apart(asked: Tuning) -> Misfit | None:
    command = [sys.executable, "-m", "harness.adapters.tunable"]
    told = json.dumps({**asked._asdict(), "folder": str(asked.folder)})
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, input=told, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise RuntimeError(f"looking at the model's modules failed:\n{done.stderr[-2000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    return None if found is None else Misfit(**found)


def tried(asked: Tuning) -> Misfit | None:
    """What PEFT says of each trial on a model without weights."""
    try:
        base = _without_weights(asked.folder, trust_remote_code=asked.trust_remote_code)
    except (OSError, ValueError) as why:
        what = f"transformers cannot make a model of its config.json: {str(why).splitlines()[0]}"
        return Misfit(what[:400], "copy or download the model once more, or name another")
    for trial in asked.trials:
        error = None if base is None else _complaint(base, asked.method, trial)
        if error:
            return _misfit(asked.method, trial, error, kind=base.config.model_type)
    return None


def _without_weights(folder: Path, *, trust_remote_code: bool) -> Any:
    """The model on torch's `meta` device; None where its code cannot be built there: training itself has to tell."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(str(folder), trust_remote_code=trust_remote_code)
    try:
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(config, trust_remote_code=trust_remote_code)
    except (NotImplementedError, RuntimeError):
        return None


def _complaint(base: Any, method: MethodName, trial: dict[str, Any]) -> str:
    """Why PEFT does not put the method on, in its own words; empty where it does. The base is left as it was."""
    import torch
    from peft import get_peft_model

    from harness.adapters.methods import CONFIGS

    try:
        with torch.device("meta"):
            tuned = get_peft_model(base, CONFIGS[method](trial))
    except ValueError as error:
        return str(error).splitlines()[0]
    if METHODS[method].kind == "adapter":
        tuned.unload()
    base.__dict__.pop("peft_config", None)
    return ""


def _misfit(method: MethodName, trial: dict[str, Any], error: str, *, kind: str) -> Misfit:
    if "target_modules" in METHODS[method].varies:
        what = f"target_modules {trial['target_modules']} cannot be adapted in a model of type {kind}: {error}"
        return Misfit(what[:400], "target_modules: [all-linear]", by_modules=True)
    return Misfit(f"{method} cannot tune a model of type {kind}: {error}"[:400], "method: lora")


if __name__ == "__main__":
    given = json.load(sys.stdin)
    result = tried(Tuning(**{**given, "folder": Path(given["folder"])}))
    print(json.dumps(result and result._asdict()))
