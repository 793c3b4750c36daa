"""Turn the name of a sentence-transformers model into a folder with a fingerprint, and texts into an index by it."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.adapters.model_files import WEIGHTS
from harness.adapters.models import downloaded
from harness.adapters.retrieval import best
from harness.canonical import digest, file_digest
from harness.errors import UserError
from harness.loading.embeddings import check_weights

DECIMALS = 5
"""Of a similarity: what differs by less, by the rounding of a batch, is a tie."""
KEPT = 8
"""Lists of texts whose vectors stay in memory: variants of one family ask for the same."""

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    """Rows of length 1, one a text."""


class EmbeddingModel(NamedTuple):
    """An embedding model whose bytes are known."""

    path: Path
    """Folder on this machine."""
    fingerprint: str
    """SHA-256 over its files."""


def resolved_embeddings(name: str, *, folder: Path | None, revision: str | None, where: str) -> EmbeddingModel:
    """The model in `folder`, or where that is None the hub's; refuses pickled weights."""
    path = folder or _from_hub(name, revision=revision, where=where)
    return EmbeddingModel(path, embeddings_fingerprint(path))


class Embedded:
    """Texts as vectors; the cosine is the similarity. A text longer than the model reads is cut there."""

    def __init__(self, texts: Sequence[str], model_path: str) -> None:
        self._path = model_path
        self._vectors = _vectors(model_path, tuple(texts))

    def nearest(self, queries: Sequence[str], count: int) -> list[list[int]]:
        """For each query the places of the `count` most similar texts, the most similar first; ties by place."""
        import numpy as np

        if not len(self._vectors):
            return [[] for _ in queries]
        asked = _vectors(self._path, tuple(queries))
        return [best(np.round(self._vectors @ query, DECIMALS), count) for query in asked]


@lru_cache(maxsize=KEPT)
def _vectors(path: str, texts: tuple[str, ...]) -> "Vectors":
    """Of all texts at once, so that what else was embedded before rounds no vector otherwise."""
    import numpy as np

    if not texts:
        return np.zeros((0, 0), dtype=np.float32)
    found: Vectors = _model(path).encode(
        list(texts), normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
    )
    return found.astype(np.float32)


@lru_cache(maxsize=1)
def _model(path: str) -> Any:
    """The loaded model, on the CPU: an engine may hold all of a GPU's memory."""
    from sentence_transformers import SentenceTransformer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    try:
        return SentenceTransformer(
            path,
            device="cpu",
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )
    except (OSError, ValueError) as error:
        what = f"the embedding model cannot be loaded: {error}"
        raise UserError(what, where=path, fix="name another embedding_model") from error


def _from_hub(name: str, *, revision: str | None, where: str) -> Path:
    try:
        path = downloaded(name, revision, where=where)
    except UserError as error:
        fix = "check the name and the connection, or name a local folder or package:NAME/path"
        raise UserError(error.what, where=where, fix=fix) from error
    try:
        check_weights(path)
    except UserError as error:
        raise UserError(f"{name}: {error.what}", where=where, fix=error.fix) from error
    return path


def embeddings_fingerprint(path: Path) -> str:
    """SHA-256 over the files of the model and of its modules."""
    files = {str(file.relative_to(path)): file for kind in WEIGHTS for file in path.rglob(kind) if file.is_file()}
    return digest({name: file_digest(files[name]) for name in sorted(files)})
