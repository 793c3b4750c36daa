"""Turn a model's name into a folder and a fingerprint of what lies in it."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.adapters import sample_model
from harness.adapters.model_files import WEIGHTS, checked_settings, model_fingerprint, model_stamp
from harness.adapters.shapes import Shape, model_shape
from harness.disk import trouble
from harness.errors import UserError
from harness.specs import ModelSpec

BF16_FLAGS = ("avx512_bf16", "amx_bf16", " bf16")


@dataclass(frozen=True)
class ModelReference:
    """One base model, exactly."""

    name: str
    """As the spec names it."""
    path: Path
    """Folder on this machine."""
    fingerprint: str
    """SHA-256 over its files, or `hub:` and the commit."""
    dtype: str
    """`bfloat16` or `float32`."""
    trust_remote_code: bool = False
    stamp: str = ""
    """Sizes and times of its files when they were hashed."""

    def identity(self, *, quantization: str | None = None) -> dict[str, object]:
        """What of it makes a step's key."""
        found: dict[str, object] = {
            "fingerprint": self.fingerprint,
            "dtype": self.dtype,
            "quantization": quantization,
        }
        return {**found, "trust_remote_code": True} if self.trust_remote_code else found


def resolved_model(spec: ModelSpec, *, root: Path, where: str, say: Callable[[str], None]) -> ModelReference:
    """The folder and fingerprint of a spec's model; converts the sample or downloads from the hub if need be."""
    path = _folder(spec, root=root, where=where, say=say)
    if not list(path.glob("*.safetensors")):
        raise _pickled(spec.name, where=where)
    checked_settings(path)
    dtype = auto_dtype() if spec.dtype == "auto" else spec.dtype
    stamp = model_stamp(path)  # Before the hash: what changes meanwhile has another stamp.
    return ModelReference(spec.name, path, model_fingerprint(path), dtype, spec.trust_remote_code, stamp)


@dataclass(frozen=True)
class ModelSummary:
    """What is known of a model without loading, converting or downloading it."""

    name: str
    weight_bytes: int
    """On disk."""
    remark: str
    shape: Shape


def inspected_model(spec: ModelSpec, *, root: Path, where: str) -> ModelSummary:
    """Whether the model is there, and its size; asks the hub only for a model that is not on this machine."""
    if spec.name == "sample" and sample_model.packaged_file():
        ready = (sample_model.converted_folder() / "config.json").is_file()
        remark, shape = "" if ready else "is converted on first use, about 30 s", sample_model.sample_shape()
        return ModelSummary("sample", sample_model.WEIGHT_BYTES, remark, shape)
    local = (root / Path(spec.name).expanduser()).resolve()
    if local.is_dir():
        checked_settings(local)
        return ModelSummary(spec.name, model_bytes(local), "", model_shape(local))
    return _on_the_hub(sample_model.HUB_NAME if spec.name == "sample" else spec.name, spec.revision, where=where)


def _on_the_hub(name: str, revision: str | None, *, where: str) -> ModelSummary:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        HTTPError,
        NotASafetensorsRepoError,
        RepositoryNotFoundError,
        SafetensorsParsingError,
    )

    try:
        found = HfApi().model_info(name, revision=revision, files_metadata=True, timeout=10)
        headers = HfApi().get_safetensors_metadata(name, revision=revision, timeout=10).files_metadata
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise _unknown(name, where=where) from error
    except (NotASafetensorsRepoError, SafetensorsParsingError) as error:
        raise _pickled(name, where=where) from error
    except (HfHubHTTPError, HTTPError, OSError):
        # No connection: what the cache holds is enough to run.
        folder = downloaded(name, revision, where=where)
        return ModelSummary(name, model_bytes(folder), "from the local cache", model_shape(folder))
    sizes = [file.size or 0 for file in found.siblings or [] if file.rfilename.endswith(".safetensors")]
    tensors = {tensor: info.shape for header in headers.values() for tensor, info in header.tensors.items()}
    shape = Shape({tensor: tuple(size) for tensor, size in tensors.items()})
    return ModelSummary(name, sum(sizes), "is downloaded on first use", shape)


def _pickled(name: str, *, where: str) -> UserError:
    fix = "save it with save_pretrained; pickled weights are not read"
    return UserError(f"model {name} has no *.safetensors weights", where=where, fix=fix)


def folder_at_hand(spec: ModelSpec, *, root: Path) -> Path | None:
    """The model's folder where it is one, or where the sample was converted before; None where it has to be fetched."""
    known = (
        sample_model.converted_folder() if spec.name == "sample" else (root / Path(spec.name).expanduser()).resolve()
    )
    return known if (known / "config.json").is_file() else None


def _unknown(name: str, *, where: str) -> UserError:
    fix = "check its name, or name a local folder"
    return UserError(f"unknown model {name!r}: the hub has no such model", where=where, fix=fix)


def auto_dtype() -> str:
    """bfloat16 where a GPU or the CPU computes in it, float32 elsewhere."""
    if shutil.which("nvidia-smi"):
        return "bfloat16"
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return "float32"
    return "bfloat16" if any(flag in flags for flag in BF16_FLAGS) else "float32"


def model_bytes(path: Path) -> int:
    """Size of its weights on disk."""
    return sum(file.stat().st_size for file in path.glob("*.safetensors"))


def _folder(spec: ModelSpec, *, root: Path, where: str, say: Callable[[str], None]) -> Path:
    if spec.name == "sample":
        gguf = sample_model.packaged_file()
        return (
            sample_model.converted(gguf, say=say)
            if gguf
            else downloaded(sample_model.HUB_NAME, spec.revision, where=where)
        )
    local = (root / Path(spec.name).expanduser()).resolve()
    return local if local.is_dir() else downloaded(spec.name, spec.revision, where=where)


def downloaded(name: str, revision: str | None, *, where: str) -> Path:
    """The hub's snapshot, from the local cache where the revision is there."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        HTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=[*WEIGHTS, "*.py"]))
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise _unknown(name, where=where) from error
    except (LocalEntryNotFoundError, HfHubHTTPError, HTTPError, OSError) as error:
        if trouble(error) is not None:
            raise
        raise UserError(
            f"model {name!r} is not in the local cache and the hub cannot be reached",
            where=where,
            fix="check the name and the connection, or name a local folder, or `model: sample`",
        ) from error
