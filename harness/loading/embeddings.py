"""Turn the name of a sentence-transformers model into its folder, checked without loading it."""

import json
import os
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from harness.errors import UserError
from harness.extras import install_command
from harness.loading.packages import package_path
from harness.loading.sources import HUB_NAME, local_path

LIBRARY = "sentence-transformers"
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_FORMS = "name a folder that holds modules.json, package:NAME/path or a hub id such as OWNER/NAME"


def embedding_folder(name: str, *, root: Path) -> Path | None:
    """The folder of an embedding model that can be loaded; None for a hub id. Raises `UserError` for anything else."""
    if name.startswith("package:"):
        path = package_path(name)
    elif name.startswith(("/", "~", ".")) or os.path.isdir(root / name):
        path = local_path(name, base=root, root=root)
    elif HUB_NAME.fullmatch(name):
        return None
    else:
        raise UserError("no such folder", fix=_FORMS)
    if not os.path.isdir(path):
        raise UserError("no such folder", fix=_FORMS)
    # A plain transformers model will do: its token vectors are averaged.
    if not any(os.path.isfile(path / file) for file in ("modules.json", "config.json")):
        raise UserError("the folder holds no modules.json", fix=_FORMS)
    check_weights(path)
    return path


def check_library() -> None:
    """Raises `UserError` where the extra that loads embedding models is not installed."""
    try:
        version(LIBRARY)
    except PackageNotFoundError as error:
        what = f"{LIBRARY} is not installed, which `choose: embedding` needs"
        raise UserError(what, fix=install_command("embeddings")) from error


def check_weights(path: Path) -> None:
    """Raises `UserError` unless every module of the model has weights that can be read without unpickling."""
    pickled = list(_only_pickled(path))
    if not any(path.rglob("*.safetensors")) or pickled:
        places = ", ".join(str(folder.relative_to(path)) for folder in pickled if folder != path)
        what = f"the embedding model has no *.safetensors weights{f' in {places}' if places else ''}"
        raise UserError(what, fix="save it with save_pretrained; pickled weights are not read")


def _only_pickled(path: Path) -> Iterator[Path]:
    """Folders of the model's modules from which the library would unpickle weights."""
    for folder in dict.fromkeys([path, *_module_folders(path)]):
        if any(True for kind in PICKLED for _ in folder.glob(kind)) and not any(folder.glob("*.safetensors")):
            yield folder


def _module_folders(path: Path) -> list[Path]:
    listed = path / "modules.json"
    if not listed.is_file():
        return []
    try:
        return [path / str(module["path"]) for module in json.loads(listed.read_text("utf-8"))]
    except (ValueError, TypeError, KeyError) as error:
        what = "its modules.json is not the list of modules that sentence-transformers writes"
        raise UserError(what, fix="save the model with save_pretrained") from error
