"""Turn texts into an index that finds the most similar of them, through bm25s."""

from collections.abc import Sequence

WORD = r"(?u)\w+"


class Bm25:
    """Okapi BM25 over texts; words are runs of letters and digits, whatever their case."""

    def __init__(self, texts: Sequence[str]) -> None:
        import bm25s

        self._count = len(texts)
        self._index = bm25s.BM25()
        tokens = bm25s.tokenize(list(texts), stopwords=[], token_pattern=WORD, show_progress=False)
        self._index.index(tokens, show_progress=False)

    def nearest(self, queries: Sequence[str], *, count: int) -> list[list[int]]:
        """Places of the `count` most similar texts, the most similar first; of equals the first."""
        import bm25s
        import numpy as np

        found = []
        for query in queries:
            words = bm25s.tokenize([query], stopwords=[], token_pattern=WORD, return_ids=False, show_progress=False)
            known = [word for word in words[0] if word in self._index.vocab_dict]
            scores = self._index.get_scores(known) if known else np.zeros(self._count)
            found.append([int(place) for place in np.argsort(-scores, kind="stable")[:count]])
        return found
