"""Turn a model's folder into what tells its bytes from others, and into the first of its settings that is cut off."""

import json
from pathlib import Path
from typing import Any

from harness.canonical import digest, file_digest
from harness.errors import UserError

WEIGHTS = ("*.safetensors", "*.json", "*.jinja", "tokenizer.model", "*.txt")
"""Files a model is made of; pickled weights are never read."""
SETTINGS = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "model.safetensors.index.json",
)
"""What transformers reads beside the weights, and ends in an error of its own where it is no JSON."""


def model_fingerprint(path: Path) -> str:
    """SHA-256 over the files that the model is made of."""
    return digest({file.name: file_digest(file) for file in _files(path)})


def model_stamp(path: Path) -> str:
    """Changes with the bytes of any of those files, and costs nothing to look at; it may change without them."""
    found = {file.name: file.stat() for file in _files(path)}
    return digest({name: [one.st_ino, one.st_size, one.st_mtime_ns, one.st_ctime_ns] for name, one in found.items()})


def checked_settings(path: Path) -> None:
    """Raises `UserError` that names the first of the model's settings that is no JSON."""
    for file in (path / name for name in SETTINGS):
        if file.is_file():
            read_settings(file)


def read_settings(file: Path) -> Any:
    """What a file of settings holds; `UserError` where a copy or a download has stopped in the middle."""
    try:
        return json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        what = f"is no JSON ({str(error).splitlines()[0]}), as when a copy has stopped in the middle"
        raise UserError(what, where=str(file), fix="copy or download it once more") from error


def _files(path: Path) -> list[Path]:
    """In the order of their names, each once."""
    found = {file.name: file for pattern in (*WEIGHTS, "*.py") for file in path.glob(pattern) if file.is_file()}
    return [found[name] for name in sorted(found)]
