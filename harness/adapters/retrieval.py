"""Turn texts into an index that finds those most similar to a query: by words (BM25) or by meaning (embeddings)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

from harness.likeness import terms

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Retriever(Protocol):
    """An index over texts."""

    def nearest(self, queries: Sequence[str], count: int) -> list[list[int]]:
        """For each query the places of the `count` most similar texts, the most similar first; ties by place."""
        ...


def retriever(choice: Literal["bm25", "embedding"], texts: Sequence[str], *, model: str | None = None) -> Retriever:
    """The index that `choice` names; `model` is the folder of the embedding model."""
    if choice == "bm25":
        return Bm25(texts)
    if model is None:
        raise AssertionError("no embedding model was given")
    from harness.adapters.embeddings import Embedded

    return Embedded(texts, model)


class Bm25:
    """Okapi BM25 as Lucene computes it (Robertson et al. 1994; k1 1.5, b 0.75), by bm25s (Lù 2024).

    A text or query without words is as similar to one text as to another, so the first of them are the nearest.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        from bm25s import BM25

        found = [terms(text) for text in texts]
        self._size = len(found)
        self._index: Any = None
        # bm25s divides by the mean length, which is 0 where no text has a word.
        if any(found):
            self._index = BM25()
            self._index.index(found, show_progress=False)

    def nearest(self, queries: Sequence[str], count: int) -> list[list[int]]:
        """For each query the places of the `count` most similar texts, the most similar first; ties by place."""
        return [best(self._scores(terms(query)), count) for query in queries]

    def _scores(self, words: list[str]) -> "NDArray[np.float32]":
        import numpy as np

        if self._index is None or not words:
            return np.zeros(self._size, dtype=np.float32)
        scores: NDArray[np.float32] = self._index.get_scores(words)
        return scores


def best(scores: "NDArray[np.float32]", count: int) -> list[int]:
    """Places of the `count` highest scores, the highest first; of equals the one that stands first."""
    import numpy as np

    places: list[int] = np.argsort(-scores, kind="stable")[:count].tolist()
    return places
