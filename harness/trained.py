"""Tell which files of a training step are what was trained: an adapter's, or those of a whole model."""

from collections.abc import Mapping

from harness.canonical import digest

ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
MODEL_CONFIG = "config.json"


def trained_files(files: Mapping[str, str]) -> dict[str, str]:
    """Name to hash of what a later run needs to answer as this one does."""
    if ADAPTER_WEIGHTS in files:
        return {name: files[name] for name in (ADAPTER_CONFIG, ADAPTER_WEIGHTS) if name in files}
    return {name: files[name] for name in sorted(files) if name == MODEL_CONFIG or _holds_weights(name)}


def weights_hash(files: Mapping[str, str]) -> str:
    """One hash of the trained weights: their file's own, or that of the list where a large model has several."""
    found = {name: value for name, value in trained_files(files).items() if name.endswith(".safetensors")}
    return next(iter(found.values())) if len(found) == 1 else digest(found)


def _holds_weights(name: str) -> bool:
    """`model.safetensors`, `model-00001-of-00002.safetensors`; the optimiser's state lies beside them."""
    return name.startswith("model") and name.endswith(".safetensors")
